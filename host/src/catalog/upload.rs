//! Components on their way into the catalog: where they may go, whether they are fit to be stored.
//!
//! ```text
//! place: name, version, size limit --> bytes --> inspect --> temporary file, fsync, rename, fsync of the folder
//! ```
//!
//! An upload changes no chain: who changes a chain, or sets the same once more, finds what is newest then.

use std::sync::{Arc, PoisonError};

use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store::HOST;
use super::{Allowed, Catalog, ComponentUpload, Inspection, LoadRefusal, tenant_file};
use crate::chain::spec::is_name;
use crate::config::Limits;
use crate::telemetry::Event;
use crate::telemetry::causes::one_line;
use crate::tenant::Quota;

/// Longest version, in bytes: file names end at 255.
const VERSION_MAX: usize = 64;

/// Where a component is to go: a path that may be.
#[derive(Debug, Clone)]
pub struct Place {
    owner: String,
    name: String,
    version: Version,
    limits: Limits,
    /// What its owner's stages may be given; none: that differs from tenant to tenant.
    allowed: Option<Allowed>,
    /// Its owner as it serves now: another tenant may come under the same name.
    tenant: Option<Arc<Quota>>,
}

/// Why a component was not stored. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// Name or version is none.
    #[error("{0}")]
    BadPath(String),
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// It is larger than its owner's components may be.
    #[error("the component is larger than component_size_max, {0} bytes")]
    TooLarge(u64),
    /// The version is there with other bytes.
    #[error("{0} is there already, with other bytes: give the new ones a new version")]
    Taken(String),
    /// Its owner has as many components as it may.
    #[error("{0}")]
    Full(String),
    /// The component is at fault.
    #[error("{0}")]
    Refused(String),
    /// It may be tried again.
    #[error("{0}")]
    Busy(String),
    /// It cannot be made durable.
    #[error("{0}")]
    Io(String),
}

/// A component that is stored, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Uploaded {
    /// Whose: a tenant, or `host`.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of its bytes, in hex.
    pub hash: String,
    /// Its size in bytes.
    pub size: usize,
    /// What it says of itself.
    pub summary: String,
    /// What it takes.
    pub takes: String,
    /// What it gives.
    pub gives: String,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// The interfaces of ours that it exports: what may stand in `chain`, in `recipients`, or in both.
    pub exports: Vec<String>,
    /// The grants that its stage must be given.
    pub grants: Vec<String>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

impl Place {
    /// Largest component that may go here, in bytes.
    pub fn size_max(&self) -> u64 {
        self.limits.component_size_max.0
    }
}

impl Catalog {
    /// Where a component of a tenant, or with none of the host's, would go. Names are compared in lower case.
    ///
    /// # Errors
    /// [`UploadError::BadPath`], [`UploadError::NoTenant`].
    pub fn place(&self, tenant: Option<&str>, name: &str, version: &str) -> Result<Place, UploadError> {
        let tenant = tenant.map(str::to_ascii_lowercase);
        if let Some(tenant) = tenant.as_ref().filter(|tenant| !self.has_tenant(tenant)) {
            return Err(UploadError::NoTenant(tenant.escape_debug().to_string()));
        }
        let name = name.to_ascii_lowercase();
        if !is_name(&name) {
            return Err(UploadError::BadPath(format!(
                "`{}` is not a name: expected at most 63 letters, digits and hyphens, no hyphen at either end",
                name.escape_debug()
            )));
        }
        if self.registry.is_reserved(&name) {
            return Err(UploadError::BadPath(format!(
                "`{name}` is the name of what is built in; choose another"
            )));
        }
        let parsed = Version::parse(version).ok().filter(|parsed| parsed.build.is_empty());
        let Some(version) = parsed.filter(|_| version.len() <= VERSION_MAX) else {
            return Err(UploadError::BadPath(format!(
                "`{}` is not a version: expected three numbers such as `1.0.0`",
                version.escape_debug()
            )));
        };
        let config = self.config.load_full();
        let Some(tenant) = tenant else {
            let limits = config.limits.clone();
            return Ok(Place { owner: HOST.to_owned(), name, version, limits, allowed: None, tenant: None });
        };
        // A file that does not hold yet says nothing; its first component may be what it lacks.
        let read = self.store.read_tenant(&tenant).ok();
        let file =
            read.and_then(|text| tenant_file::read("", &text, &config.limits, &config.limits_max).ok());
        let limits = file.as_ref().map_or_else(|| config.limits.clone(), |file| file.limits.clone());
        let allowed = file.map(|file| Allowed { grants: file.grants_allowed, wasi: file.wasi });
        let serving = self.quota_of(&tenant);
        Ok(Place { owner: tenant, name, version, limits, allowed, tenant: serving })
    }

