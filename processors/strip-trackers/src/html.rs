//! Tags: links in their attributes, and images that only tell that a message was opened.

use std::ops::Range;

use gatepost_sdk::text::Edits;
use memchr::{memchr, memmem};

use crate::{SPAN_MAX, Stripper};

/// Tags with links, in lower case.
const TAGS: &[&[u8]] = &[b"a", b"area", b"img", b"iframe", b"link", b"source"];

/// A tag's attribute: where its name and its value stand.
struct Attribute {
    name: Range<usize>,
    value: Range<usize>,
}

impl Stripper {
    /// Looks for tags in HTML.
    pub(crate) fn html(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize {
        let mut at = 0;
        while let Some(found) = memchr(b'<', &text[at..]) {
            let start = at + found;
            let near = &text[start..text.len().min(start + SPAN_MAX)];
            let name = near[1..].iter().take(8).take_while(|byte| byte.is_ascii_alphabetic()).count();
            if name + 1 == near.len() && near.len() < SPAN_MAX && !last {
                return start;
            }
            let tag = &near[1..=name];
            if !TAGS.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
                at = start + 1 + name;
                continue;
            }
            let mut attributes = Vec::new();
            match read(near, name + 1, &mut attributes) {
                Some(end) => {
                    if tag.eq_ignore_ascii_case(b"img") && self.is_pixel(near, &attributes) {
                        self.counts.pixels += 1;
                        edits.remove(start..start + end);
                    } else {
                        self.links(near, &attributes, start, edits);
                    }
                    at = start + end;
                }
                None if near.len() == SPAN_MAX => at = start + SPAN_MAX,
                None if last => return text.len(),
                None => return start,
            }
        }
        text.len()
    }

    fn links(&mut self, tag: &[u8], attributes: &[Attribute], offset: usize, edits: &mut Edits) {
        for Attribute { name, value } in attributes {
            let name = &tag[name.clone()];
            if name.eq_ignore_ascii_case(b"href") || name.eq_ignore_ascii_case(b"src") {
                let url = &tag[value.clone()];
                if host(url).is_some() {
                    self.url(url, offset + value.start, true, edits);
                }
            }
        }
    }

    fn is_pixel(&self, tag: &[u8], attributes: &[Attribute]) -> bool {
        let get = |name: &str| {
            let found =
                attributes.iter().find(|one| tag[one.name.clone()].eq_ignore_ascii_case(name.as_bytes()));
            found.map(|found| &tag[found.value.clone()])
        };
        let Some(host) = get("src").and_then(host) else { return false };
        let is_below = |domain: &String| {
            let start = host.len().checked_sub(domain.len());
            start.is_some_and(|start| {
                host[start..].eq_ignore_ascii_case(domain.as_bytes())
                    && (start == 0 || host[start - 1] == b'.')
            })
        };
        if self.config.domains.iter().any(is_below) {
            return true;
        }
        if !self.config.pixels {
            return false;
        }
        let style = get("style").map(declarations).unwrap_or_default();
        let declared =
            |key: &str| style.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_bytes());
        let side = |key: &str| declared(key).or(get(key)).map(is_tiny);
        let is_hidden = get("hidden").is_some()
            || declared("display") == Some(b"none")
            || declared("visibility") == Some(b"hidden");
        match (side("width"), side("height")) {
            (Some(width), Some(height)) => width && height,
            // A hidden picture of some size is one that another layout shows.
            (width, height) => is_hidden && width != Some(false) && height != Some(false),
        }
    }
}

/// Whether a length is 0 or 1.
fn is_tiny(length: &[u8]) -> bool {
    let length = length.trim_ascii();
    let digits = length.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = length.split_at(digits);
    let is_small = matches!(number, [b'0'..=b'1'] | [b'0', b'0'..=b'1']);
    is_small && (unit.is_empty() || unit.eq_ignore_ascii_case(b"px") || number == b"0")
}

/// The declarations of a style, in lower case, without `!important`.
fn declarations(style: &[u8]) -> Vec<(String, String)> {
    let style = String::from_utf8_lossy(style).to_ascii_lowercase();
    let pairs = style.split(';').filter_map(|one| one.split_once(':'));
    let clean = |text: &str| text.split('!').next().unwrap_or_default().trim().to_owned();
    pairs.map(|(name, value)| (clean(name), clean(value))).collect()
}

/// The host of a URL that is loaded over the network.
fn host(url: &[u8]) -> Option<&[u8]> {
    let start = memmem::find(url, b"//")?;
    let scheme = url[..start].trim_ascii_start();
    if !scheme.is_empty() && !scheme.eq_ignore_ascii_case(b"http:") && !scheme.eq_ignore_ascii_case(b"https:")
    {
        return None;
    }
    let rest = &url[start + 2..];
    let end = rest.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(rest.len());
    let host = rest[..end].rsplit(|&byte| byte == b'@').next().unwrap_or_default();
    let host = &host[..memchr(b':', host).unwrap_or(host.len())];
    Some(host.strip_suffix(b".").unwrap_or(host))
}

/// Reads the attributes of the tag `text` begins with, from `at` on. Where the tag ends; `None`: not in `text`.
fn read(text: &[u8], mut at: usize, attributes: &mut Vec<Attribute>) -> Option<usize> {
    let skip =
        |at: usize, is: fn(u8) -> bool| text[at..].iter().position(|&byte| !is(byte)).map(|count| at + count);
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    loop {
        at = skip(at, |byte| byte.is_ascii_whitespace() || byte == b'/')?;
        if text[at] == b'>' {
            return Some(at + 1);
        }
        let name = at..skip(at + 1, |byte| !byte.is_ascii_whitespace() && !b"=>/".contains(&byte))?;
        at = skip(name.end, is_space)?;
        let mut value = name.end..name.end;
        if text[at] == b'=' {
            at = skip(at + 1, is_space)?;
            if let quote @ (b'"' | b'\'') = text[at] {
                let end = at + 1 + memchr(quote, &text[at + 1..])?;
                value = at + 1..end;
                at = end + 1;
            } else {
                at = skip(at, |byte| !byte.is_ascii_whitespace() && byte != b'>')?;
                let start = skip(name.end, is_space).and_then(|equals| skip(equals + 1, is_space))?;
                value = start..at;
            }
        }
        attributes.push(Attribute { name, value });
    }
}
