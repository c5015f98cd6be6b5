//! Bytes are sacred: what no processor changes leaves exactly as it came in.

use gatepost_tests::{Server, Smtp};

const FROM: &str = "a@client.test";
const TO: &str = "jo@acme.example";

/// A small generator (splitmix64), so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from[self.below(from.len())]
    }
}

/// Lines of what goes wrong in mail software; every line ends in CRLF and holds no other CR or LF, and no NUL.
fn body(random: &mut Random) -> Vec<u8> {
    const PIECES: [&[u8]; 13] = [
        b".",
        b"..",
        b" ",
        b"\t",
        b"  \t ",
        b"\x80\xff",
        "grün".as_bytes(),
        b"From ",
        b"text",
        b"=20",
        b"\x1a",
        b"\x0b\x0c",
        b"a: b",
    ];
    let mut body = Vec::new();
    for _ in 0..random.below(60) {
        match random.below(8) {
            0 => {}
            1 => {
                let octet = u8::try_from(random.below(200)).unwrap() + 14;
                body.extend(std::iter::repeat_n(octet, random.below(5000)));
            }
            2 => body.extend((0..random.below(300)).map(
                |_| match u8::try_from(random.next() & 0xff).unwrap() {
                    b'\r' | b'\n' | 0 => b'.',
                    other => other,
                },
            )),
            _ => (0..random.below(6)).for_each(|_| body.extend(random.pick(&PIECES))),
        }
        body.extend(b"\r\n");
    }
    body
}

/// Goal: random content arrives unchanged through no processor, through pass-only ones, and through compress and back.
/// Method: 60 bodies of a fixed seed to tenants with three chains, each sent in pieces of random size.
#[test]
fn random_bodies_arrive_unchanged() {
    let chains =
        [("plain", "maildir"), ("debug", "debug | maildir"), ("zip", "compress | decompress | maildir")];
    let builder = chains.iter().fold(Server::builder(), |builder, (name, chain)| {
        builder.chain(name, &format!("{name}.example"), chain)
    });
    let server = builder.start();
    for (name, chain) in chains {
        let mut random = Random(20);
        let mut client = server.smtp();
        for n in 0..60 {
            let content = [b"Subject: random\r\n\r\n".to_vec(), body(&mut random)].concat();
            client.expect_data(FROM, &format!("jo@{name}.example"));
            let wire = gatepost_tests::smtp::stuffed(&content);
            let mut rest = wire.as_slice();
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(rest.len().min(1 + random.below(9000)));
                client.write(piece).unwrap();
                rest = tail;
            }
            client.expect_reply(250);
            let stored = server.maildir(name).messages();
            assert!(stored == [content], "`{chain}`, message {n} was changed");
            server.maildir(name).clear();
        }
    }
}

/// Goal: lines of any length arrive whole.
/// Method: 998, 1000, 1002, 10 k and 1 M octets; in the body, and as a header field where it fits.
#[test]
fn long_lines_arrive_whole() {
    let server =
        Server::builder().chain("acme", "acme.example", "header | compress | decompress | maildir").start();
    let mut client = server.smtp();
    for length in [998, 1000, 1002, 10_000, 1_000_000] {
        let line = vec![b'x'; length];
        let mut content = b"Subject: long\r\n".to_vec();
        if length <= 200_000 {
            content.extend([b"X-Long: ", line.as_slice(), b"\r\n"].concat());
        }
        content.extend([b"\r\n", line.as_slice(), b"\r\n.\r\n", line.as_slice(), b"\r\n"].concat());
        assert_eq!(client.deliver(FROM, &[TO], &content).unwrap().code, 250, "{length}");
        let stored = server.maildir("acme").messages().pop().unwrap();
        assert!(stored.ends_with(&content), "{length}: changed");
    }
}

/// Goal: `header` adds its fields on top and changes nothing below; Delivered-To only where it betrays nobody.
/// Method: one recipient, two recipients, the null sender.
#[test]
fn header_adds_on_top_only() {
    let server = Server::builder().chain("acme", "acme.example", "header | maildir").start();
    let content = b"Subject: x\r\nX-Odd:no space\r\n\tfolded  \r\n\r\nbody  \r\n";
    let header = |from: &str, to: &[&str]| {
        let reply = Smtp::one_message(server.mx(), from, to, content).unwrap();
        assert_eq!(reply.code, 250);
        let stored = String::from_utf8(server.maildir("acme").messages().pop().unwrap()).unwrap();
        stored
            .strip_suffix(std::str::from_utf8(content).unwrap())
            .expect("the content is as it was")
            .to_owned()
    };
    let one = header(FROM, &[TO]);
    assert!(
        one.starts_with("Return-Path: <a@client.test>\r\nDelivered-To: jo@acme.example\r\nReceived: "),
        "{one}"
    );
    assert!(
        one.contains("from client.test (") && one.contains("by mx.test") && one.contains("with ESMTP"),
        "{one}"
    );
    assert!(one.contains("for <jo@acme.example>"), "{one}");
    assert!(!one.replace("\r\n", "").contains(['\r', '\n']), "CRLF only");
    let two = header("", &[TO, "mo@acme.example"]);
    assert!(two.starts_with("Return-Path: <>\r\nReceived: "), "{two}");
    assert!(!two.contains("acme.example"), "no recipient is betrayed: {two}");
}

/// Goal: eight bits go through whether BODY announces them or not, and the log says which.
#[test]
fn eight_bits_go_through() {
    let server = Server::builder().start();
    let content = "Subject: größer\r\n\r\n\u{20ac}\r\n".as_bytes();
    let mut client = server.smtp();
    for parameter in ["", " BODY=8BITMIME", " BODY=7BIT"] {
        client.expect(&format!("MAIL FROM:<{FROM}>{parameter}"), 250);
        client.expect(&format!("RCPT TO:<{TO}>"), 250);
        client.expect("DATA", 354);
        client.write(&gatepost_tests::smtp::stuffed(content)).unwrap();
        client.expect_reply(250);
    }
    assert_eq!(server.maildir("acme").messages(), [content, content, content]);
}
