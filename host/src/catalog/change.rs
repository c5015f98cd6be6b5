//! A change of one tenant: built and checked beside what serves, then made durable, then live.
//!
//! ```text
//! live text --apply--> new text --read, resolve, configure, smoke--> tenant      without a lock
//! history, pending --> live file --> history, confirmed --> swap                 under the reload's
//! ```
//!
//! What a kill leaves at any step is whole: the old revision is live until the file is renamed, the new one after.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::build::{file_name, taken_domain};
use super::fresh::{self, Draft, Made, fingerprint_of};
use super::revision::Components;
use super::settings::Unwritable;
use super::store::HOST;
use super::store::history::Stored;
use super::{Catalog, ChainChange, ChainSettings, ChainView, Origin, Tenant};
use crate::chain::spec::is_name;
use crate::config::Problem;
use crate::config::load::FILE_MAX;
use crate::telemetry::Event;

/// Why a tenant was not changed. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// There is no such revision.
    #[error("`{0}` has no revision {1}: the last 20 are kept")]
    NoRevision(String, u64),
    /// The caller knows another revision than the one that is live.
    #[error("revision {live} is live, not the one asked for")]
    Stale {
        /// The live one.
        live: u64,
    },
    /// What the files say is not what is live, so there is nothing to be changed.
    #[error("{0}")]
    Conflict(String),
    /// Only the host may change these keys.
    #[error("only the host may set {}: ask it, or leave {} as it is", .0.join(", "), if .0.len() == 1 { "it" } else { "each" })]
    HostOnly(Vec<String>),
    /// What would be changed does not hold.
    #[error("the chain is refused")]
    Refused(Vec<Problem>),
    /// It cannot be made durable.
    #[error("{0}")]
    Io(String),
}

/// Who asks for a change, and on which condition.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What the history is to say of it.
    pub origin: Origin,
    /// It is the tenant that asks: what only the host may set must stay.
    pub by_tenant: bool,
    /// Only if this revision is live.
    pub expected: Option<u64>,
}

/// A tenant that serves exactly what its file says.
pub(super) struct Live {
    pub(super) tenant: Arc<Tenant>,
    pub(super) text: String,
}

impl Catalog {
    /// What a tenant's live revision says of its chain, and its number. Blocks.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::Conflict`] where it serves none, [`ChangeError::Io`].
    pub fn chain(&self, name: &str) -> Result<(u64, ChainSettings), ChangeError> {
        let tenant = self.serving(name)?;
        Ok((tenant.revision, ChainSettings::of(&self.revision(name, tenant.revision)?.text)))
    }

    /// A tenant's chain as it serves now.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::Conflict`] where it serves none.
    pub fn chain_view(&self, name: &str) -> Result<ChainView, ChangeError> {
        Ok(ChainView::of(&*self.serving(name)?))
    }

