//! What a tenant may have in the works at once: its own messages queue behind its caps and are then told to come again;
//! nobody else notices. And whose CPU time it was.

use gatepost_tests::guest::Guest;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@b.example";
const ACME: &str = "one@acme.example";
const BOLT: &str = "two@bolt.example";
const LOOP: &str = "(loop (br 0)) unreachable";

/// `acme` has the guest `good` twice in its chain and these limits; `bolt` is left in peace.
fn server(limits: &str) -> Server {
    let acme = "domains = [\"acme.example\"]\nchain = \"a:good | b:good | maildir\"\n";
    Server::builder()
        .mx("sessions_per_client = 500")
        .file("catalog/processors/host/good/1.0.0.wasm", &Guest::new().component())
        .file("catalog/processors/host/loop/1.0.0.wasm", &Guest::new().write(LOOP).component())
        .tenant("acme", &format!("{acme}[limits]\nqueue_wait_max = \"200ms\"\n{limits}"))
        .chain("bolt", "bolt.example", "good | maildir")
        .start()
}

/// A message of `acme` that has its instances and waits for its second chunk.
fn in_the_works(server: &Server) -> Smtp {
    let mut client = server.smtp();
    client.expect(&format!("MAIL FROM:<{FROM}>"), 250);
    client.expect(&format!("RCPT TO:<{ACME}>"), 250);
    client.write(b"BDAT 4\r\na\r\n\r").unwrap();
    client.expect_reply(250);
    client
}

fn deliver(server: &Server, to: &str) -> String {
    server.smtp().deliver(FROM, &[to], b"Subject: x\r\n\r\nx\r\n").unwrap().text()
}

/// Clients of `acme` that have sent 63,000 octets and no end.
fn slow_clients(server: &Server, count: usize) -> Vec<Smtp> {
    let begin = |_| {
        let mut client = server.smtp();
        client.expect_data(FROM, ACME);
        client.write(&b"forty-two bytes of a line that is whole.\r\n".repeat(1500)).unwrap();
        client
    };
    (0..count).map(begin).collect()
}

/// Goal: a message past the cap waits `queue_wait_max`, then hears 451 4.3.2 and nothing more; the log names the limit.
#[test]
fn instances_past_the_cap() {
    let server = server("concurrent_instances = 3\n");
    let first = in_the_works(&server);
    let told = deliver(&server, ACME);
    assert!(told.starts_with("451 4.3.2 Too many messages at once, try again later ("), "{told}");
    assert!(deliver(&server, BOLT).starts_with("250 "));
    let refused = server.wait_records("turn_refused", 1);
    assert_eq!(
        (&refused[0]["tenant"], &refused[0]["limit"]),
        (&"acme".into(), &"concurrent_instances".into())
    );
    let sample = "gatepost_turns_refused_total{tenant=\"acme\",limit=\"concurrent_instances\"}";
    assert_eq!(server.metric(sample), 1.0);
    drop(first);
    until("the places of who has gone", || deliver(&server, ACME).starts_with("250 ").then_some(()));
}

/// Goal: as many as the cap has room for run at once.
#[test]
fn instances_at_the_cap() {
    let server = server("concurrent_instances = 4\n");
    let _first = in_the_works(&server);
    assert!(deliver(&server, ACME).starts_with("250 "));
}

/// Goal: a chain that could never have its turn is refused when it is loaded, not at each message.
#[test]
fn a_chain_with_more_stages_than_the_cap_is_refused() {
    let server = server("concurrent_instances = 1\n");
    let refused = server.wait_records("tenant_refused", 1);
    let problems = refused[0]["problems"].to_string();
    assert!(problems.contains("chain: has 2 sandboxed stages, concurrent_instances is 1"), "{problems}");
}

/// Goal: clients that send slowly hold their own tenant's room only, and it is free when they go.
/// Method: more than 60 KiB each in the collecting buffers of more messages than there is room for.
#[test]
fn content_past_the_cap() {
    let server = server("buffered_max = \"4MiB\"\n");
    let slow = slow_clients(&server, 75);
    let refused = until("a message for which there is no room", || server.records("turn_refused").pop());
    assert_eq!((&refused["tenant"], &refused["limit"]), (&"acme".into(), &"buffered_max".into()));
    assert!(deliver(&server, BOLT).starts_with("250 "));
    assert_eq!(server.metric("gatepost_instances_live"), 0.0, "none of them has begun");
    drop(slow);
    until("the room of who has gone", || deliver(&server, ACME).starts_with("250 ").then_some(()));
}

