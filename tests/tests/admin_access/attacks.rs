//! What attackers try: guessing, names that are none, bodies without an end, connections that are held; and where tokens could
//! leak.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};

use gatepost_tests::http;
use gatepost_tests::wait::PATIENCE;
use serde_json::json;

use super::{answer, ask, make, two_tenants, with};

/// Goal: after ten wrong tokens the next is told to wait; a right one passes all the while, and other addresses are not held for
/// it; the log has one line.
#[test]
fn guessing_is_slowed() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let mut statuses = Vec::new();
    for n in 0..30 {
        statuses.push(ask(&server, "GET", "/v1/status", &format!("guess-{n}"), None).status);
        ask(&server, "GET", "/v1/status", &owner.text, None).is(200);
        with(&server, "GET", "/v1/status", &[], None).is(401);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let told = with(&server, "POST", "/v1/session", &[], Some(&json!({"token": "guess"})));
    if told.status == 429 {
        assert!((1..=60).contains(&told.header("retry-after").parse::<u32>().unwrap()), "{told:?}");
    }
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    socket.connect(&server.admin().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let request = format!(
        "GET /v1/status HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer x\r\n\r\n",
        server.admin()
    );
    stream.write_all(request.as_bytes()).unwrap();
    assert_eq!(answer(stream).status, 401, "another address");
    let told = server.wait_records("token_refused", 2);
    let clients: Vec<_> = told.iter().map(|told| told["client"].as_str().unwrap()).collect();
    assert!(clients.iter().filter(|client| **client == "127.0.0.1").count() <= 2, "{told:?}");
    assert!(server.metric("gatepost_admin_tokens_refused_total{result=\"limited\"}") >= 1.0);
}

/// Goal: a name that is none is refused, by whomever it is asked, and nothing of it reaches the disk.
#[test]
fn names_that_are_none() {
    let server = two_tenants().start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let long = "x".repeat(300);
    let names = [
        "..",
        "%2e%2e",
        "..%2f",
        "..%2f..%2fetc%2fpasswd",
        "a%2fb",
        "a%5cb",
        "%00",
        "acme%00",
        "acme%0a",
        "%ff",
        "%c0%ae",
        "%e2%80%aeacme",
        "caf%c3%a9",
        "cafe%cc%81",
        "%20acme",
        "acme%20",
        "acme.",
        "-acme",
        "acme-",
        "_",
        "*",
        &long,
        "..%252f",
        "acme%2500",
        ".hidden",
        "tokens%2f..%2facme",
    ];
    let before = files(server.site().path());
    for name in names {
        let body = json!({"role": "owner"});
        for (method, rest) in [
            ("GET", "chain"),
            ("GET", "tokens"),
            ("POST", "tokens"),
            ("POST", "tokens/0/rotate"),
            ("DELETE", "tokens/0"),
        ] {
            let path = format!("/v1/tenants/{name}/{rest}");
            let body = Some(&body).filter(|_| method == "POST" && rest == "tokens");
            let told = ask(&server, method, &path, &server.token(), body);
            assert!(matches!(told.status, 400 | 404 | 422), "{method} {path}: {told:?}");
            let told = ask(&server, method, &path, &owner.text, body);
            assert!(matches!(told.status, 403 | 404), "{method} {path}: {told:?}");
        }
        let told = ask(&server, "DELETE", &format!("/v1/tenants/acme/tokens/{name}"), &owner.text, None);
        assert!(matches!(told.status, 400 | 403 | 404), "{name}: {told:?}");
    }
    // A device's name elsewhere, and a name like any other here.
    ask(&server, "GET", "/v1/tenants/CON/tokens", &server.token(), None).is(404);
    assert_eq!(files(server.site().path()), before);
}

/// All files but logs.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Goal: a body past its limit, one that does not come, one without an end: refused, and in bounded time.
#[test]
fn bodies_that_lie() {
    let server = two_tenants().start();
    let json = "Content-Type: application/json";
    let open =
        |fields: &[&str], length| http::open(server.admin(), "POST", "/v1/session", fields, length).unwrap();
    assert_eq!(answer(open(&[json], 4097)).status, 413, "declared");
    let mut endless = open(&[json, "Transfer-Encoding: chunked"], 0);
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    while endless.write_all(chunk.as_bytes()).is_ok() {
        let mut told = [0; 12];
        endless.set_nonblocking(true).unwrap();
        let read = endless.peek(&mut told);
        endless.set_nonblocking(false).unwrap();
        if read.is_ok() {
            break;
        }
    }
    assert_eq!(answer(endless).status, 413, "without an end");
    let mut short = open(&[json], 100);
    short.write_all(b"{\"token\":").unwrap();
    let mut dribbling = open(&[json], 4000);
    let cut = open(&[json], 100);
    cut.shutdown(Shutdown::Write).unwrap();
    let mut bytes = 0;
    while dribbling.write_all(b" ").is_ok() && bytes < PATIENCE.as_secs() {
        bytes += 1;
        std::thread::sleep(std::time::Duration::from_secs(1));
        let mut told = [0; 12];
        dribbling.set_nonblocking(true).unwrap();
        let read = dribbling.peek(&mut told);
        dribbling.set_nonblocking(false).unwrap();
        if read.is_ok() {
            break;
        }
    }
    assert_eq!(answer(dribbling).status, 408, "a byte a second");
    assert_eq!(answer(short).status, 408, "less than was declared");
    for two in [
        &["Content-Length: 3", "Content-Length: 4"][..],
        &["Content-Length: 3", "Transfer-Encoding: chunked"],
        &["Content-Length: -1"],
    ] {
        let fields: Vec<&str> = two.iter().copied().chain([json]).collect();
        let told = http::send(server.admin(), "POST", "/v1/session", &fields, b"3\r\n{}\n\r\n0\r\n\r\n");
        assert!(told.is_err() || matches!(told.as_ref().unwrap().status, 400 | 422), "{two:?}: {told:?}");
    }
    ask(&server, "GET", "/v1/status", &server.token(), None).is(200);
}

/// Goal: two hundred at once are all answered, though each place is taken by somebody who says nothing first.
#[test]
fn two_hundred_at_once() {
    let server = two_tenants().start();
    let silent: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(server.admin()).unwrap()).collect();
    let (server, token) = (&server, server.token());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| ask(server, "GET", "/v1/status", &token, None).status);
        let threads: Vec<_> = (0..200).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 200]);
    drop(silent);
}

