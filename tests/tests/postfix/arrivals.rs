//! What arrived, by the id that the reply named.
//!
//! ```text
//! by_id(messages)  ->  { "4jbr0X3FGSz1SZBl": what the client sent, less the fields that were put before it }
//! ```
//!
//! Both write fields of their own before a message, the last of them a `Received` with the id.

use std::collections::BTreeMap;

/// Contents by id. A message that was stored for several recipients stands once.
///
/// # Panics
/// Where a message has no `Received` of the server's own, or copies of one differ.
pub(crate) fn by_id(messages: Vec<Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for message in messages {
        let (id, content) = split(&message).unwrap_or_else(|| panic!("no id: {}", message.escape_ascii()));
        let before = all.insert(id.clone(), content.clone());
        assert!(before.is_none_or(|before| before == content), "{id} was stored in two ways");
    }
    all
}

/// The id in the first `Received`, and what follows that field.
fn split(message: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut lines = message.split_inclusive(|&b| b == b'\n').peekable();
    let (mut at, mut received) = (0, None);
    while let Some(line) = lines.next() {
        at += line.len();
        let field = received.get_or_insert_with(Vec::new);
        field.extend_from_slice(line);
        if lines.peek().is_some_and(|next| next.starts_with(b" ") || next.starts_with(b"\t")) {
            continue;
        }
        if field.starts_with(b"Received:") {
            let text = String::from_utf8_lossy(field).into_owned();
            let mut words = text.split_ascii_whitespace().skip_while(|word| *word != "id");
            let id = words.nth(1)?.trim_end_matches(';').to_owned();
            return Some((id, message[at..].to_vec()));
        }
        received = None;
    }
    None
}
