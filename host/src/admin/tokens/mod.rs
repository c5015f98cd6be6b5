//! Tenants' tokens: which there are, who holds one, and until when.
//!
//! ```text
//! gp_ID_SECRET --ID--> what is held of it --BLAKE3 of it all, compared in constant time--> tenant, role
//! ```
//!
//! Only a hash is kept, so that who reads the files holds no token. A slow hash is for what people choose and others guess;
//! 256 random bits cannot be guessed, so a fast one is right, and a request costs nothing.
//!
//! Knows nothing of routes, nor whether a tenant is there: `keys` asks the catalog.

mod file;
pub(super) mod routes;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::principal::Role;
use crate::token::{random_hex, random_secret};
use file::Folder;

/// Most tokens of a tenant that have not ended: some people and programs, and as many again while they are rotated.
pub(super) const TOKENS_MAX: usize = 32;
/// Longest label, in characters.
pub(super) const LABEL_MAX: usize = 64;
/// Shortest lifetime: times are kept in whole seconds.
pub(super) const LIFETIME_MIN: Duration = Duration::from_secs(1);
/// Longest lifetime, where one is given: past ten years a number is a slip.
pub(super) const LIFETIME_MAX: Duration = Duration::from_secs(3650 * 86_400);
/// How long the old token goes on when it is rotated, where nothing is said.
pub(super) const OVERLAP: Duration = Duration::from_secs(3600);
/// Longest time that it may go on.
pub(super) const OVERLAP_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Bytes of an id: enough that no two are the same, which is made sure of all the same.
const ID_BYTES: usize = 6;

/// What a tenant's token lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// Everything of the tenant that is not the host's to decide.
    Owner,
    /// Look.
    Reader,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Owner => Self::Owner,
            TokenRole::Reader => Self::Reader,
        }
    }
}

/// What is kept of a token.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) tenant: String,
    pub(super) id: String,
    pub(super) role: TokenRole,
    pub(super) label: String,
    pub(super) created: Timestamp,
    /// None: never.
    pub(super) expires: Option<Timestamp>,
    hash: blake3::Hash,
    /// Unix time in seconds; 0: not since the start. In memory only: a request writes nothing to disk.
    last_used: Arc<AtomicI64>,
}

impl Held {
    /// Whether it is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// When it was last sent, since the start.
    pub(super) fn last_used(&self) -> Option<Timestamp> {
        Some(self.last_used.load(Ordering::Relaxed))
            .filter(|second| *second != 0)
            .and_then(|second| Timestamp::from_second(second).ok())
    }

    /// Whether it is the same token as `other`, not one that came after it.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.hash == other.hash
    }
}

/// A token that is to be made.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) tenant: &'a str,
    pub(super) role: TokenRole,
    pub(super) label: &'a str,
    /// None: for ever.
    pub(super) lifetime: Option<Duration>,
}

/// A token that was made, with its text, which is told this once.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) held: Held,
}

/// Why a token is not made, changed or taken away.
#[derive(Debug, thiserror::Error)]
pub(super) enum TokenError {
    /// The tenant has none of this id.
    #[error("there is no such token")]
    None,
    /// It has as many as it may have.
    #[error("a tenant may have {TOKENS_MAX} tokens: remove one first")]
    TooMany,
    /// A label or a time that is none.
    #[error("{0}")]
    Bad(String),
    /// A file could not be read or written.
    #[error("the tenant's tokens cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// All tenants' tokens.
pub struct Tokens {
    folder: Folder,
    /// By id.
    held: Mutex<HashMap<String, Arc<Held>>>,
    /// One file is changed at a time.
    changing: Mutex<()>,
}

impl Tokens {
    /// Those in the files of `folder`, which need not be there; what cannot be read is told, and holds no token.
    pub(super) fn open(folder: PathBuf) -> (Self, Vec<String>) {
        let tokens = Self { folder: Folder(folder), held: Mutex::default(), changing: Mutex::default() };
        let problems = tokens.read_again();
        (tokens, problems)
    }

