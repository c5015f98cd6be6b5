//! The spelling that a domain is looked up in: the A-labels that DNS has of it.
//!
//! ```text
//! "bücher.example"  ->  "xn--bcher-kva.example"        "xn--bcher-kva.example"  ->  the same
//! "bu\u{308}cher.example"  ->  "xn--bcher-kva.example"   "[192.0.2.1]"  ->  the same
//! ```
//!
//! UTS 46, non-transitional: `faß.example` and `fass.example` are two domains, as they are in DNS. Each label stands for itself,
//! so that a part of a name comes to the same as the whole: that is how `*.x` is looked up. A label that IDNA has no form for is
//! a name of its own, and stays as it is: RFC 5321 and RFC 6531 let a client write it, and nobody else's name comes of it.
//!
//! Only for looking up. What is stored, logged and sent on is what was written.
//! Knows nothing of DNS and of who owns a domain.

use std::borrow::Cow;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::domain::LABEL_MAX;

/// How an A-label begins: RFC 5890 §2.3.2.1.
const ACE_PREFIX: &str = "xn--";

/// The spelling of `domain`, which [`normalise`](super::domain::normalise) gave, that equal domains share. A name longer than
/// `domain` may come out; what is no name (an address literal, the empty domain of `<postmaster>`) comes out as it is.
pub fn lookup_form(domain: &str) -> Cow<'_, str> {
    let is_plain = domain.is_ascii() && !domain.split('.').any(|label| label.starts_with(ACE_PREFIX));
    if is_plain || domain.starts_with('[') {
        return Cow::Borrowed(domain);
    }
    let labels: Vec<Cow<'_, str>> = domain.split('.').map(label_form).collect();
    Cow::Owned(labels.join("."))
}

/// The A-label of one label; the label itself where it has none.
fn label_form(label: &str) -> Cow<'_, str> {
    if label.is_ascii() && !label.starts_with(ACE_PREFIX) {
        return Cow::Borrowed(label);
    }
    let form = Uts46::new().to_ascii(
        label.as_bytes(),
        AsciiDenyList::EMPTY,
        Hyphens::CheckFirstLast,
        DnsLength::Ignore,
    );
    // A character may stand for a dot or a space, and a label may shrink to nothing: then it is no label.
    let is_label = |form: &str| {
        form.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    match form {
        Ok(form) if (1..=LABEL_MAX).contains(&form.len()) && is_label(&form) => form,
        _ => Cow::Borrowed(label),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::domain::normalise;
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let domain = normalise(text).unwrap();
        assert_eq!(lookup_form(&domain), expect, "{text:?}");
    }

    /// Goal: U-label, A-label and both normalisations of a name are one; case does not matter in either.
    #[test]
    fn one_domain_has_one_form() {
        for text in [
            "bücher.example",
            "BÜCHER.example",
            "bu\u{308}cher.example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.Example",
        ] {
            check(text, "xn--bcher-kva.example");
        }
        for text in ["例え.jp", "xn--r8jz45g.jp"] {
            check(text, "xn--r8jz45g.jp");
        }
        for text in ["हिन्दी.भारत", "xn--j2bd4cyah0f.xn--h2brj9c"] {
            check(text, "xn--j2bd4cyah0f.xn--h2brj9c");
        }
        check("ａｃｍｅ.example", "acme.example");
        check("ΑΣ.example", "xn--mxa0b.example");
    }

    /// Goal: non-transitional, as today's browsers and registries have it.
    #[test]
    fn sharp_s_is_a_letter_of_its_own() {
        check("faß.example", "xn--fa-hia.example");
        check("fass.example", "fass.example");
    }

    /// Goal: what IDNA has no form for is a name of its own, never somebody else's.
    #[test]
    fn what_has_no_form_stays_as_it_is() {
        for text in [
            "plain.example",
            "a_b.example",
            "ab--c.example",
            "localhost",
            // Punycode that overflows, and such of a letter in upper case, which no U-label has.
            "xn--99999999999999.example",
            "xn--wda.example",
            // One character that UTS 46 reads as `..`, and one as a fraction with a slash.
            "a\u{2025}b.example",
            "a\u{2100}.example",
        ] {
            check(text, text);
        }
        let long = "ü".repeat(31);
        check(&long, &lookup_form(&long));
        for text in ["", "[192.0.2.1]", "[ipv6:2001:db8::1]"] {
            assert_eq!(lookup_form(text), text);
        }
    }

    proptest! {
        /// Goal: whatever a client may write has a form, which is final, and the form of a name is that of its parts.
        #[test]
        fn the_form_is_final_and_label_by_label(text in "(xn--)?[a-zäßσΑ例ａ.-]{1,12}|\\PC{1,12}") {
            if let Ok(domain) = normalise(&text) {
                let form = lookup_form(&domain).into_owned();
                prop_assert_eq!(lookup_form(&form).into_owned(), form.clone());
                prop_assert_eq!(form.split('.').count(), domain.split('.').count());
                if let Some((first, rest)) = domain.split_once('.') && !domain.starts_with('[') {
                    prop_assert_eq!(format!("{}.{}", lookup_form(first), lookup_form(rest)), form);
                }
            }
        }
    }
}
