//! Files that stages and checkers read when they are made, as they were then: what was refused for one of them is worth another
//! try once it is another.
//!
//! ```text
//! note(acme, recipients/acme)   the file is mended   changed()  ->  {recipients/acme: as it is now}
//! ```
//!
//! Filled by whoever reads, asked by whoever waits. Knows nothing of what the files say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::watched::Stamp;

/// Files and what tells their states apart; none: there is no file.
pub type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// Files of one tenant that are remembered: more than a chain has stages.
const FILES_MAX: usize = 64;

/// What was read for each tenant. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct FilesRead(Arc<Mutex<BTreeMap<String, Stamps>>>);

impl FilesRead {
    /// `path` is about to be read for `tenant`. Noted twice it stays as it was noted first. Blocks.
    pub fn note(&self, tenant: &str, path: &Path) {
        let stamp = Stamp::at(path);
        let mut all = self.all();
        let files = all.entry(tenant.to_owned()).or_default();
        if files.len() < FILES_MAX {
            files.entry(path.to_owned()).or_insert(stamp);
        }
    }

    /// Forgets what was read for tenants of which `is_kept` does not hold.
    pub fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        self.all().retain(|tenant, _| is_kept(tenant));
    }

    /// Files that are not as they were noted, as they are now. Blocks.
    pub fn changed(&self) -> Stamps {
        let noted: Vec<Stamps> = self.all().values().cloned().collect();
        let now = noted.into_iter().flatten().map(|(path, noted)| (Stamp::at(&path), path, noted));
        now.filter(|(now, _, noted)| now != noted).map(|(now, path, _)| (path, now)).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Stamps>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_another_once_it_was_written_made_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let [there, absent] = ["there", "absent"].map(|name| folder.path().join(name));
        fs::write(&there, "one").unwrap();
        let files = FilesRead::default();
        files.note("acme", &there);
        files.note("bolt", &absent);
        assert_eq!(files.changed(), Stamps::new());
        fs::write(&there, "longer").unwrap();
        assert_eq!(files.changed(), Stamps::from([(there.clone(), Stamp::at(&there))]));
        // What is read once more before anybody has looked is not told as it was read first.
        files.note("acme", &there);
        assert_eq!(files.changed().len(), 1);
        fs::remove_file(&there).unwrap();
        fs::write(&absent, "").unwrap();
        let expect = Stamps::from([(there.clone(), None), (absent.clone(), Stamp::at(&absent))]);
        assert_eq!(files.changed(), expect);
        files.keep(|tenant| tenant == "acme");
        files.note("bolt", &absent);
        assert_eq!(files.changed(), Stamps::from([(there, None)]));
    }

    #[test]
    fn files_at_the_limit_and_past_it() {
        let files = FilesRead::default();
        let folder = tempfile::tempdir().unwrap();
        for n in 0..=FILES_MAX {
            files.note("acme", &folder.path().join(n.to_string()));
        }
        for n in 0..=FILES_MAX {
            fs::write(folder.path().join(n.to_string()), "").unwrap();
        }
        assert_eq!(files.changed().len(), FILES_MAX);
    }
}
