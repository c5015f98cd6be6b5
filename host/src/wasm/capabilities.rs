//! What a guest may import only where its stage was granted it: `envelope-edit`, `clock`, `random`, `kv`.
//!
//! Every component may be loaded and inspected; `Capabilities::missing` keeps one that asks for more than it was granted
//! out of a chain, and the imports themselves refuse without the grant, should one ever be reached.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, WasmList};

use super::sandbox::Sandbox;
use super::wasi;
use crate::chain::{Fixed, Limit};
use crate::kv::{self, KvStore};
use crate::mail::{Envelope, Mailbox};

/// Most random bytes of one call (`processor.wit`).
pub const RANDOM_MAX: u32 = 64 << 10;

const ENVELOPE_EDIT: &str = "gatepost:processor/envelope-edit@0.1.0";
const CLOCK: &str = "gatepost:processor/clock@0.1.0";
const RANDOM: &str = "gatepost:processor/random@0.1.0";
const KV: &str = "gatepost:processor/kv@0.1.0";

/// Interfaces that need a grant: the interface, the grant, its functions.
pub(super) const GRANTED: [(&str, &str, &[&str]); 4] = [
    (ENVELOPE_EDIT, "envelope", &["set-sender", "add-recipient", "remove-recipient"]),
    (CLOCK, "clock", &["now-ms"]),
    (RANDOM, "random", &["bytes"]),
    (KV, "kv", &["get", "set", "add"]),
];

/// The grants that a component with these imports needs.
pub fn grants_of(imports: &[String]) -> Vec<String> {
    let needed = GRANTED.iter().filter(|(interface, ..)| imports.iter().any(|import| import == interface));
    needed.map(|(_, grant, _)| (*grant).to_owned()).collect()
}

/// Imports that need more than a tenant's stages may be given at all, a problem for each.
pub fn beyond(imports: &[String], grants: &BTreeSet<String>, wasi: bool) -> Vec<String> {
    let problem = |import: &String| {
        let grant = GRANTED.iter().find(|(interface, ..)| interface == import).map(|(_, grant, _)| *grant);
        match grant {
            Some(grant) if !grants.contains(grant) => Some(format!(
                "imports `{import}`: needs the grant `{grant}`, which `[host] grants_allowed` does not name"
            )),
            None if !wasi && wasi::is_wasi(import) => Some(needs_wasi(import)),
            _ => None,
        }
    };
    imports.iter().filter_map(problem).collect()
}

/// The problem of an import that only tenants with the stub have.
pub(super) fn needs_wasi(import: &str) -> String {
    format!("imports `{import}`: needs `[host] wasi = \"stub\"`, which the host sets")
}

/// Whether an address is of the tenant's own domains.
pub type Owns = Arc<dyn Fn(&Mailbox) -> bool + Send + Sync>;

/// A tenant's key-value space, as one stage may use it.
#[derive(Clone)]
pub struct KvAccess {
    /// Where it is kept.
    pub store: Arc<dyn KvStore>,
    /// What the tenant may keep, in bytes: `kv_size_max`.
    pub size_max: u64,
    /// Calls of one stage for one message: `kv_calls_max`.
    pub calls_max: u64,
    /// Bytes of keys and values that one stage may move for one message: `kv_bytes_max`.
    pub bytes_max: u64,
}

/// What one stage was granted, and what stands behind it. By default nothing.
#[derive(Clone, Default)]
pub struct Capabilities {
    /// Grants by name: `envelope`, `redirect`, `clock`, `random`, `kv`.
    pub grants: BTreeSet<String>,
    /// Behind the grant `kv`; none: every call is unavailable.
    pub kv: Option<KvAccess>,
    /// Behind the grant `envelope`; none: no address is the tenant's own.
    pub owns: Option<Owns>,
    /// Most recipients of a message, the added ones included: the listeners' `recipients_max`.
    pub recipients_max: usize,
    /// Time and randomness of a test's own; none: the world's.
    pub fixed: Option<Fixed>,
    /// Imports of WASI are given: the tenant has `wasi = "stub"`.
    pub wasi: bool,
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities").field("grants", &self.grants).finish_non_exhaustive()
    }
}

