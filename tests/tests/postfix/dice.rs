//! Chance that is the same every time.
//!
//! ```text
//! Dice::new(17).pick(&["a", "b"])  ->  always the same of the two
//! ```
//!
//! SplitMix64 (Steele, Lea, Flood, 2014). Knows nothing of what it chooses.

/// A row of numbers that its seed lays down.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The row of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(6))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn within(&mut self, from: usize, to: usize) -> usize {
        let span = (to - from + 1) as u64;
        from + usize::try_from(self.roll() % span).unwrap_or_default()
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.within(1, n) == 1
    }

    /// One of some.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.within(0, of.len() - 1)]
    }
}
