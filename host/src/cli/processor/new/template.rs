//! The files of a new crate, and how the words that are its own are put in.
//!
//! `{{word}}` stands for a word. Lines between `{{#flag}}` and `{{/flag}}` stand only where the flag is set; flags do not nest.

use crate::cli::arguments::processor::Extra;

/// Path in the crate, and text with its gaps. Messages have LF here and CRLF in the crate.
pub(super) const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("README.md", include_str!("template/README.md.txt")),
    (".gitignore", include_str!("template/gitignore.txt")),
    (".gitattributes", include_str!("template/gitattributes.txt")),
    ("cases/outside/case.toml", include_str!("template/cases/outside/case.toml.txt")),
    ("cases/outside/message.eml", include_str!("template/cases/outside/message.eml.txt")),
    ("cases/outside/expected.eml", include_str!("template/cases/outside/expected.eml.txt")),
    ("cases/inside/case.toml", include_str!("template/cases/inside/case.toml.txt")),
    ("cases/inside/message.eml", include_str!("template/cases/inside/message.eml.txt")),
    ("cases/bounce/case.toml", include_str!("template/cases/bounce/case.toml.txt")),
    ("cases/bounce/message.eml", include_str!("template/cases/bounce/message.eml.txt")),
];

/// What is a crate's own.
pub(super) struct Words {
    pub(super) name: String,
    /// Where the SDK lies, as the manifest says it.
    pub(super) sdk: String,
    /// Whether the crate brings the SDK along.
    pub(super) carried: bool,
    /// What the example shows beyond what every processor may do.
    pub(super) with: Vec<Extra>,
}

impl Words {
    /// Fills the gaps.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut left_out = None;
        for line in text.split_inclusive('\n') {
            let mark = line.trim_end();
            let flag = |opening: &str| mark.strip_prefix(opening)?.strip_suffix("}}");
            if let Some(flag) = flag("{{#") {
                left_out = (!self.is_set(flag)).then_some(flag);
            } else if flag("{{/").is_some() {
                left_out = None;
            } else if left_out.is_none() {
                filled.push_str(line);
            }
        }
        let filled = filled.replace("{{name}}", &self.name).replace("{{sdk}}", &self.sdk);
        filled.replace("{{grants}}", &self.grants().join(", "))
    }

    /// The grants that the example needs, quoted.
    fn grants(&self) -> Vec<String> {
        let grants =
            Extra::ALL.iter().filter(|extra| **extra != Extra::Recipients && self.with.contains(extra));
        grants.map(|extra| format!("\"{}\"", extra.name())).collect()
    }

    fn is_set(&self, flag: &str) -> bool {
        match flag {
            "carried" => self.carried,
            "granted" => !self.grants().is_empty(),
            "plain" => !self.with.contains(&Extra::Envelope),
            _ => self.with.iter().any(|extra| extra.name() == flag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no mark of a template ever reaches a crate.
    #[test]
    fn every_gap_is_filled() {
        for set in 0..64_u32 {
            let carried = set & 32 != 0;
            let with = Extra::ALL.iter().enumerate().filter(|(n, _)| set >> n & 1 != 0);
            let with = with.map(|(_, extra)| *extra).collect();
            let words = Words { name: "my-filter".into(), sdk: "sdk/gatepost-sdk".into(), carried, with };
            for (path, text) in FILES {
                let filled = words.fill(text);
                assert!(!filled.contains("{{") && !filled.contains("}}\n"), "{path}: {filled}");
                assert!(!filled.contains("\n\n\n"), "{path}: {filled}");
                let is_toml = path.ends_with(".toml");
                assert!(!is_toml || filled.parse::<toml::Table>().is_ok(), "{path}: {filled}");
                assert!(!filled.is_empty() && filled.ends_with('\n'), "{path}");
            }
            assert_eq!(words.fill(FILES[0].1).contains("exclude"), carried);
        }
    }
}
