//! Takes apart fields like Content-Type: a value, then parameters (RFC 2045 §5.1, RFC 2231).
//!
//! ```text
//! text/html; (a comment) charset="utf-8"  ->  "text/html", charset = utf-8
//! ```
//!
//! Lenient, as readers of mail are: a value without quotes may hold spaces, a quote need not be closed. Knows nothing of
//! what fields mean. Linear in the field's length (sorting sections aside).

use crate::{charset, words};

/// The fields of a header section: name and raw value, unfolded not at all.
///
/// Ends at the first empty line. Lines that are no field are skipped.
pub fn fields(section: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = section;
    std::iter::from_fn(move || {
        loop {
            let field = next_field(&mut rest)?;
            let Some(colon) = memchr::memchr(b':', field) else { continue };
            let name = field[..colon].trim_ascii_end();
            if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
                return Some((name, &field[colon + 1..]));
            }
        }
    })
}

/// The next line with those that continue it.
fn next_field<'s>(rest: &mut &'s [u8]) -> Option<&'s [u8]> {
    let section = *rest;
    if section.is_empty() || section.starts_with(b"\n") || section.starts_with(b"\r\n") {
        return None;
    }
    let mut end = section.len();
    for at in memchr::memchr_iter(b'\n', section) {
        if !matches!(section.get(at + 1), Some(b' ' | b'\t')) {
            end = at + 1;
            break;
        }
    }
    let (field, behind) = section.split_at(end);
    *rest = behind;
    Some(field)
}

/// A parameter, or a section of one (RFC 2231 §3).
#[derive(Debug)]
struct Parameter {
    /// Which of the names that were asked for.
    name: usize,
    /// The number behind the first `*`.
    section: Option<u32>,
    /// Whether the name ends with `*`: character set, language, `%` escapes (RFC 2231 §4).
    extended: bool,
    quoted: bool,
    value: Vec<u8>,
    /// As it stands in its quotes, where that is something else.
    escaped: Option<Vec<u8>>,
}

/// A field's value, and those of its parameters that were asked for.
#[derive(Debug)]
pub struct Field {
    /// The first word, in lower case: up to a `;` or white space, which may stand around a slash. Without comments.
    pub value: String,
    names: &'static [&'static str],
    parameters: Vec<Parameter>,
}

