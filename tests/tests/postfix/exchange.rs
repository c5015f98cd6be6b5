//! One conversation with both servers at once, and where they part ways.
//!
//! ```text
//! hold(&conversation, ours, theirs)  ->  Outcome { differences: [DATA x: "501 5.5.4" | "501 5.5.1"], queued: ids }
//! ```
//!
//! Each step is said to both, in the same writes. After replies of different classes (first digits) neither knows what the
//! other does, so the rest of the part is left out and both are brought together by EHLO. Knows nothing of which differences
//! may be.

use std::io::ErrorKind;
use std::net::SocketAddr;

use gatepost_tests::Smtp;
use gatepost_tests::smtp::Reply;

use crate::conversation::{Conversation, Step};

/// What brings both to the same state.
const TOGETHER: &[u8] = b"EHLO client.test\r\n";
/// What stands for a reply where there is none.
pub(crate) const CLOSED: &str = "closed";
/// After which nothing comes.
const LAST_WORDS: [&str; 4] = [CLOSED, "221", "421", "521"];

/// Something that was answered differently.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// The line, or the octets, that it is about.
    pub(crate) said: Vec<u8>,
    /// Our code and enhanced code, those of several replies joined by commas; or [`CLOSED`].
    pub(crate) ours: String,
    /// Postfix's.
    pub(crate) theirs: String,
}

/// What came of a conversation.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// In the order in which they came.
    pub(crate) differences: Vec<Difference>,
    /// Messages that both took.
    pub(crate) queued: Vec<Queued>,
    /// Ids of messages that were taken while they were of different minds: ours, and Postfix's.
    pub(crate) apart: [Vec<String>; 2],
}

/// A message that both took.
#[derive(Debug)]
pub(crate) struct Queued {
    /// Our id and Postfix's, as `queued as` names it.
    pub(crate) ids: [String; 2],
    /// Whether it came by DATA, and not in chunks.
    pub(crate) by_data: bool,
}

/// Both servers at once.
struct Both {
    sides: [Smtp; 2],
    outcome: Outcome,
    /// Whether one of them has closed.
    is_over: bool,
}

/// Says it all.
///
/// # Panics
/// Where one of them does not greet, or is silent.
pub(crate) fn hold(conversation: &Conversation, ours: SocketAddr, theirs: SocketAddr) -> Outcome {
    let sides = [ours, theirs].map(|server| Smtp::connect(server).expect("a server greets"));
    let mut both = Both { sides, outcome: Outcome::default(), is_over: false };
    let told = Told(conversation);
    for part in &conversation.parts {
        let agreed = part.iter().all(|step| both.step(step));
        if both.is_over {
            break;
        }
        if !agreed {
            both.say(TOGETHER);
            let again = both.sides.each_mut().map(reply);
            if again.iter().any(Option::is_none) {
                break;
            }
        }
    }
    drop(told);
    both.outcome
}

/// Prints the conversation that a panic came in.
struct Told<'a>(&'a Conversation);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0.text());
        }
    }
}