    /// Changes a tenant's chain. Blocks, for long where components are compiled.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn set_chain(&self, name: &str, change: &ChainChange, ask: &Ask) -> Result<ChainView, ChangeError> {
        let live = self.expect(name, ask.expected)?;
        let text = self.changed(&live, change, ask.by_tenant)?;
        self.propose(&live, &text, None, ask)
    }

    /// What [`Self::set_chain`] would make live. Blocks as it does.
    ///
    /// # Errors
    /// As it does.
    pub fn check_chain(
        &self,
        name: &str,
        change: &ChainChange,
        by_tenant: bool,
    ) -> Result<ChainView, ChangeError> {
        let live = self.expect(name, None)?;
        let text = self.changed(&live, change, by_tenant)?;
        let made = self.make(&live, &text, None)?;
        let revision = live.tenant.revision + u64::from(!made.unchanged);
        Ok(ChainView { revision, ..ChainView::of(&made.tenant) })
    }

    /// Brings an older revision back, as a new one that means the same bytes; by default the one before that which is live.
    /// What is still loaded is not compiled again, and what went through the smoke corpus not tried again. Blocks.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn roll_back(&self, name: &str, to: Option<u64>, ask: &Ask) -> Result<ChainView, ChangeError> {
        let live = self.expect(name, ask.expected)?;
        let before = || {
            let known = self.store.revisions(name).unwrap_or_default();
            known.into_iter().rfind(|number| *number < live.tenant.revision)
        };
        let to = to.or_else(before).ok_or_else(|| {
            ChangeError::Conflict(format!("there is no revision before {}", live.tenant.revision))
        })?;
        let Stored { text, about, .. } = self.revision(name, to)?;
        if ask.by_tenant {
            self.permit(&live.text, &text)?;
        }
        if let Some(about) = &about {
            self.tried.remember(&about.fingerprint, &Arc::new(about.smoke.clone()));
        }
        let origin = Origin { of: Some(to), ..ask.origin.clone() };
        let ask = Ask { origin, ..ask.clone() };
        self.propose(&live, &text, about.as_ref().map(|about| &about.components), &ask)
    }

    /// The tenant, if it serves the revision that is expected.
    pub(super) fn expect(&self, name: &str, expected: Option<u64>) -> Result<Live, ChangeError> {
        let live = match self.live(name) {
            // Or another change is between its file and its swap just now.
            Err(ChangeError::Conflict(_)) => {
                let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
                self.live(name)?
            }
            live => live?,
        };
        let revision = live.tenant.revision;
        match expected {
            Some(expected) if expected != revision => Err(ChangeError::Stale { live: revision }),
            _ => Ok(live),
        }
    }

    /// The text of a tenant's file once its chain is changed.
    pub(super) fn changed(
        &self,
        live: &Live,
        change: &ChainChange,
        by_tenant: bool,
    ) -> Result<String, ChangeError> {
        let text = change
            .apply(&live.text)
            .map_err(|Unwritable(key, text)| refusal(&live.tenant.name, &key, text))?;
        if by_tenant {
            self.permit(&live.text, &text)?;
        }
        Ok(text)
    }

    /// Makes the tenant that `text` says, in the place of what is live.
    fn make(&self, live: &Live, text: &str, meant: Option<&Components>) -> Result<Made, ChangeError> {
        let name = &live.tenant.name;
        if text.len() as u64 > FILE_MAX {
            return Err(refusal(name, "", "the tenant's file would be too long"));
        }
        let file = file_name(name);
        let draft = Draft { name, file: &file, text, revision: live.tenant.revision, meant };
        let made = self.with_resolver(|cx| fresh::make(cx, Some(&live.tenant), draft));
        made.map_err(ChangeError::Refused)
    }

    /// Makes `text` live, where it holds; `meant` is what its names have to mean.
    pub(super) fn propose(
        &self,
        live: &Live,
        text: &str,
        meant: Option<&Components>,
        ask: &Ask,
    ) -> Result<ChainView, ChangeError> {
        let made = self.make(live, text, meant)?;
        if let Some(meant) = meant.filter(|_| !made.kept) {
            let ran: Vec<String> = meant.values().map(ToString::to_string).collect();
            let text = format!("it ran {}, not all of which is there any more", ran.join(", "));
            return Err(refusal(&live.tenant.name, "chain", text));
        }
        if made.unchanged {
            return Ok(ChainView::of(&live.tenant));
        }
        self.put(live, made.tenant, text, ask)
    }

    /// Makes what was built live in the place of what it was built from, unless that has changed meanwhile.
    fn put(&self, live: &Live, tenant: Tenant, text: &str, ask: &Ask) -> Result<ChainView, ChangeError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.still_open()?;
        let now = self.live(&tenant.name)?;
        if now.tenant.revision != live.tenant.revision && ask.expected.is_some() {
            return Err(ChangeError::Stale { live: now.tenant.revision });
        }
        // Another tenant may have come under the same name, with the same text.
        if !Arc::ptr_eq(&now.tenant.quota, &live.tenant.quota) || now.text != live.text {
            return Err(changed_meanwhile(&tenant.name));
        }
        self.go_live(tenant, text, Some(&now.text), ask)
    }

    /// Makes a tenant live whose file says `before`, or who has none: durable first, then swapped in. To be called by whoever holds
    /// `reloading`.
    pub(super) fn go_live(
        &self,
        mut tenant: Tenant,
        text: &str,
        before: Option<&str>,
        ask: &Ask,
    ) -> Result<ChainView, ChangeError> {
        let name = tenant.name.clone();
        let built_of = self.with_resolver(|cx| fingerprint_of(cx, &name, text, &tenant.components));
        if built_of != Some(tenant.fingerprint) {
            return Err(changed_meanwhile(&name));
        }
        let current = self.current();
        let taken = |pattern: String| ChangeError::Refused(vec![taken_domain(&name, &pattern)]);
        current.check_domains(&tenant).map_err(taken)?;
        let about = ask.origin.about(&tenant);
        tenant.revision = self.store.append(&name, text, &about).map_err(|error| unwritten(&error))?;
        if before != Some(text) {
            self.store.put_tenant(&name, text).map_err(|error| {
                self.take_back(&name, before, tenant.revision);
                unwritten(&error)
            })?;
        }
        // It is live from here on: a revision that stays pending is found by the next start.
        let _ = self.store.confirm(&name, tenant.revision);
        let tenant = Arc::new(tenant);
        self.install(current.with(tenant.clone()));
        self.went_live(&tenant);
        Ok(ChainView::of(&tenant))
    }

    /// Says so.
    fn went_live(&self, tenant: &Tenant) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant.name);
        self.telemetry.emit(Event::TenantLoaded {
            tenant: tenant.name.clone(),
            revision: tenant.revision,
            chain: tenant.spec.to_string(),
        });
        for warning in &tenant.smoke.warnings {
            self.warn(&tenant.name, warning);
        }
    }

    /// # Errors
    /// The catalog is retired.
    pub(super) fn still_open(&self) -> Result<(), ChangeError> {
        if self.over.load(Ordering::Relaxed) {
            return Err(ChangeError::Conflict("the server is shutting down".to_owned()));
        }
        Ok(())
    }

    /// After the live file could not be written: as far as the disk still lets us, what never went live leaves no trace.
    fn take_back(&self, name: &str, before: Option<&str>, revision: u64) {
        let _ = self.store.forget(name, revision);
        if self.store.read_tenant(name).ok().as_deref() != before {
            let _ = match before {
                Some(before) => self.store.put_tenant(name, before),
                None => std::fs::remove_file(self.store.tenant_path(name)),
            };
        }
    }

    /// One revision of a tenant that is there.
    pub(super) fn revision(&self, name: &str, number: u64) -> Result<Stored, ChangeError> {
        self.store.read_revision(name, number).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ChangeError::NoRevision(name.to_owned(), number),
            _ => ChangeError::Io(format!("revision {number} of `{name}` cannot be read: {error}")),
        })
    }

    /// The tenant as it serves now.
    pub(super) fn serving(&self, name: &str) -> Result<Arc<Tenant>, ChangeError> {
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
    pub(super) fn live(&self, name: &str) -> Result<Live, ChangeError> {
        let tenant = self.serving(name)?;
        let unread =
            |error: io::Error| ChangeError::Io(format!("the file of `{name}` cannot be read: {error}"));
        let text = match self.store.read_tenant(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            text => Some(text.map_err(unread)?),
        };
        let newest = self.store.newest_revision(name).map_err(unread)?;
        match (text, newest) {
            (Some(text), Some(newest)) if newest.number == tenant.revision && newest.text == text => {
                Ok(Live { tenant, text })
            }
            _ => Err(ChangeError::Conflict(format!(
                "the file of `{name}` is not what went live as revision {0}: reload it, or copy \
                 `catalog/history/{name}/{0:04}.toml` over it, before it is changed here",
                tenant.revision
            ))),
        }
    }

    /// Whether a tenant has a file. One that is no name never has.
    pub fn has_tenant(&self, name: &str) -> bool {
        is_name(name) && name != HOST && self.store.tenant_path(name).is_file()
    }
}

/// One thing that is wrong with a tenant's file.
pub(super) fn refusal(name: &str, key: &str, text: impl Into<String>) -> ChangeError {
    let (file, key, text) = (file_name(name), key.to_owned(), text.into());
    ChangeError::Refused(vec![Problem { file, line: 0, key, text }])
}

fn changed_meanwhile(name: &str) -> ChangeError {
    ChangeError::Conflict(format!(
        "`{name}`, its components or the config changed while the chain was checked; try again"
    ))
}

pub(super) fn unwritten(error: &io::Error) -> ChangeError {
    ChangeError::Io(format!("the new revision cannot be stored: {error}"))
}
