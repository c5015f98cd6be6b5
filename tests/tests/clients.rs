//! Real clients deliver a message: what people will connect with first.
//!
//! A client that is not installed is skipped, and says so; where `CI` is `true` it fails instead.

use std::process::Command;

use gatepost_tests::binary::{is_installed, run};
use gatepost_tests::smtp::Smtp;
use gatepost_tests::tls::Certificate;
use gatepost_tests::{Server, Site};

const CONTENT: &[u8] = b"From: a@client.test\r\nTo: jo@acme.example\r\nSubject: hi\r\n\r\n.dot\r\nbody  \r\n";

fn site() -> (Server, Certificate) {
    let certificate = Certificate::new();
    let tls = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }";
    let site: Site = Server::builder().listener("tls", tls).site();
    certificate.write(site.path());
    (site.start(), certificate)
}

/// Goal: our own client, that other tests stand on, delivers.
#[test]
fn our_own_client_delivers() {
    let server = Server::builder().start();
    let reply = Smtp::one_message(server.mx(), "a@client.test", &["jo@acme.example"], CONTENT);
    assert_eq!(reply.unwrap().code, 250);
    assert_eq!(server.maildir("acme").messages(), [CONTENT]);
}

/// Goal: Python's smtplib delivers, in plain text and after STARTTLS with a certificate that it checks.
#[test]
fn smtplib_delivers() {
    if !is_installed("python3") {
        return;
    }
    let (server, _) = site();
    let script = "
import smtplib, ssl, sys
plain, tls = map(int, sys.argv[1:3])
content = sys.stdin.buffer.read()
with smtplib.SMTP('127.0.0.1', plain, timeout=30) as client:
    assert client.has_extn('size') is False
    assert client.sendmail('a@client.test', ['jo@acme.example', 'mo@acme.example'], content) == {}
    assert client.has_extn('pipelining') and client.has_extn('8bitmime')
    assert client.verify('jo')[0] == 252 and client.noop()[0] == 250
context = ssl.create_default_context(cafile='mx.pem')
with smtplib.SMTP('127.0.0.1', tls, timeout=30) as client:
    client._host = 'mx.test'
    client.starttls(context=context)
    assert not client.has_extn('starttls')
    assert client.sendmail('a@client.test', ['jo@acme.example'], content) == {}
    try:
        client.sendmail('a@client.test', ['jo@nobody.example'], content)
        sys.exit('relayed')
    except smtplib.SMTPRecipientsRefused as refused:
        assert refused.recipients['jo@nobody.example'][0] == 550, refused
";
    let ports = [server.mx().port().to_string(), server.listener("tls").port().to_string()];
    let mut command = Command::new("python3");
    let command = command.args(["-c", script]).args(ports).current_dir(server.site().path());
    run(command, CONTENT).exits(0);
    assert_eq!(server.maildir("acme").messages(), [CONTENT, CONTENT]);
    let tls = server.wait_records("message", 2)[1]["tls"].as_str().unwrap_or_default().to_owned();
    assert!(tls.starts_with("TLS"), "{tls:?}");
}

/// Goal: addresses in UTF-8 go from Python's smtplib and from curl to the tenant's Maildir, into the trace fields and the
/// log as they are.
#[test]
fn smtputf8_round_trips() {
    if !is_installed("python3") || !is_installed("curl") {
        return;
    }
    let builder = Server::builder().chain("acme", "acme.example\", \"例え.jp", "header | maildir");
    let server = builder.start();
    let script = "
import smtplib, sys
content = sys.stdin.buffer.read()
with smtplib.SMTP('127.0.0.1', int(sys.argv[1]), timeout=30) as client:
    client.ehlo('client.test')
    assert client.has_extn('smtputf8') and client.has_extn('8bitmime')
    options = ['SMTPUTF8', 'BODY=8BITMIME']
    assert client.sendmail('ü@bücher.test', ['用户@例え.jp'], content, mail_options=options) == {}
";
    let mut python = Command::new("python3");
    python.args(["-c", script, &server.mx().port().to_string()]);
    run(&mut python, CONTENT).exits(0);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "30", "--mail-from", "ü@client.test"]);
    curl.args(["--mail-rcpt", "用户@acme.example", "--upload-file", "-", &format!("smtp://{}", server.mx())]);
    run(&mut curl, CONTENT).exits(0);

    let stored = server.maildir("acme").messages();
    assert_eq!(stored.len(), 2);
    let text = String::from_utf8(stored[0].clone()).unwrap().replace("\r\n\t", " ");
    assert!(
        text.starts_with("Return-Path: <ü@bücher.test>\r\nDelivered-To: 用户@例え.jp\r\nReceived: "),
        "{text}"
    );
    assert!(text.contains(" with UTF8SMTP id ") && text.contains(" for <用户@例え.jp>;"), "{text}");
    assert!(stored[1].ends_with(CONTENT));
    let records = server.wait_records("message", 2);
    assert_eq!(records[0]["sender"], "ü@bücher.test");
    assert_eq!(records[0]["recipients"][0], "用户@例え.jp");
    assert_eq!(records[1]["recipients"][0], "用户@acme.example");
    assert!(server.log().contains("用户@例え.jp"), "written as it is");
}

