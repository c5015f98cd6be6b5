//! What is said to both servers: conversations from a seed.
//!
//! ```text
//! Conversation::generate(17)  ->  parts [hello] [MAIL, RCPT | DATA + content] [NOOP, ...] [MAIL ... lookalike]
//! ```
//!
//! The same number gives the same conversation always. A part is a transaction, or commands between two; where the servers
//! part ways, the rest of a part is not said. Knows nothing of what the answers should be.

use crate::dice::Dice;
use crate::{contents, words};

/// The smallest thing that is said: one write, and the answers to it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Lines with their ends, in one write, one reply for each. Where there is content the last line is DATA, and a 354
    /// is answered with it: it holds one end mark, as its end.
    Lines {
        /// The lines.
        lines: Vec<Vec<u8>>,
        /// What follows the 354.
        content: Option<Vec<u8>>,
    },
    /// A BDAT line and the octets that it announces, in one write; one reply.
    Chunk {
        /// The line.
        line: Vec<u8>,
        /// What follows it.
        octets: Vec<u8>,
    },
    /// Octets after DATA that may end the content earlier than they should, the true end, and QUIT, in one write; as many
    /// replies as come. Nothing can follow.
    Lookalike {
        /// All of it.
        octets: Vec<u8>,
    },
}

/// Parts of steps.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    /// Which it is.
    pub(crate) number: usize,
    /// Whether bare newlines are kept, instead of refused.
    pub(crate) keep: bool,
    /// What is said.
    pub(crate) parts: Vec<Vec<Step>>,
}

impl Conversation {
    /// The conversation of this number.
    pub(crate) fn generate(number: usize) -> Self {
        let mut dice = Dice::new(number as u64);
        let mut parts = vec![vec![lines(vec![words::hello(&mut dice)])]];
        for _ in 0..dice.within(1, 3) {
            if dice.one_in(3) {
                let said = (0..dice.within(1, 3)).map(|_| words::odd(&mut dice)).collect();
                parts.push(grouped(&mut dice, said));
            }
            parts.push(transaction(&mut dice));
        }
        parts.push(match dice.within(0, 15) {
            0..=4 => lookalike(&mut dice),
            5 => vec![lines(vec![b"GET / HTTP/1.1\r\n".to_vec()])],
            _ => vec![lines(vec![b"QUIT\r\n".to_vec()])],
        });
        Self { number, keep: number % 2 == 1, parts }
    }

    /// All that may be sent, to be read by who looks for the reason of a failure.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("conversation {}, bare newlines kept: {}\n", self.number, self.keep);
        for (n, part) in self.parts.iter().enumerate() {
            text += &format!("part {n}\n");
            for step in part {
                text += &match step {
                    Step::Lines { lines, content: None } => format!("  {}\n", lines.concat().escape_ascii()),
                    Step::Lines { lines, content: Some(content) } => {
                        format!("  {}\n    {}\n", lines.concat().escape_ascii(), shown(content))
                    }
                    Step::Chunk { line, octets } => format!("  {}{}\n", line.escape_ascii(), shown(octets)),
                    Step::Lookalike { octets } => format!("  {}\n", octets.escape_ascii()),
                };
            }
        }
        text
    }
}

/// The beginning of some octets, readable.
pub(crate) fn shown(octets: &[u8]) -> String {
    let start = &octets[..octets.len().min(400)];
    let more = if octets.len() > start.len() { "..." } else { "" };
    format!("{}{more} ({} octets)", start.escape_ascii(), octets.len())
}

fn lines(lines: Vec<Vec<u8>>) -> Step {
    Step::Lines { lines, content: None }
}

/// The same lines, one at a time or in one write.
fn grouped(dice: &mut Dice, said: Vec<Vec<u8>>) -> Vec<Step> {
    if dice.one_in(2) { vec![lines(said)] } else { said.into_iter().map(|line| lines(vec![line])).collect() }
}

/// MAIL, some RCPT, content; now and then something between them, or one of them missing.
fn transaction(dice: &mut Dice) -> Vec<Step> {
    let mut said = Vec::new();
    if !dice.one_in(25) {
        said.push(words::mail(dice));
    }
    let recipients = if dice.one_in(20) { 7 } else { dice.within(0, 8).clamp(1, 3) };
    for _ in 0..recipients {
        if dice.one_in(12) {
            said.push(words::odd(dice));
        }
        said.push(words::rcpt(dice));
    }
    if dice.one_in(12) {
        said.push(words::odd(dice));
    }
    if dice.one_in(30) {
        said.clear();
    }
    let mut steps = Vec::new();
    if dice.one_in(3) {
        steps.extend(grouped(dice, said));
        steps.extend(chunks(dice));
    } else if dice.one_in(2) {
        said.push(b"DATA\r\n".to_vec());
        steps.push(Step::Lines { lines: said, content: Some(contents::after_data(dice)) });
    } else {
        steps.extend(grouped(dice, said));
        steps.push(Step::Lines {
            lines: vec![b"DATA\r\n".to_vec()],
            content: Some(contents::after_data(dice)),
        });
    }
    steps
}

/// A message in chunks, complete more often than not.
fn chunks(dice: &mut Dice) -> Vec<Step> {
    let content = contents::content(dice);
    let cut = dice.within(0, content.len());
    let mut steps = Vec::new();
    for (piece, last) in [(&content[..cut], false), (&content[cut..], true)] {
        if piece.is_empty() && !last && !dice.one_in(4) {
            continue;
        }
        let (line, octets) = words::bdat(dice, piece, last);
        steps.push(Step::Chunk { line, octets });
        if dice.one_in(12) {
            steps.push(lines(vec![words::odd(dice)]));
        }
    }
    steps
}

/// A message whose content has what looks like its end, with commands behind it.
fn lookalike(dice: &mut Dice) -> Vec<Step> {
    let hello =
        [&b"EHLO client.test\r\n"[..], b"MAIL FROM:<a@client.test>\r\n", b"RCPT TO:<jo@acme.example>\r\n"];
    let mut octets = b"Subject: one\r\n\r\nbody".to_vec();
    octets.extend_from_slice(contents::lookalike(dice));
    octets.extend_from_slice(
        b"MAIL FROM:<b@client.test>\r\nRCPT TO:<mo@acme.example>\r\nDATA\r\nSubject: two\r\n",
    );
    octets.extend_from_slice(b"\r\n.\r\nQUIT\r\n");
    let said = hello.iter().map(|line| line.to_vec()).chain([b"DATA\r\n".to_vec()]).collect();
    vec![lines(said), Step::Lookalike { octets }]
}
