//! Paths of the API: a name that is none goes into no path, as the server would not find it either.

use super::exit::Usage;
use crate::chain::spec::is_name;

/// What is below a tenant: `rest` begins with a slash, or is empty.
pub(super) fn of_tenant(tenant: &str, rest: &str) -> Result<String, Usage> {
    if is_name(&tenant.to_ascii_lowercase()) {
        return Ok(format!("/v1/tenants/{}{rest}", tenant.to_ascii_lowercase()));
    }
    Err(Usage(format!("`{}` cannot name a tenant", tenant.escape_debug())))
}

/// A version of a processor, of a tenant or, with none, of the host.
#[cfg(feature = "wasm")]
pub(super) fn of_processor(tenant: Option<&str>, name: &str, version: &str) -> Result<String, Usage> {
    if !is_name(name) {
        return Err(Usage(format!("`{}` is not a name for a processor", name.escape_debug())));
    }
    if semver::Version::parse(version).is_err() {
        return Err(Usage(format!("`{}` is not a version such as 1.0.0", version.escape_debug())));
    }
    let rest = format!("/processors/{name}/{version}");
    tenant.map_or_else(|| Ok(format!("/v1{rest}")), |tenant| of_tenant(tenant, &rest))
}
