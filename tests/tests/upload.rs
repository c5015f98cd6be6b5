//! Components by the admin API: what is stored, what is refused, and that nothing of a refused one is left.

use std::io::Write as _;
use std::path::Path;

use gatepost_tests::bombs;
use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, http};

/// All files below `catalog/processors`, as paths relative to it.
fn stored(server: &Server) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let root = server.site().path().join("catalog/processors");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort();
    found
}

fn deliver(server: &Server) {
    let sent = server.smtp().deliver("a@client.test", &["jo@acme.example"], b"Subject: x\r\n\r\nx\r\n");
    assert_eq!(sent.unwrap().code, 250);
}

fn guest(name: &str) -> Guest {
    Guest::new().name(name)
}

/// Goal: what is stored is what was sent, and the answer says what it is; the same again is no error, other bytes are.
#[test]
fn a_component_is_stored_once() {
    let server = Server::builder().start();
    let component = guest("tagger").component();
    let answer = server.upload("acme", "tagger", "1.0.0", &component).is(201).json();
    assert_eq!(
        (&answer["owner"], &answer["name"], &answer["version"]),
        (&"acme".into(), &"tagger".into(), &"1.0.0".into())
    );
    assert_eq!(answer["size"], component.len());
    assert_eq!(answer["takes"], "any");
    assert_eq!(answer["warnings"], serde_json::json!([]));
    assert_eq!(answer["exports"], serde_json::json!(["gatepost:processor/processor@0.1.0"]));
    let hash = answer["hash"].as_str().unwrap().to_owned();
    assert_eq!(hash.len(), 64);
    assert_eq!(stored(&server), ["acme/tagger/1.0.0.wasm"]);
    let path = server.site().path().join("catalog/processors/acme/tagger/1.0.0.wasm");
    assert!(std::fs::read(&path).unwrap() == component);

    assert_eq!(server.upload("acme", "tagger", "1.0.0", &component).is(200).json(), answer);
    assert_eq!(
        server.upload("acme", "TAGGER", "1.0.0", &component).is(200).json(),
        answer,
        "compared in lower case"
    );
    let other = guest("tagger").pages(17).component();
    let told = server.upload("acme", "tagger", "1.0.0", &other).is(409).json();
    assert!(told["detail"].as_str().unwrap().contains("acme/tagger@1.0.0 is there already"), "{told}");
    assert!(std::fs::read(&path).unwrap() == component);
    server.upload("acme", "tagger", "1.0.1", &other).is(201);
    server.upload("acme", "tagger", "2.0.0-rc.1", &other).is(201);

    let shared = server.upload("host", "shared", "1.0.0", &guest("another").component()).is(201).json();
    assert_eq!(shared["owner"], "host");
    assert_eq!(shared["warnings"], serde_json::json!(["its own name is `another`, not `shared`"]));
    let records = server.wait_records("processor_stored", 4);
    assert_eq!((&records[0]["owner"], &records[0]["hash"]), (&"acme".into(), &hash.into()));
    assert!((server.metric("gatepost_uploads_total{result=\"ok\"}") - 4.0).abs() < f64::EPSILON);
}

/// Goal: an upload changes no chain.
#[test]
fn a_newer_version_waits_until_the_chain_is_set() {
    let server = Server::builder().start();
    server.upload("acme", "tagger", "1.0.0", &guest("tagger").component()).is(201);
    let chain = br#"{"chain": "tagger@1 | maildir"}"#;
    let view = server.put("/v1/tenants/acme/chain", &[], chain).is(200).json();
    assert!(view["stages"][0]["processor"].as_str().unwrap().starts_with("acme/tagger@1.0.0#"), "{view}");
    server.upload("acme", "tagger", "1.0.1", &guest("tagger").pages(17).component()).is(201);
    deliver(&server);
    let record = &server.wait_records("message", 1)[0];
    assert!(record["stages"][0]["processor"].as_str().unwrap().starts_with("acme/tagger@1.0.0#"), "{record}");
    assert_eq!(server.api("POST", "/v1/reload").is(200).json()["changed"], serde_json::json!([]));
    deliver(&server);
    let record = &server.wait_records("message", 2)[1];
    assert!(record["stages"][0]["processor"].as_str().unwrap().starts_with("acme/tagger@1.0.0#"), "{record}");
    server.put("/v1/tenants/acme/chain", &[], chain).is(200);
    deliver(&server);
    let record = &server.wait_records("message", 3)[2];
    assert!(record["stages"][0]["processor"].as_str().unwrap().starts_with("acme/tagger@1.0.1#"), "{record}");
}

