//! Tests of `sink::maildir`.

use std::collections::HashSet;

use super::*;
use crate::telemetry::Telemetry;

fn scope(state_dir: &Path) -> StageScope {
    StageScope {
        hostname: "mx.example".into(),
        state_dir: state_dir.into(),
        tenant: "acme".into(),
        label: "maildir".into(),
        chunk_size: 16 << 10,
        message_size_max: 1 << 20,
        telemetry: Telemetry::silent(),
        own: crate::chain::OwnAddresses::default(),
        files: crate::chain::FilesRead::default(),
    }
}

fn maildir(state_dir: &Path) -> Maildir {
    configure(&scope(state_dir), Settings::new()).unwrap()
}

/// Every file below `root`, by its path there.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

async fn written(maildir: &Maildir, content: &[u8]) -> Box<dyn Delivery> {
    let mut delivery = maildir.open(&Envelope::default()).await.unwrap();
    for chunk in content.chunks(16 << 10) {
        delivery.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    delivery
}

#[tokio::test]
async fn a_message_is_visible_from_commit_on_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = maildir(dir.path());
    assert!(files(dir.path()).is_empty(), "no folder before the first delivery");
    let root = dir.path().join("mail/acme");
    for size in [0, 5, 300_000] {
        let content = vec![b'x'; size];
        let mut delivery = written(&maildir, &content).await;
        assert!(files(&root.join("new")).is_empty());
        delivery.prepare(Placement::Deliver).await.unwrap();
        assert!(files(&root.join("new")).is_empty());
        assert_eq!(files(&root.join("tmp")).len(), 1);
        delivery.commit().await.unwrap();
        assert!(files(&root.join("tmp")).is_empty());
        let new = files(&root.join("new"));
        assert_eq!(new.len(), 1);
        assert!(new[0].ends_with(&format!(".mx.example,S={size}")), "{new:?}");
        assert_eq!(std::fs::read(root.join("new").join(&new[0])).unwrap(), content);
        std::fs::remove_file(root.join("new").join(&new[0])).unwrap();
    }
    assert!(root.join("cur").is_dir());
}

#[tokio::test]
async fn a_dropped_delivery_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = maildir(dir.path());
    for size in [1, 300_000] {
        drop(written(&maildir, &vec![b'x'; size]).await);
        for placement in [Placement::Deliver, Placement::Quarantine] {
            let mut delivery = written(&maildir, &vec![b'x'; size]).await;
            delivery.prepare(placement).await.unwrap();
            drop(delivery);
        }
    }
    assert_eq!(files(dir.path()), ["mail/acme/.Quarantine/maildirfolder"]);
}

#[tokio::test]
async fn a_quarantined_message_goes_apart() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = maildir(dir.path());
    let mut delivery = written(&maildir, b"x").await;
    delivery.prepare(Placement::Quarantine).await.unwrap();
    assert_eq!(files(&dir.path().join("mail/acme/.Quarantine")), ["maildirfolder"]);
    delivery.commit().await.unwrap();
    assert_eq!(files(&dir.path().join("mail/acme/.Quarantine/new")).len(), 1);
    assert!(files(&dir.path().join("mail/acme/new")).is_empty());
    for part in ["tmp", "new", "cur"] {
        assert!(dir.path().join("mail/acme/.Quarantine").join(part).is_dir());
    }
}

/// Goal: whatever the disk refuses, the answer is an error and nothing is visible.
/// Method: at each step the folder that it needs is replaced by a file, which stops root too.
#[tokio::test]
async fn a_failure_is_an_error_and_shows_nothing() {
    for (part, fails_at) in [("mail", "open"), ("tmp", "open"), ("tmp", "prepare"), ("new", "commit")] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("mail/acme");
        let maildir = maildir(dir.path());
        let block = || {
            let path = if part == "mail" { dir.path().join("mail") } else { root.join(part) };
            if path.is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
            }
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "in the way").unwrap();
        };
        if fails_at == "open" {
            block();
            assert!(maildir.open(&Envelope::default()).await.is_err(), "{part}");
            continue;
        }
        let mut delivery = written(&maildir, b"x").await;
        if fails_at == "prepare" {
            block();
            let error = delivery.prepare(Placement::Deliver).await.unwrap_err();
            assert!(error.to_string().contains("/tmp/"), "{error}");
            continue;
        }
        delivery.prepare(Placement::Deliver).await.unwrap();
        block();
        assert!(delivery.commit().await.is_err());
        assert_eq!(files(&root), [part], "only what is in the way");
    }
}

#[tokio::test]
async fn a_folder_that_was_removed_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let maildir = maildir(dir.path());
    for _ in 0..2 {
        let mut delivery = written(&maildir, b"x").await;
        delivery.prepare(Placement::Deliver).await.unwrap();
        delivery.commit().await.unwrap();
        assert_eq!(files(&dir.path().join("mail/acme/new")).len(), 1);
        std::fs::remove_dir_all(dir.path().join("mail")).unwrap();
    }
}

/// What a crash has left in `tmp` goes after 36 hours; what is younger may belong to another process.
#[tokio::test]
async fn stale_drafts_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let tmp = dir.path().join("mail/acme/tmp");
    std::fs::create_dir_all(&tmp).unwrap();
    let now = SystemTime::now();
    for (name, age) in
        [("young", STALE_AFTER - Duration::from_secs(60)), ("old", STALE_AFTER + Duration::from_secs(60))]
    {
        let file = std::fs::File::create(tmp.join(name)).unwrap();
        file.set_modified(now - age).unwrap();
    }
    drop(maildir(dir.path()).open(&Envelope::default()).await.unwrap());
    assert_eq!(files(&tmp), ["young"]);
}

#[test]
fn paths_come_from_settings_alone() {
    let root = |settings: &str| {
        let settings = serde_json::from_str(settings).unwrap();
        configure(&scope(Path::new("/state")), settings).map(|maildir| maildir.folder.root.clone())
    };
    assert_eq!(root("{}").unwrap(), Path::new("/state/mail/acme"));
    assert_eq!(root(r#"{"path": "/var/mail/x"}"#).unwrap(), Path::new("/var/mail/x"));
    assert_eq!(root(r#"{"path": "box"}"#).unwrap(), Path::new("/state/box"));
    for (bad, key) in
        [(r#"{"path": 1}"#, "`path`"), (r#"{"path": ""}"#, "`path`"), (r#"{"pth": "x"}"#, "pth")]
    {
        let error = root(bad).unwrap_err();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn names_are_unique_and_well_formed() {
    let host = escaped_host("a/b:c,d\n.example");
    assert_eq!(host, "a\\057b\\072c\\054d\\012.example");
    let names: HashSet<String> = (0..1000).map(|_| unique_name(&host)).collect();
    assert_eq!(names.len(), 1000);
    assert!(names.iter().all(|name| !name.contains(['/', ':', ','])));
}
