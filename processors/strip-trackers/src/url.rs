//! Tracking parameters in URLs, and URLs in plain text.

use std::ops::Range;

use gatepost_sdk::text::Edits;
use memchr::{memchr, memchr_iter, memchr2, memmem};

use crate::{Config, SPAN_MAX, Stripper};

/// Parameters that only tell who clicked where: of Google, Meta, Microsoft, X, TikTok, LinkedIn, Yandex, Mailchimp, HubSpot, Marketo,
/// Matomo, Klaviyo, Vero, Omeda, Drip, Wicked Reports, Adobe, Pinterest, MailerLite.
pub(crate) const DEFAULT: &[&str] = &[
    "utm_*",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "srsltid",
    "_gl",
    "fbclid",
    "igshid",
    "igsh",
    "msclkid",
    "twclid",
    "ttclid",
    "li_fat_id",
    "yclid",
    "ysclid",
    "_openstat",
    "mc_cid",
    "mc_eid",
    "_hsenc",
    "_hsmi",
    "__hssc",
    "__hstc",
    "__hsfp",
    "hsctatracking",
    "mkt_tok",
    "mtm_*",
    "pk_campaign",
    "pk_kwd",
    "pk_source",
    "pk_medium",
    "pk_content",
    "_kx",
    "vero_id",
    "vero_conv",
    "oly_anon_id",
    "oly_enc_id",
    "__s",
    "wickedid",
    "s_kwcid",
    "epik",
    "ml_subscriber",
    "ml_subscriber_hash",
];

/// Longest character reference that is looked at, in bytes behind its `&`: the longest name HTML has takes 32.
const REFERENCE_MAX: usize = 40;
/// Names of character references that need no `;` (HTML §13.5), without `amp`.
const BARE: &[&str] = &[
    "AElig", "Aacute", "Acirc", "Agrave", "Aring", "Atilde", "Auml", "COPY", "Ccedil", "ETH", "Eacute",
    "Ecirc", "Egrave", "Euml", "GT", "Iacute", "Icirc", "Igrave", "Iuml", "LT", "Ntilde", "Oacute", "Ocirc",
    "Ograve", "Oslash", "Otilde", "Ouml", "QUOT", "REG", "THORN", "Uacute", "Ucirc", "Ugrave", "Uuml",
    "Yacute", "aacute", "acirc", "acute", "aelig", "agrave", "aring", "atilde", "auml", "brvbar", "ccedil",
    "cedil", "cent", "copy", "curren", "deg", "divide", "eacute", "ecirc", "egrave", "eth", "euml", "frac12",
    "frac14", "frac34", "gt", "iacute", "icirc", "iexcl", "igrave", "iquest", "iuml", "laquo", "lt", "macr",
    "micro", "middot", "nbsp", "not", "ntilde", "oacute", "ocirc", "ograve", "ordf", "ordm", "oslash",
    "otilde", "ouml", "para", "plusmn", "pound", "quot", "raquo", "reg", "sect", "shy", "sup1", "sup2",
    "sup3", "szlig", "thorn", "times", "uacute", "ucirc", "ugrave", "uml", "uuml", "yacute", "yen", "yuml",
];

impl Config {
    fn is_tracker(&self, name: &[u8]) -> bool {
        let is = |entry: &str| match entry.strip_suffix('*') {
            Some(start) => {
                name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
            }
            None => name.eq_ignore_ascii_case(entry.as_bytes()),
        };
        let defaults: &[&str] = if self.default_parameters { DEFAULT } else { &[] };
        defaults.iter().any(|entry| is(entry)) || self.parameters.iter().any(|entry| is(entry))
    }
}

impl Stripper {
    /// Takes the parameters of `url`, which stands at `offset` in the text, out.
    pub(crate) fn url(&mut self, url: &[u8], offset: usize, is_html: bool, edits: &mut Edits) {
        let end = query_end(url, is_html);
        let Some(mark) = memchr(b'?', &url[..end]) else { return };
        let mut kept_any = false;
        // Where what is to go begins: at the separator in front, or for the first parameters at their own start.
        let mut gone: Option<usize> = None;
        let mut separator = mark;
        let parameters = Parameters { url: &url[..end], at: mark + 1, is_html };
        for (name, parameter) in parameters {
            let listed = !name.is_empty() && self.config.is_tracker(&unescaped(name));
            if listed {
                self.counts.parameters += 1;
                gone.get_or_insert(if kept_any { separator } else { parameter.start });
            } else {
                if let Some(from) = gone.take() {
                    let to = if kept_any { separator } else { parameter.start };
                    edits.remove(offset + from..offset + to);
                }
                kept_any = true;
            }
            separator = parameter.end;
        }
        if let Some(from) = gone {
            let from = if kept_any { from } else { mark };
            edits.remove(offset + from..offset + end);
        }
    }

