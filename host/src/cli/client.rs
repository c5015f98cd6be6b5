//! Talks to the running server over its admin address.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::exit::Refused;
use super::output::Waiting;
use super::reach::{Reach, Target};
pub(super) use super::reach::{find_config, load_config};
use crate::config::Problem;

/// A reload compiles every new component, an upload one: give it time.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a busy server is asked again.
const TRIES: u32 = 5;
/// Longest pause before it is, in seconds, whatever the server says.
const PAUSE_MAX: u64 = 10;
/// Longest answer, in bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// The admin API of one server.
pub(super) struct Client {
    agent: ureq::Agent,
    address: String,
    token: String,
}

/// What it answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    retry_after: Option<u64>,
    body: String,
}

/// An RFC 9457 problem.
#[derive(Deserialize)]
struct Told {
    detail: String,
    #[serde(default)]
    problems: Vec<Problem>,
}

/// Who asks.
#[derive(Deserialize)]
struct Who {
    tenant: Option<String>,
}

impl Client {
    /// For the server and the token that a command line means.
    pub(super) fn connect(reach: &Reach) -> anyhow::Result<Self> {
        Ok(Self::to(reach.target()?))
    }

    fn to(Target { authority, token }: Target) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            // A token goes to its server and to nobody else, whatever the environment or an answer says.
            .proxy(None)
            .max_redirects(0)
            .build()
            .into();
        Self { agent, address: authority, token: format!("Bearer {token}") }
    }

    /// The tenant whose token it is; none: the host's.
    pub(super) fn own_tenant(&self) -> anyhow::Result<Option<String>> {
        let who: Who = self.get("/v1/session")?.expect(&[200])?;
        Ok(who.tenant)
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.answer(self.agent.get(self.url(path)).header("Authorization", &self.token).call())
    }

    pub(super) fn post(&self, path: &str) -> anyhow::Result<Answer> {
        self.answer(self.agent.post(self.url(path)).header("Authorization", &self.token).send_empty())
    }

    /// Sends some JSON, once.
    pub(super) fn post_json(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Answer> {
        self.post_json_if(path, &[], body)
    }

    /// With header fields: conditions.
    pub(super) fn post_json_if(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        body: &impl Serialize,
    ) -> anyhow::Result<Answer> {
        let request = self.agent.post(self.url(path)).header("Authorization", &self.token);
        let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.answer(request.header("Content-Type", "application/json").send(serde_json::to_vec(body)?))
    }

    pub(super) fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.delete_if(path, &[])
    }

    /// With header fields: conditions.
    pub(super) fn delete_if(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let request = self.agent.delete(self.url(path)).header("Authorization", &self.token);
        self.answer(
            fields.iter().fold(request, |request, (name, value)| request.header(*name, *value)).call(),
        )
    }

    /// What comes bit by bit, as long as it comes.
    pub(super) fn stream(&self, path: &str) -> anyhow::Result<Box<dyn Read + Send>> {
        let request = self.agent.get(self.url(path)).header("Authorization", &self.token);
        let sent = request.config().timeout_global(None).timeout_recv_response(Some(PATIENCE)).build().call();
        match sent {
            Ok(answer) if answer.status() == 200 => Ok(Box::new(answer.into_body().into_reader())),
            sent => {
                let IgnoredAny = self.answer(sent)?.expect(&[])?;
                bail!("the server's answer is no feed")
            }
        }
    }

    /// Sends a body, again where the server is busy. `what` is told on a terminal where it takes its time.
    pub(super) fn put(
        &self,
        what: &'static str,
        path: &str,
        content_type: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let _waiting = Waiting::start(what);
        let mut tries = 1;
        loop {
            let request = self.agent.put(self.url(path)).header("Authorization", &self.token);
            // A server that does not want the body says so before it is sent.
            let request = request.header("Content-Type", content_type).header("Expect", "100-continue");
            let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let answer = self.answer(request.send(body))?;
            let Some(pause) = answer.retry_after.filter(|_| tries < TRIES) else { return Ok(answer) };
            std::thread::sleep(Duration::from_secs(pause.min(PAUSE_MAX)));
            tries += 1;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn answer(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Answer> {
        let mut answer =
            sent.with_context(|| format!("no answer from {}; is the server running?", self.address))?;
        let field =
            |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, retry_after) = (field("etag"), field("retry-after"));
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        Ok(Answer {
            status: answer.status().as_u16(),
            etag,
            retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
            body: body.context("reading the answer")?,
        })
    }
}

impl Answer {
    /// That it has this status, and no body.
    ///
    /// # Errors
    /// What the server told instead.
    pub(super) fn expect_nothing(&self, good: u16) -> anyhow::Result<()> {
        if self.status == good { Ok(()) } else { self.refused() }
    }

    /// The answer, where it has one of these statuses.
    ///
    /// # Errors
    /// What the server told instead.
    pub(super) fn expect<T: DeserializeOwned>(&self, good: &[u16]) -> anyhow::Result<T> {
        if good.contains(&self.status) {
            return serde_json::from_str(&self.body).context("the server's answer is not of this version");
        }
        self.refused()
    }

    /// What the server told.
    fn refused<T>(&self) -> anyhow::Result<T> {
        match serde_json::from_str::<Told>(&self.body) {
            Ok(Told { detail, problems }) => Err(Refused { status: self.status, detail, problems }.into()),
            Err(_) => bail!("the server answers {}: {}", self.status, self.body.escape_debug()),
        }
    }
}
