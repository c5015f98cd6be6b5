//! Tests of `testing`.

use super::*;
use crate::context::Context;
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
