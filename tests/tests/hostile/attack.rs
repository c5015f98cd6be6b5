//! Every live case: alone, then all of them interleaved at full load from eight tenants, with an honest one beside them.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatepost_tests::hostile::{Case, Message, all};
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

use crate::judge::Log;
use crate::stand::{
    HONEST, HONEST_TO, Placed, Sent, add_tenant, builder, mark, no_instance_is_left, provoke, reload, send,
    send_over, write_tenant,
};

/// Hostile tenants.
const TENANTS: usize = 8;
/// Connections of each of them at full load.
const CLIENTS_PER_TENANT: usize = 4;
/// How often each case is woken in a run at full load.
const TIMES: usize = 2;
/// What a run may leave beyond a fifth. The pool keeps half a MiB of each memory that a guest has filled, and of the hundreds of
/// slots here the second run fills some for the first time: with each of about a hundred messages that fill one. `memory`
/// looks closer, with few slots.
const MEMORY_SLACK: u64 = 48 << 20;

/// Goal: every live case ends as it says, leaves nothing behind, and is felt by nobody else.
/// Method: first one by one, each followed by an honest message through the same chain; then all of them over 32
/// connections, uploads that are refused included, while an honest client sends; that a second time. One process all along.
#[test]
fn all_of_them_against_one_process() {
    let server = builder().start();
    let process = server.pid();
    let placed = place(&server);
    let mut problems = one_by_one(&server, &placed);
    let mut all_sent = Vec::new();
    let mut memory = Vec::new();
    for run in 1..=2 {
        let (sent, mut found) = at_full_load(&server, &placed, run);
        problems.append(&mut found);
        all_sent.extend(sent);
        memory.push(server.memory());
        eprintln!("run {run}: {} MiB resident afterwards", server.memory() >> 20);
    }
    let log = Log::of(&server, &all_sent);
    problems.extend(all_sent.iter().map(|sent| log.judge(&placed[sent.at], sent)));
    problems.retain(|problem| !problem.is_empty());
    problems.sort();
    problems.dedup_by(|a, b| kind(a) == kind(b));
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.concat());
    metrics_are_bounded(&server);
    assert_eq!(server.pid(), process);
    assert_eq!(server.records("started").len(), 1, "the same process lives");
    let allowed = memory[0] + memory[0] / 5 + MEMORY_SLACK;
    assert!(memory[1] < allowed, "{memory:?} bytes resident after the runs");
}

/// What is the same in all problems of one kind: what comes before the message's id.
fn kind(problem: &str) -> &str {
    problem.split('(').next().unwrap_or_default()
}

/// Deals the live cases out to the tenants: neighbours by name go to different ones.
fn place(server: &Server) -> Vec<Placed> {
    let live: Vec<Case> = all().into_iter().filter(Case::is_live).collect();
    assert!(live.len() >= 40, "{} live cases", live.len());
    for n in 0..TENANTS {
        let own: Vec<&Case> = live.iter().skip(n).step_by(TENANTS).collect();
        add_tenant(server, &tenant(n), &own, "maildir", "");
    }
    let deal = |(n, case)| Placed { case, tenant: tenant(n % TENANTS) };
    live.into_iter().enumerate().map(deal).collect()
}

fn tenant(n: usize) -> String {
    format!("mallory-{n}")
}

