//! What the next server offers, as its answer to EHLO or LHLO says (RFC 5321 §4.1.1.1).
//!
//! ```text
//! ["mx.example hello", "SIZE 1000", "PIPELINING"]  ->  name "mx.example", size 1000, pipelining
//! ```
//!
//! Pure. A keyword that we do not use is passed over.

/// What the next server offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// RFC 2920.
    pub(super) pipelining: bool,
    /// RFC 6152.
    pub(super) eight_bit: bool,
    /// RFC 6531.
    pub(super) smtputf8: bool,
    /// RFC 3030: BDAT.
    pub(super) chunking: bool,
    /// RFC 3030: content that is no text.
    pub(super) binary: bool,
    /// RFC 1870.
    pub(super) size: bool,
    /// RFC 3461.
    pub(super) dsn: bool,
    /// RFC 3207.
    pub(super) starttls: bool,
    /// RFC 4954: mechanisms, in upper case.
    pub(super) auth: Vec<String>,
}

impl Offers {
    /// Reads the lines of the answer; the first is the server's name.
    pub(super) fn read(lines: &[String]) -> Self {
        let mut offers = Self::default();
        for line in lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default() {
                "PIPELINING" => offers.pipelining = true,
                "8BITMIME" => offers.eight_bit = true,
                "SMTPUTF8" => offers.smtputf8 = true,
                "CHUNKING" => offers.chunking = true,
                "BINARYMIME" => offers.binary = true,
                "SIZE" => offers.size = true,
                "DSN" => offers.dsn = true,
                "STARTTLS" => offers.starttls = true,
                "AUTH" => offers.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        // Binary content has no other way to travel.
        offers.binary &= offers.chunking;
        offers
    }
}

/// The name that a greeting or an answer to EHLO begins with, in lower case.
pub(super) fn server_name(lines: &[String]) -> String {
    let first = lines.first().map(String::as_str).unwrap_or_default();
    let name = first.split_ascii_whitespace().next().unwrap_or_default();
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_read() {
        let all = "MX.Example. hello\nPIPELINING\n8bitmime\nSMTPUTF8\nCHUNKING\nBINARYMIME\nSIZE 1000\nDSN\nSTARTTLS\n\
                   AUTH plain LOGIN\nXFORWARD NAME\n";
        let offers = Offers::read(&lines(all));
        let expect = Offers {
            pipelining: true,
            eight_bit: true,
            smtputf8: true,
            chunking: true,
            binary: true,
            size: true,
            dsn: true,
            starttls: true,
            auth: vec!["PLAIN".into(), "LOGIN".into()],
        };
        assert_eq!(offers, expect);
        assert_eq!(server_name(&lines(all)), "mx.example");
    }

    #[test]
    fn the_first_line_offers_nothing_and_binary_needs_chunking() {
        assert_eq!(Offers::read(&lines("PIPELINING\nBINARYMIME\nX-PIPELINING\n")), Offers::default());
        assert_eq!(Offers::read(&[]), Offers::default());
        assert_eq!(server_name(&[]), "");
    }
}
