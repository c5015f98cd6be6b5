//! Headers of both versions, each cut at every byte.

use proptest::prelude::*;

use super::*;

/// A header of version 2.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [v2::MARK, &[command, family], &length, rest].concat()
}

fn tcp4(tlvs: &[u8]) -> Vec<u8> {
    binary(0x21, 0x11, &[&[192, 0, 2, 7, 203, 0, 113, 1, 0xdc, 0x04, 0, 25], tlvs].concat())
}

fn tcp6() -> Vec<u8> {
    let ip = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    binary(0x21, 0x21, &[&ip("2001:db8::7")[..], &ip("2001:db8::1"), &[0xdc, 0x04, 0, 25]].concat())
}

/// Goal: a header is what it is wherever it is cut, and however much follows.
#[track_caller]
fn whole(header: &[u8], client: Option<&str>) {
    let client = client.map(|text| text.parse().unwrap());
    let expected = Ok(Header::Whole { length: header.len(), client });
    for cut in 0..header.len() {
        assert_eq!(read(&header[..cut]), Ok(Header::Partial), "{cut} of {}", header.escape_ascii());
    }
    for after in [&b""[..], b"E", b"\r\n", b"EHLO a\r\nQUIT\r\n", &[0; 9000], header] {
        assert_eq!(read(&[header, after].concat()), expected, "{}", header.escape_ascii());
    }
}

/// Goal: what is wrong is said to be so at some byte, and from there on always; never is it whole.
#[track_caller]
fn wrong(header: &[u8], error: HeaderError) {
    assert_eq!(read(header), Err(error), "{}", header.escape_ascii());
    let seen = (0..=header.len()).find(|&cut| read(&header[..cut]).is_err()).unwrap();
    for cut in 0..header.len() {
        let expected = if cut < seen { Ok(Header::Partial) } else { Err(error) };
        assert_eq!(read(&header[..cut]), expected, "{cut} of {}", header.escape_ascii());
    }
}