/// Goal: what a component asks for is said; one that asks for more than its tenant may give is refused, naming the import.
#[test]
fn grants_that_are_missing_are_named() {
    let tenant = "domains = [\"acme.example\"]\nchain = \"maildir\"\n[host]\ngrants_allowed = [\"clock\"]\n";
    let server = Server::builder().tenant("acme", tenant).start();
    let asking = guest("asking")
        .wit("import next;", "import next; import kv; import clock;")
        .open("(drop (call $now_ms)) (call $kv_get @\"key\" (i32.const 128)) (global.get $ok)")
        .component();
    let refused = server.upload("acme", "asking", "1.0.0", &asking).is(422).json();
    let expect = "imports `gatepost:processor/kv@0.1.0`: needs the grant `kv`, which `[host] grants_allowed` does not name";
    assert_eq!(refused["detail"], expect);
    let shared = server.upload("host", "asking", "1.0.0", &asking).is(201).json();
    assert_eq!(
        shared["grants"],
        serde_json::json!(["clock", "kv"]),
        "who may have it differs from tenant to tenant"
    );
    server
        .site()
        .write("catalog/tenants/acme.toml", tenant.replace("[\"clock\"]", "[\"clock\", \"kv\"]").as_bytes());
    assert_eq!(server.upload("acme", "asking", "1.0.0", &asking).is(201).json()["grants"], shared["grants"]);
}

/// Goal: a component at fault is refused by name, and leaves nothing.
#[test]
fn what_does_not_fit_is_refused_by_name() {
    let server = Server::builder().start();
    let refused = |component: &[u8], part: &str| {
        let answer = server.upload("acme", "bad", "1.0.0", component).is(422);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let told = answer.json();
        assert!(told["detail"].as_str().unwrap().contains(part), "{part}: {told}");
    };
    refused(b"", "not a component");
    refused(b"\x7fELF\x02\x01\x01", "never loaded");
    refused(&guest("x").module(), "this is a core module");
    refused(&wat::parse_str("(component)").unwrap(), "lacks the export `gatepost:processor/processor@0.1.0`");
    let wasi = guest("x")
        .wit("import next;", "import next; import wasi:cli/environment@0.2.0;")
        .wit(
            "package gatepost:processor@0.1.0;",
            "package gatepost:processor@0.1.0; package wasi:cli@0.2.0 { interface environment { exit: func(); } }",
        )
        .items("(func (call $foreign))")
        .wat("(module", "(module (import \"wasi:cli/environment@0.2.0\" \"exit\" (func $foreign))");
    refused(&wasi.component(), "`wasi:cli/environment@0.2.0`");
    refused(&guest("x").describe("unreachable").component(), "`describe` trapped");
    refused(&guest("x").describe("(loop (br 0)) unreachable").component(), "CPU time");
    let whole = guest("x").component();
    refused(&whole[..whole.len() - 1], "cut short or damaged");
    assert_eq!(stored(&server), [""; 0]);
    assert!((server.metric("gatepost_uploads_total{result=\"refused\"}") - 8.0).abs() < f64::EPSILON);
}

