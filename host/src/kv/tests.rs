//! Both stores, held to the same cases; and what only a file can do.

use std::sync::Arc;

use super::*;

const MIB: u64 = 1 << 20;

/// Both stores. The folder holds the file.
fn stores() -> (tempfile::TempDir, Vec<Arc<dyn KvStore>>) {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteKv::new(&folder.path().join("kv.db"));
    (folder, vec![Arc::new(MemoryKv::default()), file])
}

#[tokio::test]
async fn values_are_kept_tenant_by_tenant() {
    let (_folder, stores) = stores();
    for kv in stores {
        assert_eq!(kv.get("a", "k").await, Ok(None));
        assert_eq!(kv.set("a", "k", b"1\0\xff".to_vec(), None, MIB).await, Ok(()));
        assert_eq!(kv.set("b", "k", Vec::new(), None, MIB).await, Ok(()));
        assert_eq!(kv.get("a", "k").await, Ok(Some(b"1\0\xff".to_vec())));
        assert_eq!(kv.get("b", "k").await, Ok(Some(Vec::new())));
        assert_eq!(kv.get("a", "K").await, Ok(None));
    }
}

#[tokio::test]
async fn numbers_are_added_and_misfits_told() {
    let (_folder, stores) = stores();
    for kv in stores {
        assert_eq!(kv.add("a", "n", 2, None, MIB).await, Ok(2));
        assert_eq!(kv.add("a", "n", -5, None, MIB).await, Ok(-3));
        assert_eq!(kv.get("a", "n").await, Ok(Some(b"-3".to_vec())));
        assert_eq!(kv.set("a", "n", i64::MAX.to_string().into_bytes(), None, MIB).await, Ok(()));
        assert!(matches!(kv.add("a", "n", 1, None, MIB).await, Err(KvError::Unavailable(_))));
        assert_eq!(kv.set("a", "n", b"x".to_vec(), None, MIB).await, Ok(()));
        assert!(matches!(kv.add("a", "n", 1, None, MIB).await, Err(KvError::Unavailable(_))));
    }
}

/// Goal: `add` is atomic, whoever calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_addition_is_lost() {
    let (_folder, stores) = stores();
    for kv in stores {
        let adders = (0..8).map(|_| {
            let kv = kv.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    kv.add("a", "n", 1, None, MIB).await.unwrap();
                }
            })
        });
        for adder in adders.collect::<Vec<_>>() {
            adder.await.unwrap();
        }
        assert_eq!(kv.add("a", "n", 0, None, MIB).await, Ok(200));
    }
}

#[tokio::test]
async fn a_key_is_over_when_its_time_is() {
    let (_folder, stores) = stores();
    for kv in stores {
        assert_eq!(kv.set("a", "k", b"v".to_vec(), Some(0), MIB).await, Ok(()));
        assert_eq!(kv.get("a", "k").await, Ok(None));
        assert_eq!(kv.add("a", "k", 1, Some(u64::MAX), MIB).await, Ok(1), "begins anew");
        assert_eq!(kv.add("a", "k", 1, None, MIB).await, Ok(2));
        assert_eq!(kv.add("a", "k", 1, Some(0), MIB).await, Ok(3));
        assert_eq!(kv.get("a", "k").await, Ok(None));
    }
}

#[tokio::test]
async fn key_and_value_at_their_limits_and_one_past_them() {
    let (_folder, stores) = stores();
    for kv in stores {
        let key = "k".repeat(KEY_MAX);
        assert_eq!(kv.set("a", &key, vec![0; VALUE_MAX], None, MIB).await, Ok(()));
        assert_eq!(kv.set("a", "k", vec![0; VALUE_MAX + 1], None, MIB).await, Err(KvError::Quota));
        let key = format!("{key}k");
        assert_eq!(kv.set("a", &key, Vec::new(), None, MIB).await, Err(KvError::Quota));
        assert_eq!(kv.get("a", &key).await, Err(KvError::Quota));
        assert_eq!(kv.add("a", &key, 1, None, MIB).await, Err(KvError::Quota));
    }
}

/// Goal: a tenant's space ends at its size to the byte; what is replaced, removed or over gives its room back.
#[tokio::test]
async fn a_space_is_full_at_its_size_and_one_past_it() {
    let (_folder, stores) = stores();
    for kv in stores {
        let one = (ENTRY_OVERHEAD + 1 + 100) as u64;
        let put = |tenant: &'static str, key: &'static str, ttl, max| {
            let kv = kv.clone();
            async move { kv.set(tenant, key, vec![7; 100], ttl, max).await }
        };
        assert_eq!(put("a", "1", None, 2 * one).await, Ok(()));
        assert_eq!(put("a", "2", None, 2 * one - 1).await, Err(KvError::Quota));
        assert_eq!(put("a", "2", None, 2 * one).await, Ok(()));
        assert_eq!(put("a", "3", None, 2 * one).await, Err(KvError::Quota));
        assert_eq!(kv.add("a", "n", 1, None, 2 * one).await, Err(KvError::Quota));
        assert_eq!(put("b", "1", None, 2 * one).await, Ok(()), "another tenant has its own");
        assert_eq!(put("a", "2", Some(0), 2 * one).await, Ok(()), "in its own place");
        assert_eq!(put("a", "3", None, 2 * one).await, Ok(()), "what is over makes room");
    }
}

