//! The stage's config, and the forms of the text that it gives.

use serde::Deserialize;

use crate::form::{Form, Forms};

/// Longest `text` and `ascii`, in bytes: a page. What is held back of a message is as much.
const TEXT_MAX: usize = 4 << 10;
/// Longest `html`, in bytes of ASCII, each other character as a reference: with what may stand behind `</body>`, and twice as
/// many bytes at line breaks, it fits into what the SDK holds back of a part.
const HTML_MAX: usize = 12 << 10;
/// Longest line of a text, in bytes: what RFC 5322 §2.1.1 allows, less the white space that may be put before it.
const LINE_MAX: usize = 990;

/// The stage's config.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What to append to plain text: 1 to 4096 bytes of UTF-8 in lines of at most 990, none of which begins with `--` (it
    /// could be taken for the end of a part). Required.
    pub text: String,
    /// What to append to HTML, before its `</body>`: at most 12288 bytes once each character beyond ASCII is written as a reference (`&#252;`). Default: `text` in a paragraph of its own.
    #[serde(default)]
    pub html: Option<String>,
    /// Stands in for `text` where only ASCII is possible: in parts that are 7bit or in a character set other than UTF-8.
    /// Default: `text`, if that is ASCII; else such parts are left alone.
    #[serde(default)]
    pub ascii: Option<String>,
}

impl Config {
    /// Checks what was given and makes the forms of it.
    pub(crate) fn forms(&self) -> Result<Forms, String> {
        let text = checked("text", &self.text, TEXT_MAX)?;
        no_delimiters("text", &text)?;
        let ascii = match &self.ascii {
            Some(ascii) => {
                let ascii = checked("ascii", ascii, TEXT_MAX)?;
                no_delimiters("ascii", &ascii)?;
                if !ascii.is_ascii() {
                    return Err("ascii: holds characters beyond ASCII".into());
                }
                Some(ascii)
            }
            None => text.is_ascii().then(|| text.clone()),
        };
        let html = match &self.html {
            Some(html) => references(&checked("html", html, HTML_MAX)?),
            None => references(&paragraph(&text)),
        };
        if html.len() > HTML_MAX {
            return Err(format!("html: {} bytes in ASCII, but at most {HTML_MAX} are allowed", html.len()));
        }
        let plain = |text: String| Form::new(&format!("\n{text}\n"));
        Ok(Forms { text: plain(text), ascii: ascii.map(plain), html: Form::new(&format!("\n{html}\n")) })
    }
}

/// The text with LF alone at line ends and no empty lines around it.
fn checked(key: &str, text: &str, max: usize) -> Result<String, String> {
    if text.len() > max {
        return Err(format!("{key}: {} bytes, but at most {max} are allowed", text.len()));
    }
    let text = text.replace("\r\n", "\n");
    let text = text.trim_matches('\n');
    if text.trim().is_empty() {
        return Err(format!("{key}: must not be empty"));
    }
    if let Some(control) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(format!("{key}: holds the control character {control:?}"));
    }
    if let Some(line) = text.lines().position(|line| line.len() > LINE_MAX) {
        return Err(format!("{key}: line {} has more than {LINE_MAX} bytes", line + 1));
    }
    Ok(text.to_owned())
}

fn no_delimiters(key: &str, text: &str) -> Result<(), String> {
    match text.lines().position(|line| line.starts_with("--")) {
        Some(line) => Err(format!(
            "{key}: line {} begins with `--`, which could be taken for the end of a part; put a space or another mark before it",
            line + 1
        )),
        None => Ok(()),
    }
}

/// Plain text as a paragraph of HTML.
fn paragraph(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<p>{}</p>", escaped.replace('\n', "<br>\n"))
}

/// HTML in ASCII: every other character as a reference, which any character set can carry.
fn references(html: &str) -> String {
    let mut ascii = String::with_capacity(html.len());
    for c in html.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            ascii.push_str(&format!("&#{};", u32::from(c)));
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str, html: Option<&str>, ascii: Option<&str>) -> Result<Forms, String> {
        Config { text: text.into(), html: html.map(Into::into), ascii: ascii.map(Into::into) }.forms()
    }

    #[test]
    fn html_is_made_of_the_text() {
        let forms = forms("1 < 2 & ü\r\nend\n", None, None).unwrap();
        assert_eq!(forms.html.text(), b"\n<p>1 &lt; 2 &amp; &#252;<br>\nend</p>\n");
        assert_eq!(forms.text.text(), "\n1 < 2 & ü\nend\n".as_bytes());
        assert!(forms.ascii.is_none());
    }

    #[test]
    fn limits_hold_at_and_past() {
        let lines = |bytes: usize| "xxx\n".repeat(bytes / 4 - 1) + "xxxx";
        assert!(forms(&lines(TEXT_MAX), None, None).is_ok());
        let error = forms(&(lines(TEXT_MAX) + "x"), None, None).unwrap_err();
        assert_eq!(error, "text: 4097 bytes, but at most 4096 are allowed");
        assert!(forms("x", Some(&lines(HTML_MAX)), None).is_ok());
        assert!(
            forms("x", Some(&(lines(HTML_MAX) + "x")), None).unwrap_err().starts_with("html: 12289 bytes")
        );
        assert!(forms(&"&".repeat(900), None, None).is_ok());
        let escaped = format!("{}\n", "&".repeat(900)).repeat(4);
        assert_eq!(
            forms(&escaped, None, None).unwrap_err(),
            "html: 18022 bytes in ASCII, but at most 12288 are allowed"
        );
        assert!(forms(&format!("a\n{}", "x".repeat(LINE_MAX)), None, None).is_ok());
        let error = forms(&format!("a\n{}", "x".repeat(LINE_MAX + 1)), None, None).unwrap_err();
        assert_eq!(error, "text: line 2 has more than 990 bytes");
    }

    #[test]
    fn what_cannot_be_appended_is_refused_with_its_key() {
        for (given, error) in [
            (forms("", None, None), "text: must not be empty"),
            (forms(" \r\n", None, None), "text: must not be empty"),
            (forms("a\0", None, None), "text: holds the control character '\\0'"),
            (forms("x", Some(""), None), "html: must not be empty"),
            (forms("x", None, Some("ü")), "ascii: holds characters beyond ASCII"),
        ] {
            assert_eq!(given.unwrap_err(), error);
        }
        assert!(forms("a\n-- \nb", None, None).unwrap_err().starts_with("text: line 2 begins with `--`"));
        assert!(forms("x", None, Some("--")).unwrap_err().starts_with("ascii: line 1 begins with `--`"));
    }
}
