//! Whether the kernel may swap: where it does, clearing memory by way of the page scan would leak swapped pages from one
//! instance into the next (wasmtime 48 scans present pages only).

use std::path::{Path, PathBuf};

/// Where the kernel lists its swap areas: `/proc/swaps`, or what a test puts in its place.
#[derive(Debug, Clone)]
pub struct Swaps(PathBuf);

impl Default for Swaps {
    fn default() -> Self {
        Self::listed_in(Path::new("/proc/swaps"))
    }
}

impl Swaps {
    /// A list elsewhere, in the same form: a heading, then a line for each swap area, its name first.
    pub fn listed_in(file: &Path) -> Self {
        Self(file.to_owned())
    }

    /// Whether there is a swap area. Where the list cannot be read, the worse is assumed.
    pub fn is_on(&self) -> bool {
        !self.areas().is_empty()
    }

    /// The names of the swap areas; where the list cannot be read, the reason is the only one. Bounded: at most 32.
    pub fn areas(&self) -> Vec<String> {
        match std::fs::read_to_string(&self.0) {
            Ok(text) => {
                let names = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
                names.take(32).map(str::to_owned).collect()
            }
            Err(error) => vec![format!("unknown ({}: {error})", self.0.display())],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(text: &str) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        Swaps::listed_in(file.path()).areas()
    }

    #[test]
    fn areas_are_the_lines_behind_the_heading() {
        let heading = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert_eq!(areas(heading), [""; 0]);
        assert_eq!(areas(""), [""; 0]);
        let two = format!("{heading}/dev/sda2  partition\t8\t0\t-2\n/swap\\040file file 8 0 -3\n");
        assert_eq!(areas(&two), ["/dev/sda2", "/swap\\040file"]);
        let missing = Swaps::listed_in(Path::new("/nonexistent/swaps"));
        assert!(missing.is_on() && missing.areas()[0].starts_with("unknown ("), "{:?}", missing.areas());
    }
}