#[test]
fn lines() {
    whole(b"PROXY TCP4 192.0.2.7 203.0.113.1 56324 25\r\n", Some("192.0.2.7:56324"));
    whole(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Some("255.255.255.255:65535"));
    whole(b"PROXY TCP6 2001:db8::7 ::1 0 25\r\n", Some("[2001:db8::7]:0"));
    whole(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 25\r\n", Some("[::ffff:192.0.2.7]:1"));
    whole(b"PROXY UNKNOWN\r\n", None);
    whole(b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None);
}

#[test]
fn a_line_at_its_limit_and_past_it() {
    let line = |len: usize| format!("PROXY UNKNOWN {:x<1$}\r\n", "", len - 16).into_bytes();
    assert_eq!(line(LINE_MAX).len(), LINE_MAX);
    whole(&line(LINE_MAX), None);
    wrong(&line(LINE_MAX + 1), HeaderError::Line);
    wrong(&line(5000), HeaderError::Line);
}

#[test]
fn lines_that_are_none() {
    let malformed = |line: &str, why| wrong(line.as_bytes(), HeaderError::Malformed(why));
    let words = "its line has not its six words";
    malformed("PROXY \r\n", words);
    malformed("PROXY TCP4\r\n", words);
    malformed("PROXY TCP4 192.0.2.7 203.0.113.1 1 25 \r\n", words);
    malformed("PROXY TCP4  192.0.2.7 203.0.113.1 1 25\r\n", words);
    malformed("PROXY TCP4 192.0.2.7 203.0.113.1 1 25\n", "its line ends without a CR");
    let protocol = "its protocol is not TCP4, TCP6 or UNKNOWN";
    for family in ["tcp4", "UDP4", "UNKNOWNS", "TCP"] {
        malformed(&format!("PROXY {family} 192.0.2.7 203.0.113.1 1 25\r\n"), protocol);
    }
    let address = "an address is none of its protocol";
    for (family, from, to) in [
        ("TCP4", "192.0.2.07", "203.0.113.1"),
        ("TCP4", "192.0.2", "203.0.113.1"),
        ("TCP4", "192.0.2.7", "localhost"),
        ("TCP4", "::1", "::1"),
        ("TCP6", "192.0.2.7", "::1"),
        ("TCP6", "::1%lo", "::1"),
        ("TCP6", "[::1]", "::1"),
    ] {
        malformed(&format!("PROXY {family} {from} {to} 1 25\r\n"), address);
    }
    for port in ["", "-1", "+1", "01", "00", "65536", "x", "1\r"] {
        malformed(&format!("PROXY TCP4 192.0.2.7 203.0.113.1 {port} 25\r\n"), "a port is none");
        malformed(&format!("PROXY TCP4 192.0.2.7 203.0.113.1 25 {port}\r\n"), "a port is none");
    }
    wrong(b"PROXY TCP4 192.0.2.7\xff 203.0.113.1 1 25\r\n", HeaderError::Malformed("its line is not text"));
}

#[test]
fn what_begins_otherwise() {
    for line in [
        "EHLO a\r\n",
        "proxy TCP4",
        "PROXY\tTCP4",
        "PROXYTCP4",
        " PROXY ",
        "\r\n\r\nQUIT",
        "\x16\x03\x01",
        "\n",
    ] {
        wrong(line.as_bytes(), HeaderError::Missing);
    }
    assert_eq!(read(b""), Ok(Header::Partial));
}

#[test]
fn binaries() {
    whole(&tcp4(b""), Some("192.0.2.7:56324"));
    whole(&tcp4(b"\x04\x00\x03abc"), Some("192.0.2.7:56324"));
    whole(&tcp6(), Some("[2001:db8::7]:56324"));
    whole(&binary(0x21, 0x31, &[b'/'; 216]), None);
    whole(&binary(0x21, 0x00, b""), None);
    whole(&binary(0x21, 0x00, b"what it likes"), None);
    // A connection of the proxy's own: a health check. Whatever stands there is to be left out.
    whole(&binary(0x20, 0x00, b""), None);
    whole(&binary(0x20, 0x11, &[192, 0, 2, 7, 203, 0, 113, 1, 0, 1, 0, 25]), None);
    whole(&binary(0x20, 0xff, b"xyz"), None);
}

#[test]
fn a_binary_at_its_limit_and_past_it() {
    let room = BINARY_MAX - 28;
    whole(&tcp4(&vec![0; room]), Some("192.0.2.7:56324"));
    wrong(&tcp4(&vec![0; room + 1]), HeaderError::Long(BINARY_MAX + 1));
    wrong(&tcp4(&vec![0; usize::from(u16::MAX) - 12]), HeaderError::Long(16 + usize::from(u16::MAX)));
}

#[test]
fn binaries_that_are_none() {
    let malformed = |header: &[u8], why| wrong(header, HeaderError::Malformed(why));
    for command in [0x00, 0x11, 0x31, 0xf1] {
        malformed(&binary(command, 0x11, &[0; 12]), "its version is not 2");
    }
    for command in [0x22, 0x2f] {
        malformed(&binary(command, 0x11, &[0; 12]), "its command is not LOCAL or PROXY");
    }
    for family in [0x01, 0x10, 0x12, 0x13, 0x22, 0x32, 0x41, 0xff] {
        malformed(&binary(0x21, family, &[0; 216]), "its family or transport is not that of a connection");
    }
    for (family, needed) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
        malformed(&binary(0x21, family, &vec![0; needed - 1]), "it is too short for its addresses");
    }
    let mut other = tcp4(b"");
    other[11] = b'\r';
    wrong(&other, HeaderError::Missing);
}

proptest! {
    /// Goal: whatever comes, each byte more only makes it clearer; what is whole names no more than there is.
    #[test]
    fn bytes_only_make_it_clearer(
        start in prop::sample::select(vec![
            &b""[..], b"PROXY ", b"PROXY TCP4 ", v2::MARK, b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00",
        ]),
        rest in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[0-9.: \r\n]{0,120}".prop_map(String::into_bytes),
        ],
    ) {
        let bytes = [start, &rest].concat();
        let mut last = Ok(Header::Partial);
        for cut in 0..=bytes.len() {
            let now = read(&bytes[..cut]);
            if last != Ok(Header::Partial) {
                prop_assert_eq!(now, last);
            }
            if let Ok(Header::Whole { length, .. }) = now {
                prop_assert!(length <= cut && length <= BINARY_MAX);
            }
            last = now;
        }
        if bytes.len() >= BINARY_MAX {
            prop_assert!(last != Ok(Header::Partial));
        }
    }

    /// Goal: what is written is read, whoever it is.
    #[test]
    fn addresses_come_through(ip: std::net::IpAddr, port: u16) {
        let family = if ip.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {ip} {ip} {port} 25\r\n");
        let client = Some(SocketAddr::new(ip, port));
        prop_assert_eq!(read(line.as_bytes()), Ok(Header::Whole { length: line.len(), client }));
        let (family, octets) = match ip {
            std::net::IpAddr::V4(v4) => (0x11, v4.octets().to_vec()),
            std::net::IpAddr::V6(v6) => (0x21, v6.octets().to_vec()),
        };
        let rest = [&octets[..], &octets, &port.to_be_bytes(), &[0, 25]].concat();
        let header = binary(0x21, family, &rest);
        prop_assert_eq!(read(&header), Ok(Header::Whole { length: header.len(), client }));
    }
}