/// Goal: a client that knows CHUNKING, Perl's Net::SMTP, delivers in chunks. By itself it does so only where BINARYMIME is
/// offered too; here it is told to.
#[test]
fn net_smtp_delivers_in_chunks() {
    if !is_installed("perl") {
        return;
    }
    let (server, _) = site();
    let script = "
use strict; use Net::SMTP;
local $/; my $content = <STDIN>;
my $client = Net::SMTP->new('127.0.0.1', Port => $ARGV[0], Hello => 'client.test', Timeout => 30) or die $@;
die 'no CHUNKING' unless defined $client->supports('CHUNKING');
$client->mail('a@client.test') && $client->to('jo@acme.example') or die $client->message;
${*$client}{'net_smtp_chunking'} = 1;
$client->bdat(substr($content, 0, 30)) or die $client->message;
$client->bdatlast(substr($content, 30)) or die $client->message;
$client->quit or die $client->message;
";
    let mut perl = Command::new("perl");
    perl.args(["-e", script, &server.mx().port().to_string()]);
    run(&mut perl, CONTENT).exits(0);
    assert_eq!(server.maildir("acme").messages(), [CONTENT]);
}

/// Goal: curl delivers, in plain text and with STARTTLS required and the certificate checked.
#[test]
fn curl_delivers() {
    if !is_installed("curl") {
        return;
    }
    let (server, _) = site();
    let curl = |url: String, more: &[String]| {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "30", "--mail-from", "a@client.test"]);
        command.args(["--mail-rcpt", "jo@acme.example", "--upload-file", "-", &url]).args(more);
        run(command.current_dir(server.site().path()), CONTENT).exits(0);
    };
    curl(format!("smtp://{}", server.mx()), &[]);
    let port = server.listener("tls").port();
    let more = ["--ssl-reqd", "--cacert", "mx.pem", "--resolve"].map(str::to_owned);
    curl(format!("smtp://mx.test:{port}"), &[&more[..], &[format!("mx.test:{port}:127.0.0.1")]].concat());
    assert_eq!(server.maildir("acme").messages(), [CONTENT, CONTENT]);
}

/// Goal: swaks delivers, also pipelined, and tells the refusal of a second tenant apart.
#[test]
fn swaks_delivers() {
    if !is_installed("swaks") {
        return;
    }
    let (server, _) = site();
    let swaks = |more: &[&str]| {
        let mut command = Command::new("swaks");
        command.args(["--server", "127.0.0.1", "--port", &server.mx().port().to_string(), "--timeout", "30"]);
        command.args(["--helo", "client.test", "--from", "a@client.test", "--data", "-"]).args(more);
        run(&mut command, CONTENT)
    };
    swaks(&["--to", "jo@acme.example"]).exits(0);
    swaks(&["--to", "jo@acme.example", "--pipeline"]).exits(0);
    let refused = swaks(&["--to", "jo@nobody.example"]);
    assert!(
        refused.code != 0 && refused.text().contains("550 5.7.1 Relay access denied"),
        "{}",
        refused.text()
    );
    let stored = server.maildir("acme").messages();
    assert_eq!(stored.len(), 2);
    for message in stored {
        assert!(message.starts_with(&CONTENT[..CONTENT.len() - 2]), "{}", message.escape_ascii());
    }
}
