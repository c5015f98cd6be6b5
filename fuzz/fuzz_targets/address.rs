//! Paths and mailboxes: nothing panics, what is taken keeps its limits and reads back as the same, and never becomes another
//! path on the wire or on a disk.

#![no_main]

use gatepost::mail::Mailbox;
use gatepost::smtp::address::{PATH_MAX, forward_path, reverse_path};
use libfuzzer_sys::fuzz_target;

fn check(mailbox: &Mailbox) {
    assert!(mailbox.local().len() <= 64 && mailbox.domain().len() <= 255);
    let text = mailbox.to_string();
    assert_eq!(Mailbox::parse(&text).as_ref(), Ok(mailbox));
    // As the next hop would hear it.
    let path = format!("<{text}> SIZE=1");
    assert_eq!(forward_path(&path), Ok((mailbox.clone(), " SIZE=1")));
    if !mailbox.local().starts_with('"') {
        assert!(!mailbox.local().contains(['@', '<', '>', ' ', '\\']) && !mailbox.local().contains(".."));
    }
    assert!(!mailbox.domain().contains(['/', '@', ' ', '>']));
}

fuzz_target!(|text: &str| {
    if let Ok(mailbox) = Mailbox::parse(text) {
        check(&mailbox);
    }
    if let Ok((mailbox, rest)) = forward_path(text) {
        assert!(text.len() - rest.len() <= PATH_MAX && text.ends_with(rest));
        check(&mailbox);
    }
    if let Ok((sender, rest)) = reverse_path(text) {
        assert!(text.len() - rest.len() <= PATH_MAX && text.ends_with(rest));
        if let Some(mailbox) = sender {
            assert!(!mailbox.domain().is_empty());
            check(&mailbox);
        }
    }
});
