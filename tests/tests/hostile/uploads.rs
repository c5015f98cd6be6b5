//! The same components by the admin API: what is refused is refused there, naming why, and changes nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gatepost_tests::guest::Guest;
use gatepost_tests::hostile::{Case, Message, Outcome, all};
use gatepost_tests::{Server, bombs};
use serde_json::{Value, json};

use crate::stand::{HONEST, HONEST_TO, builder, no_instance_is_left, send};

/// How long any answer may take before it counts as none: `compile_wall` and more. Not a measurement.
const PATIENCE: Duration = Duration::from_secs(150);
/// Whose uploads they are.
const TENANT: &str = "mallory";

/// The status and the body of an answer.
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status)
    }

    /// Whether a refusal holds one of the texts, whatever the case of its letters.
    fn tells(&self, texts: &[String]) -> bool {
        let body = self.body.to_lowercase();
        texts.iter().any(|text| body.contains(text.as_str()))
    }
}

/// `PUT` with the host's token.
fn put(server: &Server, path: &str, kind: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(server.admin()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        server.admin(),
        server.token(),
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A body that is too large may be refused before all of it is read.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    // For the same reason the connection may be reset behind the answer.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Answer { status: status.unwrap_or_else(|| panic!("PUT {path}: no answer: {text:?}")), body }
}

fn upload(server: &Server, name: &str, component: &[u8]) -> Answer {
    let path = format!("/v1/tenants/{TENANT}/processors/{name}/1.0.0");
    put(server, &path, "application/wasm", component)
}

/// Makes `header | NAME | maildir` the tenant's chain.
fn set_chain(server: &Server, case: &Case) -> Answer {
    let mut stage = json!({});
    let table: toml::Table = case.stage.parse().unwrap();
    if !table.is_empty() {
        stage = json!({ case.name.as_str(): table });
    }
    let body = json!({ "chain": format!("header | {} | maildir", case.name), "stage": stage });
    put(server, &format!("/v1/tenants/{TENANT}/chain"), "application/json", body.to_string().as_bytes())
}

/// A server whose tenant `mallory` has an honest chain so far.
fn server() -> Server {
    let tenant = "domains = [\"mallory.example\"]\nchain = \"header | maildir\"\n\n[host]\n\
        grants_allowed = [\"kv\", \"clock\", \"random\", \"envelope\"]\n";
    builder().tenant(TENANT, tenant).start()
}

/// What serves: an honest message to the tenant is taken by the chain that it had.
fn serves(server: &Server) {
    let (_, reply) = send(server.mx(), HONEST, "victim@mallory.example", Message::Small).unwrap();
    assert_eq!(reply.code, 250, "{}", reply.text());
}

/// Goal: what must never go live is refused at the upload, or, where it is `configure` that misbehaves, when it is put into
/// a chain; the refusal names why; the chain that served goes on serving.
#[test]
fn what_is_refused_is_refused_by_name() {
    let server = server();
    let cases: Vec<Case> = all().into_iter().filter(|case| !case.is_live()).collect();
    let mut problems = Vec::new();
    for case in &cases {
        let Outcome::Refused(texts) = &case.outcome else { continue };
        let uploaded = upload(&server, &case.name, &case.bytes());
        let at_configure = case.stands.iter().any(|stands| stands == "configure");
        let ungranted = case.name.ends_with("-ungranted");
        let answer = if uploaded.is_refusal() {
            uploaded
        } else if at_configure || ungranted || case.name.ends_with("-past-limit") {
            set_chain(&server, case)
        } else {
            problems.push(format!("{}: the upload was taken: {}", case.name, uploaded.status));
            continue;
        };
        if !answer.is_refusal() || !answer.tells(texts) {
            problems.push(format!("{}: {} {}, not {texts:?}", case.name, answer.status, answer.body));
        }
        let problem: Result<Value, _> = serde_json::from_str(&answer.body);
        if problem.is_err() {
            problems.push(format!("{}: no problem document: {}", case.name, answer.body));
        }
    }
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    serves(&server);
    no_instance_is_left(&server);
    assert_eq!(server.records("started").len(), 1, "the same process lives");
}

/// Goal: what sleeps passes every check, and is found out by its first message.
#[test]
fn what_sleeps_is_taken() {
    let server = server();
    let mut problems = Vec::new();
    for case in all().iter().filter(|case| case.is_live()).step_by(9) {
        let uploaded = upload(&server, &case.name, &case.bytes());
        if !(200..300).contains(&uploaded.status) {
            problems.push(format!("{}: {} {}", case.name, uploaded.status, uploaded.body));
            continue;
        }
        let chain = set_chain(&server, case);
        if chain.status != 200 {
            problems.push(format!("{}: chain: {} {}", case.name, chain.status, chain.body));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    serves(&server);
}

/// Goal: bombs of every family, at n = 100 and i = 10 and at ten times that, get a verdict; meanwhile other uploads are
/// answered and mail flows; the process is the same, and holds none of their memory.
/// Method: one bomb after the other, each beside an honest upload and an honest client. Times are printed.
#[test]
fn bombs_get_a_verdict() {
    let server = server();
    let before = server.memory();
    for (n, levels) in [(100, 10), (1000, 100)] {
        for (family, bomb) in bombs::all(n, levels) {
            let name = format!("{}-{n}", family.replace(['_', ' '], "-"));
            let (answer, took) = beside_others(&server, &name, &bomb);
            let said = answer.body.chars().take(160).collect::<String>();
            eprintln!("{family}, {n}: {} bytes, {} after {took:?}: {said}", bomb.len(), answer.status);
            assert!(answer.is_refusal(), "{name}: {}", answer.status);
            serves(&server);
        }
    }
    let allowed = before + before / 5 + (64 << 20);
    assert!(server.memory() < allowed, "{before} bytes before, {} now", server.memory());
    assert_eq!(server.records("started").len(), 1, "the same process lives");
}

/// Uploads the bomb; while it is worked on, mail is taken and another upload is answered.
fn beside_others(server: &Server, name: &str, bomb: &[u8]) -> (Answer, Duration) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mail = scope.spawn(|| {
            let mut sent = 0;
            while !done.load(Ordering::Relaxed) || sent == 0 {
                let (_, reply) = send(server.mx(), HONEST, HONEST_TO, Message::Small).unwrap();
                assert_eq!(reply.code, 250, "{}", reply.text());
                sent += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let other = scope.spawn(|| {
            let good = Guest::new().name(name).component();
            let answer = upload(server, &format!("good-{name}"), &good);
            assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.body);
        });
        let began = Instant::now();
        let answer = upload(server, &format!("bomb-{name}"), bomb);
        let took = began.elapsed();
        done.store(true, Ordering::Relaxed);
        mail.join().unwrap();
        other.join().unwrap();
        (answer, took)
    })
}
