//! What one call gives out. As long as that is the beginning of the call's own chunk, nothing is copied.

/// Output of one call.
#[derive(Debug)]
pub(super) struct Output<'c> {
    chunk: &'c [u8],
    /// So many bytes of the chunk are the output so far, unless `copied` says otherwise.
    same: usize,
    copied: Option<Vec<u8>>,
    /// Memory of an earlier call.
    spare: Vec<u8>,
}

impl<'c> Output<'c> {
    /// For a call with `chunk`; `spare` is used again.
    pub(super) fn new(chunk: &'c [u8], spare: Vec<u8>) -> Self {
        Self { chunk, same: 0, copied: None, spare }
    }

    /// Gives out bytes as they came.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        let next = self.chunk.get(self.same..self.same + bytes.len());
        if self.copied.is_none() && next.is_some_and(|next| std::ptr::eq(next.as_ptr(), bytes.as_ptr())) {
            self.same += bytes.len();
        } else {
            self.put(bytes);
        }
    }

    /// Gives out new bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let copied = self.copied.get_or_insert_with(|| {
            let mut copied = std::mem::take(&mut self.spare);
            copied.clear();
            copied.extend_from_slice(&self.chunk[..self.same]);
            copied
        });
        copied.extend_from_slice(bytes);
    }

    /// Whether it is the chunk, whole and unchanged.
    pub(super) fn is_chunk(&self) -> bool {
        self.copied.is_none() && self.same == self.chunk.len()
    }

    /// What was given out.
    pub(super) fn bytes(&self) -> &[u8] {
        self.copied.as_deref().unwrap_or(&self.chunk[..self.same])
    }

    /// The memory, for the next call.
    pub(super) fn into_spare(self) -> Vec<u8> {
        self.copied.unwrap_or(self.spare)
    }
}
