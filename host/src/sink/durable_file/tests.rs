//! Tests of `sink::durable_file`.

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Goal: small and large content arrives whole, and a draft is flushed at its block, not before.
#[tokio::test]
async fn content_arrives_whole_around_the_block_size() {
    let dir = tempfile::tempdir().unwrap();
    for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5] {
        let content: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let (draft, target) = (dir.path().join("draft"), dir.path().join(size.to_string()));
        let mut file = DurableFile::new(draft.clone());
        for chunk in content.chunks(10_000) {
            file.write(chunk).await.unwrap();
        }
        assert_eq!(draft.exists(), size >= BLOCK, "{size}");
        file.seal(|| Ok(())).await.unwrap();
        assert!(draft.exists() && !target.exists());
        assert_eq!(file.size(), size as u64);
        file.show(target.clone(), Standing::Keep).await.unwrap();
        assert!(!draft.exists());
        assert_eq!(std::fs::read(target).unwrap(), content);
    }
}

#[tokio::test]
async fn a_dropped_draft_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for size in [0, 1, 2 * BLOCK] {
        for sealed in [false, true] {
            let mut file = DurableFile::new(dir.path().join("draft"));
            file.write(&vec![0; size]).await.unwrap();
            if sealed {
                file.seal(|| Ok(())).await.unwrap();
            }
            drop(file);
            assert_eq!(names(dir.path()), [""; 0], "{size} {sealed}");
        }
    }
}

/// Goal: a caller that goes away while the disk is at work leaves nothing behind either.
/// Method: the future is dropped after its first poll; the blocking task then runs to its end.
#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (started, wait) = std::sync::mpsc::sync_channel::<()>(1);
    let mut file = DurableFile::new(dir.path().join("draft"));
    file.write(b"x").await.unwrap();
    let sealing = file.seal(move || {
        let _ = wait.recv();
        Ok(())
    });
    assert!(tokio::time::timeout(std::time::Duration::from_millis(10), sealing).await.is_err());
    let error = file.write(b"y").await.unwrap_err();
    assert!(error.to_string().contains("ended"), "{error}");
    started.send(()).unwrap();
    drop(file);
    for _ in 0..200 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        if names(dir.path()).is_empty() {
            return;
        }
    }
    panic!("{:?} left behind", names(dir.path()));
}

/// A device that takes nothing stands for a full disk: the error comes before anything could be shown.
#[tokio::test]
async fn a_full_disk_is_an_error() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("draft");
    let draft = Draft { path, file: Some(full), gathered: b"x".to_vec(), size: 1 };
    let mut file = DurableFile(Some(draft));
    let error = file.seal(|| Ok(())).await.unwrap_err();
    assert!(error.to_string().starts_with("write "), "{error}");
    assert!(file.show(dir.path().join("shown"), Standing::Keep).await.is_err());
    assert_eq!(names(dir.path()), [""; 0]);
}

#[tokio::test]
async fn an_unsealed_file_cannot_be_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = DurableFile::new(dir.path().join("draft"));
    file.write(b"x").await.unwrap();
    assert!(file.show(dir.path().join("shown"), Standing::Replace).await.is_err());
    assert_eq!(names(dir.path()), [""; 0]);
}

#[tokio::test]
async fn what_stands_is_kept_or_replaced_as_asked() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("target");
    std::fs::write(&target, "old").unwrap();
    for (standing, content) in [(Standing::Keep, "old"), (Standing::Replace, "new")] {
        let mut file = DurableFile::new(dir.path().join("draft"));
        file.write(b"new").await.unwrap();
        file.seal(|| Ok(())).await.unwrap();
        assert_eq!(file.show(target.clone(), standing).await.is_ok(), standing == Standing::Replace);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), content);
        assert_eq!(names(dir.path()), ["target"]);
    }
}

/// A draft's name that is taken, even by a link to elsewhere, is an error: nothing is written through it.
#[tokio::test]
async fn a_taken_draft_name_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    std::os::unix::fs::symlink(&victim, dir.path().join("draft")).unwrap();
    let mut file = DurableFile::new(dir.path().join("draft"));
    file.write(b"x").await.unwrap();
    assert!(file.seal(|| Ok(())).await.is_err());
    drop(file);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    assert!(dir.path().join("draft").exists(), "what is not ours is not unlinked");
}

#[test]
fn folders_are_made_with_those_above() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b/c");
    make_folder(&deep).unwrap();
    make_folder(&deep).unwrap();
    assert_eq!(deep.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::write(dir.path().join("f"), "").unwrap();
    assert!(make_folder(&dir.path().join("f")).is_err());
    assert!(make_folder(&dir.path().join("f/g")).is_err());
    assert_eq!(folder_of(Path::new("relative")), Path::new("."));
}
