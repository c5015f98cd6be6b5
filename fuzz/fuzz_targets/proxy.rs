//! PROXY headers: whatever comes first, nothing panics, each byte more only makes it clearer, and what is read back from a header
//! written anew is the same.

#![no_main]

use gatepost::listener::proxy::{BINARY_MAX, Header, LINE_MAX, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let whole = read(input);
    // Cuts have no meaning: up to some byte it is the beginning of a header, from there on what it is.
    let mut cut_at = None;
    for cut in 0..=input.len().min(BINARY_MAX) {
        let now = read(&input[..cut]);
        match cut_at {
            None if now != Ok(Header::Partial) => cut_at = Some((cut, now)),
            None => {}
            Some((_, before)) => assert_eq!(now, before),
        }
    }
    match cut_at {
        None => assert!(input.len() < BINARY_MAX, "no end is found within the bound"),
        Some((_, seen)) => assert_eq!(seen, whole),
    }
    let Ok(Header::Whole { length, client }) = whole else { return };
    assert_eq!(
        cut_at.map(|(cut, _)| cut),
        Some(length),
        "it is whole with its last byte, not before or after"
    );
    assert!(length <= if input[0] == b'P' { LINE_MAX } else { BINARY_MAX });
    if let Some(client) = client {
        let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {0} {0} {1} 25\r\n", client.ip(), client.port());
        let again = Header::Whole { length: line.len(), client: Some(client) };
        assert_eq!(read(line.as_bytes()), Ok(again));
    }
});
