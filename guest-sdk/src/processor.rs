//! The trait that a processor implements.

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::types::{Description, Flow, Refusal, Verdict};

/// A mail processor. One value serves one message, so state lives in plain fields.
///
/// The order of calls: `configure`, `open`, `write` for each chunk (never for an empty message), `close`. A call that
/// refuses is the last; when the message is aborted nothing more is called.
pub trait Processor: Sized + 'static {
    /// The stage's config, read from JSON; `{}` where the chain gives none, and `()` takes that. Derive
    /// `serde::Deserialize` with `#[serde(deny_unknown_fields)]`, so that a mistyped key is an error; a field without
    /// `#[serde(default)]` must be given, or the chain is refused.
    type Config: DeserializeOwned;

    /// What this processor is. Pure.
    fn describe() -> Description;

    /// Checks and takes the config. Pure and the same for every message: the host may keep the outcome.
    ///
    /// # Errors
    /// What is wrong with the config, for the person who wrote it.
    fn configure(config: Self::Config) -> Result<Self, String>;

    /// A message begins: the first bytes, or the end, have come.
    ///
    /// # Errors
    /// A refusal ends the message's run.
    fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// One chunk: never empty, at most the host's chunk size (16 KiB unless configured), but for the first one of a
    /// processor that takes messages: the whole header section with its blank line. Other chunk boundaries mean nothing.
    ///
    /// # Errors
    /// A refusal ends the message's run.
    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal>;

    /// The end of this processor's part; the last chance to write.
    ///
    /// # Errors
    /// A refusal ends the message's run.
    fn close(&mut self, _cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        Ok(Verdict::Accept)
    }
}

/// Configures a processor from JSON text, as the host does. `{}` and the empty text stand for the default.
///
/// # Errors
/// Text that is not this processor's config, with line and column, or what [`Processor::configure`] objects to.
pub fn configure<P: Processor>(json: &str) -> Result<P, String> {
    P::configure(read_config(json)?)
}

/// Reads a config as every export `configure` does.
pub(crate) fn read_config<C: DeserializeOwned>(json: &str) -> Result<C, String> {
    let text = if json.trim().is_empty() { "{}" } else { json };
    let read = serde_json::from_str(text).or_else(|error| match text.trim() {
        // `type Config = ()`: serde reads it from null only.
        "{}" => serde_json::from_str("null").map_err(|_| error),
        _ => Err(error),
    });
    read.map_err(|error| format!("config: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Config {
        size: u32,
    }

    struct Sized(u32);

    impl Processor for Sized {
        type Config = Config;
        fn describe() -> Description {
            Description::new("sized", "1.0.0", "")
        }
        fn configure(config: Config) -> Result<Self, String> {
            if config.size > 9 { Err("size: at most 9".into()) } else { Ok(Self(config.size)) }
        }
        fn write(&mut self, _: &[u8], _: &mut Context<'_>) -> Result<Flow, Refusal> {
            Ok(Flow::Pass)
        }
    }

    struct Needy;

    #[derive(serde::Deserialize)]
    struct Needs {
        #[allow(dead_code, reason = "only that it must be there counts")]
        words: Vec<String>,
    }

    impl Processor for Needy {
        type Config = Needs;
        fn describe() -> Description {
            Description::new("needy", "1.0.0", "")
        }
        fn configure(_: Needs) -> Result<Self, String> {
            Ok(Self)
        }
        fn write(&mut self, _: &[u8], _: &mut Context<'_>) -> Result<Flow, Refusal> {
            Ok(Flow::Pass)
        }
    }

    /// A filter whose word list was forgotten must not go live without it.
    #[test]
    fn a_field_without_default_must_be_given() {
        for json in ["", "{}", " { } ", "null"] {
            let error = configure::<Needy>(json).err().unwrap_or_default();
            assert!(error.starts_with("config: "), "{json}: {error}");
        }
        assert!(configure::<Needy>("{}").err().unwrap_or_default().contains("missing field `words`"));
        assert!(configure::<Needy>(r#"{"words": []}"#).is_ok());
    }

    #[test]
    fn config_is_read_checked_and_may_be_left_out() {
        let size = |json| configure::<Sized>(json).map(|sized| sized.0);
        assert_eq!(size(""), Ok(0));
        assert_eq!(size(" {} "), Ok(0));
        assert_eq!(size(r#"{"size": 9}"#), Ok(9));
        assert_eq!(size(r#"{"size": 10}"#), Err("size: at most 9".into()));
        let error = size(r#"{"sise": 1}"#).unwrap_err();
        assert!(error.starts_with("config: unknown field `sise`, expected `size` at line 1"), "{error}");
    }
}
