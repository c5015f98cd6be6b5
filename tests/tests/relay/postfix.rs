//! A relay before Postfix's own test server, which no test of ours has written.
//!
//! Skipped, with a word, where `smtp-sink` is not installed; where `CI` is `true` it fails instead.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use gatepost_tests::Server;
use gatepost_tests::binary::skipped;
use gatepost_tests::wait::until;

use crate::{CONTENT, send, tenant};

struct Sink(Child, SocketAddr);

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/smtp-sink", "/usr/bin/smtp-sink"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file());
    if found.is_none() {
        skipped("`smtp-sink` is not installed");
    }
    found
}

fn start(program: &PathBuf, switches: &[&str]) -> Sink {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(program);
    if rustix::process::geteuid().is_root() {
        command.args(["-u", "nobody"]);
    }
    command
        .args(switches)
        .arg(format!("inet:{address}"))
        .arg("100")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let sink = Sink(command.spawn().unwrap(), address);
    until("smtp-sink to listen", || TcpStream::connect(address).ok());
    sink
}

/// Goal: messages go to a real server by SMTP and LMTP, with and without its extensions, over connections that are kept; and
/// what it refuses is refused.
#[test]
fn smtp_sink() {
    let Some(program) = program() else { return };
    for (switches, lines, code) in [
        (&[][..], "", 250),
        (&["-p"], "", 250),
        (&["-e"], "", 250),
        (&["-L"], "protocol = \"lmtp\"", 250),
        (&["-q", "data"], "", 451),
        // It says 500, which is about a command and no message.
        (&["-f", "rcpt"], "", 451),
        (&["-f", "."], "", 451),
        (&["-r", "."], "", 450),
    ] {
        let sink = start(&program, switches);
        let lines = format!("address = \"{}\"\n{lines}", sink.1);
        let server = Server::builder().tenant("acme", &tenant("header | relay", &lines)).start();
        for _ in 0..10 {
            let reply = send(&server, CONTENT);
            assert_eq!(reply.code / 100, code / 100, "{switches:?}: {}", reply.text());
        }
        let relayed = if code == 250 { 10 } else { 0 };
        assert_eq!(server.wait_records("relayed", relayed).len(), relayed, "{switches:?}");
    }
}
