//! Whether the stages of a chain fit: each takes what the one before gives. Checked when a chain is loaded, so that
//! nothing misfits at run time.

use super::Content;

/// What the check needs to know of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageType<'a> {
    /// Its label.
    pub label: &'a str,
    /// Which processor it is (`Processor::id`).
    pub processor: &'a str,
    /// What it takes.
    pub takes: Content,
    /// What it gives.
    pub gives: Content,
}

/// Two names in a chain that do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TypeError {
    /// The stage or sink that does not get what it takes.
    pub label: String,
    /// For people: both names, and why.
    pub text: String,
}

/// Checks a chain that is given a message. Answers what flows: first `Message`, then what each stage gives, resolved, so
/// never `Any`; one longer than `stages`.
///
/// # Errors
/// The first misfit.
pub fn check(stages: &[StageType<'_>], sinks: &[(&str, Content)]) -> Result<Vec<Content>, TypeError> {
    let mut flowing = vec![Content::Message];
    let mut now = Content::Message;
    for (n, stage) in stages.iter().enumerate() {
        if !fits(now, stage.takes) {
            return Err(misfit(&stages[..n], now, stage.label, stage.takes));
        }
        if stage.gives != Content::Any {
            now = stage.gives;
        }
        flowing.push(now);
    }
    match sinks.iter().find(|(_, takes)| !fits(now, *takes)) {
        Some((label, takes)) => Err(misfit(stages, now, label, *takes)),
        None => Ok(flowing),
    }
}

fn fits(given: Content, takes: Content) -> bool {
    takes == Content::Any || takes == given
}

/// `before`: the stages in front of the one that misfits. What they pass through as it came is the doing of the last one
/// that gives something of its own.
fn misfit(before: &[StageType<'_>], given: Content, label: &str, takes: Content) -> TypeError {
    let giver = before.iter().rposition(|stage| stage.gives != Content::Any);
    let who = match giver {
        Some(n) if n + 1 == before.len() => format!("`{}` gives {given}", before[n].label),
        Some(n) => {
            let between: Vec<String> = before[n + 1..].iter().map(|s| format!("`{}`", s.label)).collect();
            format!("`{}` gives {given} (through {})", before[n].label, between.join(", "))
        }
        None => format!("the chain is given a {given}"),
    };
    let compressed = giver.is_some_and(|n| before[n].processor == "compress");
    let hint = if compressed && takes == Content::Message { "; put `decompress` between them" } else { "" };
    TypeError { label: label.to_owned(), text: format!("{who}, but `{label}` takes {takes}{hint}") }
}

#[cfg(test)]
mod tests {
    use Content::{Any, Bytes, Message};

    use super::*;

    const ALL: [Content; 3] = [Message, Bytes, Any];

    fn stage(label: &'static str, takes: Content, gives: Content) -> StageType<'static> {
        StageType { label, processor: label, takes, gives }
    }

    fn text(stages: &[StageType<'_>], sinks: &[(&str, Content)]) -> String {
        check(stages, sinks).map_or_else(|e| e.text, |flowing| format!("{flowing:?}"))
    }

    #[test]
    fn says_what_flows() {
        let (compress, debug) = (stage("compress", Any, Bytes), stage("debug", Any, Any));
        let decompress = stage("decompress", Bytes, Message);
        assert_eq!(text(&[], &[("maildir", Message)]), "[Message]");
        assert_eq!(
            text(&[debug, compress, debug, decompress], &[("maildir", Message), ("null", Any)]),
            "[Message, Message, Bytes, Bytes, Message]"
        );
    }

    #[test]
    fn names_both_and_why() {
        let (compress, debug) = (stage("compress", Any, Bytes), stage("debug", Any, Any));
        let aliased = StageType { label: "gz", ..compress };
        let other = stage("wrap", Message, Bytes);
        let (tag, decompress) = (stage("tag", Message, Message), stage("decompress", Bytes, Message));
        let hint = "; put `decompress` between them";
        assert_eq!(text(&[aliased, tag], &[]), format!("`gz` gives bytes, but `tag` takes message{hint}"));
        assert_eq!(
            text(&[compress, debug], &[("null", Any), ("maildir", Message)]),
            format!("`compress` gives bytes (through `debug`), but `maildir` takes message{hint}")
        );
        assert_eq!(text(&[other, tag], &[]), "`wrap` gives bytes, but `tag` takes message");
        assert_eq!(
            text(&[debug, decompress], &[]),
            "the chain is given a message, but `decompress` takes bytes"
        );
        assert_eq!(text(&[tag, decompress], &[]), "`tag` gives message, but `decompress` takes bytes");
    }

    /// Goal: a chain is taken exactly if each stage gets what it takes.
    /// Method: all chains of three stages and a sink, against following the content by hand.
    #[test]
    fn agrees_with_the_oracle() {
        let kind = |n: usize| (ALL[n % 3], ALL[n / 3 % 3]);
        for n in 0..9 * 9 * 9 * 3 {
            let (a, b, c, sink) = (kind(n), kind(n / 9), kind(n / 81), ALL[n / 729]);
            let mut is_message = true;
            let mut good = true;
            for (takes, gives) in [a, b, c] {
                good &= if is_message { takes != Bytes } else { takes != Message };
                is_message = gives == Message || (gives == Any && is_message);
            }
            good &= if is_message { sink != Bytes } else { sink != Message };
            let stages = [stage("a", a.0, a.1), stage("b", b.0, b.1), stage("c", c.0, c.1)];
            assert_eq!(check(&stages, &[("sink", sink)]).is_ok(), good, "{stages:?} {sink}");
        }
    }
}
