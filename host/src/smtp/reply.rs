//! SMTP replies (RFC 5321 §4.2) with enhanced status codes (RFC 3463, RFC 2034).
//!
//! A reply cannot hold CR, LF or other control characters, so no text of a stage or a client can forge a second reply.

use std::fmt;

/// Longest text of a reply in bytes, before it is cut: `processor.wit`, `reply.text`.
pub const TEXT_MAX: usize = 400;

/// Code, enhanced status code, and one or more lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<String>,
}

/// An enhanced status code (RFC 3463 §2): class 2, 4 or 5, subject and detail of at most three digits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enhanced {
    /// 2, 4 or 5.
    pub class: u8,
    /// 0 to 999.
    pub subject: u16,
    /// 0 to 999.
    pub detail: u16,
}

impl Reply {
    /// A reply of one line. `enhanced` like `"5.7.1"`, or `""` for none. For texts written in this code; `enhanced` that
    /// does not parse is left out.
    pub fn new(code: u16, enhanced: &str, text: &str) -> Self {
        Self { code, enhanced: Enhanced::parse(enhanced), lines: vec![clean(text)] }
    }

    /// A reply of several lines, as EHLO gives; no enhanced code (RFC 2034 §3 excepts the greetings).
    pub fn multiline(code: u16, lines: &[String]) -> Self {
        Self { code, enhanced: None, lines: lines.iter().map(|line| clean(line)).collect() }
    }

    /// The three-digit code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code.
    pub fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }

    /// The text, lines joined by a space.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Appends the reply as it goes over the wire.
    pub fn encode(&self, wire: &mut impl Extend<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (n, line) in self.lines.iter().enumerate() {
            let separator = if n == last { ' ' } else { '-' };
            let enhanced = self.enhanced.map(|e| format!("{e} ")).unwrap_or_default();
            wire.extend(format!("{}{separator}{enhanced}{line}\r\n", self.code).into_bytes());
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, "{enhanced} ")?;
        }
        f.write_str(&self.text())
    }
}

impl Enhanced {
    /// Parses `"5.7.1"`. `None` where it is not `class.subject.detail` in range.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |part: &str| -> Option<u16> {
            let plain = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        if parts.next().is_some() || !matches!(class, "2" | "4" | "5") {
            return None;
        }
        Some(Self { class: class.parse().ok()?, subject: number(subject)?, detail: number(detail)? })
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One printable line of at most [`TEXT_MAX`] bytes: control characters become spaces, what is not ASCII `?`.
fn clean(text: &str) -> String {
    let printable = text.chars().map(|c| match c {
        c if c.is_ascii_graphic() || c == ' ' => c,
        c if c.is_control() => ' ',
        _ => '?',
    });
    printable.take(TEXT_MAX).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_forge_a_second_reply() {
        let mut wire = Vec::new();
        Reply::new(550, "5.7.1", "no\r\n250 yes\u{85}\u{2028}\0\x1b[2J").encode(&mut wire);
        assert_eq!(wire, b"550 5.7.1 no  250 yes ?  [2J\r\n");
    }

    #[test]
    fn text_is_cut_at_its_limit() {
        for (len, expect) in [(TEXT_MAX, TEXT_MAX), (TEXT_MAX + 1, TEXT_MAX)] {
            assert_eq!(Reply::new(250, "", &"x".repeat(len)).text().len(), expect);
        }
    }

    #[test]
    fn enhanced_codes_are_checked() {
        for good in ["2.0.0", "4.7.999", "5.1.10"] {
            assert_eq!(Enhanced::parse(good).map(|e| e.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "5", "5.7", "5.7.1.1", "3.0.0", "5.1000.0", "5.-1.0", "5.7.x", " 5.7.1", "5..1"] {
            assert_eq!(Enhanced::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn several_lines() {
        let mut wire = Vec::new();
        Reply::multiline(250, &["mx.example".into(), "PIPELINING".into()]).encode(&mut wire);
        assert_eq!(wire, b"250-mx.example\r\n250 PIPELINING\r\n");
    }
}
