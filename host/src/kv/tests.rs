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
