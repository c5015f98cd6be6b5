//! A tenant's chain to be tried: the live one or a proposed one, made once more beside it, with a key-value space of its own and
//! nobody listening but who tries it. What a trial does leaves nothing behind.

use std::sync::Arc;

use tokio::sync::broadcast::Receiver;

use super::{Catalog, ChainChange, ChangeError, Resolver, Tenant, tenant_file};
use crate::catalog::build::file_name;
use crate::chain::LineUp;
use crate::kv::{KvStore, MemoryKv};
use crate::telemetry::{Event, Telemetry};

/// A chain to be tried.
pub struct TryOut {
    /// Whose: what a trial takes is charged to it.
    pub tenant: Arc<Tenant>,
    /// The chain.
    pub line_up: LineUp,
    /// What its stages say.
    pub said: Receiver<Arc<Event>>,
}

impl Catalog {
    /// The live chain of a tenant, or what a change would make of it. Blocks, for long where components are compiled.
    ///
    /// # Errors
    /// As [`Catalog::check_chain`].
    pub fn try_out(
        &self,
        name: &str,
        change: Option<&ChainChange>,
        by_tenant: bool,
    ) -> Result<TryOut, ChangeError> {
        let tenant = self.serving(name)?;
        let text = match change {
            None => self.revision(name, tenant.revision)?.text,
            Some(change) => self.changed(&self.expect(name, None)?, change, by_tenant)?,
        };
        let telemetry = Telemetry::silent();
        let said = telemetry.subscribe();
        let kv: Arc<dyn KvStore> = Arc::new(MemoryKv::default());
        let meant = change.is_none().then(|| tenant.components.clone());
        let line_up = self.with_resolver(|cx| {
            let file = tenant_file::read(&file_name(name), &text, &cx.config.limits, &cx.config.limits_max)?;
            let cx = Resolver { telemetry: &telemetry, kv: Some(&kv), meant: meant.as_deref(), ..cx };
            Ok(cx.resolve(name, &file, true)?.line_up)
        });
        let line_up = line_up.map_err(ChangeError::Refused)?;
        Ok(TryOut { tenant, line_up, said })
    }
}
