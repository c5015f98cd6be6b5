//! Command lines: none panics, each gives a command or one well-formed reply, and what is accepted keeps to the RFC's limits.
//!
//! The first octet says what is offered and spoken; the rest is the line.

#![no_main]

use gatepost::mail::Mailbox;
use gatepost::smtp::command::{ANY_LINE_MAX, Command, HELO_MAX, LINE_MAX};
use gatepost::smtp::{Offered, Speaks, xtext};
use libfuzzer_sys::fuzz_target;

fn keeps_limits(mailbox: &Mailbox) {
    assert!(mailbox.local().len() <= 64 && mailbox.domain().len() <= 255);
    assert!(mailbox.domain().split('.').all(|label| label.len() <= 63));
    assert!(!mailbox.to_string().chars().any(char::is_control));
    let again = Mailbox::parse(&mailbox.to_string());
    assert_eq!(again.as_ref(), Ok(mailbox), "what is written reads back");
}

fuzz_target!(|data: &[u8]| {
    let Some((&mode, line)) = data.split_first() else { return };
    let offered = Offered { dsn: mode & 1 != 0, binarymime: mode & 2 != 0, auth: mode & 4 != 0 };
    let speaks = if mode & 8 != 0 { Speaks::Lmtp } else { Speaks::Smtp };
    match Command::parse(line, speaks, offered) {
        Err(error) => {
            let mut wire = Vec::new();
            error.reply().encode(&mut wire);
            let text = wire.strip_suffix(b"\r\n").expect("one line");
            assert!(text.iter().all(|b| (b' '..=b'~').contains(b)) && text.len() <= 510);
            assert!((500..=599).contains(&error.reply().code()));
        }
        Ok(command) => {
            assert!(line.len() + 2 <= ANY_LINE_MAX);
            assert!(!line.iter().any(u8::is_ascii_control));
            match command {
                Command::Helo(name) | Command::Ehlo(name) | Command::Lhlo(name) => {
                    assert!((1..=HELO_MAX).contains(&name.len()) && name.is_ascii());
                }
                Command::Mail(mail) => {
                    mail.sender.iter().for_each(keeps_limits);
                    assert!(mail.parameters.envid.iter().all(|envid| xtext::decode(envid).is_some()));
                    let ascii = mail.sender.iter().all(Mailbox::is_ascii);
                    assert!(ascii || mail.parameters.smtputf8);
                }
                Command::Rcpt(mailbox, wishes) => {
                    keeps_limits(&mailbox);
                    assert!(offered.dsn || (wishes.notify.is_none() && wishes.orcpt.is_none()));
                }
                Command::Auth { mechanism, .. } => assert!(mechanism.len() <= 20),
                Command::Xclient(claims) => {
                    let words = [claims.helo.flatten(), claims.login.flatten(), claims.name.flatten()];
                    assert!(words.iter().flatten().all(|word| !word.chars().any(char::is_control)));
                }
                _ => assert!(line.len() + 2 <= LINE_MAX),
            }
        }
    }
});
