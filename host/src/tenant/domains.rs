//! Which tenant a domain belongs to. Exact beats the longest `*.x`, which beats the longest `x.*`.
//!
//! One hash look-up for each label of the domain at most, however many tenants there are. Knows nothing of tenants but
//! what stands for them. Names are compared by their A-labels ([`lookup_form`]): a pattern and a recipient may have either form
//! of a name in UTF-8, in any normalisation.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::str::FromStr;

use crate::mail::domain;
use crate::mail::idna::lookup_form;

/// Domains that a tenant takes, as they were written but for the case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// `x`, or an address literal (RFC 5321 §4.1.3).
    Exact(String),
    /// `*.x`: all below `x` at any depth, not `x` itself. Holds `x`.
    Below(String),
    /// `x.*`: all that begin with `x.`. Holds `x`.
    Begins(String),
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "\"{}\" is not a domain: expected `x.example`, `*.x.example`, `x.*`, `[192.0.2.1]` or `[IPv6:2001:db8::1]`",
                text.escape_debug()
            )
        };
        let (make, name): (fn(String) -> Self, &str) = if let Some(name) = text.strip_prefix("*.") {
            (Self::Below, name)
        } else if let Some(name) = text.strip_suffix(".*") {
            (Self::Begins, name)
        } else {
            (Self::Exact, text)
        };
        // An address has nothing below it.
        if name != text && name.starts_with('[') {
            return Err(refuse());
        }
        domain::normalise(name).map(make).map_err(|_| refuse())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Begins(name) => write!(f, "{name}.*"),
        }
    }
}

/// Patterns and whose they are.
#[derive(Debug, Clone)]
pub struct DomainTable<T> {
    exact: HashMap<String, T>,
    below: HashMap<String, T>,
    begins: HashMap<String, T>,
}

impl<T> Default for DomainTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), below: HashMap::new(), begins: HashMap::new() }
    }
}

impl<T: Clone + PartialEq> DomainTable<T> {
    /// Gives `pattern` to `owner`.
    ///
    /// # Errors
    /// Whose it is already; then nothing changes. Giving it to the same owner again is no error.
    pub fn insert(&mut self, pattern: &Pattern, owner: T) -> Result<(), T> {
        let (map, name) = match pattern {
            Pattern::Exact(name) => (&mut self.exact, name),
            Pattern::Below(name) => (&mut self.below, name),
            Pattern::Begins(name) => (&mut self.begins, name),
        };
        match map.entry(lookup_form(name).into_owned()) {
            Entry::Occupied(taken) if *taken.get() != owner => Err(taken.get().clone()),
            Entry::Occupied(_) => Ok(()),
            Entry::Vacant(free) => {
                free.insert(owner);
                Ok(())
            }
        }
    }