impl Capabilities {
    /// What a component with these imports lacks as the stage `label`, a problem for each.
    pub(super) fn missing(&self, imports: &[String], label: &str) -> Vec<String> {
        let needed = GRANTED.iter().filter(|(interface, grant, _)| {
            imports.iter().any(|import| import == interface) && !self.grants.contains(*grant)
        });
        let label = if label.contains('/') { format!("\"{label}\"") } else { label.to_owned() };
        let needed = needed.map(|(interface, grant, _)| {
            format!(
                "imports `{interface}`: needs the grant `{grant}`: `[stage.{label}] grants = [\"{grant}\"]`"
            )
        });
        let wasi = imports
            .iter()
            .filter(|import| !self.wasi && wasi::is_wasi(import))
            .map(|import| needs_wasi(import));
        needed.chain(wasi).collect()
    }
}

/// `kv.error`
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(variant)]
enum KvError {
    #[component(name = "quota")]
    Quota,
    #[component(name = "unavailable")]
    Unavailable(String),
}

impl From<kv::KvError> for KvError {
    fn from(error: kv::KvError) -> Self {
        match error {
            kv::KvError::Quota => Self::Quota,
            kv::KvError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

type Cx<'a> = StoreContextMut<'a, Sandbox>;

/// Offers every capability; who may use which is asked at each call.
pub(super) fn add_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    let mut edit = linker.instance(ENVELOPE_EDIT)?;
    edit.func_wrap("set-sender", |mut cx: Cx<'_>, (sender,): (Option<String>,)| {
        cx.data_mut().granted("envelope", "envelope-edit.set-sender")?;
        Ok((cx.data_mut().set_sender(sender.as_deref()),))
    })?;
    edit.func_wrap("add-recipient", |mut cx: Cx<'_>, (address,): (String,)| {
        cx.data_mut().granted("envelope", "envelope-edit.add-recipient")?;
        Ok((cx.data_mut().add_recipient(&address),))
    })?;
    edit.func_wrap("remove-recipient", |mut cx: Cx<'_>, (address,): (String,)| {
        cx.data_mut().granted("envelope", "envelope-edit.remove-recipient")?;
        Ok((cx.data_mut().remove_recipient(&address),))
    })?;
    linker.instance(CLOCK)?.func_wrap("now-ms", |mut cx: Cx<'_>, (): ()| {
        cx.data_mut().granted("clock", "clock.now-ms")?;
        Ok((cx.data().identity.capabilities.fixed.map_or_else(now_ms, |fixed| fixed.now_ms),))
    })?;
    linker.instance(RANDOM)?.func_wrap("bytes", |mut cx: Cx<'_>, (len,): (u32,)| {
        cx.data_mut().granted("random", "random.bytes")?;
        Ok((cx.data_mut().random(len)?,))
    })?;
    add_kv_to_linker(linker)
}

fn add_kv_to_linker(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(KV)?;
    instance.func_wrap_async("get", |mut cx: Cx<'_>, (key,): (String,)| {
        Box::new(async move {
            let (tenant, access) = match cx.data_mut().kv("kv.get", key.len())? {
                Ok(space) => space,
                Err(error) => return Ok((Err(error),)),
            };
            let found = access.store.get(&tenant, &key).await;
            Ok((cx.data_mut().kv_found(found, access.bytes_max),))
        })
    })?;
    instance.func_wrap_async(
        "set",
        |mut cx: Cx<'_>, (key, value, ttl_ms): (String, WasmList<u8>, Option<u64>)| {
            let value = value.as_le_slice(&cx).to_vec();
            Box::new(async move {
                let (tenant, access) = match cx.data_mut().kv("kv.set", key.len() + value.len())? {
                    Ok(space) => space,
                    Err(error) => return Ok((Err(error),)),
                };
                let done = access.store.set(&tenant, &key, value, ttl_ms, access.size_max).await;
                Ok((done.map_err(|error| cx.data_mut().kv_refused(error)),))
            })
        },
    )?;
    instance.func_wrap_async("add", |mut cx: Cx<'_>, (key, delta, ttl_ms): (String, i64, Option<u64>)| {
        Box::new(async move {
            let (tenant, access) = match cx.data_mut().kv("kv.add", key.len() + size_of::<i64>())? {
                Ok(space) => space,
                Err(error) => return Ok((Err(error),)),
            };
            let done = access.store.add(&tenant, &key, delta, ttl_ms, access.size_max).await;
            Ok((done.map_err(|error| cx.data_mut().kv_refused(error)),))
        })
    })
}

