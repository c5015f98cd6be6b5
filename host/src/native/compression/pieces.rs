//! Output, cut into pieces as large as chunks, however small the crumbs that a codec gives.

use crate::chain::Output;

/// Output, cut into pieces; the last one waits until it is full or the end has come.
pub(super) struct Pieces {
    size: usize,
    open: Vec<u8>,
}

impl Pieces {
    /// Pieces of `size` bytes.
    pub(super) fn new(size: usize) -> Self {
        Self { size: size.max(1), open: Vec::new() }
    }

    /// The unfinished piece, with room for one byte at least; a full one goes to `output`.
    pub(super) fn with_room(&mut self, output: &mut Output) -> &mut Vec<u8> {
        if self.is_full() {
            output.push(std::mem::replace(&mut self.open, Vec::with_capacity(self.size)));
        }
        &mut self.open
    }

    /// Whether the unfinished piece has no room left.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() == self.open.capacity()
    }

    /// No more comes.
    pub(super) fn finish(&mut self, output: &mut Output) {
        output.push(std::mem::take(&mut self.open));
    }
}
