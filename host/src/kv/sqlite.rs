//! Key-value spaces in one SQLite file: the only door to SQL.
//!
//! One connection, so every call sees the one before. WAL with `synchronous = NORMAL`: a killed process loses nothing that
//! was answered; a power failure may lose the last moments, never tear the file. The file is made at the first call.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use tokio::sync::OnceCell;

use super::turns::Turns;
use super::{ENTRY_OVERHEAD, KvError, KvStore, check, expires, now_ms, size_of, sum};

/// How long one call may take: a stage's wall time is for its own work.
const CALL_MAX: Duration = Duration::from_secs(2);
/// How often rows over their time are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Rows removed at once: a call waits for one such step at most.
const SWEEP_ROWS: i64 = 500;

const SCHEMA: [&str; 7] = [
    "CREATE TABLE IF NOT EXISTS entry (
        tenant TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires_ms INTEGER,
        PRIMARY KEY (tenant, key)) STRICT",
    "CREATE INDEX IF NOT EXISTS entry_expires ON entry (expires_ms) WHERE expires_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS entry_tenant_expires ON entry (tenant, expires_ms) WHERE expires_ms IS NOT NULL",
    // What each tenant's entries take without their overhead.
    "CREATE TABLE IF NOT EXISTS space (
        tenant TEXT NOT NULL PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT",
    "CREATE TRIGGER IF NOT EXISTS entry_added AFTER INSERT ON entry BEGIN
        INSERT INTO space VALUES (new.tenant, 1, octet_length(new.key) + length(new.value))
        ON CONFLICT DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes; END",
    "CREATE TRIGGER IF NOT EXISTS entry_removed AFTER DELETE ON entry BEGIN
        UPDATE space SET entries = entries - 1, bytes = bytes - octet_length(old.key) - length(old.value)
        WHERE tenant = old.tenant; END",
    "CREATE TRIGGER IF NOT EXISTS entry_changed AFTER UPDATE ON entry BEGIN
        UPDATE space SET bytes = bytes - length(old.value) + length(new.value) WHERE tenant = old.tenant; END",
];

/// Key-value spaces in one SQLite file.
pub struct SqliteKv {
    path: PathBuf,
    opened: OnceCell<SqlitePool>,
    turns: Turns,
}

impl SqliteKv {
    /// Spaces in the file `path`, which is opened, and made where it is missing, at the first call.
    pub fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self { path: path.to_owned(), opened: OnceCell::new(), turns: Turns::default() })
    }

    /// The open file. A file that could not be opened is tried again at the next call.
    async fn pool(&self) -> Result<&SqlitePool, sqlx::Error> {
        self.opened.get_or_try_init(|| open(&self.path)).await
    }
}

async fn open(path: &Path) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(CALL_MAX);
    let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(CALL_MAX);
    let pool = pool.idle_timeout(None).max_lifetime(None).connect_with(options).await?;
    for statement in SCHEMA {
        sqlx::query(statement).execute(&pool).await?;
    }
    tokio::spawn(sweep(pool.clone()));
    Ok(pool)
}

