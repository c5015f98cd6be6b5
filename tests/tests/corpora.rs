//! Messages of other projects through whole chains: what no processor changed leaves as it came.

use gatepost::chain::PlannedStage;
use gatepost_tests::corpora::{self, Sample};
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::Lab;
use gatepost_tests::{Server, Smtp, shipped};
use proptest::prelude::*;

/// `native > sandboxed > compress > decompress`, none of which changes the message.
fn all_pass(lab: &Lab) -> Vec<PlannedStage> {
    let any = Guest::new().component();
    // Holds the message back and writes every chunk itself.
    let rewrite = Guest::new()
        .content("message", "message")
        .write("(drop (call $next (local.get $ptr) (local.get $len))) (call $replaced)")
        .component();
    vec![
        lab.native("debug"),
        lab.stage(&any).label("any").plan(),
        lab.stage(&rewrite).label("rewrite").plan(),
        lab.native("compress"),
        lab.stage(&any).label("packed").plan(),
        lab.native("decompress"),
    ]
}

/// Header fields, unfolded not at all, each with its line end; and what follows the header section, its blank line
/// included. Kept apart from the host's own idea of a header section: RFC 5322 read anew.
fn parts(message: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut fields: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            break;
        }
        let folded = matches!(line.first(), Some(b' ' | b'\t')) && !fields.is_empty();
        match fields.last_mut() {
            Some(last) if folded => last.1 += line.len(),
            _ => fields.push((at, at + line.len())),
        }
        at += line.len();
    }
    (fields.iter().map(|&(from, to)| &message[from..to]).collect(), &message[at..])
}

/// Whether the field is the subject, or one that `header` adds.
fn is_named(field: &[u8], name: &str) -> bool {
    let end = field.iter().position(|&byte| byte == b':').unwrap_or(0);
    field[..end].trim_ascii().eq_ignore_ascii_case(name.as_bytes())
}

/// Asserts that `out` is `sample` with the fields of `header` on top and a tagged subject, and nothing else.
#[track_caller]
fn tagged_and_else_untouched(sample: &Sample, out: &[u8]) {
    let name = &sample.name;
    let (before, body_before) = parts(&sample.bytes);
    let (after, body_after) = parts(out);
    assert!(body_after == body_before, "{name}: the body differs");
    let others = |fields: &[&[u8]]| {
        let others = fields.iter().filter(|field| !is_named(field, "Subject"));
        others.map(|field| field.to_vec()).collect::<Vec<_>>()
    };
    let (before_others, after_others) = (others(&before), others(&after));
    let ours = after_others.len() - before_others.len();
    let named: &[&str] = &["Return-Path", "Delivered-To", "Received"];
    // `Delivered-To` is left out where there are several recipients.
    let named = if ours == 2 { &["Return-Path", "Received"] } else { named };
    assert!(ours == named.len(), "{name}: {ours} more fields");
    assert!(after_others[ours..] == before_others, "{name}: fields differ");
    assert!(after_others.iter().zip(named).all(|(field, named)| is_named(field, named)), "{name}");
    let subject =
        |fields: &[&[u8]]| fields.iter().find(|field| is_named(field, "Subject")).map(|field| field.to_vec());
    let tagged = subject(&after).unwrap_or_else(|| panic!("{name}: no subject"));
    let text = String::from_utf8_lossy(&tagged).into_owned();
    assert!(text.contains("[EXT]"), "{name}: {text}");
    if let Some(was) = subject(&before) {
        let value = was.splitn(2, |&byte| byte == b':').nth(1).unwrap_or_default().trim_ascii();
        assert!(
            tagged.windows(value.len().max(1)).any(|part| part == value) || value.is_empty(),
            "{name}: {text}"
        );
    }
}

/// Goal: bytes are sacred.
/// Method: every message whole and in pieces of 7 bytes through an all-pass chain of natives and guests.
#[test]
fn every_message_leaves_an_all_pass_chain_as_it_came() {
    let lab = Lab::new();
    let stages = all_pass(&lab);
    for sample in corpora::all() {
        for size in [usize::MAX, 7] {
            if size == 7 && sample.bytes.len() > 20_000 {
                continue;
            }
            let ran = lab.run(&stages, sample.bytes.chunks(size));
            assert_eq!(ran.end(), "accept", "{}", sample.name);
            assert!(ran.output == sample.bytes, "{} in pieces of {size}", sample.name);
        }
    }
}