impl Both {
    /// Gives whether they are still of one mind.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Lines { lines, content } => {
                self.say(&lines.concat());
                self.lines(lines, content.as_deref())
            }
            Step::Chunk { line, octets } => {
                let said = [&line[..], octets].concat();
                self.say(&said);
                let replies = self.sides.each_mut().map(reply);
                self.note_queued(replies.each_ref().map(Option::as_ref), true, false);
                self.compare(&said, &replies.map(|reply| token(reply.as_ref())))
            }
            Step::Lookalike { octets } => {
                self.say(octets);
                let replies =
                    self.sides.each_mut().map(|side| std::iter::from_fn(|| reply(side)).collect::<Vec<_>>());
                for n in 0..replies[0].len().max(replies[1].len()) {
                    self.note_queued(replies.each_ref().map(|replies| replies.get(n)), true, true);
                }
                let all = |replies: Vec<Reply>| {
                    let tokens: Vec<_> = replies.iter().map(|reply| token(Some(reply))).collect();
                    if tokens.is_empty() { CLOSED.to_owned() } else { tokens.join(", ") }
                };
                self.is_over = true;
                self.compare(octets, &replies.map(all))
            }
        }
    }

    fn lines(&mut self, lines: &[Vec<u8>], content: Option<&[u8]>) -> bool {
        let mut agreed = true;
        let replies = self.sides.each_mut().map(|side| lines.iter().map(|_| reply(side)).collect::<Vec<_>>());
        for (n, line) in lines.iter().enumerate() {
            // What follows in the same write was said to servers that may be in different states.
            agreed =
                agreed && self.compare(line, &replies.each_ref().map(|replies| token(replies[n].as_ref())));
        }
        let Some(content) = content else { return agreed };
        let last = replies.map(|replies| replies.into_iter().next_back().flatten());
        let answers: Vec<Option<Reply>> = self
            .sides
            .iter_mut()
            .zip(&last)
            .map(|(side, last)| {
                last.as_ref().filter(|reply| reply.code == 354)?;
                // Where it is closed, no reply comes.
                let _ = side.write(content);
                reply(side)
            })
            .collect();
        let answers = [answers[0].clone(), answers[1].clone()];
        self.note_queued(answers.each_ref().map(Option::as_ref), agreed, true);
        let asked = last.iter().all(|reply| reply.as_ref().is_some_and(|reply| reply.code == 354));
        agreed && (!asked || self.compare(content, &answers.map(|reply| token(reply.as_ref()))))
    }

    fn say(&mut self, octets: &[u8]) {
        for side in &mut self.sides {
            // Where it is closed, no reply comes.
            let _ = side.write(octets);
        }
    }

    fn note_queued(&mut self, replies: [Option<&Reply>; 2], agreed: bool, by_data: bool) {
        let ids = replies.map(|reply| {
            let text = reply.filter(|reply| reply.code == 250)?.text();
            Some(text.split_once("queued as ")?.1.to_owned())
        });
        match ids {
            [Some(ours), Some(theirs)] if agreed => {
                self.outcome.queued.push(Queued { ids: [ours, theirs], by_data });
            }
            ids => self.outcome.apart.iter_mut().zip(ids).for_each(|(apart, id)| apart.extend(id)),
        }
    }

    /// Gives whether the replies are of one class.
    fn compare(&mut self, said: &[u8], replies: &[String; 2]) -> bool {
        let [ours, theirs] = replies;
        self.is_over |= replies.iter().any(|reply| LAST_WORDS.iter().any(|last| reply.starts_with(last)));
        // Postfix is of this mind only about command lines.
        self.is_over |= theirs == "550 5.5.2" && said.ends_with(b"\n") && !said.ends_with(b"\r\n");
        if ours != theirs {
            let (ours, theirs) = (ours.clone(), theirs.clone());
            self.outcome.differences.push(Difference { said: said.to_vec(), ours, theirs });
        }
        ours.as_bytes()[0] == theirs.as_bytes()[0] && !self.is_over
    }
}

/// The next reply; `None` where it has closed.
fn reply(side: &mut Smtp) -> Option<Reply> {
    match side.read_reply() {
        Ok(reply) => Some(reply),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => None,
        Err(error) => panic!("a reply was to come: {error}"),
    }
}

/// Code and enhanced code; after EHLO the extensions, in order.
fn token(reply: Option<&Reply>) -> String {
    let Some(reply) = reply else { return CLOSED.to_owned() };
    if reply.lines.len() > 1 {
        let mut words: Vec<&str> =
            reply.lines[1..].iter().map(|line| line[4..].split(' ').next().unwrap_or_default()).collect();
        words.sort_unstable();
        return format!("{} {}", reply.code, words.join(" "));
    }
    let second = reply.lines[0].split(' ').nth(1).unwrap_or_default();
    let is_enhanced =
        second.split('.').count() == 3 && second.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_enhanced { format!("{} {second}", reply.code) } else { reply.code.to_string() }
}