    /// Stores a component. True: it was not there before. Blocks, for long where it is compiled.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn upload(&self, place: &Place, bytes: &[u8]) -> Result<(bool, Uploaded), UploadError> {
        let stored = self.try_upload(place, bytes);
        let Place { owner, name, version, .. } = place;
        let (owner, name, version) = (owner.clone(), name.clone(), version.to_string());
        match &stored {
            Ok((true, stored)) => {
                let (hash, size) = (stored.hash.clone(), stored.size);
                self.telemetry.emit(Event::ProcessorStored { owner, name, version, hash, size });
            }
            Ok((false, _)) => {}
            Err(error) => {
                let error = one_line(&error.to_string());
                self.telemetry.emit(Event::ProcessorRefused { owner, name, version, error });
            }
        }
        stored
    }

    fn try_upload(&self, place: &Place, bytes: &[u8]) -> Result<(bool, Uploaded), UploadError> {
        if bytes.len() as u64 > place.size_max() {
            return Err(UploadError::TooLarge(place.size_max()));
        }
        // Before it is compiled for nothing.
        self.is_stored(place, bytes)?;
        let Place { owner, limits, allowed, .. } = place;
        let upload = ComponentUpload { owner, bytes, limits, allowed: allowed.as_ref() };
        let inspection = self.loader.inspect(upload).map_err(|error| match error {
            LoadRefusal::Refused(text) => UploadError::Refused(text),
            LoadRefusal::Busy(text) => UploadError::Busy(text),
        })?;
        let _one_at_a_time = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        if place.owner != HOST && !self.is_still(place) {
            return Err(UploadError::NoTenant(place.owner.clone()));
        }
        let there = self.is_stored(place, bytes)?;
        if !there {
            self.has_room(place)?;
        }
        let uploaded = uploaded(place, bytes, inspection);
        if !there {
            let about = serde_json::to_vec(&uploaded).unwrap_or_default();
            self.store
                .put_processor(&place.owner, &place.name, &place.version, bytes, &about)
                .map_err(|error| UploadError::Io(format!("the component cannot be stored: {error}")))?;
        }
        Ok((!there, uploaded))
    }

    fn quota_of(&self, tenant: &str) -> Option<Arc<Quota>> {
        self.current().tenants.get(tenant).map(|tenant| tenant.quota.clone())
    }

    /// Whether the owner is the one that the place was looked up for.
    fn is_still(&self, place: &Place) -> bool {
        let same = match (&place.tenant, &self.quota_of(&place.owner)) {
            (Some(then), Some(now)) => Arc::ptr_eq(then, now),
            // It served nothing then.
            (None, _) => true,
            (Some(_), None) => false,
        };
        same && self.has_tenant(&place.owner)
    }

    /// # Errors
    /// The owner has as many components as it may.
    fn has_room(&self, place: &Place) -> Result<(), UploadError> {
        let Place { owner, limits, .. } = place;
        let unread = |error| UploadError::Io(format!("the components of `{owner}` cannot be read: {error}"));
        let mut stored = 0;
        for name in self.store.processors(owner).map_err(unread)? {
            stored += self.store.versions(owner, &name).map_err(unread)?.len() as u64;
        }
        if stored >= limits.components_max {
            let max = limits.components_max;
            return Err(UploadError::Full(format!(
                "`{owner}` has {stored} components, components_max is {max}: remove some that nobody uses"
            )));
        }
        Ok(())
    }

    /// Whether these very bytes are there.
    fn is_stored(&self, place: &Place, bytes: &[u8]) -> Result<bool, UploadError> {
        let Place { owner, name, version, .. } = place;
        match self.store.processor_is(owner, name, version, bytes) {
            Ok(Some(false)) => Err(UploadError::Taken(format!("{owner}/{name}@{version}"))),
            Ok(there) => Ok(there == Some(true)),
            Err(error) => Err(UploadError::Io(format!("{owner}/{name}@{version} cannot be read: {error}"))),
        }
    }
}

fn uploaded(place: &Place, bytes: &[u8], inspection: Inspection) -> Uploaded {
    let Inspection { name, version, summary, takes, gives, imports, exports, grants } = inspection;
    let mut warnings = Vec::new();
    let path_version = place.version.to_string();
    for (what, said, path) in [("name", &name, &place.name), ("version", &version, &path_version)] {
        if !said.is_empty() && said != path {
            warnings.push(format!("its own {what} is `{}`, not `{path}`", said.escape_debug()));
        }
    }
    Uploaded {
        owner: place.owner.clone(),
        name: place.name.clone(),
        version: path_version,
        hash: blake3::hash(bytes).to_hex().to_string(),
        size: bytes.len(),
        summary,
        takes: takes.to_string(),
        gives: gives.to_string(),
        imports,
        exports,
        grants,
        warnings,
    }
}
