//! The components that there are: what is known of each, who uses it, and how one goes.

use std::io;
use std::sync::PoisonError;

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resolve::read_component;
use super::store::{Found, HOST};
use super::{Catalog, Generation, Uploaded};
use crate::chain::spec::is_name;
use crate::config::ByteSize;
use crate::telemetry::Event;

/// Largest component that is looked into, in bytes: none that is larger can have been uploaded.
const SIZE_MAX: ByteSize = ByteSize(1 << 30);

/// A component that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessorView {
    /// Whose: a tenant, or `host`, whose components all tenants share.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of its bytes, in hex.
    pub hash: String,
    /// Its size in bytes.
    pub size: usize,
    /// When it was stored (RFC 3339).
    pub stored_at: Option<String>,
    /// What it says of itself; null, as what follows: it was put there by hand, and nobody has asked it.
    pub summary: Option<String>,
    /// What it takes.
    pub takes: Option<String>,
    /// What it gives.
    pub gives: Option<String>,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The interfaces of ours that it exports.
    pub exports: Vec<String>,
    /// The grants that its stage must be given.
    pub grants: Vec<String>,
    /// Tenants whose live chain it is in.
    pub used_by: Vec<String>,
}

/// Why components were not shown, or one not removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// There is none.
    #[error("there is no `{0}`")]
    Absent(String),
    /// Live chains have it.
    #[error("`{processor}` is in use by {}: change their chains first", .users.join(", "))]
    InUse {
        /// Which.
        processor: String,
        /// The tenants, with their revisions.
        users: Vec<String>,
    },
    /// It cannot be read or removed.
    #[error("{0}")]
    Io(String),
}

impl Catalog {
    /// The components of a tenant and those of the host, or with none the host's alone, by name and version. Blocks.
    ///
    /// # Errors
    /// [`InventoryError::NoTenant`], [`InventoryError::Io`].
    pub fn processors(&self, tenant: Option<&str>) -> Result<Vec<ProcessorView>, InventoryError> {
        if let Some(tenant) = tenant.filter(|tenant| !self.has_tenant(tenant)) {
            return Err(InventoryError::NoTenant(tenant.to_owned()));
        }
        let current = self.current();
        let mut views = Vec::new();
        for owner in tenant.into_iter().chain([HOST]) {
            for name in self.store.processors(owner).map_err(|error| unread(&error))? {
                for version in self.store.versions(owner, &name).map_err(|error| unread(&error))? {
                    // One that goes meanwhile is not there.
                    views.extend(self.processor(&current, owner, &name, &version));
                }
            }
        }
        Ok(views)
    }

    /// Removes a component that no live chain has. Blocks.
    ///
    /// # Errors
    /// Then it is still there.
    pub fn remove_processor(
        &self,
        tenant: Option<&str>,
        name: &str,
        version: &str,
    ) -> Result<(), InventoryError> {
        let owner = tenant.unwrap_or(HOST);
        let absent =
            || InventoryError::Absent(format!("{owner}/{name}@{version}").escape_debug().to_string());
        let parsed = Version::parse(version).ok().filter(|_| is_name(name));
        let parsed = parsed.filter(|_| tenant.is_none_or(|tenant| self.has_tenant(tenant)));
        let version = parsed.ok_or_else(absent)?;
        // Nobody can begin to use it, or put it there again, while this looks who does.
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let _nothing_stored = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        let users = users(&self.current(), owner, name, &version.to_string());
        if !users.is_empty() {
            let users = users.into_iter().map(|(tenant, revision)| format!("{tenant} (revision {revision})"));
            let processor = format!("{owner}/{name}@{version}");
            return Err(InventoryError::InUse { processor, users: users.collect() });
        }
        self.store.remove_processor(owner, name, &version).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => absent(),
            _ => InventoryError::Io(format!("it cannot be removed: {error}")),
        })?;
        let (owner, name, version) = (owner.to_owned(), name.to_owned(), version.to_string());
        self.telemetry.emit(Event::ProcessorRemoved { owner, name, version });
        Ok(())
    }

    fn processor(
        &self,
        current: &Generation,
        owner: &str,
        name: &str,
        version: &Version,
    ) -> Option<ProcessorView> {
        let path = self.store.processor_path(owner, name, version);
        let stored_at = path.metadata().and_then(|about| about.modified()).ok();
        let found = Found { owner: owner.to_owned(), name: name.to_owned(), version: version.clone(), path };
        let bytes = read_component(&found, SIZE_MAX).ok()?;
        let hash = blake3::hash(&bytes);
        let about = self.store.processor_about(owner, &hash);
        let about = about.and_then(|about| serde_json::from_str::<Uploaded>(&about).ok());
        let hash = hash.to_hex().to_string();
        let imports = about.as_ref().map(|about| about.imports.clone());
        let (imports, exports) = match imports {
            Some(imports) => (imports, about.as_ref().map(|about| about.exports.clone()).unwrap_or_default()),
            None => self.loader.interfaces(&bytes),
        };
        let version = version.to_string();
        Some(ProcessorView {
            used_by: users(current, owner, name, &version).into_iter().map(|(tenant, _)| tenant).collect(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            version,
            hash,
            size: bytes.len(),
            stored_at: stored_at.and_then(|at| jiff::Timestamp::try_from(at).ok()).map(|at| at.to_string()),
            grants: self.loader.grants(&imports),
            imports,
            exports,
            summary: about.as_ref().map(|about| about.summary.clone()),
            takes: about.as_ref().map(|about| about.takes.clone()),
            gives: about.map(|about| about.gives),
        })
    }
}

/// Tenants whose live chain has a component, with their revisions.
fn users(current: &Generation, owner: &str, name: &str, version: &str) -> Vec<(String, u64)> {
    let uses = |tenant: &super::Tenant| {
        let same = |c: &super::Component| c.owner == owner && c.name == name && c.version == version;
        tenant.components.values().any(same)
    };
    let tenants = current.tenants.values().filter(|tenant| uses(tenant));
    tenants.map(|tenant| (tenant.name.clone(), tenant.revision)).collect()
}

fn unread(error: &io::Error) -> InventoryError {
    InventoryError::Io(format!("the components cannot be read: {error}"))
}