/// Removes what is over, in small steps, until the pool is closed.
async fn sweep(pool: SqlitePool) {
    const REMOVE: &str =
        "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE expires_ms <= ? LIMIT ?)";
    while !pool.is_closed() {
        loop {
            let step = sqlx::query(REMOVE).bind(now_ms()).bind(SWEEP_ROWS).execute(&pool).await;
            // A file that cannot be written now will be tried again; calls tell of it.
            if step.map_or(0, |done| done.rows_affected()) < SWEEP_ROWS.unsigned_abs() {
                break;
            }
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

type Step<'a> = Transaction<'a, Sqlite>;

/// The value that stands, and when it is over.
async fn stored(
    step: &mut Step<'_>,
    tenant: &str,
    key: &str,
    now: i64,
) -> Result<Option<(Vec<u8>, Option<i64>)>, Failed> {
    const GET: &str = "SELECT value, expires_ms FROM entry
        WHERE tenant = ? AND key = ? AND (expires_ms IS NULL OR expires_ms > ?)";
    let row = sqlx::query(GET).bind(tenant).bind(key).bind(now).fetch_optional(&mut **step).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Stores an entry where the tenant has room for it.
async fn put(step: &mut Step<'_>, tenant: &str, put: Put<'_>) -> Result<(), Failed> {
    const PUT: &str = "INSERT INTO entry (tenant, key, value, expires_ms) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms";
    // By index, or not at all: in a full space this runs at every call, while all others wait.
    const MAKE_ROOM: &str = "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry
        INDEXED BY entry_tenant_expires WHERE tenant = ? AND expires_ms <= ? LIMIT ?)";
    if !has_room(step, tenant, &put).await? {
        // Rows that are over count until they are swept: make room before saying no.
        let query = sqlx::query(MAKE_ROOM).bind(tenant).bind(put.now).bind(SWEEP_ROWS);
        query.execute(&mut **step).await?;
        if !has_room(step, tenant, &put).await? {
            return Err(KvError::Quota.into());
        }
    }
    let query = sqlx::query(PUT).bind(tenant).bind(put.key).bind(put.value).bind(put.expires_ms);
    query.execute(&mut **step).await?;
    Ok(())
}

/// What is to be stored.
struct Put<'a> {
    key: &'a str,
    value: &'a [u8],
    expires_ms: Option<i64>,
    now: i64,
    size_max: u64,
}

async fn has_room(step: &mut Step<'_>, tenant: &str, put: &Put<'_>) -> Result<bool, Failed> {
    const USED: &str = "SELECT coalesce(max(bytes + entries * ?), 0) FROM space WHERE tenant = ?";
    const OLD: &str = "SELECT length(value) FROM entry WHERE tenant = ? AND key = ?";
    let overhead = i64::try_from(ENTRY_OVERHEAD).unwrap_or(i64::MAX);
    let used: i64 = sqlx::query(USED).bind(overhead).bind(tenant).fetch_one(&mut **step).await?.try_get(0)?;
    let old = sqlx::query(OLD).bind(tenant).bind(put.key).fetch_optional(&mut **step).await?;
    let old: Option<i64> = old.map(|row| row.try_get(0)).transpose()?;
    let freed = old.map_or(0, |len| size_of(put.key, usize::try_from(len).unwrap_or(0)));
    let used = u64::try_from(used).unwrap_or(0).saturating_sub(freed);
    Ok(used + size_of(put.key, put.value.len()) <= put.size_max)
}

/// What ends a call: an answer of ours, or a fault of the store.
enum Failed {
    Answer(KvError),
    Fault(sqlx::Error),
}

impl From<KvError> for Failed {
    fn from(error: KvError) -> Self {
        Self::Answer(error)
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Fault(error)
    }
}

/// A call with its time limit, its faults made answers that name no file.
async fn within<T>(call: impl Future<Output = Result<T, Failed>>) -> Result<T, KvError> {
    match tokio::time::timeout(CALL_MAX, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Failed::Answer(error))) => Err(error),
        Ok(Err(Failed::Fault(error))) => Err(match error {
            sqlx::Error::Database(error) => {
                KvError::unavailable(format!("the store says: {}", error.message()))
            }
            _ => KvError::unavailable("the store cannot be reached"),
        }),
        Err(_) => Err(KvError::unavailable("the store did not answer in time")),
    }
}

#[async_trait]
impl KvStore for SqliteKv {
    async fn get(&self, tenant: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        check(key, 0)?;
        within(async {
            let _turn = self.turns.turn(tenant).await;
            let mut step = self.pool().await?.begin().await?;
            let found = stored(&mut step, tenant, key, now_ms()).await?;
            Ok(found.map(|(value, _)| value))
        })
        .await
    }

    async fn set(
        &self,
        tenant: &str,
        key: &str,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
        size_max: u64,
    ) -> Result<(), KvError> {
        check(key, value.len())?;
        let now = now_ms();
        let entry = Put { key, value: &value, expires_ms: expires(now, ttl_ms), now, size_max };
        within(async {
            let _turn = self.turns.turn(tenant).await;
            let mut step = self.pool().await?.begin_with("BEGIN IMMEDIATE").await?;
            put(&mut step, tenant, entry).await?;
            Ok(step.commit().await?)
        })
        .await
    }

    async fn add(
        &self,
        tenant: &str,
        key: &str,
        delta: i64,
        ttl_ms: Option<u64>,
        size_max: u64,
    ) -> Result<i64, KvError> {
        check(key, 0)?;
        let now = now_ms();
        within(async {
            let _turn = self.turns.turn(tenant).await;
            let mut step = self.pool().await?.begin_with("BEGIN IMMEDIATE").await?;
            let old = stored(&mut step, tenant, key, now).await?;
            let sum = sum(old.as_ref().map(|(value, _)| value.as_slice()), delta)?;
            let expires_ms = expires(now, ttl_ms).or(old.and_then(|(_, at)| at));
            let value = sum.to_string();
            put(&mut step, tenant, Put { key, value: value.as_bytes(), expires_ms, now, size_max }).await?;
            step.commit().await?;
            Ok(sum)
        })
        .await
    }
}