/// Goal: a name, a version or an owner that is none is refused, and never a file outside of its place.
/// Method: path tricks in each part; then every file of the folder is looked at.
#[test]
fn paths_that_are_none() {
    let server = Server::builder().start();
    let component = guest("x").component();
    let put = |path: &str| server.put(path, &[], &component).status;
    let long = "a".repeat(300);
    for name in [
        "..",
        "%2e%2e",
        "..%2f..%2fx",
        "a%2fb",
        "a%00b",
        "%00",
        "-a",
        "a-",
        "a.b",
        "a_b",
        "a%20b",
        "%c3%a9",
        "e%cc%81",
        "%e2%80%ae",
        "%ff",
        &long,
        &"a".repeat(64),
        "%E2%84%AA",
        "caf%C3%A9",
        "header",
        "maildir",
        "HEADER",
        "con.",
    ] {
        let status = put(&format!("/v1/tenants/acme/processors/{name}/1.0.0"));
        assert!([400, 404].contains(&status), "{name}: {status}");
        assert!([400, 404].contains(&put(&format!("/v1/processors/{name}/1.0.0"))), "{name}");
        // The built in names are good ones for tenants; there are just none of these.
        let status = put(&format!("/v1/tenants/{name}/processors/x/1.0.0"));
        assert!([400, 404].contains(&status), "{name}: {status}");
    }
    for version in [
        "1",
        "1.0",
        "1.0.0.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0+build",
        "..",
        "1.0.0%2f..%2f..",
        "1.0.0%00",
        "-1.0.0",
        "1.0.x",
        "latest",
        "1.0.99999999999999999999",
        "%2e",
        &format!("1.0.0-{long}"),
        &format!("1.0.0-{}", "a".repeat(59)),
    ] {
        let status = put(&format!("/v1/tenants/acme/processors/x/{version}"));
        assert!([400, 404].contains(&status), "{version}: {status}");
    }
    for path in [
        "/v1/tenants/acme/processors/x",
        "/v1/tenants/acme/processors/x/",
        "//v1/processors/x/1.0.0",
        "/v1/../v1/processors/x/1.0.0",
        "/V1/processors/x/1.0.0",
        "/v1/tenants/acme/processors/x/1.0.0/",
        "/v1/tenants/host/processors/x/1.0.0",
        "/v1/tenants/nobody/processors/x/1.0.0",
    ] {
        assert_eq!(put(path), 404, "{path}");
    }
    assert_eq!(stored(&server), [""; 0]);
    assert_eq!(put(&format!("/v1/tenants/acme/processors/{}/1.0.0-{}", "a".repeat(63), "b".repeat(58))), 201);
    assert_eq!(stored(&server).len(), 1);
}

