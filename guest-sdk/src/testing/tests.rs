//! Tests of `testing`.

use super::*;
use crate::context::Context;
use crate::kv::{KEY_MAX, KvError, VALUE_MAX};
use crate::types::Description;

/// Does what its config says with every chunk.
struct Doer(Config);

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Config {
    flow: String,
    write: String,
    close: String,
    /// Marks the end of each chunk: depends on the cuts.
    mark: bool,
    flood: usize,
    refuse: bool,
}

impl Processor for Doer {
    type Config = Config;

    fn describe() -> Description {
        Description::new("doer", "1.0.0", "")
    }

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self(config))
    }

    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        cx.write(self.0.write.as_bytes())?;
        if self.0.mark {
            cx.set_fact("x.mark", &chunk.len().to_string());
        }
        // Ignoring the answer does not help.
        let _ = cx.write(&vec![b'f'; self.0.flood]);
        if self.0.refuse {
            return Err(Refusal::reject("no"));
        }
        Ok(match self.0.flow.as_str() {
            "replaced" => Flow::Replaced,
            "splice" => Flow::Splice,
            "drain" => Flow::Drain,
            _ => Flow::Pass,
        })
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        cx.write(self.0.close.as_bytes())?;
        Ok(Verdict::Accept)
    }
}

const MESSAGE: &[u8] = b"A: b\r\n\r\nbody";

fn check(config: &str, expected: &str) {
    let outcome = Check::<Doer>::new().config(config).run_chunks(chunks(b"A: b\r\n\r\n", &[b"body"], 2));
    assert_eq!(outcome.text(), expected, "{config}");
}

