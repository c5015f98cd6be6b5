//! A change of one tenant's chain: built and checked beside what serves, then made durable, then live.
//!
//! ```text
//! live text --apply--> new text --resolve, configure, smoke--> tenant      without a lock
//! history --> live file --> swap                                           under the reload's
//! ```
//!
//! What a kill leaves at any step is whole: the old text is live until the file is renamed, the new one after.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::build::{file_name, fingerprint_of, fresh};
use super::settings::Unwritable;
use super::store::HOST;
use super::{Catalog, ChainChange, ChainSettings, ChainView, Generation, Tenant};
use crate::chain::spec::is_name;
use crate::config::Problem;
use crate::config::load::FILE_MAX;
use crate::telemetry::Event;

/// Why a chain was not changed. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// The caller knows another revision than the one that is live.
    #[error("revision {live} is live, not the one asked for")]
    Stale {
        /// The live one.
        live: u64,
    },
    /// What the files say is not what is live, so there is nothing to be changed.
    #[error("{0}")]
    Conflict(String),
    /// What would be changed does not hold.
    #[error("the chain is refused")]
    Refused(Vec<Problem>),
    /// It cannot be made durable.
    #[error("{0}")]
    Io(String),
}

/// A tenant that serves exactly what its file says.
struct Live {
    tenant: Arc<Tenant>,
    text: String,
}

impl Catalog {
    /// What a tenant's live revision says of its chain, and its number. Blocks.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::Conflict`] where it serves none, [`ChangeError::Io`].
    pub fn chain(&self, name: &str) -> Result<(u64, ChainSettings), ChangeError> {
        let revision = self.serving(name)?.revision;
        let text = self.store.read_revision(name, revision).map_err(|error| {
            ChangeError::Io(format!("revision {revision} of `{name}` cannot be read: {error}"))
        })?;
        Ok((revision, ChainSettings::of(&text)))
    }

    /// Changes a tenant's chain; with `expected` only if that revision is live. Blocks, for long where components are compiled.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn set_chain(
        &self,
        name: &str,
        change: &ChainChange,
        expected: Option<u64>,
    ) -> Result<ChainView, ChangeError> {
        let live = match self.live(name) {
            // Or another change is between its file and its swap just now.
            Err(ChangeError::Conflict(_)) => {
                let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
                self.live(name)?
            }
            live => live?,
        };
        let revision = live.tenant.revision;
        if expected.is_some_and(|expected| expected != revision) {
            return Err(ChangeError::Stale { live: revision });
        }
        let file = file_name(name);
        let refuse = |key: String, text: String| {
            ChangeError::Refused(vec![Problem { file: file.clone(), line: 0, key, text }])
        };
        let text = change.apply(&live.text).map_err(|Unwritable(key, text)| refuse(key, text))?;
        if text.len() as u64 > FILE_MAX {
            return Err(refuse(String::new(), "the tenant's file would be too long".to_owned()));
        }
        let built = self.with_resolver(|cx| fresh(cx, Some(&live.tenant), name, &file, &text, revision));
        let (tenant, unchanged) = built.map_err(ChangeError::Refused)?;
        if !unchanged {
            return self.put(&live, tenant, &text, expected);
        }
        Ok(ChainView::of(&live.tenant))
    }

    /// Makes what was built live, unless what it was built of has changed meanwhile.
    fn put(
        &self,
        live: &Live,
        mut tenant: Tenant,
        text: &str,
        expected: Option<u64>,
    ) -> Result<ChainView, ChangeError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let name = tenant.name.clone();
        if self.over.load(Ordering::Relaxed) {
            return Err(ChangeError::Conflict("the server is shutting down".to_owned()));
        }
        let now = self.live(&name)?;
        if now.tenant.revision != live.tenant.revision && expected.is_some() {
            return Err(ChangeError::Stale { live: now.tenant.revision });
        }
        let built_of = self.with_resolver(|cx| fingerprint_of(cx, &name, text));
        let same = now.text == live.text && built_of == Some(tenant.fingerprint);
        if !same || now.tenant.domains != tenant.domains {
            return Err(ChangeError::Conflict(format!(
                "`{name}`, its components or the config changed while the chain was checked; try again"
            )));
        }
        let unwritten =
            |error: io::Error| ChangeError::Io(format!("the new revision cannot be stored: {error}"));
        tenant.revision = self.store.record(&name, text).map_err(unwritten)?;
        if text != now.text {
            self.store.put_tenant(&name, text).map_err(|error| {
                self.take_back(&name, &now, tenant.revision);
                unwritten(error)
            })?;
        }
        let tenant = Arc::new(tenant);
        let mut generation = Generation::clone(&self.current());
        generation.tenants.insert(name.clone(), tenant.clone());
        self.install(generation);
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        self.telemetry.emit(Event::TenantLoaded {
            tenant: name.clone(),
            revision: tenant.revision,
            chain: tenant.spec.to_string(),
        });
        for warning in &tenant.smoke.warnings {
            self.warn(&name, warning);
        }
        Ok(ChainView::of(&tenant))
    }

    /// After the live file could not be written: as far as the disk still lets us, what never went live leaves no trace.
    fn take_back(&self, name: &str, before: &Live, revision: u64) {
        let _ = self.store.forget(name, revision);
        if self.store.read_tenant(name).is_ok_and(|text| text != before.text) {
            let _ = self.store.put_tenant(name, &before.text);
        }
    }

    /// The tenant as it serves now.
    fn serving(&self, name: &str) -> Result<Arc<Tenant>, ChangeError> {
        if let Some(tenant) = self.current().tenants.get(name) {
            return Ok(tenant.clone());
        }
        if !self.has_tenant(name) {
            return Err(ChangeError::NoTenant(name.to_owned()));
        }
        Err(ChangeError::Conflict(format!(
            "`{name}` serves no revision: its file was refused, or not loaded yet; mend it and reload"
        )))
    }

    /// The tenant as it serves now, if that is what its file says.
    fn live(&self, name: &str) -> Result<Live, ChangeError> {
        let tenant = self.serving(name)?;
        let unread =
            |error: io::Error| ChangeError::Io(format!("the file of `{name}` cannot be read: {error}"));
        let text = match self.store.read_tenant(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            text => Some(text.map_err(unread)?),
        };
        let newest = self.store.newest_revision(name).map_err(unread)?;
        match (text, newest) {
            (Some(text), Some((revision, stored))) if revision == tenant.revision && stored == text => {
                Ok(Live { tenant, text })
            }
            _ => Err(ChangeError::Conflict(format!(
                "the file of `{name}` is not what went live as revision {0}: reload it, or copy \
                 `catalog/history/{name}/{0:04}.toml` over it, before the chain is changed here",
                tenant.revision
            ))),
        }
    }

    /// Whether a tenant has a file. One that is no name never has.
    pub(super) fn has_tenant(&self, name: &str) -> bool {
        is_name(name) && name != HOST && self.store.tenant_path(name).is_file()
    }
}
