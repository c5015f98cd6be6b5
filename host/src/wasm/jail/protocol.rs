//! What goes through the jail's pipes.
//!
//! A question is a length (8 bytes, little-endian) and the component; an answer is a tag, a length and its content. The length
//! tells a whole one from what a dying process left.

use std::io::{self, Read, Write};

/// Bytes before the content of an answer.
const HEAD: usize = 9;

/// What the child answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Compiled code.
    Compiled(Vec<u8>),
    /// The compiler refuses the component, for this reason.
    Refused(String),
    /// The compiler ran out of memory and could still say so.
    OutOfMemory,
}

/// The length that goes before a question.
pub(super) fn question_head(len: usize) -> [u8; 8] {
    (len as u64).to_le_bytes()
}

/// Reads a question to its end.
pub(super) fn read_question(mut input: impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 8];
    input.read_exact(&mut head)?;
    let len = u64::from_le_bytes(head);
    let mut bytes = Vec::new();
    input.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Longest answer to `output` bytes of compiled code at most.
pub(super) fn answer_max(output: u64) -> u64 {
    output.saturating_add(HEAD as u64)
}

impl Answer {
    pub(super) fn write(&self, mut output: impl Write) -> io::Result<()> {
        let (tag, content) = match self {
            Self::Compiled(code) => (b'c', &code[..]),
            Self::Refused(text) => (b'r', text.as_bytes()),
            Self::OutOfMemory => (b'm', &b""[..]),
        };
        output.write_all(&[tag])?;
        output.write_all(&(content.len() as u64).to_le_bytes())?;
        output.write_all(content)?;
        output.flush()
    }

    /// None: it is not a whole answer.
    pub(super) fn read(mut bytes: Vec<u8>) -> Option<Self> {
        let (head, content) = bytes.split_first_chunk::<HEAD>()?;
        let [tag, len @ ..] = *head;
        if u64::from_le_bytes(len) != content.len() as u64 {
            return None;
        }
        match tag {
            b'c' => {
                bytes.drain(..HEAD);
                Some(Self::Compiled(bytes))
            }
            b'r' => Some(Self::Refused(String::from_utf8_lossy(content).into_owned())),
            b'm' => Some(Self::OutOfMemory),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(answer: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        answer.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn answers_are_read_as_they_were_written_or_not_at_all() {
        for answer in
            [Answer::Compiled(vec![7; 300]), Answer::Refused("no\u{e4}".to_owned()), Answer::OutOfMemory]
        {
            let bytes = written(&answer);
            for len in 0..bytes.len() {
                assert_eq!(Answer::read(bytes[..len].to_vec()), None, "{answer:?} cut at {len}");
            }
            assert_eq!(Answer::read([&bytes[..], b"x"].concat()), None, "more than it says");
            assert_eq!(Answer::read(bytes), Some(answer));
        }
        assert_eq!(Answer::read([&[b'?'][..], &[0; 8]].concat()), None);
    }

    #[test]
    fn questions_are_whole() {
        let question = [&question_head(3)[..], b"abc"].concat();
        assert_eq!(read_question(&question[..]).unwrap(), b"abc");
        for len in 0..question.len() {
            assert!(read_question(&question[..len]).is_err(), "cut at {len}");
        }
    }
}