#[test]
fn flows_do_what_the_interface_says() {
    check(r#"{"write": "<", "close": ">"}"#, "<A: b\r\n\r\n<bo<dy>");
    check(r#"{"write": "<", "close": ">", "flow": "replaced"}"#, "<<<>");
    check(r#"{"write": "<", "close": ">", "flow": "splice"}"#, "<A: b\r\n\r\n>body");
    check(r#"{"write": "<", "close": ">", "flow": "drain"}"#, "<>");
    check(r#"{"refuse": true}"#, "");
}

#[test]
fn an_empty_message_has_no_write() {
    let outcome = Check::<Doer>::new().config(r#"{"write": "<", "close": ">"}"#).run(b"");
    assert_eq!((outcome.text().as_str(), outcome.writes), (">", 0));
}

#[test]
fn output_limits_hold_at_the_limit_and_one_past_it() {
    let run = |flood: usize| {
        Check::<Doer>::new().config(format!(r#"{{"flood": {flood}}}"#)).run_chunks([MESSAGE]).result
    };
    let limit = 4 * MESSAGE.len() + (1 << 20);
    assert_eq!(run(limit), Ok(Verdict::Accept));
    assert_eq!(run(limit + 1), Err(Refusal::failed("wrote more than the host allows")));
}

#[test]
fn fact_limits_hold_at_the_limit_and_one_past_it() {
    let mut host = Recorder::new(Envelope::default());
    let mut cx = host.context();
    assert!(!cx.set_fact("client.ip", "forged"));
    assert!(cx.set_fact(&format!("x.{}", "n".repeat(62)), &"v".repeat(1024)));
    assert!(!cx.set_fact(&format!("x.{}", "n".repeat(63)), "v"));
    assert!(!cx.set_fact("x.long", &"v".repeat(1025)));
    for n in 1..64 {
        assert!(cx.set_fact(&format!("x.{n}"), "v"), "{n}");
    }
    assert!(!cx.set_fact("x.64", "v"));
    assert!(cx.set_fact("x.1", "again"));
    assert_eq!(cx.fact("x.1").as_deref(), Some("again"));
}

#[test]
#[should_panic(expected = "the outcome differs")]
fn a_processor_that_depends_on_the_cuts_is_caught() {
    Check::<Doer>::new().config(r#"{"mark": true}"#).run(MESSAGE);
}

#[test]
fn cuts_are_all_places_of_a_short_text_and_many_of_a_long_one() {
    assert_eq!(cuts(b"abc"), [1, 2]);
    assert_eq!(cuts(&[b'a'; EVERY_CUT_MAX]).len(), EVERY_CUT_MAX - 1);
    let long = b"line\r\n".repeat(EVERY_CUT_MAX);
    let sampled = cuts(&long);
    assert!((500..2000).contains(&sampled.len()), "{}", sampled.len());
    assert!(sampled.contains(&5) && sampled.contains(&(long.len() / 2)));
}

#[test]
fn the_header_section_is_never_cut() {
    for (message, len) in
        [("A: b\r\n\r\nx", 8), ("A: b\n\nx", 6), ("\nx", 1), ("\r\nx", 2), ("A: b", 4), ("\r\rx", 3)]
    {
        assert_eq!(header_len(message.as_bytes()), len, "{message:?}");
    }
}

#[test]
fn the_key_value_space_keeps_counts_and_forgets() {
    let mut host = Recorder::new(Envelope::default());
    let second = Some(std::time::Duration::from_secs(1));
    let mut cx = host.context();
    assert_eq!(cx.kv().get("k"), Ok(None));
    assert_eq!(cx.kv().set("k", b"v", second), Ok(()));
    assert_eq!(cx.kv().get("k"), Ok(Some(b"v".to_vec())));
    assert_eq!(cx.kv().add("n", 2, second), Ok(2));
    assert_eq!(cx.kv().add("n", -5, None), Ok(-3));
    assert_eq!(cx.kv().get("n"), Ok(Some(b"-3".to_vec())));
    assert!(matches!(cx.kv().add("k", 1, None), Err(KvError::Unavailable(_))));
    assert_eq!(cx.kv().set("n", b"9223372036854775807", None), Ok(()));
    assert!(matches!(cx.kv().add("n", 1, None), Err(KvError::Unavailable(_))));
    let kv = host.surroundings.kv.clone();
    let later = |ms| Surroundings { now_ms: Surroundings::default().now_ms + ms, kv: kv.clone(), seed: 1 };
    for (ms, alive) in [(999, true), (1000, false)] {
        let mut host = Recorder::within(Envelope::default(), later(ms));
        assert_eq!(host.context().kv().get("k").unwrap().is_some(), alive, "{ms}");
        assert!(host.context().kv().get("n").unwrap().is_some(), "the last `set` was for good");
    }
}

#[test]
fn kv_limits_hold_at_the_limit_and_one_past_it() {
    let mut host = Recorder::new(Envelope::default());
    let mut cx = host.context();
    assert_eq!(cx.kv().set(&"k".repeat(KEY_MAX), &vec![0; VALUE_MAX], None), Ok(()));
    assert_eq!(cx.kv().set(&"k".repeat(KEY_MAX + 1), b"", None), Err(KvError::Quota));
    assert_eq!(cx.kv().set("k", &vec![0; VALUE_MAX + 1], None), Err(KvError::Quota));
    assert_eq!(cx.kv().get(&"k".repeat(KEY_MAX + 1)), Err(KvError::Quota));
    let kv = MemoryKv::failing(KvError::Unavailable("down".into()));
    let mut host = Recorder::within(Envelope::default(), Surroundings { kv, ..Surroundings::default() });
    assert_eq!(host.context().kv().get("k"), Err(KvError::Unavailable("down".into())));
}

#[test]
fn envelope_edits_hold_to_the_interface() {
    let mut host = Recorder::new(Envelope::default());
    let mut cx = host.context();
    assert!(!cx.remove_recipient("recipient@tenant.example"), "the last one");
    assert!(!cx.add_recipient("a@foreign.example"));
    assert!(!cx.add_recipient("no address"));
    assert!(cx.add_recipient("a@TENANT.example") && cx.add_recipient("a@tenant.example"));
    assert_eq!(cx.recipients(), ["recipient@tenant.example", "a@TENANT.example"]);
    assert!(cx.remove_recipient("recipient@tenant.example"));
    assert!(!cx.remove_recipient("recipient@tenant.example"), "gone");
    assert!(cx.set_sender(None) && cx.sender().is_none());
    for n in 1..100 {
        assert!(cx.add_recipient(&format!("{n}@tenant.example")), "{n}");
    }
    assert!(!cx.add_recipient("100@tenant.example"), "one past the limit");
}

/// Takes a recipient out in each call, and says at which that was too late.
struct Late(u32);

impl Processor for Late {
    type Config = Option<bool>;
    fn describe() -> Description {
        Description::new("late", "1.0.0", "")
    }
    fn configure(_: Option<bool>) -> Result<Self, String> {
        Ok(Self(0))
    }
    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        self.0 += 1;
        if self.0 == 2 {
            cx.write(chunk)?;
        }
        assert_eq!(cx.set_sender(None), self.0 <= 2);
        Ok(if self.0 <= 2 { Flow::Replaced } else { Flow::Pass })
    }
}

#[test]
fn the_envelope_stands_once_bytes_are_out() {
    let pieces = [b"A: b\r\n\r\n", &b"one"[..], b"two", b"three"];
    let outcome = Check::<Late>::new().config("null").run_chunks(pieces);
    assert_eq!((outcome.text().as_str(), outcome.sender), ("onetwothree", None));
}

#[test]
fn random_bytes_and_the_clock_are_the_tests_own() {
    let bytes = |seed| {
        let around = Surroundings { seed, now_ms: 7, ..Surroundings::default() };
        let mut host = Recorder::within(Envelope::default(), around);
        assert_eq!(host.context().now_ms(), 7);
        host.context().random(16)
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn up_to_64_kib_of_random_bytes_at_once() {
    let mut host = Recorder::new(Envelope::default());
    assert_eq!(host.context().random(64 << 10).len(), 64 << 10);
}

#[test]
#[should_panic(expected = "a trap in the sandbox")]
fn more_random_bytes_are_a_trap() {
    Recorder::new(Envelope::default()).context().random((64 << 10) + 1);
}

/// Takes mail for one address, once.
struct Once(String);

impl crate::RecipientChecker for Once {
    type Config = String;
    fn configure(config: String) -> Result<Self, String> {
        if config.is_empty() { Err("an address is needed".into()) } else { Ok(Self(config)) }
    }
    fn check(&mut self, address: &str, cx: &mut crate::RecipientContext<'_>) -> Result<(), Refusal> {
        if address != self.0 {
            return Err(Refusal::reject("no such mailbox"));
        }
        match cx.kv().add("once", 1, None) {
            Ok(1) => Ok(()),
            _ => Err(Refusal::defer("once is enough")),
        }
    }
}

#[test]
fn a_recipient_checker_is_asked_address_by_address() {
    let check = CheckRecipient::<Once>::new().config(r#""a@b""#);
    assert_eq!(check.ask("c@d").result, Err(Refusal::reject("no such mailbox")));
    let first = check.ask("a@b");
    assert_eq!(first.result, Ok(()));
    let again = check.surroundings(Surroundings { kv: first.kv, ..Surroundings::default() });
    assert_eq!(again.ask("a@b").result, Err(Refusal::defer("once is enough")));
    let error = crate::recipients::configure::<Once>(r#""""#).err();
    assert_eq!(error.as_deref(), Some("an address is needed"));
}