/// Goal: the refusal for want of room comes after the true end of the content, none of which is read as commands.
#[test]
fn content_without_room_is_read_to_its_end() {
    let server = server("buffered_max = \"4MiB\"\n");
    let slow = slow_clients(&server, 66);
    until("the room to be full", || {
        let mut client = server.smtp();
        client.expect_data(FROM, ACME);
        let content = [b"QUIT\r\n".repeat(20_000), b".\r\nNOOP\r\n".to_vec()].concat();
        client.write(&content).unwrap();
        let reply = client.read_reply().unwrap();
        client.expect_reply(250);
        reply.text().starts_with("451 4.3.2 ").then_some(())
    });
    drop(slow);
}

/// Goal: a client that leaves in the midst of its message frees its instances at once, though its own tenant keeps every
/// core busy and would not have its turn for long.
#[test]
fn who_has_left_frees_its_instances() {
    let server = Server::builder()
        .section("limits", "cpu_per_message = \"20s\"\nwall_per_message = \"2m\"")
        .file("catalog/processors/acme/good/1.0.0.wasm", &Guest::new().component())
        .tenant("acme", "domains = [\"acme.example\"]\nchain = \"a:good | b:good | maildir\"\n")
        .file("catalog/processors/loops/loop/1.0.0.wasm", &Guest::new().write(LOOP).component())
        .tenant("loops", "domains = [\"loops.example\"]\nchain = \"loop | null\"\n")
        .start();
    let _loops: Vec<Smtp> = (0..16)
        .map(|_| {
            let mut client = server.smtp();
            client.expect_data(FROM, "a@loops.example");
            client.write(b"Subject: x\r\n\r\nx\r\n.\r\n").unwrap();
            client
        })
        .collect();
    until("the loops to run", || (server.metric("gatepost_instances_live") >= 16.0).then_some(()));
    let leaving = in_the_works(&server);
    assert_eq!(server.metric("gatepost_instances_live"), 18.0);
    drop(leaving);
    until("the instances of who has left to be gone", || {
        (server.metric("gatepost_instances_live") == 16.0).then_some(())
    });
}

/// Goal: a client that has sent all and closed its half has not left: it hears what became of its message, in DATA and BDAT,
/// also where nobody has read the end yet because the chain is at work.
#[test]
fn who_has_closed_its_half_is_answered() {
    let server = Server::builder()
        .section("limits", "cpu_per_message = \"300ms\"\ncpu_per_mib = \"0ms\"")
        .file("catalog/processors/acme/loop/1.0.0.wasm", &Guest::new().write(LOOP).component())
        .chain("acme", "acme.example", "loop | maildir")
        .start();
    let line = b"forty-two bytes of a line that is whole.\r\n";
    let content = [b"Subject: x\r\n\r\n".to_vec(), line.repeat(20_000)].concat();
    let mut client = server.smtp();
    client.expect_data(FROM, ACME);
    client.write(&[&content[..], b".\r\nQUIT\r\n"].concat()).unwrap();
    client.close_write().unwrap();
    assert!(client.expect_reply(451).text().starts_with("451 4.3.2 "));
    client.expect_reply(221);
    let mut client = server.smtp();
    client.expect(&format!("MAIL FROM:<{FROM}>"), 250);
    client.expect(&format!("RCPT TO:<{ACME}>"), 250);
    let head = format!("BDAT {} LAST\r\n", content.len());
    client.write(&[head.as_bytes(), &content, b"QUIT\r\n"].concat()).unwrap();
    client.close_write().unwrap();
    assert!(client.expect_reply(451).text().starts_with("451 4.3.2 "));
    client.expect_reply(221);
}

/// Goal: CPU time is told by tenant, and all of it together is not more than the threads of the chains have used.
#[test]
fn cpu_time_is_told_by_tenant() {
    let server = Server::builder()
        .section("limits", "cpu_per_message = \"300ms\"")
        .file("catalog/processors/bolt/loop/1.0.0.wasm", &Guest::new().write(LOOP).component())
        .chain("acme", "acme.example", "header | compress | decompress | maildir")
        .chain("bolt", "bolt.example", "loop | maildir")
        .start();
    assert!(deliver(&server, ACME).starts_with("250 "));
    assert!(deliver(&server, BOLT).starts_with("451 4.3.2 "));
    let of =
        |tenant: &str| server.metric(&format!("gatepost_chain_cpu_seconds_total{{tenant=\"{tenant}\"}}"));
    let threads = server.metric("gatepost_chain_threads_cpu_seconds_total");
    assert!(of("acme") > 0.0 && of("bolt") >= 0.3, "{} {}", of("acme"), of("bolt"));
    assert!(of("acme") + of("bolt") <= threads + 0.001, "{} {} {threads}", of("acme"), of("bolt"));
}
