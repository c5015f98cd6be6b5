//! From nothing to a tenant's chain: the five commands that everybody types first.

use std::process::Command;

use gatepost_tests::{Server, binary};

/// Goal: the five commands, as a shell reads them, put a new processor into a chain; the next message shows it. Where the config
/// is, is found from the crate's own folder.
#[test]
fn five_commands_and_the_next_message_shows_it() {
    let server = Server::builder().chain("acme", "acme.example", "header | maildir").start();
    server.announce_admin();
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("loop");
    let path = format!(
        "{}:{}",
        binary::path().parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let commands = "gatepost processor new hello && cd hello && gatepost processor test && \
                    gatepost processor push --tenant acme && gatepost chain set acme 'header | hello | maildir'";
    let mut shell = Command::new("sh");
    shell.args(["-c", commands]).current_dir(server.site().path());
    shell.env("PATH", path).env("CARGO_TARGET_DIR", target);
    let done = binary::run(&mut shell, b"").exits(0).text();
    assert!(done.contains("acme/hello@1.0.0 stored"), "{done}");
    assert!(done.contains("to use it: gatepost chain set acme 'header | hello@1 | maildir'"), "{done}");
    assert!(done.contains("acme: revision 2 is live: header | hello | maildir"), "{done}");
    let sent = server.smtp().deliver("a@client.test", &["jo@acme.example"], b"Subject: x\r\n\r\nx\r\n");
    assert_eq!(sent.unwrap().code, 250);
    let message = String::from_utf8(server.maildir("acme").messages().remove(0)).unwrap();
    assert!(message.contains("X-External: yes\r\n"), "{message}");
}