    /// Whose `domain` is; it must be lower-case, as `Mailbox::domain` is.
    pub fn get(&self, domain: &str) -> Option<&T> {
        if domain.starts_with('[') {
            return self.exact.get(&domain::normalise(domain).ok()?);
        }
        let domain = &*lookup_form(domain);
        let dots = || domain.match_indices('.').map(|(at, _)| at);
        self.exact
            .get(domain)
            .or_else(|| dots().find_map(|at| self.below.get(&domain[at + 1..])))
            .or_else(|| dots().rev().find_map(|at| self.begins.get(&domain[..at])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(patterns: &[&str]) -> DomainTable<String> {
        let mut table = DomainTable::default();
        for pattern in patterns {
            table.insert(&pattern.parse().unwrap(), (*pattern).to_owned()).unwrap();
        }
        table
    }

    #[test]
    fn the_most_exact_pattern_wins() {
        let table = table(&["a.example", "*.a.example", "*.b.a.example", "b.*", "b.c.*"]);
        let cases = [
            ("a.example", Some("a.example")),
            ("x.a.example", Some("*.a.example")),
            ("x.y.a.example", Some("*.a.example")),
            ("b.a.example", Some("*.a.example")),
            ("x.b.a.example", Some("*.b.a.example")),
            ("b.example", Some("b.*")),
            ("b.c.example", Some("b.c.*")),
            ("b", None),
            ("example", None),
            ("xa.example", None),
            ("", None),
        ];
        for (domain, expect) in cases {
            assert_eq!(table.get(domain).map(String::as_str), expect, "{domain}");
        }
    }

    #[test]
    fn address_literals_have_one_spelling() {
        let table = table(&["[192.0.2.1]", "[IPv6:2001:0DB8:0::1]"]);
        for domain in ["[192.0.2.1]", "[ipv6:2001:db8::1]", "[ipv6:2001:db8:0:0:0:0:0:1]"] {
            assert!(table.get(domain).is_some(), "{domain}");
        }
        for domain in ["192.0.2.1", "[192.0.2.2]", "[ipv6:2001:db8::2]", "[x", "["] {
            assert!(table.get(domain).is_none(), "{domain}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        for bad in [
            "",
            "*",
            "*.",
            ".*",
            "*.*",
            "a..b",
            ".a",
            "a.",
            "a b",
            "a.*.b",
            "*a.b",
            "a@b",
            "[1.2.3]",
            "[::1]",
            "-a",
            "*.[192.0.2.1]",
            "[192.0.2.1].*",
            "ü\u{202e}.example",
        ] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
        assert!(long.parse::<Pattern>().is_err());
        assert!(long[1..].parse::<Pattern>().is_ok());
        let name = |len: usize| "a.".repeat(len / 2) + &"a".repeat(len % 2);
        assert!(name(255).parse::<Pattern>().is_ok());
        assert!((name(255) + ".a").parse::<Pattern>().is_err());
    }

    /// Goal: what a client writes finds the tenant, whichever case either used. A sigma at the end of a word is where
    /// other ways to lower-case differ between a name and its part.
    #[test]
    fn names_beyond_ascii_are_found() {
        let table = table(&["Bücher.Example", "*.भारत", "ΑΣ.*", "*.ΑΣ.example"]);
        for (domain, expect) in [
            ("BÜCHER.example", Some("Bücher.Example")),
            ("हिन्दी.भारत", Some("*.भारत")),
            ("ΑΣ.test", Some("ΑΣ.*")),
            ("a.ΑΣ.EXAMPLE", Some("*.ΑΣ.example")),
            ("xn--bcher-kva.example", Some("Bücher.Example")),
            ("bu\u{308}cher.example", Some("Bücher.Example")),
            ("a.b.xn--h2brj9c", Some("*.भारत")),
            ("XN--MXA0B.test", Some("ΑΣ.*")),
            ("xn--bcher-kvb.example", None),
        ] {
            let mailbox = crate::mail::Mailbox::parse(&format!("jo@{domain}")).unwrap();
            assert_eq!(table.get(mailbox.domain()).map(String::as_str), expect, "{domain}");
        }
    }

    /// Goal: either form in `domains` takes both, and two tenants cannot have one each.
    #[test]
    fn a_pattern_in_a_labels_takes_u_labels() {
        let mut table = table(&["xn--bcher-kva.example", "*.xn--fa-hia.example", "xn--bcher-kva.*"]);
        for (domain, expect) in [
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("a.faß.example", Some("*.xn--fa-hia.example")),
            ("a.fass.example", None),
            ("bücher.test", Some("xn--bcher-kva.*")),
        ] {
            assert_eq!(table.get(domain).map(String::as_str), expect, "{domain}");
        }
        for twin in ["bücher.example", "bu\u{308}cher.example", "*.faß.example", "bücher.*"] {
            assert!(table.insert(&twin.parse().unwrap(), "other".into()).is_err(), "{twin}");
        }
    }

    #[test]
    fn a_pattern_has_one_owner() {
        let mut table = table(&["a.example"]);
        let pattern = "A.Example".parse().unwrap();
        assert_eq!(table.insert(&pattern, "other".into()), Err("a.example".into()));
        assert_eq!(table.insert(&pattern, "a.example".into()), Ok(()));
        assert_eq!(table.get("a.example").map(String::as_str), Some("a.example"));
    }

    /// The best of all patterns that match, each looked at by its text.
    fn oracle<'a>(patterns: &'a [String], domain: &str) -> Option<&'a String> {
        let rank = |pattern: &String| {
            if let Some(name) = pattern.strip_prefix('*') {
                domain.ends_with(name).then_some((1, name.len()))
            } else if let Some(name) = pattern.strip_suffix('*') {
                domain.starts_with(name).then_some((0, name.len()))
            } else {
                (pattern == domain).then_some((2, 0))
            }
        };
        patterns
            .iter()
            .filter_map(|pattern| Some((rank(pattern)?, pattern)))
            .max()
            .map(|(_, pattern)| pattern)
    }

    proptest! {
        #[test]
        fn agrees_with_the_oracle(
            patterns in prop::collection::hash_set("(\\*\\.)?[ab](\\.[ab]){0,3}|[ab](\\.[ab]){0,2}\\.\\*", 0..12),
            domain in "[ab](\\.[ab]){0,4}",
        ) {
            let patterns: Vec<String> = patterns.into_iter().collect();
            let table = table(&patterns.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(table.get(&domain), oracle(&patterns, &domain));
        }

        #[test]
        fn what_is_written_reads_back(text in "\\PC{0,12}|[a-z.*\\[\\]:0-9]{0,16}") {
            let _ = table(&["*.a"]).get(&text);
            if let Ok(pattern) = text.parse::<Pattern>() {
                prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
            }
        }
    }
}
