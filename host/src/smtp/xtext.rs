//! xtext: how values that hold anything stand in SMTP parameters (RFC 3461 §4).
//!
//! ```text
//! "a+3Db"  <->  "a=b"
//! ```

/// Decodes xtext. `None` where it is none, or does not decode to UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => {
                let (high, low) = (hex(*rest.first()?)?, hex(*rest.get(1)?)?);
                bytes.push(high << 4 | low);
                rest = &rest[2..];
            }
            b'=' => return None,
            b'!'..=b'~' => bytes.push(first),
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

/// Encodes as xtext.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if !b"+=".contains(&byte) => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("+{byte:02X}")),
        }
    }
    encoded
}

/// RFC 3461 has upper case only; lower case cannot be misread.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_xtext() {
        assert_eq!(decode("a+3Db+2B").as_deref(), Some("a=b+"));
        for bad in ["a=b", "+", "+4", "+4G", "a b", "ü", "+FF", "\u{7f}"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(text in "\\PC{0,20}|[+=a \\r\\n]{0,9}") {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && b != b'='));
            prop_assert_eq!(decode(&encoded), Some(text));
        }
    }
}