/// Goal: `header | subject-tag | compress | decompress` changes the fields it says and not a byte more.
#[test]
fn every_message_is_tagged_and_else_untouched() {
    let lab = Lab::new();
    let tag = lab.stage(shipped::component("subject-tag")).config(r#"{"skip_if_present": false}"#).plan();
    let stages = [lab.native("header"), tag, lab.native("compress"), lab.native("decompress")];
    for mut sample in corpora::all() {
        if !sample.bytes.ends_with(b"\n") {
            // A field that is put behind an unfinished one has to finish it.
            sample.bytes.extend_from_slice(b"\r\n");
        }
        let ran = lab.run(&stages, [&sample.bytes[..]]);
        assert_eq!(ran.end(), "accept", "{}", sample.name);
        tagged_and_else_untouched(&sample, &ran.output);
    }
}

/// Goal: the same from the socket to the file.
/// Method: every message over SMTP, to a listener that keeps bare newlines, into a Maildir for each chain; what cannot
/// be sent as it is (no CRLF at its end) is compared with one.
#[test]
fn every_message_survives_smtp_and_the_maildir() {
    let server = Server::builder()
        .mx("bare_newlines = \"keep\"\nreceived_max = 1000")
        .chain("plain", "plain.example", "debug | pass | compress | decompress | maildir")
        .chain("tag", "tag.example", "header | subject-tag | compress | decompress | maildir")
        .file("catalog/processors/plain/pass/1.0.0.wasm", &Guest::new().component())
        .file("catalog/processors/host/subject-tag/1.0.0.wasm", shipped::component("subject-tag"))
        .start();
    let mut client = server.smtp();
    for mut sample in corpora::all() {
        if !sample.bytes.ends_with(b"\r\n") {
            sample.bytes.extend_from_slice(b"\r\n");
        }
        for tenant in ["plain", "tag"] {
            let to = format!("one@{tenant}.example");
            let reply = deliver(&mut client, &to, &sample);
            assert_eq!(reply.code, 250, "{}: {}", sample.name, reply.text());
            let maildir = server.maildir(tenant);
            let stored = maildir.messages();
            assert_eq!(stored.len(), 1, "{}", sample.name);
            maildir.clear();
            match tenant {
                "plain" => assert!(stored[0] == sample.bytes, "{} is stored otherwise", sample.name),
                _ => tagged_or_known(&sample, &stored[0]),
            }
        }
    }
}

fn deliver(client: &mut Smtp, to: &str, sample: &Sample) -> gatepost_tests::smtp::Reply {
    let reply = client.deliver("sender@from.example", &[to], &sample.bytes);
    reply.unwrap_or_else(|error| panic!("{}: {error}", sample.name))
}

/// A subject that has the tag already is left alone here: only the body is compared then.
fn tagged_or_known(sample: &Sample, out: &[u8]) {
    if String::from_utf8_lossy(&sample.bytes).contains("[EXT]") {
        assert!(parts(out).1 == parts(&sample.bytes).1, "{}", sample.name);
    } else {
        tagged_and_else_untouched(sample, out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: bytes are sacred, whatever they are and however they come.
    /// Method: random bytes, rich in what means something (CR, LF, dot, NUL), cut at random, some repeated to be long.
    #[test]
    fn random_bytes_in_random_pieces_leave_as_they_came(
        pattern in prop::collection::vec(prop_oneof![3 => any::<u8>(), 2 => prop::sample::select(&b"\r\n.:\0 "[..])], 0..600),
        repeat in prop_oneof![4 => Just(1_usize), 1 => 1..200_usize],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        thread_local!(static CHAIN: (Lab, Vec<PlannedStage>) = {
            let lab = Lab::new();
            let stages = all_pass(&lab);
            (lab, stages)
        });
        let message = pattern.repeat(repeat);
        // Without a blank line all of it is the header section, which has a limit of its own.
        let message = [&b"A: b\r\n\r\n"[..], &message].concat();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(message.len() + 1)).collect();
        ends.extend([0, message.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|pair| &message[pair[0]..pair[1]]).collect();
        let ran = CHAIN.with(|(lab, stages)| lab.run(stages, pieces));
        prop_assert_eq!(ran.end(), "accept");
        prop_assert!(ran.output == message);
    }
}
