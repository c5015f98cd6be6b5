//! The parameters of MAIL and RCPT, and which of them are offered.
//!
//! ```text
//! " SIZE=99 BODY=8BITMIME RET=HDRS"  ->  MailParameters { size: 99, body: 8BITMIME, ret: HDRS }
//! ```
//!
//! RFC 1870, RFC 3030, RFC 3461, RFC 4954 §5, RFC 6152, RFC 6531. Knows nothing of paths.

use super::command::SyntaxError;
use super::xtext;
use crate::mail::envelope::RecipientWishes;

/// Longest `ENVID` as it is written: RFC 3461 §4.4.
const ENVID_MAX: usize = 100;
/// Longest `ORCPT` as it is written: RFC 3461 §4.2.
const ORCPT_MAX: usize = 500;

/// Which parameters a listener takes beyond those that it always takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offered {
    /// `RET`, `ENVID`, `NOTIFY`, `ORCPT`.
    pub dsn: bool,
    /// `BODY=BINARYMIME`.
    pub binarymime: bool,
    /// `AUTH=`.
    pub auth: bool,
}

/// What the client says of the content's octets. It is a promise, not a limit: nothing is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// Octets below 128 only; also when nothing was said.
    #[default]
    SevenBit,
    /// Any octets, in lines.
    EightBitMime,
    /// Any octets; CR and LF mean nothing (RFC 3030 §3).
    BinaryMime,
}

impl Body {
    /// The name on the wire: `7BIT`, `8BITMIME` or `BINARYMIME`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// The parameters of MAIL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MailParameters {
    /// `SIZE=` in octets (RFC 1870); more than a `u64` holds is `u64::MAX`.
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152).
    pub body: Body,
    /// `SMTPUTF8` (RFC 6531).
    pub smtputf8: bool,
    /// `RET=`: `FULL` or `HDRS` (RFC 3461 §4.3).
    pub ret: Option<&'static str>,
    /// `ENVID=`, as it was written.
    pub envid: Option<String>,
}

/// Reads what follows the path of MAIL.
///
/// # Errors
/// A parameter that is not offered, given twice, or that has a value that it cannot have.
pub fn of_mail(rest: &str, offered: Offered) -> Result<MailParameters, SyntaxError> {
    let (mut size, mut body, mut smtputf8, mut ret, mut envid, mut auth) =
        (None, None, None, None, None, None);
    for (keyword, value) in words(rest).ok_or(SyntaxError::Usage("MAIL FROM:<address> KEYWORD=value"))? {
        match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => once(&mut size, parse_size(value), "SIZE is a number of octets")?,
            "BODY" => once(&mut body, parse_body(value, offered), body_usage(offered))?,
            "SMTPUTF8" => once(&mut smtputf8, value.is_none().then_some(()), "SMTPUTF8 takes no value")?,
            "RET" if offered.dsn => once(&mut ret, parse_ret(value), "RET is FULL or HDRS")?,
            "ENVID" if offered.dsn => {
                once(&mut envid, xtext_of(value, ENVID_MAX), "ENVID is up to 100 octets of xtext")?;
            }
            // RFC 4954 §5: nobody's word is taken for who wrote a message, so it is checked and forgotten.
            "AUTH" if offered.auth => {
                once(&mut auth, xtext_of(value, ORCPT_MAX), "AUTH is <> or a mailbox in xtext")?;
            }
            _ => return Err(SyntaxError::UnknownParameter),
        }
    }
    Ok(MailParameters { size, body: body.unwrap_or_default(), smtputf8: smtputf8.is_some(), ret, envid })
}

/// Reads what follows the path of RCPT.
///
/// # Errors
/// As [`of_mail`].
pub fn of_rcpt(rest: &str, offered: Offered) -> Result<RecipientWishes, SyntaxError> {
    let (mut notify, mut orcpt) = (None, None);
    for (keyword, value) in words(rest).ok_or(SyntaxError::Usage("RCPT TO:<address>"))? {
        match keyword.to_ascii_uppercase().as_str() {
            "NOTIFY" if offered.dsn => {
                once(&mut notify, parse_notify(value), "NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY")?;
            }
            "ORCPT" if offered.dsn => {
                once(&mut orcpt, parse_orcpt(value), "ORCPT is a type, a semicolon and xtext")?;
            }
            _ => return Err(SyntaxError::UnknownParameter),
        }
    }
    Ok(RecipientWishes { notify, orcpt })
}

/// The `KEYWORD=value` or `KEYWORD` words after a path. `None` where no space parts them from the path.
fn words(rest: &str) -> Option<impl Iterator<Item = (&str, Option<&str>)>> {
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let words = rest.split(' ').filter(|word| !word.is_empty());
    Some(
        words
            .map(|word| word.split_once('=').map_or((word, None), |(keyword, value)| (keyword, Some(value)))),
    )
}