    /// Looks for URLs in plain text.
    pub(crate) fn plain(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize {
        let mut at = 0;
        while let Some(found) = memmem::find(&text[at..], b"://") {
            let colon = at + found;
            let behind = colon + 3;
            let near = &text[behind..text.len().min(behind + SPAN_MAX)];
            let is_http = [&b"http"[..], b"https"].iter().any(|scheme| {
                let start = colon.checked_sub(scheme.len()).filter(|start| *start >= at);
                start.is_some_and(|start| text[start..colon].eq_ignore_ascii_case(scheme))
            });
            let len = near.iter().position(|&byte| ends_url(byte));
            match len {
                // The scheme before stays with what is held back.
                None if near.len() < SPAN_MAX && !last => return colon.saturating_sub(5).max(at),
                None if near.len() == SPAN_MAX => {}
                len if is_http => {
                    let url = trimmed(&near[..len.unwrap_or(near.len())]);
                    self.url(url, behind, false, edits);
                }
                _ => {}
            }
            at = behind + len.unwrap_or(near.len());
        }
        // `https:/` may go on.
        if last { text.len() } else { text.len().saturating_sub(7).max(at) }
    }
}

fn ends_url(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f)
}

/// Without what belongs to the sentence.
fn trimmed(url: &[u8]) -> &[u8] {
    let end = url.iter().rposition(|byte| !b".,;:!?'()[]*_~".contains(byte));
    &url[..end.map_or(0, |end| end + 1)]
}

/// Where the fragment begins.
fn query_end(url: &[u8], is_html: bool) -> usize {
    let mut at = 0;
    while let Some(found) = memchr2(b'#', if is_html { b'&' } else { b'#' }, &url[at..]) {
        at += found;
        match reference(&url[at..]) {
            // The `#` of `&#38;` is none.
            Some((Stands::Ampersand | Stands::Other, len)) => at += len,
            None if url[at] == b'&' => at += 1,
            _ => return at,
        }
    }
    url.len()
}

/// What a character reference of HTML stands for.
enum Stands {
    Ampersand,
    Hash,
    Other,
}

/// The character reference in an attribute's value that `text` begins with, and its length (HTML §13.2.5.72 and following).
/// Any name with a `;` is taken for one.
fn reference(text: &[u8]) -> Option<(Stands, usize)> {
    let behind = text.strip_prefix(b"&")?;
    let near = &behind[..behind.len().min(REFERENCE_MAX)];
    let run =
        |from: usize, is: fn(&u8) -> bool| from + near[from..].iter().take_while(|byte| is(byte)).count();
    let (stands, end) = if near.starts_with(b"#") {
        let is_hex = matches!(near.get(1), Some(b'x' | b'X'));
        let (start, radix) = if is_hex { (2, 16) } else { (1, 10) };
        let end = run(start, if is_hex { u8::is_ascii_hexdigit } else { u8::is_ascii_digit });
        if end == start {
            return None;
        }
        let digits = std::str::from_utf8(&near[start..end]).ok()?;
        let stands = match u32::from_str_radix(digits, radix) {
            Ok(38) => Stands::Ampersand,
            Ok(35) => Stands::Hash,
            _ => Stands::Other,
        };
        (stands, end)
    } else {
        let end = run(0, u8::is_ascii_alphanumeric);
        let name = &near[..end];
        let is_bare = matches!(name, b"amp" | b"AMP") || BARE.iter().any(|bare| bare.as_bytes() == name);
        match near.get(end) {
            Some(b';') if end > 0 => {}
            Some(b'=') => return None,
            _ if !is_bare => return None,
            _ => {}
        }
        let stands = match name {
            b"amp" | b"AMP" => Stands::Ampersand,
            b"num" => Stands::Hash,
            _ => Stands::Other,
        };
        (stands, end)
    };
    Some((stands, 1 + end + usize::from(near.get(end) == Some(&b';'))))
}

/// The parameters of a URL from `at` on: the name of each, and where it stands.
struct Parameters<'u> {
    url: &'u [u8],
    at: usize,
    is_html: bool,
}

impl Parameters<'_> {
    /// Where the next separator stands in `rest`, and its length: 1 behind the last parameter.
    fn separator(&self, rest: &[u8]) -> (usize, usize) {
        for at in memchr_iter(b'&', rest) {
            match reference(&rest[at..]).filter(|_| self.is_html) {
                None => return (at, 1),
                Some((Stands::Ampersand, len)) => return (at, len),
                Some(_) => {}
            }
        }
        (rest.len(), 1)
    }
}

impl<'u> Iterator for Parameters<'u> {
    type Item = (&'u [u8], Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.url.get(self.at..)?;
        let (len, separator) = self.separator(rest);
        let parameter = self.at..self.at + len;
        let name = &rest[..memchr(b'=', &rest[..len]).unwrap_or(len)];
        self.at = parameter.end + separator;
        Some((name, parameter))
    }
}

/// A name without its percent escapes.
fn unescaped(name: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if memchr(b'%', name).is_none() {
        return name.into();
    }
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [byte, behind @ ..] = rest {
        let hex = behind.get(..2).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &behind[2..];
            }
            None => {
                out.push(*byte);
                rest = behind;
            }
        }
    }
    out.into()
}
