//! What every guest may import: `envelope`, `next`, `log`, and `types`, which grants nothing.

use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker, WasmList};

use super::bindings::gatepost::processor::{envelope, log, types};
use super::limits::bounded;
use super::sandbox::Sandbox;
use crate::telemetry::Level;

/// Name of the interface whose bytes are read in place.
const NEXT: &str = "gatepost:processor/next@0.1.0";

/// Offers every import to the components that ask for it.
pub(super) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<_>>(linker, |sandbox| sandbox)?;
    envelope::add_to_linker::<_, HasSelf<_>>(linker, |sandbox| sandbox)?;
    log::add_to_linker::<_, HasSelf<_>>(linker, |sandbox| sandbox)?;
    // By hand: generated bindings would copy the list twice.
    linker.instance(NEXT)?.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, Sandbox>, (bytes,): (WasmList<u8>,)| {
            store.data_mut().enter("next.write")?;
            let room = store.data_mut().has_room_for(bytes.len());
            if room {
                // Taken out while the guest's memory is borrowed: copied once.
                let mut output = std::mem::take(&mut store.data_mut().output);
                output.extend_from_slice(bytes.as_le_slice(&store));
                store.data_mut().output = output;
            }
            Ok((room,))
        },
    )
}

impl Sandbox {
    /// Begins an import: refuses it during `describe` and `configure`, which are pure, and counts it.
    pub(super) fn enter(&mut self, import: &str) -> wasmtime::Result<()> {
        if self.pure {
            wasmtime::bail!("`{import}` cannot be called from `describe` or `configure`");
        }
        self.host_call()
    }
}

impl types::Host for Sandbox {}

impl envelope::Host for Sandbox {
    fn id(&mut self) -> wasmtime::Result<String> {
        self.enter("envelope.id")?;
        Ok(self.envelope.id().to_string())
    }

    fn sender(&mut self) -> wasmtime::Result<Option<String>> {
        self.enter("envelope.sender")?;
        Ok(self.envelope.sender().map(ToString::to_string))
    }

    fn recipients(&mut self) -> wasmtime::Result<Vec<String>> {
        self.enter("envelope.recipients")?;
        Ok(self.envelope.recipients().iter().map(ToString::to_string).collect())
    }

    fn fact(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.enter("envelope.fact")?;
        Ok(self.envelope.fact(&name).map(ToOwned::to_owned))
    }

    fn set_fact(&mut self, name: String, value: String) -> wasmtime::Result<bool> {
        self.enter("envelope.set-fact")?;
        Ok(self.set_fact(&name, &value))
    }
}

impl log::Host for Sandbox {
    fn emit(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        if self.pure {
            // What it wanted to say is most often why it panics.
            wasmtime::bail!(
                "`log.emit` cannot be called from `describe` or `configure`; it said: {}",
                bounded(text)
            );
        }
        self.host_call()?;
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log(level, &text);
        Ok(())
    }

    fn count(&mut self, name: String, delta: u64) -> wasmtime::Result<()> {
        self.enter("log.count")?;
        self.count(&name, delta);
        Ok(())
    }
}
