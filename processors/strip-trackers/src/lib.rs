//! `strip-trackers`: takes tracking parameters out of links, and tracking pixels out of HTML, as the message streams by.
//!
//! What it does, and what it leaves alone, is said in `README.md`. Knows nothing of transfer encodings: that is the SDK's
//! `text`.

mod html;
mod url;

use gatepost_sdk::text::{Editor, Edits, HOLD_MAX, Left, Rewriter, TextPart};
use gatepost_sdk::{Context, Description, Flow, Processor, Refusal, Verdict};
use serde::Deserialize;

/// Longest tag and longest URL that is looked into, in bytes; longer ones pass. 8 KiB: what servers take as a request line.
pub const SPAN_MAX: usize = 8 << 10;
/// Most parameters, and most domains, that a config may list. 256: each is compared with each parameter of each link.
pub const LIST_MAX: usize = 256;
/// Longest entry of a list, in bytes: a domain's name has at most 253.
pub const ENTRY_MAX: usize = 253;

const _: () = assert!(SPAN_MAX < HOLD_MAX);

/// The stage's config.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Parameters to take out beside the default ones: a name, or its beginning and a `*`. Compared without regard to case; at
    /// most [`LIST_MAX`] of at most [`ENTRY_MAX`] bytes. Default none.
    pub parameters: Vec<String>,
    /// Take out the default parameters (the list in `url.rs`). Default true.
    pub default_parameters: bool,
    /// Every image from one of these domains, or from below one, is a pixel. Default none; limits as for `parameters`.
    pub domains: Vec<String>,
    /// Take out images of at most 1 by 1, and hidden ones, that are loaded from elsewhere. Default true.
    pub pixels: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { parameters: vec![], default_parameters: true, domains: vec![], pixels: true }
    }
}

/// The processor.
#[derive(Debug)]
pub struct StripTrackers {
    rewriter: Rewriter<Stripper>,
}

gatepost_sdk::export!(StripTrackers);

impl Processor for StripTrackers {
    type Config = Config;

    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
    }

    fn configure(config: Config) -> Result<Self, String> {
        check("parameters", &config.parameters, |entry| {
            let name = entry.strip_suffix('*').unwrap_or(entry);
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"*&=#?%".contains(&byte))
        })?;
        check("domains", &config.domains, |entry| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            entry.bytes().all(is_name)
                && !entry.starts_with('.')
                && !entry.ends_with('.')
                && !entry.is_empty()
        })?;
        let stripper = Stripper { config, is_html: false, counts: Counts::default() };
        Ok(Self { rewriter: Rewriter::new(stripper) })
    }

    fn write(&mut self, chunk: &[u8], cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        self.rewriter.write(chunk, cx)
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<Verdict, Refusal> {
        self.rewriter.close(cx)?;
        let Counts { parameters, pixels, left } = self.rewriter.editor().counts;
        let counts = [
            ("parameters", parameters),
            ("pixels", pixels),
            ("parts_left", left),
            ("refused", self.rewriter.refused()),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            cx.count(name, count);
        }
        Ok(Verdict::Accept)
    }
}

fn check(key: &str, list: &[String], is_valid: impl Fn(&str) -> bool) -> Result<(), String> {
    if list.len() > LIST_MAX {
        return Err(format!("{key}: {} entries, but at most {LIST_MAX} are allowed", list.len()));
    }
    for entry in list {
        if entry.len() > ENTRY_MAX {
            return Err(format!(
                "{key}: an entry of {} bytes, but at most {ENTRY_MAX} are allowed",
                entry.len()
            ));
        }
        if !is_valid(entry) {
            return Err(format!("{key}: `{entry}` cannot stand here"));
        }
    }
    Ok(())
}

/// What was done to a message.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    parameters: u64,
    pixels: u64,
    /// Text parts that were not looked into.
    left: u64,
}

/// The editor of the text.
#[derive(Debug)]
struct Stripper {
    config: Config,
    is_html: bool,
    counts: Counts,
}

impl Editor for Stripper {
    fn begin(&mut self, part: &TextPart<'_>) -> bool {
        self.is_html = part.is_html();
        self.is_html || part.part.subtype == "plain"
    }

    fn edit(&mut self, text: &[u8], last: bool, edits: &mut Edits) -> usize {
        if self.is_html { self.html(text, last, edits) } else { self.plain(text, last, edits) }
    }

    fn left(&mut self, _part: &TextPart<'_>, _why: Left) {
        self.counts.left += 1;
    }
}
