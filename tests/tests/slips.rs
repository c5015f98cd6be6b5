//! What operators and neighbours do by mistake or on purpose, and what must not come of it.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";

fn tenant(domains: &str, chain: &str) -> String {
    format!("domains = [{domains}]\nchain = \"{chain}\"\n")
}

fn rcpt(server: &Server, to: &str) -> u16 {
    let mut client = server.smtp();
    client.expect(&format!("MAIL FROM:<{FROM}>"), 250);
    client.ask(&format!("RCPT TO:<{to}>")).unwrap().code
}

/// A port that is taken is named, with the listener and the reason, instead of a panic.
#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let server = Server::builder().chain("acme", "acme.example", "null").start();
    for (file, name) in [
        (format!("[[listener]]\nname = \"mx\"\naddress = \"{address}\"\n"), "mx"),
        (format!("[admin]\naddress = \"{address}\"\n"), "admin"),
    ] {
        server.site().write("conf.d/taken.toml", file.as_bytes());
        let done = server.site().gatepost(&["serve"]).exits(74);
        let said = done.stderr;
        assert!(said.contains(&format!("listener `{name}` cannot listen on {address}")), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// A pipe among the tenants' files is refused like any broken file: nothing waits for its other end.
#[test]
fn a_pipe_in_the_catalog_holds_nothing_up() {
    let mut server = Server::builder().chain("acme", "acme.example", "null").start();
    let pipe = server.site().path().join("catalog/tenants/pipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    server.sighup();
    let refused = server.wait_records("tenant_refused", 1);
    assert!(refused[0].to_string().contains("not a regular file"), "{}", refused[0]);
    assert_eq!(rcpt(&server, "jo@acme.example"), 250);
    server.sigterm();
    assert_eq!(server.wait_exit(), 0);
}

/// A chain that takes long to check keeps no other signal waiting.
/// Method: the same endless `describe` under many names is asked once only, and SIGTERM is heard meanwhile.
#[test]
fn an_endless_describe_is_asked_once() {
    use gatepost_tests::guest::Guest;
    let endless = Guest::new().describe("(loop $forever (br $forever)) (i32.const 0)").component();
    let aliases: Vec<String> = (0..40).map(|n| format!("a{n}:endless")).collect();
    let mut server = Server::builder()
        .chain("acme", "acme.example", "null")
        .file("catalog/processors/evil/endless/1.0.0.wasm", &endless)
        .tenant("evil", &tenant("\"evil.example\"", &format!("{} | null", aliases.join(" | "))))
        .start();
    assert_eq!(rcpt(&server, "jo@acme.example"), 250);
    assert_eq!(rcpt(&server, "jo@evil.example"), 451);
    server.sigterm();
    assert_eq!(server.wait_exit(), 0);
}

/// Files in the history that are not ours are left alone, whatever number they bear.
#[test]
fn strange_history_files_are_left_alone() {
    let builder = Server::builder().chain("acme", "acme.example", "null");
    let builder = ["18446744073709551615", "+5", "99999999999", "7"].iter().fold(builder, |builder, name| {
        builder.file(&format!("catalog/history/acme/{name}.toml"), b"strange")
    });
    let server = builder.start();
    assert_eq!(rcpt(&server, "jo@acme.example"), 250);
    assert_eq!(server.records("tenant_loaded")[0]["revision"], 1);
}

/// The domains of a refused file take no mail from a tenant in service, also where they are more exact.
#[test]
fn a_refused_file_takes_nobodys_mail() {
    let server = Server::builder()
        .tenant("acme", &tenant("\"acme.example\", \"*.acme.example\"", "null"))
        .tenant("grab", &tenant("\"mail.acme.example\", \"grab.example\"", "nonsense | null"))
        .start();
    assert_eq!(rcpt(&server, "jo@mail.acme.example"), 250);
    assert_eq!(rcpt(&server, "jo@grab.example"), 451);
}

/// A typo in the chain is told beside the table that fits no stage any more.
#[test]
fn a_typo_in_the_chain_is_told_with_what_follows_from_it() {
    let site = Server::builder()
        .tenant(
            "acme",
            "domains = [\"acme.example\"]\nchain = \"debugg | null\"\n[stage.debug]\nlog_reads = true\n",
        )
        .site();
    let done = site.gatepost(&["check"]).exits(78);
    let said = done.stderr;
    assert!(said.contains("unknown processor `debugg`") && said.contains("did you mean `debug`?"), "{said}");
    assert!(said.contains("the chain has no stage `debug`"), "{said}");
}

/// Silent connections to the admin address cost mail nothing.
#[test]
fn silent_admin_connections_cost_mail_nothing() {
    let server = Server::builder().chain("acme", "acme.example", "null").start();
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(server.admin()).unwrap()).collect();
    let held = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    assert!(held < 150, "{held} descriptors are held for {} silent connections", silent.len());
    let reply = Smtp::one_message(server.mx(), FROM, &["jo@acme.example"], b"\r\nx\r\n").unwrap();
    assert_eq!(reply.code, 250);
}

/// A refused recipient is in the log and in the metrics: the question that users ask most often.
#[test]
fn refused_recipients_are_told() {
    let server = Server::builder().chain("acme", "acme.example", "null").start();
    assert_eq!(rcpt(&server, "jo@nobody.example"), 550);
    let record = &server.wait_records("recipient_refused", 1)[0];
    assert_eq!(record["recipient"], "jo@nobody.example");
    assert_eq!(record["reply"], "550 5.7.1 Relay access denied");
    let sample = "gatepost_recipients_refused_total{listener=\"mx\",code=\"550\"}";
    assert!((server.metric(sample) - 1.0).abs() < f64::EPSILON);
}

/// A refused file is seen in the status, not only in the log of the day it was written.
#[test]
fn status_tells_what_was_refused() {
    let server = Server::builder().chain("acme", "acme.example", "null").start();
    server
        .site()
        .write("catalog/tenants/acme.toml", tenant("\"acme.example\"", "nonsense | null").as_bytes());
    server.sighup();
    server.wait_records("tenant_refused", 1);
    let status = server.api("GET", "/v1/status").body;
    assert!(status.contains("unknown processor `nonsense`") && status.contains("\"revision\":1"), "{status}");
}