impl Field {
    /// Reads the raw value `raw` of a field; keeps the parameters called `names` (lower case).
    pub fn parse(raw: &[u8], names: &'static [&'static str]) -> Self {
        Self::read(Reader { rest: raw, comments: true }, names)
    }

    /// As a reader that knows no comments reads it.
    fn parse_without_comments(raw: &[u8], names: &'static [&'static str]) -> Self {
        Self::read(Reader { rest: raw, comments: false }, names)
    }

    fn read(mut reader: Reader<'_>, names: &'static [&'static str]) -> Self {
        let value = String::from_utf8_lossy(&reader.word()).to_ascii_lowercase();
        let mut parameters = Vec::new();
        while reader.is_more() {
            let name = reader.until(b"=;");
            if reader.skip(b'=') {
                let value = reader.value();
                parameters.extend(Parameter::new(&name, value, names));
            }
        }
        // Stable: of two with the same number the first counts.
        parameters.sort_by_key(|parameter| parameter.section);
        Self { value, names, parameters }
    }

    /// A parameter that is a token, such as a character set or a boundary: raw, where it is not quoted up to white space or a
    /// comment, without white space at its end. Continuations are joined.
    pub fn token(&self, name: &str) -> Option<Vec<u8>> {
        let index = self.names.iter().position(|known| *known == name)?;
        let Some(plain) = self.plain(index).next() else { return Some(self.extended(index)?.0) };
        let ends = |byte: &u8| !plain.quoted && (byte.is_ascii_whitespace() || *byte == b'(');
        let end = plain.value.iter().position(ends).unwrap_or(plain.value.len());
        Some(plain.value[..end].trim_ascii_end().to_vec())
    }

    /// A parameter that is text, as a reader sees it: RFC 2231 before encoded words before raw.
    pub fn text(&self, name: &str) -> Option<String> {
        let index = self.names.iter().position(|known| *known == name)?;
        self.extended(index).map(decode).or_else(|| Some(words::decode(&self.plain(index).next()?.value)))
    }

    /// Every text that a reader may take for this parameter: in each of the forms of RFC 2231, and each repetition.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let Some(index) = self.names.iter().position(|known| *known == name) else { return vec![] };
        let plain = self.plain(index).map(|parameter| words::decode(&parameter.value));
        let extended = self.whole(index).chain(self.joined(index)).map(decode);
        plain.chain(extended).collect()
    }

    /// As [`Self::texts`], and what lax readers may take beside; the second value: one of them cannot be read, for its
    /// character set is unknown. At most five texts for each repetition and ten for all sections.
    fn texts_lax(&self, name: &str) -> (Vec<String>, bool) {
        let Some(index) = self.names.iter().position(|known| *known == name) else { return (vec![], false) };
        let mut texts = self.texts(name);
        let mut unreadable = false;
        let mut add = |charset: Option<&[u8]>, bytes: Vec<u8>| {
            let text = match charset {
                Some(charset) => {
                    unreadable |= !charset::is_readable(charset);
                    charset::to_text(charset, bytes)
                }
                None => String::from_utf8_lossy(&bytes).into_owned(),
            };
            let (words, is_unreadable) = words::decode_lax(text.as_bytes());
            unreadable |= is_unreadable;
            texts.extend([text, words]);
        };
        for parameter in self.plain(index) {
            add(None, parameter.value.clone());
            if let Some(escaped) = &parameter.escaped {
                add(None, escaped.clone());
            }
        }
        for (bytes, charset) in self.whole(index).chain(self.joined(index)) {
            add(charset.as_deref(), bytes);
        }
        let sections: Vec<_> = self.of(index).filter(|parameter| parameter.section.is_some()).collect();
        let last: Vec<_> =
            sections.chunk_by(|a, b| a.section == b.section).filter_map(<[_]>::last).copied().collect();
        for sections in [sections, last] {
            let all: Vec<u8> = sections.iter().flat_map(|section| section.value.iter().copied()).collect();
            if sections.iter().any(|section| section.extended) {
                let (charset, text) = split_charset(&all);
                add(Some(charset), percent_decode(text));
            } else if !sections.is_empty() {
                add(None, all);
            }
        }
        let is_quote = |c: char| matches!(c, '<' | '>' | '\'' | '"') || c.is_whitespace();
        let bare = texts.iter().map(|text| text.trim_matches(is_quote)).zip(&texts);
        let bare: Vec<_> =
            bare.filter(|(bare, text)| bare != text).map(|(bare, _)| bare.to_owned()).collect();
        texts.extend(bare);
        (texts, unreadable)
    }

    fn of(&self, index: usize) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.name == index)
    }

    fn plain(&self, index: usize) -> impl Iterator<Item = &Parameter> {
        self.of(index).filter(|parameter| parameter.section.is_none() && !parameter.extended)
    }

    fn extended(&self, index: usize) -> Option<Extended> {
        self.whole(index).next().or_else(|| self.joined(index))
    }

    /// Each `name*`.
    fn whole(&self, index: usize) -> impl Iterator<Item = Extended> {
        let whole = self.of(index).filter(|parameter| parameter.section.is_none() && parameter.extended);
        whole.map(|parameter| {
            let (charset, text) = split_charset(&parameter.value);
            (percent_decode(text), Some(charset.to_vec()))
        })
    }

    /// `name*0`, `name*1`, ... joined.
    fn joined(&self, index: usize) -> Option<Extended> {
        let mut joined = Vec::new();
        let mut charset: Option<&[u8]> = None;
        let mut expected = 0;
        for parameter in self.of(index) {
            // A gap ends it (RFC 2231 §3); a number seen before is skipped.
            let Some(section) = parameter.section.filter(|section| *section >= expected) else { continue };
            if section > expected {
                break;
            }
            if parameter.extended {
                let (named, text) = match section {
                    0 => split_charset(&parameter.value),
                    _ => (charset.unwrap_or(b"utf-8"), &parameter.value[..]),
                };
                charset = Some(named);
                joined.extend_from_slice(&percent_decode(text));
            } else {
                joined.extend_from_slice(&parameter.value);
            }
            expected += 1;
        }
        (expected > 0).then(|| (joined, charset.map(<[u8]>::to_vec)))
    }
}

/// Every text that some reader may take for parameter `name` of the field with the value `raw`, comments taken for comments
/// or not. Whether one of them cannot be read.
pub(crate) fn every_text(raw: &[u8], names: &'static [&'static str], name: &str) -> (Vec<String>, bool) {
    let (mut texts, mut unreadable) = Field::parse(raw, names).texts_lax(name);
    if raw.contains(&b'(') {
        let (more, is_unreadable) = Field::parse_without_comments(raw, names).texts_lax(name);
        texts.extend(more);
        unreadable |= is_unreadable;
    }
    (texts, unreadable)
}

/// A value in a form of RFC 2231: bytes, and their character set where one is in force.
type Extended = (Vec<u8>, Option<Vec<u8>>);

