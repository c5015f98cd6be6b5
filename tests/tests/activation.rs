//! Sockets that a service manager hands over: a restart refuses nobody, and nobody else can take the port meanwhile.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use gatepost_tests::wait::until;
use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";

fn sockets() -> [TcpListener; 2] {
    [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap())
}

/// A server whose `mx` and admin API listen at these sockets' addresses.
fn start(sockets: &[TcpListener; 2]) -> Server {
    let [mx, admin] = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
    let text = format!("[[listener]]\nname = \"mx\"\naddress = \"{mx}\"\n[admin]\naddress = \"{admin}\"\n");
    let site = Server::builder().file("conf.d/addresses.toml", text.as_bytes()).site();
    let server = site.start_with(sockets.each_ref());
    assert_eq!((server.mx(), server.admin()), (mx, admin));
    server
}

/// Goal: under a stream of clients, restarts refuse no connection, and no message is lost or doubled. One that is open may
/// hear 421, at whatever point, and comes again.
/// Method: four clients in a row of sessions each; three restarts.
#[test]
fn restarts_refuse_nobody() {
    let sockets = sockets();
    let mut server = start(&sockets);
    let address = server.mx();
    let (over, delivered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let send = || {
        while !over.load(Ordering::Relaxed) {
            // Connects and reads the greeting: neither may fail, ever.
            let mut client = Smtp::connect(address).unwrap_or_else(|error| panic!("refused: {error}"));
            let Ok(hello) = client.ask("EHLO client.test") else { continue };
            if hello.code == 421 {
                continue;
            }
            match client.deliver(FROM, &[TO], MESSAGE) {
                Ok(reply) if reply.code == 250 => drop(delivered.fetch_add(1, Ordering::Relaxed)),
                Ok(reply) => assert_eq!(reply.code, 421, "{}", reply.text()),
                // It heard 421 before it had asked.
                Err(_) => {}
            }
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(send)).collect();
        for _ in 0..3 {
            let before = delivered.load(Ordering::Relaxed);
            while delivered.load(Ordering::Relaxed) < before + 20
                && !clients.iter().any(thread::ScopedJoinHandle::is_finished)
            {
                thread::yield_now();
            }
            server.restart_with(sockets.each_ref());
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    assert_eq!(server.maildir("acme").count(), delivered.into_inner());
}

/// Goal: a reload may give an inherited socket up and take it again; what no listener has is told.
#[test]
fn a_reload_gives_it_up_and_takes_it_again() {
    let sockets = sockets();
    let server = start(&sockets);
    let inherited = server.mx();
    let told = format!("the service manager hands over a socket at {inherited}, which no listener has");
    assert!(!server.log().contains(&told));
    let more = |address: &str| {
        let text = format!("[[listener]]\nname = \"mx\"\naddress = \"{address}\"\n");
        server.site().write("conf.d/more.toml", text.as_bytes());
        let answer = server.api("POST", "/v1/reload");
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    more("127.0.0.1:0");
    until("the log to tell of it", || server.log().contains(&told).then_some(()));
    // The kernel lets it in; it is greeted once somebody listens again.
    let mut waiting = Smtp::connect_unread(inherited).unwrap();
    more(&inherited.to_string());
    waiting.expect_reply(220);
    waiting.expect("EHLO client.test", 250);
    assert_eq!(waiting.deliver(FROM, &[TO], MESSAGE).unwrap().code, 250);
}

/// Goal: the manager is told of each state, in a way that fits `Type=notify-reload`, and nothing after that we stop.
#[test]
fn the_manager_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(gatepost_tests::wait::PATIENCE)).unwrap();
    let next = || {
        let mut text = [0; 200];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let mut server = Server::builder().site().start_told(&path);
    assert_eq!(next(), "READY=1");
    server.sighup();
    let reloading = next();
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(time.parse::<u64>().unwrap() > 0);
    assert_eq!(next(), "READY=1");
    server.sigterm();
    assert_eq!(next(), "STOPPING=1");
    assert_eq!(server.wait_exit(), 0);
    manager.set_nonblocking(true).unwrap();
    assert!(manager.recv(&mut [0; 9]).is_err());
}
