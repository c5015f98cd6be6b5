//! The compiled cache: machine code of components, kept from one start to the next in `STATE_DIR/cache/`.
//!
//! ```text
//! COMPONENT-ENGINE          the component's BLAKE3 hash, the engine's compatibility hash
//! MAC (32 bytes) | code     BLAKE3, keyed, over the name and the code
//! ```
//!
//! Code is read into memory, and the MAC is taken over those very bytes before they are used. The key, in
//! `STATE_DIR/cache.key`, keeps out what others than this user have written and what a disk has broken; it does not keep out
//! who may read the key. A file that does not hold is no error: the component is compiled again. The cache is bounded; what
//! was used longest ago goes first. Refusals are never kept.

mod key;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::OFlags;
use wasmtime::Engine;

use super::compiled::Compiled;

pub use key::KeyError;

/// Bytes of the MAC before the code.
const MAC: usize = blake3::OUT_LEN;
/// How names of files begin that are not whole yet.
const UNFINISHED: &str = ".new-";
/// What is hashed before everything else: a MAC of this format is none of another.
const CONTEXT: &[u8] = b"gatepost compiled cache 1\0";

/// Where compiled code is kept.
pub struct Cache {
    folder: PathBuf,
    key: [u8; 32],
    /// Most bytes of all files: `[server] cache_size_max`.
    size_max: u64,
}

/// What the cache has of a component.
pub(super) enum Found {
    /// Its code.
    Code(Compiled),
    /// Nothing.
    Nothing,
    /// A file that cannot be used, for this reason.
    Unusable(String),
}

impl Cache {
    /// The cache of a server: makes key and folder where there are none, and clears away what a crash left unfinished.
    ///
    /// # Errors
    /// The key is no key or not kept from others; or key or folder can not be made or read.
    pub fn open(state_dir: &Path, size_max: u64) -> Result<Self, KeyError> {
        let key = key::make_or_read(state_dir)?;
        let folder = state_dir.join("cache");
        let failed = |error| KeyError::Io(folder.clone(), error);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        for entry in fs::read_dir(&folder).map_err(failed)?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                // What cannot be removed is no worse than it was.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(Self { folder, key, size_max })
    }

    /// The cache of a command beside a server. None where there is none.
    ///
    /// # Errors
    /// As [`Cache::open`].
    pub fn open_existing(state_dir: &Path, size_max: u64) -> Result<Option<Self>, KeyError> {
        let folder = state_dir.join("cache");
        let key = key::read(state_dir)?;
        Ok(key.filter(|_| folder.is_dir()).map(|key| Self { folder, key, size_max }))
    }

    /// Looks for the code of a component. What is found counts as used now.
    pub(super) fn find(&self, component: blake3::Hash, engine: &Engine) -> Found {
        let name = name(component, engine);
        match self.read(&name) {
            Ok(bytes) => match self.verify(&name, bytes) {
                Some(code) => Found::Code(Compiled::by_the_cache(code)),
                None => Found::Unusable(format!("`cache/{name}` is damaged or not ours")),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            Err(error) => Found::Unusable(format!("`cache/{name}` cannot be read: {error}")),
        }
    }

    /// Keeps the code of a component, whole or not at all, and makes room for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn keep(&self, component: blake3::Hash, engine: &Engine, code: &[u8]) -> io::Result<()> {
        let name = name(component, engine);
        if (code.len() + MAC) as u64 > self.size_max {
            return Ok(());
        }
        let unfinished = self.folder.join(unfinished());
        let written = self.write(&unfinished, &name, code);
        if written.is_err() {
            // The first error tells more.
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        self.make_room(&name)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(path)?;
        let about = file.metadata()?;
        if !about.is_file() || about.len() > self.size_max {
            return Err(io::Error::other("it is no file of ours"));
        }
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(self.size_max).read_to_end(&mut bytes)?;
        // Another's file, or a read-only disk: then it only looks older than it is.
        let _ = file.set_modified(SystemTime::now());
        Ok(bytes)
    }

    /// The code, if the MAC over it and the name holds.
    fn verify(&self, name: &str, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let (mac, code) = bytes.split_first_chunk::<MAC>()?;
        // `blake3::Hash` compares in constant time.
        if self.mac(name, code) != blake3::Hash::from_bytes(*mac) {
            return None;
        }
        bytes.drain(..MAC);
        Some(bytes)
    }

    fn mac(&self, name: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(CONTEXT);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(code);
        hasher.finalize()
    }

    fn write(&self, unfinished: &Path, name: &str, code: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished)?;
        file.write_all(self.mac(name, code).as_bytes())?;
        file.write_all(code)?;
        file.sync_all()?;
        fs::rename(unfinished, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Removes what was used longest ago until the rest fits, but not `newest`.
    fn make_room(&self, newest: &str) -> io::Result<()> {
        let mut files = Vec::new();
        let mut size = 0_u64;
        for entry in fs::read_dir(&self.folder)?.flatten() {
            // Gone since it was listed, or no file: nothing of ours.
            let Ok(about) = entry.metadata() else { continue };
            if about.is_file() {
                size = size.saturating_add(about.len());
                files.push((about.modified()?, about.len(), entry.file_name()));
            }
        }
        files.sort();
        for (_, len, name) in files {
            if size <= self.size_max {
                break;
            }
            if name != newest && fs::remove_file(self.folder.join(&name)).is_ok() {
                size = size.saturating_sub(len);
            }
        }
        Ok(())
    }
}

/// A name that no other process or thread makes up.
fn unfinished() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{UNFINISHED}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Of the file of a component compiled by this engine.
fn name(component: blake3::Hash, engine: &Engine) -> String {
    format!("{}-{}", component.to_hex(), compatibility(engine))
}

/// What must be the same in two engines for the code of one to run in the other, as 32 hex digits.
pub(super) fn compatibility(engine: &Engine) -> String {
    let mut hasher = Blake3(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().to_hex()[..32].to_owned()
}

/// BLAKE3 as the standard library's hasher: the same in every process.
struct Blake3(blake3::Hasher);

impl Hasher for Blake3 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}
