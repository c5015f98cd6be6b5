//! An error with all its causes on one line.

use std::error::Error;
use std::fmt::Write as _;

use super::certificates;

/// `error` and everything in its `source()` chain, joined by `: `. A cause that only repeats the end of what stands
/// already is left out.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = told(error);
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = told(cause);
        if !text.ends_with(&cause_text) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        next = cause.source();
    }
    one_line(&text)
}

fn told(error: &(dyn Error + 'static)) -> String {
    certificates::words(error).map_or_else(|| error.to_string(), str::to_owned)
}

/// Lines joined by a space: a backtrace of a guest, say, has several.
pub(crate) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_named_once() {
        let io = std::io::Error::other("disk on fire");
        let error = crate::sink::SinkError::new("writing `x`", io);
        assert_eq!(causes(&error), "writing `x`: disk on fire");
    }

    /// Goal: words for people also where the error comes from a socket, and those of rustls where it has some.
    #[test]
    fn certificates_in_words() {
        let of = |why| causes(&std::io::Error::other(rustls::Error::InvalidCertificate(why)));
        assert!(
            of(rustls::CertificateError::UnknownIssuer)
                .starts_with("the certificate is issued by no authority")
        );
        assert_eq!(of(rustls::CertificateError::Revoked), "invalid peer certificate: Revoked");
    }

    #[test]
    fn an_error_of_several_lines_becomes_one() {
        let error = std::io::Error::other("at backtrace:\n    0: f\n\n    1: g\r\n");
        assert_eq!(causes(&error), "at backtrace: 0: f 1: g");
    }
}
