//! Whatever clients say, we answer as Postfix does, but for the differences that docs/postfix-differences.md explains.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_tests::{Postfix, Server};

use crate::conversation::{Conversation, shown};
use crate::exchange::{self, Outcome, Queued};
use crate::stored::{self, Changed};
use crate::{arrivals, classes};

/// How many conversations are held.
const CONVERSATIONS: usize = 500;
/// How many at a time.
const AT_ONCE: usize = 6;

/// Limits that both have, the same; errors that are never too many.
const OURS: &str = "message_size_max = \"1MiB\"\nrecipients_max = 5\nerrors_max = 1000\nunknown_recipients_max = 1000\n\
                    unknown_recipients_delay = \"0s\"\ndsn = true\n";

fn ours() -> Server {
    let tenant = "domains = [\"acme.example\"]\nchain = \"header | maildir\"\n";
    let keep = format!("{OURS}bare_newlines = \"keep\"");
    Server::builder().tenant("acme", tenant).mx(OURS).listener("keep", &keep).start()
}

fn theirs() -> Option<Postfix> {
    let settings = [
        "message_size_limit = 1048576",
        "smtpd_recipient_limit = 5",
        "smtpd_recipient_overshoot_limit = 1000",
        "smtpd_soft_error_limit = 1000",
        "smtpd_hard_error_limit = 1001",
        "smtpd_junk_command_limit = 1000",
        "smtpd_helo_required = yes",
        "smtpd_relay_restrictions = reject_unauth_destination",
        "mynetworks = 192.0.2.1/32",
        // Where the bare postmaster is, and whoever is at an address of its own.
        "myorigin = acme.example",
        "local_transport = virtual:",
    ];
    let builder = settings.iter().fold(Postfix::builder(), |builder, line| builder.main(line));
    let builder = builder.smtpd("mx", &["smtpd_forbid_bare_newline=reject"]);
    builder.smtpd("keep", &["smtpd_forbid_bare_newline=normalize"]).start()
}

/// All of them, in the order of their numbers.
fn hold_all(ours: &Server, theirs: &Postfix) -> Vec<(Conversation, Outcome)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut held = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= CONVERSATIONS {
                return held;
            }
            let conversation = Conversation::generate(number);
            let listener = if conversation.keep { "keep" } else { "mx" };
            let outcome = exchange::hold(&conversation, ours.listener(listener), theirs.smtpd(listener));
            held.push((conversation, outcome));
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a conversation is held to its end"))
            .collect()
    });
    all.sort_by_key(|(conversation, _)| conversation.number);
    all
}

/// Goal: replies and stored octets are Postfix's, and each difference has its class with a reason in the book; no class is there
/// that nothing falls into. Method: 500 conversations, the same every time, to both; replies compared by code and enhanced
/// code, messages octet by octet.
#[test]
fn we_answer_as_postfix_does() {
    let Some(postfix) = theirs() else { return };
    let server = ours();
    let held = hold_all(&server, &postfix);
    postfix.wait_idle();

    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unlisted = Vec::new();
    for (conversation, difference) in held
        .iter()
        .flat_map(|(conversation, outcome)| outcome.differences.iter().map(move |d| (conversation, d)))
    {
        match classes::of(difference) {
            Some(class) => *seen.entry(class).or_default() += 1,
            None => unlisted.push(format!(
                "{} | {} | {}\n{}",
                shown(&difference.said),
                difference.ours,
                difference.theirs,
                conversation.text()
            )),
        }
    }
    let (stored, theirs) =
        (arrivals::by_id(server.maildir("acme").messages()), arrivals::by_id(postfix.messages()));
    let mut named = [BTreeSet::new(), BTreeSet::new()];
    let mut compared = 0;
    for (conversation, outcome) in &held {
        named.iter_mut().zip(&outcome.apart).for_each(|(named, apart)| named.extend(apart.iter().cloned()));
        for Queued { ids, by_data } in &outcome.queued {
            named.iter_mut().zip(ids).for_each(|(named, id)| drop(named.insert(id.clone())));
            compared += 1;
            let (Some(a), Some(b)) = (stored.get(&ids[0]), theirs.get(&ids[1])) else {
                unlisted.push(format!("{ids:?}: answered 250 and not there\n{}", conversation.text()));
                continue;
            };
            match stored::of(a, b, *by_data) {
                Changed::Not => {}
                Changed::As(classes) => {
                    classes.into_iter().for_each(|class| *seen.entry(class).or_default() += 1);
                }
                Changed::Unlisted => unlisted.push(format!(
                    "stored: we {}\n  Postfix {}\n{}",
                    shown(a),
                    shown(b),
                    conversation.text()
                )),
            }
        }
    }
    eprintln!("{} conversations, {compared} messages stored by both, differences {seen:#?}", held.len());
    if let Ok(path) = std::env::var("GATEPOST_DIFFERENCES") {
        std::fs::write(path, unlisted.join("\n----\n")).expect("the file can be written");
    }
    assert!(unlisted.is_empty(), "{} unlisted differences, the first:\n{}", unlisted.len(), unlisted[0]);
    let arrived = [&stored, &theirs].map(|stored| stored.keys().cloned().collect::<BTreeSet<_>>());
    assert_eq!(arrived, named, "what is stored was answered 250, and nothing else is");
    assert!(compared > CONVERSATIONS / 4, "only {compared} messages were taken by both");
    let known: BTreeSet<&str> = classes::names().chain(stored::names()).collect();
    assert_eq!(
        seen.keys().copied().collect::<BTreeSet<_>>(),
        known,
        "classes that occur, classes that are listed"
    );
}

/// Goal: the book explains each class, and no other.
#[test]
fn the_book_has_each_class() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postfix-differences.md");
    let book = std::fs::read_to_string(path).expect("the page is there");
    let headings = book.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let known: BTreeSet<&str> = classes::names().chain(stored::names()).collect();
    assert_eq!(headings.collect::<BTreeSet<_>>(), known);
}
