//! Real clients log in: what people will send their mail with.
//!
//! A client that is not installed is skipped, and says so; where `CI` is `true` it fails instead.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gatepost_tests::binary::{gatepost, is_installed, run};
use gatepost_tests::tls::Certificate;
use gatepost_tests::{Server, Site};

const CONTENT: &[u8] = b"From: a@client.test\r\nTo: jo@acme.example\r\nSubject: hi\r\n\r\nbody\r\n";

/// A server whose listener `in` takes mail of those only who have logged in; there is `jo`, password `s3cret pass`.
fn start() -> Server {
    let certificate = Certificate::new();
    let lines = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }\nauth = \"required\"";
    let site: Site = Server::builder().listener("in", lines).site();
    certificate.write(site.path());
    gatepost(site.path(), &["user", "add", "jo"], b"s3cret pass\n").exits(0);
    site.start()
}

/// How the clients that came in logged in.
fn mechanisms(server: &Server, n: usize) -> Vec<String> {
    let came = server.wait_records("auth_succeeded", n);
    came.iter().map(|record| record["mechanism"].as_str().unwrap().to_owned()).collect()
}

/// Goal: Python's smtplib logs in by PLAIN and by LOGIN, and is told of a wrong password.
#[test]
fn smtplib_logs_in() {
    if !is_installed("python3") {
        return;
    }
    let server = start();
    let script = "
import smtplib, ssl, sys
port = int(sys.argv[1])
content = sys.stdin.buffer.read()
context = ssl.create_default_context(cafile='mx.pem')
context.check_hostname = False
def client():
    client = smtplib.SMTP('127.0.0.1', port, timeout=60)
    client.starttls(context=context)
    client.ehlo()
    return client
assert client().esmtp_features['auth'].split() == ['SCRAM-SHA-256', 'PLAIN', 'LOGIN']
for auth in ['auth_plain', 'auth_login']:
    with client() as smtp:
        smtp.user, smtp.password = 'Jo', 's3cret pass'
        assert smtp.auth(auth[5:].upper(), getattr(smtp, auth))[0] == 235
        assert smtp.sendmail('a@client.test', ['jo@acme.example'], content) == {}
try:
    client().login('jo', 'wrong')
    raise AssertionError('let in')
except smtplib.SMTPAuthenticationError as error:
    assert error.smtp_code == 535, error
try:
    client().sendmail('a@client.test', ['jo@acme.example'], content)
    raise AssertionError('taken')
except smtplib.SMTPSenderRefused as error:
    assert error.smtp_code == 530, error
";
    let port = server.listener("in").port().to_string();
    let mut python = Command::new("python3");
    let done = run(python.args(["-c", script, &port]).current_dir(server.site().path()), CONTENT);
    done.exits(0);
    assert_eq!(mechanisms(&server, 2), ["PLAIN", "LOGIN"]);
    assert_eq!(server.maildir("acme").messages().len(), 2);
}

/// Goal: msmtp logs in by SCRAM, which GNU SASL has written, and by the others.
#[test]
fn msmtp_logs_in() {
    if !is_installed("msmtp") {
        return;
    }
    let server = start();
    let folder = server.site().path();
    let port = server.listener("in").port().to_string();
    for mechanism in ["scram-sha-256", "plain", "login"] {
        let arguments = [
            "--file=/dev/null",
            "--host=127.0.0.1",
            &format!("--port={port}"),
            "--tls=on",
            "--tls-starttls=on",
            "--tls-certcheck=off",
            &format!("--auth={mechanism}"),
            "--user=jo",
            "--passwordeval=echo s3cret pass",
            "--from=a@client.test",
            "jo@acme.example",
        ];
        run(Command::new("msmtp").args(arguments).current_dir(folder), CONTENT).exits(0);
    }
    assert_eq!(mechanisms(&server, 3), ["SCRAM-SHA-256", "PLAIN", "LOGIN"]);
    assert_eq!(server.maildir("acme").messages().len(), 3);
}

/// Goal: swaks and curl log in.
#[test]
fn swaks_and_curl_log_in() {
    let server = start();
    let folder = server.site().path();
    std::fs::write(folder.join("message"), CONTENT).unwrap();
    let mx = server.listener("in").to_string();
    let mut expected = Vec::new();
    if is_installed("swaks") {
        for mechanism in ["PLAIN", "LOGIN"] {
            let arguments = ["--server", &mx, "--tls", "--auth", mechanism, "--auth-user", "jo"];
            let more =
                ["--auth-password", "s3cret pass", "--from", "a@client.test", "--to", "jo@acme.example"];
            run(Command::new("swaks").args(arguments).args(more).current_dir(folder), b"").exits(0);
            expected.push(mechanism.to_owned());
        }
    }
    if is_installed("curl") {
        let url = format!("smtp://{mx}");
        let arguments = [
            "--silent",
            "--show-error",
            "--ssl-reqd",
            "--insecure",
            "--url",
            &url,
            "--user",
            "jo:s3cret pass",
        ];
        let more =
            ["--mail-from", "a@client.test", "--mail-rcpt", "jo@acme.example", "--upload-file", "message"];
        run(Command::new("curl").args(arguments).args(more).current_dir(folder), b"").exits(0);
        expected.push("PLAIN".to_owned());
    }
    assert_eq!(mechanisms(&server, expected.len()), expected);
}

/// Goal: on a terminal the password is asked for twice, is not shown, and two that differ change nothing; the echo comes back.
/// Method: Python's pty plays the terminal.
#[test]
fn a_terminal_does_not_show_the_password() {
    if !is_installed("python3") {
        return;
    }
    let site = Server::builder().site();
    let script = "
import os, pty, sys, termios
binary = sys.argv[1]
def talk(*answers):
    child, terminal = pty.fork()
    if child == 0:
        os.execv(binary, ['gatepost', 'user', 'add', 'jo'])
    shown = b''
    for prompt, answer in zip([b'Password: ', b'Once more: '], answers):
        while prompt not in shown:
            shown += os.read(terminal, 1024)
        os.write(terminal, answer)
    try:
        while True:
            more = os.read(terminal, 1024)
            if not more: break
            shown += more
    except OSError:
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()
code, shown = talk(b'first one\\n', b'second one\\n')
assert code == 64 and 'these are two passwords' in shown, (code, shown)
code, shown = talk(b'half a pass\\x03')
assert code == 64 and 'interrupted' in shown, (code, shown)
assert not os.path.exists('users')
code, shown = talk(b's3cret\\n', b's3cret\\n')
assert code == 0 and 's3cret' not in shown and 'user jo is added' in shown, (code, shown)
";
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(gatepost_tests::binary::path()).current_dir(site.path());
    run(&mut python, b"").exits(0);
    let mode = std::fs::metadata(Path::new(site.path()).join("users")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