/// Each case, then an honest message through the very chain that it stands in. Gives what went wrong.
fn one_by_one(server: &Server, placed: &[Placed]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut all_sent = Vec::new();
    for (at, one) in placed.iter().enumerate() {
        let maildir = server.maildir(&one.tenant);
        maildir.clear();
        maildir.quarantine().clear();
        match provoke(server.mx(), at, one) {
            Ok(sent) => all_sent.push(sent),
            Err(problem) => problems.push(problem + "\n"),
        }
        let stored = (maildir.count(), maildir.quarantine().count());
        let replied = all_sent.last().filter(|sent| sent.at == at).map_or(0, |sent| sent.reply.code);
        let expect = usize::from(replied == 250);
        if stored.0 + stored.1 != expect {
            problems.push(format!("{}: {stored:?} messages are stored after {replied}\n", one.case.name));
        }
        until("an empty tmp", || maildir.unfinished().is_empty().then_some(()));
        maildir.clear();
        problems.extend(honest_message(server, one));
    }
    no_instance_is_left(server);
    let log = Log::of(server, &all_sent);
    problems.extend(all_sent.iter().map(|sent| log.judge(&placed[sent.at], sent)));
    problems
}

/// An honest message to a hostile tenant arrives as it was sent.
fn honest_message(server: &Server, placed: &Placed) -> Option<String> {
    let to = format!("victim@{}.example", placed.tenant);
    let (sender, reply) = match send(server.mx(), HONEST, &to, Message::Small) {
        Ok(sent) => sent,
        Err(error) => return Some(format!("{}: then no honest reply: {error}\n", placed.case.name)),
    };
    let stored = server.maildir(&placed.tenant).messages();
    let arrived = stored.iter().filter(|stored| {
        mark(stored).as_ref() == Some(&sender)
            && stored.ends_with(b"\r\n\r\nforty-two bytes of a line that is whole.\r\n")
    });
    let fine = reply.code == 250 && arrived.count() == 1 && stored.len() == 1;
    (!fine).then(|| {
        format!("{}: then {} and {} honest messages\n", placed.case.name, reply.text(), stored.len())
    })
}

