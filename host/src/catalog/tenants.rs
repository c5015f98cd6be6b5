//! Tenants as a whole: shown, made, changed and removed by the host.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::build::file_name;
use super::change::{Ask, ChangeError, refusal, unwritten};
use super::fresh::{self, Draft};
use super::settings::Unwritable;
use super::store::HOST;
use super::{Catalog, ChainView, TenantSettings};
use crate::chain::spec::is_name;
use crate::telemetry::Event;

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// A tenant: what its live revision says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// Its name.
    pub name: String,
    /// The revision that serves; null: none does, and its file is shown.
    pub revision: Option<u64>,
    /// What it says.
    #[serde(flatten)]
    pub settings: TenantSettings,
    /// Why its file as it stands is not what serves.
    pub problems: Vec<String>,
}

impl Catalog {
    /// A tenant. Blocks.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::Io`].
    pub fn tenant(&self, name: &str) -> Result<TenantView, ChangeError> {
        let serving = self.current().tenants.get(name).map(|tenant| tenant.revision);
        let text = match serving {
            Some(revision) => self.revision(name, revision)?.text,
            None if self.has_tenant(name) => self.store.read_tenant(name).unwrap_or_default(),
            None => return Err(ChangeError::NoTenant(name.to_owned())),
        };
        let problems = self.refused().remove(name).unwrap_or_default();
        let settings = TenantSettings::of(&text);
        Ok(TenantView { name: name.to_owned(), revision: serving, settings, problems })
    }

    /// Makes a tenant, or makes one say this. True: it was made. Blocks, for long where components are compiled.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn put_tenant(
        &self,
        name: &str,
        settings: &TenantSettings,
        ask: &Ask,
    ) -> Result<(bool, ChainView), ChangeError> {
        let unwritable = |Unwritable(key, text)| refusal(name, &key, text);
        if !is_name(name) || name == HOST {
            return Err(refusal(name, "", format!("\"{}\" cannot name a tenant", name.escape_debug())));
        }
        if self.current().tenants.contains_key(name) {
            let live = self.expect(name, ask.expected)?;
            let text = settings.apply(&live.text).map_err(unwritable)?;
            return Ok((false, self.propose(&live, &text, None, ask)?));
        }
        if ask.expected.is_some() {
            return Err(ChangeError::Stale { live: 0 });
        }
        let text = settings.apply("").map_err(unwritable)?;
        Ok((true, self.create(name, &text, ask)?))
    }

    /// Makes a tenant that serves nothing yet, in the place of a file that does not hold.
    fn create(&self, name: &str, text: &str, ask: &Ask) -> Result<ChainView, ChangeError> {
        let file = file_name(name);
        let draft = Draft { name, file: &file, text, revision: 1, meant: None };
        let made = self.with_resolver(|cx| fresh::make(cx, None, draft)).map_err(ChangeError::Refused)?;
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        self.still_open()?;
        if self.current().tenants.contains_key(name) {
            return Err(ChangeError::Conflict(format!("`{name}` was made by somebody else just now")));
        }
        if !self.has_tenant(name) {
            // What one left that had this name, and whose file was removed by hand, is not the new one's.
            self.store.remove_tenant(name, now_ms()).map_err(|error| unwritten(&error))?;
        }
        let before = self.store.read_tenant(name).ok();
        self.go_live(made.tenant, text, before.as_deref(), ask)
    }

    /// Removes a tenant: its domains are nobody's from now on, messages in flight come to their end. Its file, history and
    /// components are put aside in `catalog/removed`. Blocks.
    ///
    /// # Errors
    /// [`ChangeError::NoTenant`], [`ChangeError::Stale`], [`ChangeError::Io`].
    pub fn remove_tenant(&self, name: &str, expected: Option<u64>) -> Result<(), ChangeError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let _nothing_stored = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        self.still_open()?;
        if !self.has_tenant(name) {
            return Err(ChangeError::NoTenant(name.to_owned()));
        }
        let live = self.current().tenants.get(name).map_or(0, |tenant| tenant.revision);
        if expected.is_some_and(|expected| expected != live) {
            return Err(ChangeError::Stale { live });
        }
        let removed = self.store.remove_tenant(name, now_ms());
        if !self.has_tenant(name) {
            self.install(self.current().without(name));
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            self.telemetry.emit(Event::TenantRemoved { tenant: name.to_owned() });
        }
        removed.map_err(|error| ChangeError::Io(format!("what `{name}` had cannot be put aside: {error}")))
    }
}
