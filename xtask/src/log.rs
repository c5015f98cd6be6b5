//! Follows the JSON log of a running server.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Between two looks at the file.
const PAUSE: Duration = Duration::from_millis(20);

/// A log file that is read as it grows.
pub(crate) struct Log {
    file: File,
    /// Read, but not a whole line yet.
    rest: Vec<u8>,
}

impl Log {
    /// From the file's beginning. It must be there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file, rest: Vec::new() })
    }

    /// The next record, if there is one yet. What is no JSON is skipped.
    pub(crate) fn poll(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if let Ok(record) = serde_json::from_slice(&line) {
                    return Ok(Some(record));
                }
                continue;
            }
            if self.file.by_ref().take(64 << 10).read_to_end(&mut self.rest)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Waits for a record that `wanted` takes. `alive` is asked at each look, and errs where waiting is of no use.
    pub(crate) fn wait_for(
        &mut self,
        patience: Duration,
        mut alive: impl FnMut() -> Result<()>,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let began = Instant::now();
        loop {
            while let Some(record) = self.poll()? {
                if wanted(&record) {
                    return Ok(record);
                }
            }
            alive()?;
            if began.elapsed() > patience {
                bail!("the server's log did not say what was waited for within {} s", patience.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
    }
}
