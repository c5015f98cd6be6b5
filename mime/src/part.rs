//! What a part's header section says of it: type, name, encoding, character set.
//!
//! Knows nothing of where parts end. Of a field that stands twice the first counts; [`names`] and [`types`] tell of all.

use crate::fields::{Field, every_text, fields};

/// How a body is transfer-encoded (RFC 2045 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// `7bit`, also where nothing is said.
    #[default]
    SevenBit,
    /// `8bit`.
    EightBit,
    /// `binary`.
    Binary,
    /// `quoted-printable`.
    QuotedPrintable,
    /// `base64`.
    Base64,
    /// None of the five.
    Other,
}

impl Encoding {
    fn parse(token: &str) -> Self {
        match token {
            "" | "7bit" => Self::SevenBit,
            "8bit" => Self::EightBit,
            "binary" => Self::Binary,
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            _ => Self::Other,
        }
    }

    /// Whether bytes do not stand for themselves: base64, quoted-printable or unknown.
    pub fn is_encoded(self) -> bool {
        matches!(self, Self::QuotedPrintable | Self::Base64 | Self::Other)
    }
}

/// What a Content-Disposition says (RFC 2183 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Disposition {
    /// Nothing is said.
    #[default]
    None,
    /// `inline`.
    Inline,
    /// `attachment`.
    Attachment,
    /// Something else, to be treated as an attachment (RFC 2183 §2.8).
    Other,
}

/// A part: the message itself, something inside a multipart, or the message inside a `message/rfc822`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `""` the message itself, `"2"` the second part of its multipart, `"2.1"` the first part of that one. The message
    /// inside a `message/rfc822` is its part 1. (IMAP gives no number of its own to that message's multipart.)
    pub path: String,
    /// Length of the path: 0 is the message itself.
    pub depth: usize,
    /// Lower case, such as `text`. Where no valid type is given: `text/plain`, or `message/rfc822` inside a
    /// `multipart/digest` (RFC 2045 §5.2, RFC 2046 §5.1.5).
    pub media_type: String,
    /// Lower case, such as `html`.
    pub subtype: String,
    /// The name to show, decoded: `filename` of Content-Disposition, else `name` of Content-Type. It may hold any character,
    /// also control characters and path separators.
    pub name: Option<String>,
    /// Where it is to be shown.
    pub disposition: Disposition,
    /// How the body is encoded.
    pub encoding: Encoding,
    /// Lower case, such as `utf-8`.
    pub charset: Option<String>,
    /// It is, or lies inside, what a signature or encryption covers, or it is one: `multipart/signed`,
    /// `multipart/encrypted`, S/MIME, PGP. Must not be changed.
    pub protected: bool,
    /// A limit was met: header or body are not understood, however they look.
    pub opaque: bool,
    /// Where the header section begins, in bytes from the start of the message.
    pub header_offset: u64,
    /// Where the body begins.
    pub body_offset: u64,
}

impl Part {
    /// Whether its type is this one, both in lower case.
    pub fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.media_type == media_type && self.subtype == subtype
    }

    /// Whether it is a `multipart`, descended into or not.
    pub fn is_multipart(&self) -> bool {
        self.media_type == "multipart"
    }

    /// Whether it is a message that a reader opens as one: `message/rfc822` or `message/global` (RFC 6532).
    pub fn is_message(&self) -> bool {
        self.media_type == "message" && matches!(&*self.subtype, "rfc822" | "global")
    }

    /// Reads `section`; path, depth and offsets are left to the caller. The boundary beside it, raw.
    pub(crate) fn read(section: &[u8], default_type: (&str, &str)) -> (Self, Option<Vec<u8>>) {
        let mut content_type = None;
        let mut disposition = None;
        let mut encoding = None;
        for (name, value) in fields(section) {
            if name.eq_ignore_ascii_case(b"content-type") {
                content_type.get_or_insert_with(|| Field::parse(value, TYPE_PARAMETERS));
            } else if name.eq_ignore_ascii_case(b"content-disposition") {
                disposition.get_or_insert_with(|| Field::parse(value, &["filename"]));
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                encoding.get_or_insert_with(|| Field::parse(value, &[]));
            }
        }
        let content_type = content_type.as_ref();
        let given = content_type.and_then(|field| split_type(&field.value));
        let fallback = if content_type.is_some() { ("text", "plain") } else { default_type };
        let (media_type, subtype) = given.unwrap_or(fallback);
        let filename = disposition.as_ref().and_then(|field| field.text("filename"));
        let filename = filename.filter(|name| !name.is_empty());
        let charset = content_type.and_then(|field| field.token("charset"));
        let part = Self {
            path: String::new(),
            depth: 0,
            protected: is_protected(media_type, subtype),
            media_type: media_type.to_owned(),
            subtype: subtype.to_owned(),
            name: filename.or_else(|| content_type?.text("name")).filter(|name| !name.is_empty()),
            disposition: match disposition.as_ref().map(|field| &*field.value) {
                None | Some("") => Disposition::None,
                Some("inline") => Disposition::Inline,
                Some("attachment") => Disposition::Attachment,
                Some(_) => Disposition::Other,
            },
            encoding: encoding.map(|field| Encoding::parse(&field.value)).unwrap_or_default(),
            charset: charset.map(|name| String::from_utf8_lossy(&name).to_ascii_lowercase()),
            opaque: false,
            header_offset: 0,
            body_offset: 0,
        };
        let boundary = content_type.filter(|_| part.is_multipart()).and_then(|field| field.token("boundary"));
        (part, boundary)
    }
}