/// The wall clock, in steps of 1 ms.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// As many bytes as the kernel gives at random.
fn random(len: u32) -> wasmtime::Result<Vec<u8>> {
    let mut bytes = vec![0; len as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

/// The next byte of a seed, as the SDK's native driver draws them.
fn seeded_byte(state: &mut u64) -> u8 {
    splitmix64(state).to_le_bytes()[0]
}

/// The next number of a seed: splitmix64 (Steele, Lea, Flood 2014).
pub(super) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Sandbox {
    fn random(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        if len > RANDOM_MAX {
            wasmtime::bail!(
                "`random.bytes` gives at most {RANDOM_MAX} bytes a call, but {len} were asked for"
            );
        }
        match self.random_state.as_mut() {
            Some(state) => Ok((0..len).map(|_| seeded_byte(state)).collect()),
            None => random(len),
        }
    }

    /// Begins an import that needs a grant.
    fn granted(&mut self, grant: &str, import: &str) -> wasmtime::Result<()> {
        self.enter(import)?;
        if !self.identity.capabilities.grants.contains(grant) {
            wasmtime::bail!("`{import}` needs the grant `{grant}`");
        }
        Ok(())
    }

    /// The tenant's space for one more call that brings `len` bytes, or what the guest is told in its place.
    fn kv(&mut self, import: &str, len: usize) -> wasmtime::Result<Result<(String, KvAccess), KvError>> {
        self.granted("kv", import)?;
        let Some(access) = self.identity.capabilities.kv.clone() else {
            return Ok(Err(KvError::Unavailable("there is no store here".to_owned())));
        };
        if self.usage.kv_calls >= access.calls_max {
            self.usage.limits.note(Limit::KvCalls);
            return Ok(Err(KvError::Quota));
        }
        self.usage.kv_calls += 1;
        if !self.kv_moves(len, access.bytes_max) {
            return Ok(Err(KvError::Quota));
        }
        Ok(Ok((self.identity.tenant.clone(), access)))
    }

    /// Counts bytes of keys and values, where they are within the limit.
    fn kv_moves(&mut self, len: usize, bytes_max: u64) -> bool {
        let total = self.usage.kv_bytes.saturating_add(len as u64);
        let fits = total <= bytes_max;
        if fits {
            self.usage.kv_bytes = total;
        } else {
            self.usage.limits.note(Limit::KvBytes);
        }
        fits
    }

    /// What the guest is told of what the store found. A value that is past the limit has been read all the same, so it
    /// spends what was left.
    fn kv_found(
        &mut self,
        found: Result<Option<Vec<u8>>, kv::KvError>,
        bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, KvError> {
        let value = found.map_err(|error| self.kv_refused(error))?;
        if !self.kv_moves(value.as_ref().map_or(0, Vec::len), bytes_max) {
            self.usage.kv_bytes = bytes_max;
            return Err(KvError::Quota);
        }
        Ok(value)
    }

    fn kv_refused(&mut self, error: kv::KvError) -> KvError {
        if error == kv::KvError::Quota {
            self.usage.limits.note(Limit::KvSize);
        }
        error.into()
    }

    /// The envelope, while it may still be edited.
    fn editable(&mut self) -> Option<&mut Envelope> {
        (!self.let_out).then_some(&mut self.envelope)
    }

    fn set_sender(&mut self, sender: Option<&str>) -> bool {
        let Some(envelope) = self.editable() else { return false };
        let sender = match sender.map(Mailbox::parse) {
            None => None,
            Some(Ok(sender)) => Some(sender),
            Some(Err(_)) => return false,
        };
        envelope.set_sender(sender);
        true
    }

    fn add_recipient(&mut self, address: &str) -> bool {
        let capabilities = &self.identity.capabilities;
        let Ok(mailbox) = Mailbox::parse(address) else { return false };
        let own = capabilities.owns.as_ref().is_some_and(|owns| owns(&mailbox));
        let (allowed, max) = (own || capabilities.grants.contains("redirect"), capabilities.recipients_max);
        let Some(envelope) = self.editable().filter(|_| allowed) else { return false };
        let mut recipients = envelope.recipients().to_vec();
        if recipients.contains(&mailbox) {
            return true;
        }
        let fits = recipients.len() < max;
        if fits {
            recipients.push(mailbox);
            envelope.set_recipients(recipients);
        }
        fits
    }

    fn remove_recipient(&mut self, address: &str) -> bool {
        let (Ok(mailbox), Some(envelope)) = (Mailbox::parse(address), self.editable()) else { return false };
        let mut recipients = envelope.recipients().to_vec();
        let Some(at) = recipients.iter().position(|known| *known == mailbox) else { return false };
        if recipients.len() == 1 {
            return false;
        }
        recipients.remove(at);
        envelope.set_recipients(recipients);
        true
    }
}