/// All cases, `TIMES` times, over many connections at once. Gives what was answered, and what went wrong.
fn at_full_load(server: &Server, placed: &[Placed], run: usize) -> (Vec<Sent>, Vec<String>) {
    for n in 0..TENANTS {
        server.maildir(&tenant(n)).clear();
        server.maildir(&tenant(n)).quarantine().clear();
    }
    server.maildir("honest").clear();
    let next: Vec<AtomicUsize> = (0..TENANTS).map(|_| AtomicUsize::new(0)).collect();
    let (done, problems) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let stop = AtomicBool::new(false);
    let honest = std::thread::scope(|scope| {
        let honest = scope.spawn(|| honest_client(server, &stop));
        let uploads = scope.spawn(|| uploads(server, run));
        let clients: Vec<_> = (0..TENANTS * CLIENTS_PER_TENANT)
            .map(|client| {
                let (next, done, problems) = (&next, &done, &problems);
                scope.spawn(move || {
                    let of_tenant = client % TENANTS;
                    let own: Vec<usize> = (of_tenant..placed.len()).step_by(TENANTS).collect();
                    loop {
                        let turn = next[of_tenant].fetch_add(1, Ordering::Relaxed);
                        if turn >= own.len() * TIMES {
                            return;
                        }
                        // Another order in each run: cases meet others.
                        let at = own[(turn * (2 * run + 3) + of_tenant) % own.len()];
                        match provoke(server.mx(), at, &placed[at]) {
                            Ok(sent) => done.lock().unwrap().push(sent),
                            Err(problem) => problems.lock().unwrap().push(problem + "\n"),
                        }
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        uploads.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        honest.join().unwrap()
    });
    no_instance_is_left(server);
    let (sent, mut problems) = (done.into_inner().unwrap(), problems.into_inner().unwrap());
    problems.extend(stored_is_what_was_accepted(server, placed, &sent));
    problems.extend(honest_mail(server, &honest, run));
    (sent, problems)
}

/// Sends to the honest tenant until told to stop. Gives the sender of each message with how long it took.
fn honest_client(server: &Server, stop: &AtomicBool) -> Vec<(String, Duration)> {
    let mut client = Smtp::connect(server.mx()).unwrap();
    client.expect(&format!("EHLO {HONEST}"), 250);
    let mut sent = Vec::new();
    while !stop.load(Ordering::Relaxed) || sent.len() < 3 {
        let began = Instant::now();
        let (sender, reply) = send_over(&mut client, HONEST_TO, Message::Small).unwrap();
        assert_eq!(reply.code, 250, "{}", reply.text());
        sent.push((sender, began.elapsed()));
        std::thread::sleep(Duration::from_millis(5));
    }
    sent
}

/// Nothing honest is lost. How long it took is told, not judged: a busy machine is slow.
fn honest_mail(server: &Server, sent: &[(String, Duration)], run: usize) -> Vec<String> {
    let mut took: Vec<Duration> = sent.iter().map(|(_, took)| *took).collect();
    took.sort_unstable();
    let p99 = took[(took.len() - 1) * 99 / 100];
    eprintln!("run {run}: {} honest messages, p99 {p99:?}, longest {:?}", took.len(), took[took.len() - 1]);
    let stored: HashSet<String> =
        server.maildir("honest").messages().iter().filter_map(|stored| mark(stored)).collect();
    let lost = sent.iter().filter(|(sender, _)| !stored.contains(sender));
    lost.map(|(sender, _)| format!("an honest message is lost: {sender}\n")).collect()
}

/// What must never go live comes and goes while mail flows: each reload refuses it and leaves the others as they are.
fn uploads(server: &Server, run: usize) {
    let refused: Vec<Case> = all().into_iter().filter(|case| !case.is_live()).collect();
    let quick = refused.iter().filter(|case| ["imports", "files", "encoding"].contains(&&*case.origin));
    for cases in quick.collect::<Vec<_>>().chunks(8) {
        let names: Vec<String> = cases.iter().map(|case| format!("upload-{run}-{}", case.name)).collect();
        for (name, case) in names.iter().zip(cases) {
            write_tenant(server, name, &[case], "maildir", "");
        }
        reload(server, false);
        for name in &names {
            std::fs::remove_file(server.site().path().join(format!("catalog/tenants/{name}.toml"))).unwrap();
        }
    }
    reload(server, true);
}

/// What is stored was accepted, once; what was not accepted is nowhere.
fn stored_is_what_was_accepted(server: &Server, placed: &[Placed], sent: &[Sent]) -> Vec<String> {
    let mut problems = Vec::new();
    let accepted: HashMap<&str, &Placed> = sent
        .iter()
        .filter(|sent| sent.reply.code == 250)
        .map(|sent| (sent.sender.as_str(), &placed[sent.at]))
        .collect();
    for n in 0..TENANTS {
        let tenant = tenant(n);
        let maildir = server.maildir(&tenant);
        let own = accepted.values().filter(|placed| placed.tenant == tenant).count();
        let stored = [maildir.messages(), maildir.quarantine().messages()].concat();
        if stored.len() != own {
            problems.push(format!("{tenant}: {own} were accepted, {} are stored\n", stored.len()));
        }
        for stored in stored {
            let fits = match mark(&stored) {
                Some(sender) => accepted.get(sender.as_str()).is_some_and(|placed| placed.tenant == tenant),
                // A chain may drop what it is given, and so leave nothing of it.
                None => stored.is_empty(),
            };
            if !fits {
                problems.push(format!("{tenant}: stored, not accepted: {}\n", stored.escape_ascii()));
            }
        }
        until("an empty tmp", || maildir.unfinished().is_empty().then_some(()));
    }
    problems
}

/// No guest can fill the metrics or write a line of its own into them.
fn metrics_are_bounded(server: &Server) {
    let text = server.get("/metrics").body;
    let counted = text.lines().filter(|line| line.starts_with("gatepost_stage_count_total{")).count();
    assert!((1..=1000).contains(&counted), "{counted} series");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        assert!(line.starts_with("gatepost_") && value.is_some(), "{line}");
    }
    assert!(server.metric("gatepost_sessions_total{listener=\"mx\"}") > 99.0, "a forged sample stands");
}