fn decode((bytes, charset): Extended) -> String {
    match charset {
        Some(charset) => String::from_utf8_lossy(&charset::to_utf8(&charset, bytes)).into_owned(),
        // Encoded words have no place in there (RFC 2231 §1), yet are common.
        None => words::decode(&bytes),
    }
}

impl Parameter {
    /// `None`: not one of `names`.
    fn new(name: &[u8], value: Value, names: &[&str]) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let mut marks = name.split(|&byte| byte == b'*');
        let base = marks.next()?;
        let name = names.iter().position(|known| known.as_bytes() == base)?;
        let (section, extended) = match (marks.next(), marks.next()) {
            (None, _) => (None, false),
            (Some(b""), None) => (None, true),
            (Some(number), behind) => {
                (Some(std::str::from_utf8(number).ok()?.parse().ok()?), behind == Some(b""))
            }
        };
        Some(Self {
            name,
            section,
            extended,
            quoted: value.quoted,
            value: value.text,
            escaped: value.escaped,
        })
    }
}

/// `utf-8'en'text` (RFC 2231 §4). Without two apostrophes it is all text.
fn split_charset(value: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = value.splitn(3, |&byte| byte == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) if !charset.is_empty() => (charset, text),
        (Some(_), Some(_), Some(text)) => (b"utf-8", text),
        _ => (b"utf-8", value),
    }
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(u8::try_from(high * 16 + low).unwrap_or(0));
            rest = &rest[3..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// A parameter's value, unquoted and unescaped.
struct Value {
    text: Vec<u8>,
    quoted: bool,
    /// With its backslashes, where there are any.
    escaped: Option<Vec<u8>>,
}

/// Walks over a field's value.
struct Reader<'r> {
    rest: &'r [u8],
    /// Whether parentheses make comments.
    comments: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Passes over `byte` if it is next.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    /// Passes over white space and comments.
    fn skip_space(&mut self) {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if !self.comments || self.rest.first() != Some(&b'(') {
                return;
            }
            self.comment();
        }
    }

    /// The field's value.
    fn word(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            self.skip_space();
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b';' | b'(' | b'/');
            let end = self.rest.iter().position(ends).unwrap_or(self.rest.len());
            let (word, rest) = self.rest.split_at(end);
            out.extend_from_slice(word);
            self.rest = rest;
            self.skip_space();
            if !self.skip(b'/') {
                return out;
            }
            out.push(b'/');
        }
    }

    /// Goes to the next parameter, if there is one. A `;` may be missing, as it is in some messages.
    fn is_more(&mut self) -> bool {
        loop {
            self.skip_space();
            if !self.skip(b';') {
                return !self.rest.is_empty();
            }
        }
    }

    /// Up to one of `ends`, without white space and comments.
    fn until(&mut self, ends: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(&byte) = self.rest.first().filter(|byte| !ends.contains(byte)) {
            if byte == b'(' && self.comments {
                self.comment();
                continue;
            }
            self.rest = &self.rest[1..];
            let is_bracket = matches!(byte, b'(' | b')') && !self.comments;
            if !byte.is_ascii_whitespace() && byte != 0 && !is_bracket {
                out.push(byte);
            }
        }
        out
    }

    /// Passes over a comment, which nests (RFC 5322 §3.2.2). One that is never closed takes all the rest.
    fn comment(&mut self) {
        let mut depth = 0_usize;
        let mut escaped = false;
        for (at, &byte) in self.rest.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = &self.rest[at + 1..];
                return;
            }
        }
        self.rest = &[];
    }

    /// A parameter's value: a quoted string, or all up to the `;`.
    fn value(&mut self) -> Value {
        self.rest = self.rest.trim_ascii_start();
        if !self.skip(b'"') {
            let end = memchr::memchr(b';', self.rest).unwrap_or(self.rest.len());
            let (value, rest) = self.rest.split_at(end);
            self.rest = rest;
            let unfolded = value.trim_ascii().iter().filter(|byte| !matches!(byte, b'\r' | b'\n'));
            return Value { text: unfolded.copied().collect(), quoted: false, escaped: None };
        }
        let (quoted, mut has_escapes) = (self.rest, false);
        let mut out = Vec::new();
        while let Some(byte) = self.next() {
            match byte {
                b'"' => break,
                b'\r' | b'\n' => {}
                b'\\' => {
                    has_escapes = true;
                    out.extend(self.next());
                }
                byte => out.push(byte),
            }
        }
        let taken = &quoted[..quoted.len() - self.rest.len()];
        let escaped = has_escapes.then(|| taken.strip_suffix(b"\"").unwrap_or(taken).to_vec());
        Value { text: out, quoted: true, escaped }
    }
}

#[cfg(test)]
mod tests;