/// Goal: what was answered is there for the next process.
#[tokio::test]
async fn the_file_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    assert_eq!(SqliteKv::new(&path).set("a", "k", b"v".to_vec(), None, MIB).await, Ok(()));
    assert_eq!(SqliteKv::new(&path).get("a", "k").await, Ok(Some(b"v".to_vec())));
}

/// Goal: a file that cannot be opened is an answer, and one that can be again is used.
#[tokio::test]
async fn a_store_that_is_gone_is_unavailable_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let kv = SqliteKv::new(&folder.path().join("later/kv.db"));
    let answer = kv.get("a", "k").await;
    assert!(matches!(&answer, Err(KvError::Unavailable(text)) if !text.contains("later")), "{answer:?}");
    std::fs::create_dir(folder.path().join("later")).unwrap();
    assert_eq!(kv.get("a", "k").await, Ok(None));
}

/// Goal: rubbish in the file's place is no crash.
#[tokio::test]
async fn a_file_that_is_no_database_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    std::fs::write(&path, vec![b'x'; 4096]).unwrap();
    assert!(matches!(SqliteKv::new(&path).get("a", "k").await, Err(KvError::Unavailable(_))));
}

/// A second connection to the same file: another process, as SQLite sees it.
async fn other(path: &std::path::Path) -> sqlx::SqliteConnection {
    use sqlx::Connection as _;
    sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
}

/// Goal: rows that are over go away by themselves, more than one step's worth, and no others; the room they took is free.
#[tokio::test]
async fn what_is_over_is_swept() {
    const ROWS: usize = 1001;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    let kv = SqliteKv::new(&path);
    assert_eq!(kv.set("a", "kept", b"v".to_vec(), None, MIB).await, Ok(()));
    assert_eq!(kv.set("a", "kept for long", b"v".to_vec(), Some(1 << 40), MIB).await, Ok(()));
    for n in 0..ROWS {
        assert_eq!(kv.set("a", &format!("over {n}"), b"v".to_vec(), Some(0), MIB).await, Ok(()));
    }
    // It sweeps when it is opened.
    let again = SqliteKv::new(&path);
    assert_eq!(again.get("a", "kept").await, Ok(Some(b"v".to_vec())));
    let mut file = other(&path).await;
    let count = loop {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM entry").fetch_one(&mut file).await.unwrap();
        if count <= 2 {
            break count;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(count, 2);
    let used: (i64, i64) = sqlx::query_as("SELECT entries, bytes FROM space WHERE tenant = 'a'")
        .fetch_one(&mut file)
        .await
        .unwrap();
    assert_eq!(used, (2, i64::try_from("kept".len() + "kept for long".len() + 2).unwrap()));
}

/// Goal: a file that another process keeps locked is an answer, not a wait without end, and the store goes on afterwards.
#[tokio::test]
async fn a_locked_file_is_unavailable_until_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv.db");
    let kv = SqliteKv::new(&path);
    assert_eq!(kv.add("a", "n", 1, None, MIB).await, Ok(1));
    let mut file = other(&path).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut file).await.unwrap();
    for _ in 0..2 {
        let answer = kv.add("a", "n", 1, None, MIB).await;
        assert!(matches!(&answer, Err(KvError::Unavailable(text)) if !text.contains("kv.db")), "{answer:?}");
    }
    assert_eq!(kv.get("a", "n").await, Ok(Some(b"1".to_vec())), "readers need no lock");
    sqlx::query("ROLLBACK").execute(&mut file).await.unwrap();
    assert_eq!(kv.add("a", "n", 1, None, MIB).await, Ok(2));
}

/// Goal: a test's time stands still, and what it begins with is all there is.
#[tokio::test]
async fn a_test_s_memory_begins_anew() {
    let kv = MemoryKv::default();
    let entries = |list: &[(&str, &str, Option<i64>)]| -> Entries {
        list.iter().map(|(key, value, at)| ((*key).into(), (value.as_bytes().to_vec(), *at))).collect()
    };
    kv.reset("a", entries(&[("k", "1", None), ("over", "x", Some(1000)), ("soon", "x", Some(1001))]), 1000);
    assert_eq!(kv.get("a", "over").await, Ok(None));
    assert_eq!(kv.add("a", "k", 1, Some(5), MIB).await, Ok(2));
    assert_eq!(kv.entries("a"), entries(&[("k", "2", Some(1005)), ("soon", "x", Some(1001))]));
    assert_eq!(kv.entries("b"), Entries::new());
    kv.reset("a", Entries::new(), 0);
    assert_eq!(kv.get("a", "k").await, Ok(None));
}
