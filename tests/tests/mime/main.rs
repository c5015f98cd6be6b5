//! The scanner against mail-parser's parse of whole messages, over all corpora.

mod compare;
mod known;

use std::collections::BTreeSet;

use compare::{difference, parsed, scanned};
use gatepost_tests::corpora;
use known::KNOWN;

/// Goal: the parts that the scanner sees are those that a parser of whole messages sees: their number and order, types,
/// names, encodings and where their bodies lie.
/// Method: every message of every corpus that is here. A difference that is not listed fails, and so does a listed one
/// that is none, or another one.
#[test]
fn parts_agree_with_mail_parser() {
    let mut problems = BTreeSet::new();
    let mut differ = 0;
    let samples = corpora::all();
    for sample in &samples {
        let name = sample.name.replace('\\', "/");
        let found = match std::panic::catch_unwind(|| parsed(&sample.bytes)) {
            Ok(parsed) => difference(&scanned(&sample.bytes), &parsed).join(" "),
            Err(_) => "panic".into(),
        };
        let listed = KNOWN.iter().find(|(end, ..)| name.ends_with(end)).map_or("", |(_, what, _)| what);
        differ += usize::from(!found.is_empty());
        if found != listed {
            problems.insert(format!("{name}: differs in `{found}`, listed is `{listed}`"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(differ > 30 && differ * 5 < samples.len(), "{differ} of {} differ", samples.len());
}

/// Goal: every row of the list has its message.
/// Method: those of the corpus that cargo always fetches.
#[test]
fn the_list_holds_no_message_twice() {
    let names: BTreeSet<_> = KNOWN.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), KNOWN.len());
    let samples = corpora::mail_parser();
    let ours = ["/issues/", "/malformed/", "/regressions/", "/thirdparty/"];
    for (name, ..) in KNOWN.iter().filter(|(name, ..)| ours.iter().any(|folder| name.starts_with(folder))) {
        assert!(samples.iter().any(|sample| sample.name.ends_with(name)), "no message {name}");
    }
}
