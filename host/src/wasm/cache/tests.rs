//! The cache and its key: what is found is what was kept, or it is not used.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::wasm::engine;

const SIZE_MAX: u64 = 1 << 20;

fn hash(n: u8) -> blake3::Hash {
    blake3::hash(&[n])
}

fn is_code(found: Found, expect: &[u8]) -> bool {
    matches!(found, Found::Code(code) if code.code() == expect)
}

fn file(folder: &TempDir, n: u8, engine: &Engine) -> PathBuf {
    folder.path().join("cache").join(name(hash(n), engine))
}

#[test]
fn what_was_kept_is_found_and_loads() {
    let (folder, engine) = (TempDir::new().unwrap(), engine::for_the_jail().unwrap());
    let code = engine.precompile_component(&wat::parse_str("(component)").unwrap()).unwrap();
    let cache = Cache::open(folder.path(), SIZE_MAX).unwrap();
    assert!(matches!(cache.find(hash(1), &engine), Found::Nothing));
    cache.keep(hash(1), &engine, &code).unwrap();
    // A server that starts anew, and a command beside it.
    let again = Cache::open(folder.path(), SIZE_MAX).unwrap();
    let beside = Cache::open_existing(folder.path(), SIZE_MAX).unwrap().unwrap();
    for cache in [cache, again, beside] {
        let Found::Code(found) = cache.find(hash(1), &engine) else { panic!("it was kept") };
        assert_eq!(found.code(), code);
        found.component(&engine).unwrap();
        assert!(matches!(cache.find(hash(2), &engine), Found::Nothing));
    }
    let mode = file(&folder, 1, &engine).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Goal: what is not, byte for byte, what was kept under this name with this key, is not used.
#[test]
fn what_was_changed_is_not_used() {
    let (folder, engine) = (TempDir::new().unwrap(), engine::for_the_jail().unwrap());
    let cache = Cache::open(folder.path(), SIZE_MAX).unwrap();
    let code: Vec<u8> = (0..=255).collect();
    cache.keep(hash(1), &engine, &code).unwrap();
    let path = file(&folder, 1, &engine);
    let whole = fs::read(&path).unwrap();
    assert_eq!(whole.len(), MAC + code.len());
    let unusable = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(cache.find(hash(1), &engine), Found::Unusable(_)), "{what}");
    };
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        unusable(&flipped, &format!("byte {at} flipped"));
    }
    for len in [0, 1, MAC - 1, MAC, MAC + 1, whole.len() - 1] {
        unusable(&whole[..len], &format!("cut to {len}"));
    }
    unusable(&[&whole[..], b"x"].concat(), "longer");
    fs::write(&path, &whole).unwrap();
    assert!(is_code(cache.find(hash(1), &engine), &code));
    fs::copy(&path, file(&folder, 2, &engine)).unwrap();
    assert!(matches!(cache.find(hash(2), &engine), Found::Unusable(_)), "under another's name");
    fs::remove_file(&path).unwrap();
    symlink(file(&folder, 2, &engine), &path).unwrap();
    assert!(matches!(cache.find(hash(1), &engine), Found::Unusable(_)), "a link");
    // And it is written anew over whatever lies there.
    cache.keep(hash(1), &engine, &code).unwrap();
    assert!(is_code(cache.find(hash(1), &engine), &code));
    fs::remove_file(folder.path().join("cache.key")).unwrap();
    let other = Cache::open(folder.path(), SIZE_MAX).unwrap();
    assert!(matches!(other.find(hash(1), &engine), Found::Unusable(_)), "with another key");
}

#[test]
fn what_was_used_longest_ago_goes_first() {
    let (folder, engine) = (TempDir::new().unwrap(), engine::for_the_jail().unwrap());
    let code = [7; 100];
    let one = (code.len() + MAC) as u64;
    let cache = Cache::open(folder.path(), 3 * one).unwrap();
    let age = |n: u8, s: u64| {
        let file = File::options().write(true).open(file(&folder, n, &engine)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(s)).unwrap();
    };
    for n in 1..=3 {
        cache.keep(hash(n), &engine, &code).unwrap();
        age(n, 100 - u64::from(n));
    }
    let there = || [1, 2, 3, 4].map(|n| file(&folder, n, &engine).exists());
    assert_eq!(there(), [true, true, true, false], "three fit");
    assert!(is_code(cache.find(hash(1), &engine), &code), "the oldest is used");
    cache.keep(hash(4), &engine, &code).unwrap();
    assert_eq!(there(), [true, false, true, true], "one more does not fit");
    let large = vec![7; 3 * code.len() + 2 * MAC];
    cache.keep(hash(2), &engine, &large).unwrap();
    assert_eq!(there(), [false, true, false, false], "one that fills it");
    cache.keep(hash(1), &engine, &[&large[..], b"x"].concat()).unwrap();
    assert_eq!(there(), [false, true, false, false], "one that is larger than all is not kept");
}

#[test]
fn what_a_crash_left_is_cleared_away() {
    let folder = TempDir::new().unwrap();
    drop(Cache::open(folder.path(), SIZE_MAX).unwrap());
    let left = folder.path().join("cache/.new-1-0");
    fs::write(&left, "half").unwrap();
    drop(Cache::open_existing(folder.path(), SIZE_MAX).unwrap());
    assert!(left.exists(), "a command beside the server leaves it alone");
    drop(Cache::open(folder.path(), SIZE_MAX).unwrap());
    assert!(!left.exists());
}

#[test]
fn a_command_makes_no_key() {
    let folder = TempDir::new().unwrap();
    assert!(Cache::open_existing(folder.path(), SIZE_MAX).unwrap().is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn keys_that_are_refused() {
    let folder = TempDir::new().unwrap();
    let key = folder.path().join("cache.key");
    drop(Cache::open(folder.path(), SIZE_MAX).unwrap());
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let made = fs::read(&key).unwrap();
    assert_eq!(made.len(), 32);
    let opened = || Cache::open(folder.path(), SIZE_MAX).map(|cache| cache.key.to_vec());
    assert_eq!(opened().unwrap(), made, "made once");
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(opened(), Err(KeyError::Exposed(_))), "{mode:o}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(opened().unwrap(), made);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for wrong in [&made[..31], &[&made[..], b"\n"].concat(), b""] {
        fs::write(&key, wrong).unwrap();
        assert!(matches!(opened(), Err(KeyError::Length(_))), "{} bytes", wrong.len());
    }
    fs::remove_file(&key).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, &made).unwrap();
    symlink(&elsewhere, &key).unwrap();
    assert!(matches!(opened(), Err(KeyError::Exposed(_))), "a link");
}

/// Goal: whoever starts at the same time has the same key.
#[test]
fn a_key_is_made_once() {
    let folder = TempDir::new().unwrap();
    let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let open = || Cache::open(folder.path(), SIZE_MAX).unwrap().key;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["cache", "cache.key"], "nothing unfinished is left");
}