/// Goal: without the host's token nothing is read, written or told, whatever the verb.
#[test]
fn only_with_the_hosts_token() {
    let server = Server::builder().start();
    let component = guest("x").component();
    for path in [
        "/v1/tenants/acme/processors/x/1.0.0",
        "/v1/processors/x/1.0.0",
        "/v1/tenants/acme/chain",
        "/v1/tenants/nobody/chain",
    ] {
        for token in [
            "",
            "Authorization: Bearer",
            "Authorization: Bearer wrong",
            "Authorization: Basic eDp5",
            "X-Token: x",
        ] {
            let fields: Vec<&str> = [token].into_iter().filter(|token| !token.is_empty()).collect();
            let answer = http::send(server.admin(), "PUT", path, &fields, &component).unwrap();
            assert_eq!(answer.status, 401, "{path} {token}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        let stream = http::open(server.admin(), "PUT", path, &[], 1 << 20).unwrap();
        assert_eq!(http::answer(stream).unwrap().status, 401, "before the body is read");
    }
    assert_eq!(http::request(server.admin(), "GET", "/v1/tenants/acme/chain", &[]).unwrap().status, 401);
    for (method, path) in [
        ("POST", "/v1/tenants/acme/processors/x/1.0.0"),
        ("PATCH", "/v1/processors/x/1.0.0"),
        ("GET", "/v1/processors/x/1.0.0"),
        ("POST", "/v1/tenants/acme/chain"),
        ("PATCH", "/v1/tenants/acme/chain"),
    ] {
        let override_it = format!("Authorization: Bearer {}", server.token());
        let fields = [override_it.as_str(), "X-HTTP-Method-Override: PUT", "X-HTTP-Method: PUT"];
        assert_eq!(
            http::send(server.admin(), method, path, &fields, &component).unwrap().status,
            405,
            "{method} {path}"
        );
    }
    let rebound = server.put("/v1/processors/x/1.0.0", &["Host: evil.example"], &component);
    assert_eq!(rebound.status, 403);
    assert_eq!(stored(&server), [""; 0]);
}

/// Goal: a component may be as large as its tenant's limit and no larger, however its length is told.
#[test]
fn sizes_at_the_limit_and_past_it() {
    let padded = |size: usize| {
        let mut component = guest("x").component();
        // A custom section: its length as five bytes of LEB128, an empty name, zeros.
        let body = size - component.len() - 6;
        component.push(0);
        component.extend(
            (0..5).map(|n| u8::try_from((body >> (7 * n)) & 0x7f).unwrap() | if n < 4 { 0x80 } else { 0 }),
        );
        component.resize(size, 0);
        component
    };
    let tenant =
        "domains = [\"acme.example\"]\nchain = \"maildir\"\n[limits]\ncomponent_size_max = \"64KiB\"\n";
    let server =
        Server::builder().section("limits", "component_size_max = \"128KiB\"").tenant("acme", tenant).start();
    server.upload("acme", "x", "1.0.0", &padded(64 << 10)).is(201);
    let told = server.upload("acme", "x", "2.0.0", &padded((64 << 10) + 1)).is(413).json();
    assert!(told["detail"].as_str().unwrap().contains("65536"), "{told}");
    server.upload("host", "x", "1.0.0", &padded(128 << 10)).is(201);
    server.upload("host", "x", "2.0.0", &padded((128 << 10) + 1)).is(413);

    let token = format!("Authorization: Bearer {}", server.token());
    let path = "/v1/tenants/acme/processors/x/3.0.0";
    let open = |field: &str| http::open(server.admin(), "PUT", path, &[&token, field], 0).unwrap();
    // Refused by what is declared, though nothing comes.
    for length in ["65537", "1000000000000", "9223372036854775807"] {
        assert_eq!(http::answer(open(&format!("Content-Length: {length}"))).unwrap().status, 413, "{length}");
    }
    // What the parser of HTTP does not take at all.
    let too_long = http::answer(open("Content-Length: 18446744073709551615")).unwrap().status;
    assert!((400..500).contains(&too_long), "{too_long}");
    for length in ["-1", "1e3", "99999999999999999999999"] {
        assert_eq!(http::answer(open(&format!("Content-Length: {length}"))).unwrap().status, 400, "{length}");
    }
    // Chunks without end.
    let mut stream = open("Transfer-Encoding: chunked");
    let chunk = [&b"1000\r\n"[..], &[0; 0x1000], b"\r\n"].concat();
    let sent = (0..100_000).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 100_000, "it is cut off");
    // Less than was said: the connection ends, and nothing is stored.
    let mut stream = open("Content-Length: 1000");
    stream.write_all(&[0; 999]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(http::answer(stream).map_or(400, |answer| answer.status) >= 400);
    assert_eq!(stored(&server), ["acme/x/1.0.0.wasm", "host/x/1.0.0.wasm"]);
}

/// Goal: two uploads of one path leave one of them whole, and each client learns which.
#[test]
fn the_same_version_at_once() {
    let server = Server::builder().section("admin", "uploads_max = 16").start();
    let components = [guest("x").component(), guest("x").pages(17).component()];
    let mut statuses: Vec<(usize, u16)> = std::thread::scope(|scope| {
        let put = |n: usize| server.upload("acme", "x", "1.0.0", &components[n % 2]).status;
        let threads: Vec<_> = (0..8).map(|n| (n % 2, scope.spawn(move || put(n)))).collect();
        threads.into_iter().map(|(n, thread)| (n, thread.join().unwrap())).collect()
    });
    statuses.sort_by_key(|(_, status)| *status != 201);
    let (winner, _) = statuses[0];
    assert_eq!(statuses.iter().filter(|(_, status)| *status == 201).count(), 1, "{statuses:?}");
    for (n, status) in &statuses[1..] {
        assert_eq!(*status, if *n == winner { 200 } else { 409 }, "{statuses:?}");
    }
    let path = server.site().path().join("catalog/processors/acme/x/1.0.0.wasm");
    assert!(std::fs::read(path).unwrap() == components[winner]);
    assert_eq!(stored(&server), ["acme/x/1.0.0.wasm"]);
}

/// Goal: uploads at work are bounded by `uploads_max`; past it 503 with when to try again, and all else is answered.
/// Method: a component that takes seconds to be compiled holds the only place; one that only dribbles in holds none.
#[test]
fn so_many_uploads_at_once() {
    let server = Server::builder().section("admin", "uploads_max = 1").start();
    let token = format!("Authorization: Bearer {}", server.token());
    let component = guest("x").component();
    let path = "/v1/tenants/acme/processors/dribbling/1.0.0";
    let mut dribbling = http::open(server.admin(), "PUT", path, &[&token], component.len()).unwrap();
    dribbling.write_all(&component[..1]).unwrap();
    server.upload("acme", "x", "1.0.0", &component).is(201);
    dribbling.write_all(&component[1..]).unwrap();
    assert_eq!(http::answer(dribbling).unwrap().status, 201);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| server.upload("acme", "slow", "1.0.0", &bombs::loops(400)));
        let refused = until("the slow one is compiled", || {
            let answer = server.put("/v1/tenants/acme/chain", &[], b"{\"chain\": \"null\"}");
            (answer.status == 503).then_some(answer)
        });
        assert_eq!(refused.header("retry-after"), "2");
        server.upload("acme", "-", "1.0.0", &component).is(400);
        server.api("GET", "/v1/status").is(200);
        server.api("GET", "/v1/tenants/acme/chain").is(200);
        assert_eq!(server.get("/metrics").status, 200);
        slow.join().unwrap().is(422);
    });
    server.upload("acme", "y", "1.0.0", &component).is(201);
}