const TYPE_PARAMETERS: &[&str] = &["boundary", "charset", "name"];

/// Every name that some reader may show for the part with this header section: all `filename` and `name` parameters of all
/// Content-Disposition and Content-Type fields, each way they can be read. In no order, perhaps repeated.
pub fn names(section: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in fields(section) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("content-disposition") || is("content-type") {
            for parameter in NAME_PARAMETERS {
                names.extend(every_text(value, NAME_PARAMETERS, parameter).0);
            }
        }
    }
    names
}

const NAME_PARAMETERS: &[&str] = &["filename", "name"];

/// Why some reader may see a name or parts where [`names`] and the scanner see none, if one may: for the part that was read
/// from this header section.
pub fn doubt(part: &Part, section: &[u8]) -> Option<&'static str> {
    let mut first_type: Option<&[u8]> = None;
    let (mut differ, mut holds_parts) = (false, false);
    for (name, value) in fields(section) {
        let is_type = name.eq_ignore_ascii_case(b"content-type");
        if !is_type && !name.eq_ignore_ascii_case(b"content-disposition") {
            continue;
        }
        if NAME_PARAMETERS.iter().any(|parameter| every_text(value, NAME_PARAMETERS, parameter).1) {
            return Some("a name in an unknown character set");
        }
        if is_type {
            differ |= *first_type.get_or_insert(value.trim_ascii()) != value.trim_ascii();
            let kind = value.split(|&byte| byte == b';').next().unwrap_or_default().to_ascii_lowercase();
            let holds = |kind_of: &[u8]| memchr::memmem::find(&kind, kind_of).is_some();
            holds_parts |= holds(b"multipart") || holds(b"message");
        }
    }
    if holds_parts && (differ || !(part.is_multipart() || part.media_type == "message")) {
        return Some("a type that readers read differently");
    }
    let value = first_type.unwrap_or_default();
    if part.is_multipart() {
        let boundary = Field::parse(value, TYPE_PARAMETERS).token("boundary").unwrap_or_default();
        let (boundaries, _) = every_text(value, TYPE_PARAMETERS, "boundary");
        let boundary = String::from_utf8_lossy(&boundary);
        if boundaries.iter().any(|other| other.trim_ascii_end() != boundary.trim_ascii_start()) {
            return Some("a boundary that readers read differently");
        }
    }
    let is_harmless = part.is_message() || HARMLESS_MESSAGES.contains(&&*part.subtype);
    (part.media_type == "message" && !is_harmless).then_some("a nested message of another kind")
}

/// Types below `message` that hold fields only.
const HARMLESS_MESSAGES: &[&str] = &[
    "delivery-status",
    "disposition-notification",
    "feedback-report",
    "global-delivery-status",
    "global-disposition-notification",
    "global-headers",
    "rfc822-headers",
    "tracking-status",
];

/// Every type that the part with this header section is given, such as `text/html`, in lower case.
pub fn types(section: &[u8]) -> Vec<String> {
    let given = fields(section).filter(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
    given.map(|(_, value)| Field::parse(value, &[]).value).collect()
}

/// `text/html` in two, if both halves are tokens (RFC 2045 §5.1).
fn split_type(value: &str) -> Option<(&str, &str)> {
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
    };
    value.split_once('/').filter(|(media_type, subtype)| is_token(media_type) && is_token(subtype))
}

fn is_protected(media_type: &str, subtype: &str) -> bool {
    match media_type {
        "multipart" => matches!(subtype, "signed" | "encrypted"),
        "application" => matches!(
            subtype,
            "pkcs7-mime"
                | "x-pkcs7-mime"
                | "pkcs7-signature"
                | "x-pkcs7-signature"
                | "pgp"
                | "pgp-encrypted"
                | "pgp-signature"
                | "pgp-keys"
        ),
        _ => false,
    }
}
