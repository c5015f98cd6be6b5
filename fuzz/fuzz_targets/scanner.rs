//! Any bytes through the scanner: each comes out once and in order, within the limits, however they are cut.
//!
//! The first byte chooses the limits, the second how the rest is cut.

#![no_main]

use gatepost_mime::{Event, Limits, Problem, Scanner, part};
use libfuzzer_sys::fuzz_target;

/// What a scan amounts to, apart from how events are cut: kind, path and bytes.
type Scan = (Vec<(char, String, Vec<u8>)>, Option<Problem>);

fn scan<'m>(limits: Limits, chunks: impl Iterator<Item = &'m [u8]>) -> Scan {
    let mut seen: Vec<(char, String, Vec<u8>)> = Vec::new();
    let mut scanner = Scanner::new(limits);
    let mut on = |event: Event<'_>| {
        let (kind, path) = match &event {
            Event::Header { part, .. } => ('h', part.path.clone()),
            Event::Body { part, .. } => ('b', part.path.clone()),
            Event::End { part } => ('e', part.path.clone()),
            Event::Other(_) => ('o', String::new()),
        };
        match seen.last_mut() {
            Some((last, at, bytes)) if (*last, &*at) == (kind, &path) && matches!(kind, 'b' | 'o') => {
                bytes.extend_from_slice(event.raw());
            }
            _ => seen.push((kind, path, event.raw().to_vec())),
        }
    };
    for chunk in chunks {
        scanner.feed(chunk, &mut on);
    }
    scanner.finish(&mut on);
    (seen, scanner.problem())
}

fuzz_target!(|data: &[u8]| {
    let [choice, cut, message @ ..] = data else { return };
    let limits = match choice % 4 {
        0 => Limits { parts_max: 4, depth_max: 2, header_max: 64, boundary_max: 2 },
        1 => Limits { header_max: usize::from(*choice), ..Limits::default() },
        _ => Limits::default(),
    };
    let whole = scan(limits, std::iter::once(message));
    let bytes: Vec<u8> = whole.0.iter().flat_map(|(.., bytes)| bytes.iter().copied()).collect();
    assert!(bytes == message);
    let begun = whole.0.iter().filter(|(kind, ..)| *kind == 'h');
    assert!(begun.clone().count() <= limits.parts_max);
    assert_eq!(begun.clone().count(), whole.0.iter().filter(|(kind, ..)| *kind == 'e').count());
    for (_, path, header) in begun {
        assert!(header.len() <= limits.header_max);
        assert!(path.is_empty() || path.split('.').count() <= limits.depth_max);
        part::names(header);
        part::types(header);
    }
    assert_eq!(scan(limits, message.chunks(usize::from(*cut).max(1))), whole);
    assert_eq!(scan(limits, message.chunks(1)), whole);
});