/// Goal: clients that do not read their answers do not keep others out.
/// Method: as many as there are places, each asks for more than the kernel holds for it and reads nothing.
#[test]
fn answers_that_are_not_read() {
    let server = two_tenants().start();
    let request = format!("GET /v1/openapi.json HTTP/1.1\r\nHost: {}\r\n\r\n", server.admin()).repeat(2000);
    let mut held = Vec::new();
    for _ in 0..32 {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&server.admin().into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_nonblocking(true).unwrap();
        // What does not go out does not matter.
        let _ = stream.write_all(request.as_bytes());
        held.push(stream);
    }
    ask(&server, "GET", "/v1/status", &server.token(), None).is(200);
}

/// Goal: no token stands in the log, in an answer that is not its maker's, or in the metrics, wherever it was put.
#[test]
fn tokens_leak_nowhere() {
    let server = two_tenants().section("telemetry", "log = \"debug\"").start();
    let owner = make(&server, "acme", &json!({"role": "owner"}));
    let (host, secret) = (server.token(), owner.text.rsplit('_').next().unwrap().to_owned());
    let text = &owner.text;
    let mut answers = Vec::new();
    for (method, path) in [
        ("GET", format!("/v1/tenants/{text}/chain")),
        ("PUT", format!("/v1/tenants/{text}/chain")),
        ("DELETE", format!("/v1/tenants/acme/tokens/{text}")),
        ("POST", format!("/v1/tenants/acme/tokens/{host}/rotate")),
        ("POST", format!("/v1/{text}?token={text}")),
    ] {
        for token in [&host, text, &format!("{text}x"), &format!("{host}x")] {
            answers.push(ask(&server, method, &path, token, None));
        }
    }
    // What is no name is told to whoever sent it, but not to the log.
    ask(&server, "PUT", &format!("/v1/tenants/acme/processors/{text}/1.0.0"), text, None).is(400);
    for body in [
        json!({"token": format!("{text}x")}),
        json!({"tokem": text}),
        json!({"token": {"a": text}}),
        json!(text),
    ] {
        answers.push(with(&server, "POST", "/v1/session", &[], Some(&body)));
    }
    for body in [json!({"role": text}), json!({"role": "owner", "expires_in": text}), json!({ text: 1 })] {
        answers.push(ask(&server, "POST", "/v1/tenants/acme/tokens", text, Some(&body)));
    }
    let session = with(&server, "POST", "/v1/session", &[], Some(&json!({"token": text}))).is(200);
    let cookie = session.header("set-cookie");
    let cookie = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    answers.push(with(&server, "GET", "/v1/session", &[&format!("Cookie: gatepost_session={cookie}")], None));
    answers.push(with(&server, "GET", "/metrics", &[], None));
    answers.push(ask(&server, "GET", "/v1/status", &host, None));
    for canary in [&host, &secret, &cookie] {
        let leaks = answers
            .iter()
            .filter(|answer| answer.body.contains(canary.as_str()) || answer.head.contains(canary.as_str()));
        let leaks: Vec<_> = leaks.collect();
        assert!(leaks.is_empty(), "{canary}: {leaks:?}");
        assert!(!server.log().contains(canary.as_str()), "{canary} is in the log");
    }
}