/// RFC 1870 allows 20 digits; more are too big rather than malformed, as is what a `u64` cannot hold.
fn parse_size(value: Option<&str>) -> Option<u64> {
    let digits = value.filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn parse_body(value: Option<&str>, offered: Offered) -> Option<Body> {
    let value = value?;
    let bodies = [Body::SevenBit, Body::EightBitMime, Body::BinaryMime];
    let offered = bodies.into_iter().filter(|body| *body != Body::BinaryMime || offered.binarymime);
    offered.into_iter().find(|body| value.eq_ignore_ascii_case(body.name()))
}

fn body_usage(offered: Offered) -> &'static str {
    if offered.binarymime { "BODY is 7BIT, 8BITMIME or BINARYMIME" } else { "BODY is 7BIT or 8BITMIME" }
}

fn parse_ret(value: Option<&str>) -> Option<&'static str> {
    ["FULL", "HDRS"].into_iter().find(|ret| value.is_some_and(|value| value.eq_ignore_ascii_case(ret)))
}

fn parse_notify(value: Option<&str>) -> Option<String> {
    let value = value?.to_ascii_uppercase();
    let mut seen = Vec::new();
    for word in value.split(',') {
        if !["SUCCESS", "FAILURE", "DELAY"].contains(&word) || seen.contains(&word) {
            return (value == "NEVER").then_some(value);
        }
        seen.push(word);
    }
    Some(value)
}

fn parse_orcpt(value: Option<&str>) -> Option<String> {
    let value = value.filter(|value| value.len() <= ORCPT_MAX)?;
    let (kind, address) = value.split_once(';')?;
    let atom = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (atom && !address.is_empty() && xtext::decode(address).is_some()).then(|| value.to_owned())
}

/// The value as it was written, if it is xtext.
fn xtext_of(value: Option<&str>, max: usize) -> Option<String> {
    let value = value.filter(|value| !value.is_empty() && value.len() <= max)?;
    xtext::decode(value).map(|_| value.to_owned())
}

fn once<T>(slot: &mut Option<T>, value: Option<T>, usage: &'static str) -> Result<(), SyntaxError> {
    let value = value.ok_or(SyntaxError::BadParameter(usage))?;
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::BadParameter("given twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Offered = Offered { dsn: true, binarymime: true, auth: true };

    #[test]
    fn parameters_of_mail() {
        let all = " SIZE=5 body=binarymime SMTPUTF8 RET=hdrs ENVID=a+2Bb AUTH=<>";
        let found = of_mail(all, ALL).unwrap();
        let expect = MailParameters {
            size: Some(5),
            body: Body::BinaryMime,
            smtputf8: true,
            ret: Some("HDRS"),
            envid: Some("a+2Bb".into()),
        };
        assert_eq!(found, expect);
        for word in ["BODY=BINARYMIME", "RET=FULL", "ENVID=a", "AUTH=<>"] {
            assert!(of_mail(&format!(" {word}"), ALL).is_ok(), "{word}");
            assert!(of_mail(&format!(" {word}"), Offered::default()).is_err(), "{word}");
            assert!(of_mail(&format!(" {word} {word}"), ALL).is_err(), "{word}");
        }
        for bad in
            ["RET", "RET=BODY", "ENVID=", "ENVID=a=b", "AUTH", "AUTH=a b", "SIZE=-1", "SIZE=", "SMTPUTF8=1"]
        {
            assert!(of_mail(&format!(" {bad}"), ALL).is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_of_rcpt() {
        let found = of_rcpt(" notify=success,DELAY ORCPT=rfc822;jo+2B1@x.example", ALL).unwrap();
        let expect = RecipientWishes {
            notify: Some("SUCCESS,DELAY".into()),
            orcpt: Some("rfc822;jo+2B1@x.example".into()),
        };
        assert_eq!(found, expect);
        assert_eq!(of_rcpt(" NOTIFY=never", ALL).unwrap().notify.as_deref(), Some("NEVER"));
        assert!(of_rcpt(" NOTIFY=NEVER", Offered::default()).is_err());
        for bad in [
            "NOTIFY",
            "NOTIFY=",
            "NOTIFY=NEVER,SUCCESS",
            "NOTIFY=SUCCESS,SUCCESS",
            "NOTIFY=SUCCESS,",
            "ORCPT=jo@x",
            "ORCPT=;x",
            "ORCPT=rfc822;",
            "ORCPT=rfc 822;x",
            "ORCPT=rfc822;a=b",
            "SIZE=5",
        ] {
            assert!(of_rcpt(&format!(" {bad}"), ALL).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_at_their_limits_and_past_them() {
        let mail = |len: usize| of_mail(&format!(" ENVID={}", "a".repeat(len)), ALL).is_ok();
        assert_eq!((mail(ENVID_MAX), mail(ENVID_MAX + 1)), (true, false));
        let rcpt = |len: usize| of_rcpt(&format!(" ORCPT=x;{}", "a".repeat(len - 2)), ALL).is_ok();
        assert_eq!((rcpt(ORCPT_MAX), rcpt(ORCPT_MAX + 1)), (true, false));
    }
}
