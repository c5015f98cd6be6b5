//! Every shipped processor with the messages of other projects, alone and in every position of a chain.

use gatepost::chain::{PlannedStage, Settings};
use gatepost_mime::{Event, Limits, Scanner};
use gatepost_tests::corpora::{self, Sample};
use gatepost_tests::lab::{Lab, Ran};
use gatepost_tests::shipped;

/// A shipped processor, so configured that each message goes on.
struct Shipped {
    name: &'static str,
    config: &'static str,
    grants: &'static [&'static str],
    changes: Changes,
}

/// What it may change of the content.
#[derive(Clone, Copy)]
enum Changes {
    Nothing,
    Subject,
    /// Text, where it counts under this name.
    Text(&'static [&'static str]),
}

const SHIPPED: &[Shipped] = &[
    Shipped {
        name: "attachment-guard",
        config: r#"{"action": "quarantine", "on_limit": "quarantine"}"#,
        grants: &[],
        changes: Changes::Nothing,
    },
    Shipped {
        name: "disclaimer",
        config: r#"{"text": "Grüße", "ascii": "Gruss"}"#,
        grants: &[],
        changes: Changes::Text(&["appended"]),
    },
    Shipped {
        name: "greylist",
        config: r#"{"networks_allowed": ["192.0.2.0/24"]}"#,
        grants: &["kv", "clock"],
        changes: Changes::Nothing,
    },
    Shipped { name: "plus-fold", config: "{}", grants: &["envelope"], changes: Changes::Nothing },
    Shipped {
        name: "strip-trackers",
        config: "{}",
        grants: &[],
        changes: Changes::Text(&["parameters", "pixels"]),
    },
    Shipped { name: "subject-tag", config: "{}", grants: &[], changes: Changes::Subject },
];

impl Shipped {
    fn plan(&self, lab: &Lab) -> PlannedStage {
        let stage = lab.stage(shipped::component(self.name)).label(self.name);
        stage.config(self.config).grants(self.grants).plan()
    }
}

#[test]
fn the_list_is_complete() {
    let listed: Vec<_> = SHIPPED.iter().map(|shipped| shipped.name).collect();
    assert_eq!(listed, shipped::names());
}

/// The parts of a message, each with its type: what a change of text leaves as it is.
fn outline(message: &[u8]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut scanner = Scanner::new(Limits::default());
    let mut on = |event: Event<'_>| {
        if let Event::Header { part, .. } = event {
            parts.push(format!("{} {}/{}", part.path, part.media_type, part.subtype));
        }
    };
    scanner.feed(message, &mut on);
    scanner.finish(&mut on);
    parts
}

#[track_caller]
fn goes_on(ran: &Ran, sample: &Sample) {
    let end = ran.end();
    assert!(end == "accept" || end.starts_with("quarantine: "), "{}: {end}", sample.name);
    assert!(ran.failures.is_empty(), "{}: {:?}", sample.name, ran.failures);
}

/// Goal: what a processor has no reason to touch leaves byte for byte, and no message makes one fail.
#[test]
fn each_changes_only_what_it_should() {
    let lab = Lab::new();
    let samples = corpora::all();
    for shipped in SHIPPED {
        let stages = [shipped.plan(&lab)];
        let mut changed = 0;
        for sample in &samples {
            let ran = lab.run(&stages, [&sample.bytes[..]]);
            goes_on(&ran, sample);
            let same = ran.output == sample.bytes;
            changed += usize::from(!same);
            let what = format!("{} of {}", shipped.name, sample.name);
            match shipped.changes {
                Changes::Nothing => assert!(same, "{what}"),
                Changes::Subject => {}
                Changes::Text(names) => {
                    let counted = ran.counted();
                    let said = counted.iter().any(|(name, _)| names.contains(&name.as_str()));
                    assert_eq!(said, !same, "{what}: {counted:?}");
                    assert_eq!(outline(&ran.output), outline(&sample.bytes), "{what}");
                }
            }
        }
        let is_idle = matches!(shipped.changes, Changes::Nothing);
        assert_eq!(changed == 0, is_idle, "{}: {changed} changed", shipped.name);
    }
}

/// Natives that change no byte. What packs is undone behind others that take whatever comes.
fn transparent(lab: &Lab) -> Vec<Vec<PlannedStage>> {
    let packed = |format: &str| {
        let mut settings = Settings::new();
        settings.insert("format".into(), format.into());
        vec![
            lab.native_with("compress", settings),
            lab.native("debug"),
            lab.native("hash"),
            lab.native("buffer"),
            lab.native("decompress"),
        ]
    };
    vec![
        vec![lab.native("debug")],
        vec![lab.native("headersparser")],
        packed("zlib"),
        vec![lab.native("hash")],
        packed("gzip"),
        vec![lab.native("buffer")],
        packed("zstd"),
    ]
}

/// Every turn of a chain, so that each of `links` stands in each position once.
fn turns(links: &[Vec<PlannedStage>]) -> impl Iterator<Item = Vec<PlannedStage>> {
    (0..links.len()).map(|by| {
        let (before, after) = links.split_at(by);
        after.iter().chain(before).flatten().cloned().collect()
    })
}

#[test]
fn transparent_natives_are_so_in_every_position() {
    let lab = Lab::new();
    let samples = corpora::all();
    for stages in turns(&transparent(&lab)) {
        for sample in &samples {
            let ran = lab.run(&stages, [&sample.bytes[..]]);
            goes_on(&ran, sample);
            assert!(ran.output == sample.bytes, "{}", sample.name);
        }
    }
}

#[test]
fn none_fails_in_any_position() {
    let lab = Lab::new();
    let samples = corpora::all();
    let mut links = transparent(&lab);
    links.push(vec![lab.native("header")]);
    // Between the natives, not behind all of them.
    for (at, shipped) in SHIPPED.iter().enumerate() {
        links.insert(at * 2, vec![shipped.plan(&lab)]);
    }
    for stages in turns(&links) {
        for sample in &samples {
            goes_on(&lab.run(&stages, [&sample.bytes[..]]), sample);
        }
    }
}
