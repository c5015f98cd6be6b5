//! Activations under fire: mail at full speed while chains change, and kill -9 in the midst of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gatepost_tests::{Server, Smtp, http, shipped};
use serde_json::{Value, json};

const PATH: &str = "/v1/tenants/acme/chain";

fn server() -> Server {
    Server::builder()
        .chain("acme", "acme.example", "maildir")
        .file("catalog/processors/host/subject-tag/1.0.0.wasm", shipped::component("subject-tag"))
        .start()
}

/// A chain that stamps every message twice, by two sandboxed stages.
fn stamping(n: usize) -> Value {
    // One that is there already is not put in front once more, so they differ.
    let stage = |own: &str| json!({"config": {"tag": format!("[{own}{n}]")}});
    json!({
        "chain": "a:subject-tag | b:subject-tag | maildir",
        "stage": {"a": stage("a"), "b": stage("b")},
    })
}

/// The two stamps and the mark of each stored message.
fn stored(server: &Server) -> Vec<(String, String, String)> {
    let parts = |message: Vec<u8>| {
        let text = String::from_utf8(message).unwrap();
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        let words: Vec<&str> = subject.split(' ').collect();
        let [b, a, mark] = words[..] else { panic!("{subject}") };
        (a.replace("[a", "[r"), b.replace("[b", "[r"), mark.to_owned())
    };
    server.maildir("acme").messages().into_iter().map(parts).collect()
}

/// Goal: no message is lost, stored twice, or run by two revisions, and each API change gets its own answer.
/// Method: clients at full speed; one changes the chain and rolls it back, another uploads, a third reloads, all at once. Every
/// message has the same stamp from both stages, and its record names the revision whose stamp it is.
#[test]
fn each_message_is_wholly_by_one_revision() {
    let server = server();
    server.put(PATH, &[], stamping(0).to_string().as_bytes()).is(200);
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    let stamps = Mutex::new(BTreeMap::from([(2, "[r0]".to_owned())]));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut client = Smtp::connect(server.mx()).unwrap();
                client.ask("EHLO fire.test").unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let mark = sent.fetch_add(1, Ordering::Relaxed);
                    let content = format!("Subject: mark-{mark}\r\n\r\n{}", "A line.\r\n".repeat(50));
                    let reply =
                        client.deliver("a@b.example", &["jo@acme.example"], content.as_bytes()).unwrap();
                    assert_eq!(reply.code, 250, "{}", reply.text());
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                server.sighup();
                server.api("POST", "/v1/reload").is(200);
            }
        });
        for n in 1..=60 {
            let answer = if n % 3 == 0 {
                let token = format!("Authorization: Bearer {}", server.token());
                http::send(server.admin(), "POST", &format!("{PATH}/rollback"), &[&token], b"{}").unwrap()
            } else {
                server.put(PATH, &[], stamping(n).to_string().as_bytes())
            };
            let revision = answer.is(200).json()["revision"].as_u64().unwrap();
            let mut stamps = stamps.lock().unwrap();
            let stamp = if n % 3 == 0 { stamps[&(revision - 2)].clone() } else { format!("[r{n}]") };
            assert_eq!(stamps.insert(revision, stamp), None, "each answer is its own");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (stored, stamps, sent) = (stored(&server), stamps.into_inner().unwrap(), sent.into_inner());
    let marks: BTreeMap<&String, &String> = stored.iter().map(|(a, _, mark)| (mark, a)).collect();
    assert_eq!((stored.len(), marks.len()), (sent, sent), "lost, or stored twice");
    for (a, b, mark) in &stored {
        assert_eq!(a, b, "{mark} was run by two revisions");
        assert!(stamps.values().any(|stamp| stamp == a), "{a}");
    }
    for record in server.wait_records("message", sent) {
        let revision = record["chain_revision"].as_u64().unwrap();
        assert!(stamps.contains_key(&revision), "{record}");
    }
    let runs: usize = stored.iter().map(|(a, ..)| a).collect::<std::collections::BTreeSet<_>>().len();
    assert!(runs > 10, "only {runs} revisions ran anything: the load was none");
}

/// Goal: a kill at any point of an activation leaves the old revision or the new one, whole, and the server takes changes again.
/// Method: 50 times: changes and rollbacks as quick as they go, kill -9 after a while; after each start the chain that serves is
/// the one that was answered last, or the one that was on its way, with its own stamps and its own number.
#[test]
fn kill_9_leaves_a_whole_revision() {
    let mut server = server();
    server.put(PATH, &[], stamping(0).to_string().as_bytes()).is(200);
    let mut n = 0;
    for cycle in 0..50_u64 {
        let (answered, asked) = (Mutex::new(n), AtomicUsize::new(n));
        let (admin, token) = (server.admin(), format!("Authorization: Bearer {}", server.token()));
        thread::scope(|scope| {
            scope.spawn(|| {
                for next in n + 1.. {
                    asked.store(next, Ordering::Relaxed);
                    let body = stamping(next).to_string();
                    // The kill breaks it: then there is no answer.
                    match http::send(admin, "PUT", PATH, &[&token], body.as_bytes()) {
                        Ok(answer) if answer.status == 200 => *answered.lock().unwrap() = next,
                        _ => return,
                    }
                }
            });
            thread::sleep(Duration::from_millis(15 + cycle * 37 % 120));
            server.kill9();
        });
        let (answered, asked) = (answered.into_inner().unwrap(), asked.into_inner());
        server.restart();
        server.maildir("acme").clear();
        let sent =
            Smtp::one_message(server.mx(), "a@b.example", &["jo@acme.example"], b"Subject: m\r\n\r\nx\r\n");
        assert_eq!(sent.unwrap().code, 250, "cycle {cycle}");
        let (a, b, _) = stored(&server).remove(0);
        assert_eq!(a, b, "cycle {cycle}");
        let serves = [answered, asked].into_iter().find(|n| a == format!("[r{n}]"));
        n = serves
            .unwrap_or_else(|| panic!("cycle {cycle}: {a} serves, {answered} was answered, {asked} asked"));
        let history = server.api("GET", &format!("{PATH}/history")).is(200).json();
        let live: Vec<&Value> = history["revisions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|revision| revision["live"] == true)
            .collect();
        assert_eq!(live.len(), 1, "cycle {cycle}: {history}");
        assert_eq!(live[0], &history["revisions"][0], "cycle {cycle}: nothing stands above what is live");
        assert_eq!(live[0]["author"], "host", "cycle {cycle}: what is told of it is kept");
    }
    assert!(n > 50, "only {n} changes went live: the load was none");
}
