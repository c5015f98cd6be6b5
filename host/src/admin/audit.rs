//! The audit log: who asked for what change, and what came of it. One event for each request under `/v1` that is not `GET` or
//! `HEAD` and whose holder is known, also where it was refused, and where its client did not wait for the answer.
//!
//! Nothing that a client wrote stands in it but names, versions and ids of the path: a token that was pasted into the wrong
//! place does not come into the log.

use std::net::IpAddr;

use axum::http::{Method, StatusCode, header};
use axum::response::Response;

use super::access;
use super::principal::Principal;
use crate::telemetry::causes::one_line;
use crate::telemetry::{Event, Telemetry};

/// Longest part of a path that is told as it was sent: a name's; shorter than any secret of ours.
const PART_MAX: usize = 63;
/// Longest detail, in characters.
const DETAIL_MAX: usize = 200;
/// What stands for the status where the client was gone before the answer.
const GONE: u16 = 499;

/// What a request changed; a handler puts it into its response as an extension.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    /// Whose; empty: the one of the path, or the host's.
    pub tenant: String,
    /// The revision before.
    pub before: Option<u64>,
    /// The revision after; none: that of the answer's ETag.
    pub after: Option<u64>,
    /// What was done, in a few words.
    pub what: String,
}

/// A request that is audited once it is answered, or dropped.
pub(super) struct Record {
    telemetry: Telemetry,
    actor: Option<Principal>,
    client: IpAddr,
    method: Method,
    path: String,
    tenant: Option<String>,
    /// Whether it has been told.
    is_told: bool,
}

impl Record {
    /// None: it changes nothing. `actor` may be none until the answer says who it was: a log-in.
    pub(super) fn begin(
        telemetry: &Telemetry,
        actor: Option<Principal>,
        client: IpAddr,
        method: &Method,
        (template, params): (&str, &[(String, String)]),
    ) -> Option<Self> {
        if access::reads(method) {
            return None;
        }
        let path = filled(template, params);
        let tenant = access::is_of_tenant(template).then(|| path.split('/').nth(3)).flatten();
        let tenant = tenant.filter(|tenant| is_plain(tenant)).map(str::to_ascii_lowercase);
        let (telemetry, method) = (telemetry.clone(), method.clone());
        Some(Self { telemetry, actor, client, method, path, tenant, is_told: false })
    }

    /// With what came of it.
    pub(super) fn finish(mut self, answer: &Response) {
        let touched = answer.extensions().get::<Touched>().cloned().unwrap_or_default();
        if let Some(principal) = answer.extensions().get::<Principal>() {
            self.actor.get_or_insert_with(|| principal.clone());
        }
        let tag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let revision = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        self.tell(answer.status(), &touched, touched.after.or(revision));
    }

    fn tell(&mut self, status: impl Into<Status>, touched: &Touched, after: Option<u64>) {
        self.is_told = true;
        let Some(actor) = &self.actor else { return };
        let tenant = Some(touched.tenant.clone()).filter(|tenant| !tenant.is_empty());
        self.telemetry.emit(Event::Audit {
            actor: actor.name(),
            client: self.client,
            method: self.method.as_str().chars().take(PART_MAX).collect(),
            path: self.path.clone(),
            tenant: tenant.or_else(|| self.tenant.clone()).or_else(|| actor.tenant.clone()),
            status: status.into().0,
            revision_before: touched.before,
            revision_after: after,
            detail: one_line(&touched.what).chars().take(DETAIL_MAX).collect(),
        });
    }
}

/// The client is gone. What it asked for may go on to its end all the same.
impl Drop for Record {
    fn drop(&mut self) {
        if !self.is_told {
            let what = "the client did not wait for the answer".to_owned();
            self.tell(Status(GONE), &Touched { what, ..Touched::default() }, None);
        }
    }
}

struct Status(u16);

impl From<StatusCode> for Status {
    fn from(status: StatusCode) -> Self {
        Self(status.as_u16())
    }
}

/// The template with what stood in place of its names, where that is plain.
fn filled(template: &str, params: &[(String, String)]) -> String {
    let part = |part: &str| {
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let value = name.and_then(|name| params.iter().find(|(key, _)| key == name)).map(|(_, value)| value);
        value.filter(|value| is_plain(value)).cloned().unwrap_or_else(|| part.to_owned())
    };
    template.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn is_plain(value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+');
    (1..=PART_MAX).contains(&value.len()) && value.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const TEMPLATE: &str = "/v1/tenants/{tenant}/chain/history/{revision}";

    fn record(telemetry: &Telemetry, actor: Option<Principal>, tenant: &str) -> Record {
        let params = [("tenant".to_owned(), tenant.to_owned()), ("revision".to_owned(), "7".to_owned())];
        Record::begin(telemetry, actor, [127, 0, 0, 1].into(), &Method::PUT, (TEMPLATE, &params)).unwrap()
    }

    fn told(then: impl FnOnce(&Telemetry)) -> Vec<serde_json::Value> {
        let telemetry = Telemetry::silent();
        let mut events = telemetry.subscribe();
        then(&telemetry);
        let told = std::iter::from_fn(|| events.try_recv().ok());
        told.map(|event| serde_json::to_value(&*event).unwrap()).collect()
    }

    /// Goal: what changed is told, by the handler's word or the answer's ETag, once.
    #[test]
    fn what_changed() {
        let told = told(|telemetry| {
            let mut answer = Response::new(Body::empty());
            answer.headers_mut().insert(header::ETAG, "\"8\"".parse().unwrap());
            record(telemetry, Some(Principal::host()), "ACME").finish(&answer);
            let what = "a\nb".repeat(1000);
            let touched = Touched { tenant: "other".into(), before: Some(2), after: Some(3), what };
            answer.extensions_mut().insert(touched);
            record(telemetry, Some(Principal::host()), "ACME").finish(&answer);
        });
        assert_eq!(told.len(), 2);
        assert_eq!(
            (&told[0]["path"], &told[0]["tenant"]),
            (&"/v1/tenants/ACME/chain/history/7".into(), &"acme".into())
        );
        assert_eq!((&told[0]["status"], &told[0]["revision_after"]), (&200.into(), &8.into()));
        assert_eq!((&told[1]["tenant"], &told[1]["revision_before"]), (&"other".into(), &2.into()));
        assert_eq!(
            (&told[1]["revision_after"], told[1]["detail"].as_str().unwrap().len()),
            (&3.into(), DETAIL_MAX)
        );
    }

    /// Goal: nobody is no actor, a log-in's is told by its answer, and who does not wait is told of.
    #[test]
    fn whose_it_was() {
        let told = told(|telemetry| {
            let mut answer = Response::new(Body::empty());
            record(telemetry, None, "acme").finish(&answer);
            drop(record(telemetry, None, "acme"));
            answer.extensions_mut().insert(Principal::host());
            record(telemetry, None, "acme").finish(&answer);
            drop(record(telemetry, Some(Principal::host()), "acme"));
        });
        let statuses: Vec<_> = told.iter().map(|event| event["status"].clone()).collect();
        assert_eq!(statuses, [200, 499]);
    }

    /// Goal: what is no name, version or id is not told: it may be anything, a token too.
    #[test]
    fn what_is_not_told() {
        let long = "x".repeat(64);
        for bad in ["gp_0123456789ab_secret", "a b", "", "a/b", "\u{202e}x", "x\n", long.as_str()] {
            let told = told(|telemetry| {
                record(telemetry, Some(Principal::host()), bad).finish(&Response::default())
            });
            assert_eq!(told[0]["path"], "/v1/tenants/{tenant}/chain/history/7", "{bad}");
        }
    }
}
