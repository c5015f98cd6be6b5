//! Whatever clients say, we answer as Postfix does, but for the differences that docs/postfix-differences.md explains.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use gatepost_tests::binary::skipped;
use gatepost_tests::{Postfix, Server};

use crate::conversation::{Conversation, shown};
use crate::exchange::{self, Outcome, Queued};
use crate::stored::{self, Changed};
use crate::{arrivals, classes};

/// How many conversations are held.
const CONVERSATIONS: usize = 500;
/// How many at a time.
const AT_ONCE: usize = 6;

/// The Postfix that the classes are of: others answer otherwise here and there.
const VERSION: &str = "3.7.";

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

/// What was found in all conversations.
#[derive(Default)]
struct Tally {
    /// How often each class occurred.
    seen: BTreeMap<&'static str, usize>,
    /// What fell into none, with its conversation.
    unlisted: Vec<String>,
    /// Messages that both took and stored.
    compared: usize,
    /// The ids of all that we, and that Postfix, answered `queued as`.
    named: [BTreeSet<String>; 2],
}

impl Tally {
    fn replies(&mut self, conversation: &Conversation, outcome: &Outcome) {
        for difference in &outcome.differences {
            match classes::of(difference) {
                Some(class) => *self.seen.entry(class).or_default() += 1,
                None => self.unlisted.push(format!(
                    "{}\n  we: {}\n  Postfix: {}\n{}",
                    shown(&difference.said),
                    difference.ours,
                    difference.theirs,
                    conversation.text()
                )),
            }
        }
        self.named
            .iter_mut()
            .zip(&outcome.apart)
            .for_each(|(named, apart)| named.extend(apart.iter().cloned()));
    }

    fn message(&mut self, conversation: &Conversation, queued: &Queued, arrived: &[Arrived; 2]) {
        self.named.iter_mut().zip(&queued.ids).for_each(|(named, id)| named.extend([id.clone()]));
        let [Some(ours), Some(theirs)] = [0, 1].map(|n| arrived[n].get(&queued.ids[n])) else {
            self.unlisted.push(format!("{queued:?}: answered 250 and not there\n{}", conversation.text()));
            return;
        };
        self.compared += 1;
        match stored::of(ours, theirs, queued.by_data) {
            Changed::Not => {}
            Changed::As(classes) => {
                classes.into_iter().for_each(|class| *self.seen.entry(class).or_default() += 1);
            }
            Changed::Unlisted => self.unlisted.push(format!(
                "stored\n  we: {}\n  Postfix: {}\n{}",
                shown(ours),
                shown(theirs),
                conversation.text()
            )),
        }
    }
}

/// Contents by id.
type Arrived = BTreeMap<String, Vec<u8>>;

/// Goal: replies and stored octets are Postfix's, and each difference has its class with a reason in the book; no class is there
/// that nothing falls into. Method: 500 conversations, the same every time, to both; replies compared by code and enhanced
/// code, messages octet by octet. `GATEPOST_DIFFERENCES` names a file for all that is unlisted.
#[test]
fn we_answer_as_postfix_does() {
    let Some(postfix) = theirs() else { return };
    if !postfix.version().starts_with(VERSION) {
        return skipped(&format!("Postfix {}, and the classes are of {VERSION}", postfix.version()));
    }
    let server = ours();
    let held = hold_all(&server, &postfix);
    postfix.wait_idle();
    let arrived = [server.maildir("acme").messages(), postfix.messages()].map(arrivals::by_id);

    let mut tally = Tally::default();
    for (conversation, outcome) in &held {
        tally.replies(conversation, outcome);
        outcome.queued.iter().for_each(|queued| tally.message(conversation, queued, &arrived));
    }
    let Tally { seen, unlisted, compared, named } = tally;
    eprintln!("{} conversations, {compared} messages stored by both, differences {seen:#?}", held.len());
    if let Ok(path) = std::env::var("GATEPOST_DIFFERENCES") {
        std::fs::write(path, unlisted.join("\n----\n")).expect("the file can be written");
    }
    assert!(unlisted.is_empty(), "{} unlisted differences, the first:\n{}", unlisted.len(), unlisted[0]);
    let arrived = arrived.map(|arrived| arrived.into_keys().collect::<BTreeSet<_>>());
    assert_eq!(arrived, named, "what is stored was answered 250, and nothing else is");
    assert!(compared > CONVERSATIONS / 2, "only {compared} messages were taken by both");
    assert_eq!(seen.into_keys().collect::<BTreeSet<_>>(), known(), "the classes that occur are those listed");
}

/// The names of all classes.
fn known() -> BTreeSet<&'static str> {
    classes::names().chain(stored::names()).collect()
}

/// Goal: the book explains each class, and no other.
#[test]
fn the_book_has_each_class() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/postfix-differences.md");
    let book = std::fs::read_to_string(path).expect("the page is there");
    let headings = book.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    assert_eq!(headings.collect::<BTreeSet<_>>(), known());
}