    /// Reads all files anew. Gives what is wrong with them. Blocks.
    pub(super) fn read_again(&self) -> Vec<String> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut problems, mut fresh) = (Vec::new(), Vec::new());
        let tenants = self.folder.tenants().unwrap_or_else(|error| {
            problems.push(format!("tenants' tokens cannot be read: {error}"));
            Vec::new()
        });
        for tenant in tenants {
            match self.folder.read(&tenant) {
                Ok(mut all) => fresh.append(&mut all),
                Err(error) => {
                    problems.push(format!("the tokens of `{tenant}` cannot be read, so none holds: {error}"));
                }
            }
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *held);
        held.extend(fresh.into_iter().map(|fresh| known(&old, fresh)));
        problems
    }

    /// Whose token this is. None: nobody's, or it is over.
    pub(super) fn verify(&self, text: &str, now: Timestamp) -> Option<Arc<Held>> {
        let id = text.strip_prefix("gp_")?.split_once('_')?.0;
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        // An id that is not there takes the same way: hash, then a comparison in constant time.
        let tenant = held.as_ref().map_or("", |held| held.tenant.as_str());
        let expected = held.as_ref().map_or(blake3::Hash::from_bytes([0; 32]), |held| held.hash);
        let is_right = digest(tenant, text) == expected;
        let held = held.filter(|held| is_right && !held.is_over(now))?;
        held.last_used.store(now.as_second(), Ordering::Relaxed);
        Some(held)
    }

    /// What is held now in place of `held`; none: it was taken away, or is over.
    pub(super) fn again(&self, held: &Held, now: Timestamp) -> Option<Arc<Held>> {
        let found = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&held.id).cloned();
        found.filter(|found| found.is(held) && !found.is_over(now))
    }

    /// A tenant's tokens that are not over, oldest first.
    pub(super) fn of(&self, tenant: &str, now: Timestamp) -> Vec<Arc<Held>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.values().filter(|held| held.tenant == tenant && !held.is_over(now));
        let mut own: Vec<_> = own.cloned().collect();
        own.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        own
    }

    /// Makes one. Blocks.
    pub(super) fn make(&self, wanted: Wanted<'_>, now: Timestamp) -> Result<Made, TokenError> {
        let Wanted { tenant, label, lifetime, .. } = wanted;
        if label.chars().count() > LABEL_MAX || label.chars().any(char::is_control) {
            return Err(TokenError::Bad(format!("a label has at most {LABEL_MAX} characters, on one line")));
        }
        if lifetime.is_some_and(|lifetime| !(LIFETIME_MIN..=LIFETIME_MAX).contains(&lifetime)) {
            return Err(TokenError::Bad("a token lives for 1s to 3650d".to_owned()));
        }
        self.change(tenant, now, |all| self.add(all, wanted, now))
    }

    /// Makes one in place of another, which goes on for `overlap` at most. The new one lives as long as the old one was to.
    /// Blocks.
    pub(super) fn rotate(
        &self,
        tenant: &str,
        id: &str,
        overlap: Duration,
        now: Timestamp,
    ) -> Result<Made, TokenError> {
        if overlap > OVERLAP_MAX {
            return Err(TokenError::Bad("an overlap has at most 7d".to_owned()));
        }
        self.change(tenant, now, |all| {
            let old = all.iter_mut().find(|held| held.id == id).ok_or(TokenError::None)?;
            let (role, label, created) = (old.role, old.label.clone(), old.created);
            let lifetime = old.expires.map(|expires| expires.duration_since(created).unsigned_abs());
            let end = now + overlap;
            old.expires = Some(old.expires.map_or(end, |expires| expires.min(end)));
            if overlap.is_zero() {
                all.retain(|held| held.id != id);
            }
            self.add(all, Wanted { tenant, role, label: &label, lifetime }, now)
        })
    }

    /// Takes one away. Blocks.
    pub(super) fn remove(&self, tenant: &str, id: &str, now: Timestamp) -> Result<(), TokenError> {
        self.change(tenant, now, |all| {
            let before = all.len();
            all.retain(|held| held.id != id);
            if all.len() == before { Err(TokenError::None) } else { Ok(()) }
        })
    }

    /// Takes all of a tenant away: to be called where a tenant is removed, and before one is made, so that the tokens of one
    /// that had its name never come back to life. Blocks.
    ///
    /// # Errors
    /// The file cannot be removed; no token of it holds until a start or a reload reads it again.
    pub fn forget(&self, tenant: &str) -> io::Result<()> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, held| held.tenant != tenant);
        drop(held);
        self.folder.remove(tenant)
    }

    /// Changes a tenant's file as `then` says, without those that are over, and only then what is held of it.
    fn change<T>(
        &self,
        tenant: &str,
        now: Timestamp,
        then: impl FnOnce(&mut Vec<Held>) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.folder.read(tenant)?;
        all.retain(|held| !held.is_over(now));
        let done = then(&mut all)?;
        self.folder.write(tenant, &all)?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let old: HashMap<_, _> = held.extract_if(|_, held| held.tenant == tenant).collect();
        held.extend(all.into_iter().map(|fresh| known(&old, fresh)));
        Ok(done)
    }

    /// Adds one to a tenant's.
    fn add(&self, all: &mut Vec<Held>, wanted: Wanted<'_>, now: Timestamp) -> Result<Made, TokenError> {
        if all.len() >= TOKENS_MAX {
            return Err(TokenError::TooMany);
        }
        let id = loop {
            let id = random_hex(ID_BYTES)?;
            if !self.held.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id) {
                break id;
            }
        };
        let text = format!("gp_{id}_{}", random_secret()?);
        let created = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let held = Held {
            tenant: wanted.tenant.to_owned(),
            hash: digest(wanted.tenant, &text),
            id,
            role: wanted.role,
            label: wanted.label.to_owned(),
            created,
            expires: wanted.lifetime.map(|lifetime| created + lifetime),
            last_used: Arc::default(),
        };
        all.push(held.clone());
        Ok(Made { text, held })
    }
}

/// An entry for `fresh`, which knows when it was last used if it was there before.
fn known(old: &HashMap<String, Arc<Held>>, mut fresh: Held) -> (String, Arc<Held>) {
    if let Some(old) = old.get(&fresh.id).filter(|old| old.is(&fresh)) {
        fresh.last_used = old.last_used.clone();
    }
    (fresh.id.clone(), Arc::new(fresh))
}

/// The tenant is part of it: a file that is copied to another tenant's name holds no token there.
fn digest(tenant: &str, text: &str) -> blake3::Hash {
    blake3::hash(format!("{tenant}/{text}").as_bytes())
}

#[cfg(test)]
mod tests;