/// Goal: a tenant has as many components as `components_max` allows, every version counted, and one more once one is gone.
#[test]
fn so_many_components() {
    let server = Server::builder().section("limits", "components_max = 2").start();
    let put = |name: &str, version: &str| server.upload("acme", name, version, &guest(name).component());
    put("a", "1.0.0").is(201);
    put("a", "1.0.1").is(201);
    let full = put("b", "1.0.0").is(409).json();
    assert!(full["detail"].as_str().unwrap().contains("components_max is 2: remove some"), "{full}");
    put("a", "1.0.1").is(200);
    server.api("DELETE", "/v1/tenants/acme/processors/a/1.0.0").is(204);
    put("b", "1.0.0").is(201);
}

/// Goal: a server that is killed in the middle of uploads comes back with whole components only.
/// Method: it is killed after another and another pause while one upload follows the next.
#[test]
fn killed_in_the_middle() {
    let mut server = Server::builder().start();
    let component = guest("x").component();
    for round in 0..6u64 {
        let (token, admin) = (format!("Authorization: Bearer {}", server.token()), server.admin());
        let bytes = component.clone();
        let uploading = std::thread::spawn(move || {
            let put = |n: &u32| {
                let path = format!("/v1/tenants/acme/processors/x/{round}.0.{n}");
                http::send(admin, "PUT", &path, &[&token], &bytes).is_ok_and(|answer| answer.status == 201)
            };
            (0..).take_while(put).count()
        });
        std::thread::sleep(std::time::Duration::from_millis(20 + 17 * round));
        server.kill9();
        let answered = uploading.join().unwrap();
        let whole: Vec<String> = stored(&server)
            .into_iter()
            .filter(|path| path.starts_with(&format!("acme/x/{round}.")))
            .collect();
        assert!(whole.len() >= answered, "what was answered is there: {answered} of {whole:?}");
        for path in &whole {
            let path = server.site().path().join("catalog/processors").join(path);
            assert!(std::fs::read(path).unwrap() == component);
        }
        server.restart();
        server.upload("acme", "x", &format!("{round}.1.0"), &component).is(201);
    }
}
