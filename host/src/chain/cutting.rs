//! Where a message is cut into the pieces that it comes in.
//!
//! ```text
//! whole    one piece
//! bytes    one byte a piece, for the first 64 KiB
//! halves   in two: everywhere in a short message, else at its ends, around line ends and evenly spaced
//! random   pieces of 1 to 4096 bytes, 8 times, always the same for the same seed
//! ```
//!
//! Knows nothing of what a message is. What a stage gives must not depend on it (`docs/semantics.md`, Upload and check).

/// A way of cutting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutting {
    /// One piece.
    Whole,
    /// One byte a piece.
    Bytes,
    /// In two, at many places.
    Halves,
    /// Pieces of random sizes, several times.
    Random,
}

/// All of them, by the names that a case has for them.
pub const CUTTINGS: [(&str, Cutting); 4] = [
    ("whole", Cutting::Whole),
    ("bytes", Cutting::Bytes),
    ("halves", Cutting::Halves),
    ("random", Cutting::Random),
];

/// What comes byte by byte, at most, in bytes: each piece is a call, and a long message would take minutes.
const BYTES_MAX: usize = 64 << 10;
/// Up to this length, in bytes, a message is cut in two at every place.
const EVERY_CUT_MAX: usize = 256;
/// On a longer one: cuts from either end, around so many line ends, and so many evenly spaced.
const SAMPLED_CUTS: usize = 32;
/// How many random cuttings.
const RANDOM_RUNS: u64 = 8;
/// Longest random piece, in bytes: below the 16 KiB of a chunk, so that each cut is one.
const RANDOM_PIECE_MAX: u64 = 4096;

/// One message in pieces: what to call it, and where it is cut, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// For people: `cut in two at 7`.
    pub how: String,
    /// Where, in bytes from the start.
    pub at: Vec<usize>,
}

impl Cut {
    /// Not at all.
    pub fn whole() -> Self {
        Self { how: "whole".into(), at: Vec::new() }
    }

    /// A message of `len` bytes in pieces of `size` bytes, the last one shorter.
    pub fn every(size: usize, len: usize) -> Self {
        Self { how: format!("every {size} bytes"), at: (size..len).step_by(size.max(1)).collect() }
    }

    /// The pieces; none is empty.
    pub fn pieces<'m>(&'m self, message: &'m [u8]) -> impl Iterator<Item = &'m [u8]> {
        let ends = self.at.iter().copied().chain([message.len()]);
        let mut from = 0;
        ends.filter_map(move |end| {
            let piece = message.get(from..end).filter(|piece| !piece.is_empty());
            from = end;
            piece
        })
    }
}

impl Cutting {
    /// Every cut of `message` that this way makes.
    pub fn cuts(self, message: &[u8], seed: u64) -> Vec<Cut> {
        let len = message.len();
        match self {
            Self::Whole => vec![Cut::whole()],
            Self::Bytes => vec![Cut { how: "byte by byte".into(), at: (1..len.min(BYTES_MAX)).collect() }],
            Self::Halves => {
                let cut = |at| Cut { how: format!("cut in two at {at}"), at: vec![at] };
                halves(message).into_iter().map(cut).collect()
            }
            Self::Random => (0..RANDOM_RUNS)
                .map(|n| Cut {
                    how: format!("random cuts, seed {seed}, run {n}"),
                    at: random(len, seed ^ (n << 32)),
                })
                .collect(),
        }
    }
}

fn halves(message: &[u8]) -> Vec<usize> {
    let len = message.len();
    if len <= EVERY_CUT_MAX {
        return (1..len).collect();
    }
    let line_ends = message.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    let around = |at: usize| [at.saturating_sub(1), at, at + 1];
    let mut cuts: Vec<usize> = (1..SAMPLED_CUTS).chain(len - SAMPLED_CUTS + 1..len).collect();
    cuts.extend(line_ends.take(SAMPLED_CUTS).flat_map(around));
    cuts.extend((1..SAMPLED_CUTS).map(|n| len / SAMPLED_CUTS * n));
    cuts.retain(|cut| (1..len).contains(cut));
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

fn random(len: usize, seed: u64) -> Vec<usize> {
    let (mut cuts, mut at, mut state) = (Vec::new(), 0, seed);
    loop {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // Half of the pieces are tiny: that is where faults are.
        let draw = mix(state);
        let span = if draw.is_multiple_of(2) { 16 } else { RANDOM_PIECE_MAX };
        at += usize::try_from(1 + (draw >> 1) % span).unwrap_or(1);
        if at >= len {
            return cuts;
        }
        cuts.push(at);
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: no cutting loses, doubles or reorders a byte, and none has an empty piece.
    /// Method: each way, on messages around each bound.
    #[test]
    fn pieces_join_to_the_message() {
        for len in [0, 1, 2, EVERY_CUT_MAX, EVERY_CUT_MAX + 1, 5000, BYTES_MAX, BYTES_MAX + 1] {
            let message: Vec<u8> = (0..len).map(|n| if n % 70 == 69 { b'\n' } else { b'x' }).collect();
            for (name, cutting) in CUTTINGS {
                for cut in cutting.cuts(&message, 7) {
                    let pieces: Vec<&[u8]> = cut.pieces(&message).collect();
                    assert!(pieces.concat() == message, "{name}, {len}: {}", cut.how);
                    assert!(pieces.iter().all(|piece| !piece.is_empty()), "{name}, {len}: {}", cut.how);
                }
            }
        }
    }

    #[test]
    fn a_short_message_is_cut_everywhere_and_a_long_one_in_places() {
        let cuts = |len: usize| Cutting::Halves.cuts(&vec![b'x'; len], 0).len();
        assert_eq!(cuts(EVERY_CUT_MAX), EVERY_CUT_MAX - 1);
        assert!(cuts(EVERY_CUT_MAX + 1) < EVERY_CUT_MAX - 1);
        let bytes = Cutting::Bytes.cuts(&vec![b'x'; BYTES_MAX + 5], 0);
        assert_eq!(bytes[0].at.len(), BYTES_MAX - 1, "what is past the limit comes with the last piece");
    }

    #[test]
    fn pieces_of_one_size() {
        let pieces = |size, message: &[u8]| -> Vec<usize> {
            Cut::every(size, message.len()).pieces(message).map(<[u8]>::len).collect()
        };
        assert_eq!(pieces(3, b"12345678"), [3, 3, 2]);
        assert_eq!(pieces(4, b"12345678"), [4, 4]);
        assert_eq!(pieces(9, b"12345678"), [8]);
        assert_eq!(pieces(1, b""), [0usize; 0]);
    }

    #[test]
    fn random_cuts_depend_on_the_seed_alone() {
        let message = vec![b'x'; 10_000];
        let cuts = |seed| Cutting::Random.cuts(&message, seed);
        assert_eq!(cuts(1), cuts(1));
        assert_ne!(cuts(1), cuts(2));
        assert_ne!(cuts(1)[0].at, cuts(1)[1].at);
    }
}
