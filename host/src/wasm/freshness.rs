//! The self-test at start: does an instance see what another left behind?
//!
//! ```text
//! check, mark, drop   a few instances at once of a small component: memory, grown memory, table, grown table, globals
//! check again         others of the same component, in the same places
//! check again         in a pool so small that every place is used again: a component of another shape, and back
//! ```
//!
//! That the pool clears what it hands out is wasmtime's promise, kept with the kernel's help (copy on write, the page scan,
//! `madvise`), and it has been broken before (CVE-2022-39393, RUSTSEC-2026-0088). So it is looked at here on the very kernel
//! that mail will be served on. The small pool is needed for the second half: the pool gives a component its own places
//! again for as long as there are unused ones. Stacks need no look: no wasm
//! instruction can read a slot that it has not written.

use std::fmt;

use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Engine, Store};

use super::engine;
use super::instance::block_on;

/// Assembled by `build.rs` from `freshness/probe.wat`.
const PROBES: [&[u8]; 2] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/small.wasm")),
    include_bytes!(concat!(env!("OUT_DIR"), "/large.wasm")),
];
/// Instances that are alive at once, and all the places of the small pool.
const AT_ONCE: u32 = 3;
/// Ticks that one call of a probe may take: more than any does.
const TICKS: u64 = 60_000;

/// Kinds of bytes that an instance may see of another: each is a bit of what `check` says.
const KINDS: [&str; 5] = [
    "the memory that it begins with",
    "memory that it grows into",
    "its table",
    "table entries that it grows into",
    "its globals",
];

/// Why the sandbox is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum NotFresh {
    /// An instance saw what another had left.
    #[error(
        "the sandbox leaks: an instance saw what another had left in {0}; this kernel and this version must not serve"
    )]
    Leak(Kinds),
    /// Whether it does could not be found out.
    #[error("the sandbox's self-test could not be run: {0}")]
    NotRun(String),
}

/// The kinds of bytes that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u32);

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = KINDS.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        f.write_str(&kinds.map(|(_, kind)| *kind).collect::<Vec<_>>().join(", "))
    }
}

/// Runs the test on the engine that will serve, and on a small one like it.
pub(super) fn test(engine: &Engine, page_scan: bool) -> Result<(), NotFresh> {
    let both = async {
        rounds(&mut Pool::new(engine.clone())?, &[0, 0]).await?;
        rounds(&mut Pool::new(engine::small(page_scan, AT_ONCE)?)?, &[0, 1, 0, 1]).await
    };
    let done = block_on(both).map_err(NotFresh::NotRun)?;
    done.map_err(|failed| match failed {
        Failed::Leak(kinds) => NotFresh::Leak(Kinds(kinds)),
        Failed::Wasmtime(error) => NotFresh::NotRun(format!("{error:#}")),
    })
}

enum Failed {
    Leak(u32),
    Wasmtime(wasmtime::Error),
}

impl From<wasmtime::Error> for Failed {
    fn from(error: wasmtime::Error) -> Self {
        Self::Wasmtime(error)
    }
}

/// Where probes come from, and where they go to.
trait Source {
    /// A fresh instance of one of [`PROBES`].
    async fn take(&mut self, probe: usize) -> wasmtime::Result<Probe>;
    /// It is not needed any more.
    fn give_back(&mut self, probe: Probe);
}

/// For each round, as many instances as are alive at once: each is looked at, then filled.
async fn rounds(source: &mut impl Source, probes: &[usize]) -> Result<(), Failed> {
    let mut seen = 0;
    for probe in probes {
        let mut alive = Vec::new();
        for _ in 0..AT_ONCE {
            let mut instance = source.take(*probe).await?;
            seen |= instance.check().await?;
            instance.mark().await?;
            alive.push(instance);
        }
        alive.into_iter().for_each(|instance| source.give_back(instance));
    }
    if seen == 0 { Ok(()) } else { Err(Failed::Leak(seen)) }
}

/// An instance of a probe.
struct Probe {
    store: Store<()>,
    check: TypedFunc<(), (u32,)>,
    mark: TypedFunc<(), ()>,
}

impl Probe {
    async fn check(&mut self) -> wasmtime::Result<u32> {
        Ok(self.check.call_async(&mut self.store, ()).await?.0)
    }

    async fn mark(&mut self) -> wasmtime::Result<()> {
        self.mark.call_async(&mut self.store, ()).await
    }
}

/// Probes of an engine's pool, which takes them back when they are dropped.
struct Pool {
    engine: Engine,
    linker: Linker<()>,
    probes: Vec<Component>,
}

impl Pool {
    fn new(engine: Engine) -> wasmtime::Result<Self> {
        let probes =
            PROBES.iter().map(|bytes| Component::from_binary(&engine, bytes)).collect::<Result<_, _>>()?;
        Ok(Self { linker: Linker::new(&engine), engine, probes })
    }
}

impl Source for Pool {
    async fn take(&mut self, probe: usize) -> wasmtime::Result<Probe> {
        let mut store = Store::new(&self.engine, ());
        store.set_epoch_deadline(TICKS);
        let instance = self.linker.instantiate_async(&mut store, &self.probes[probe]).await?;
        let check = instance.get_typed_func(&mut store, "check")?;
        let mark = instance.get_typed_func(&mut store, "mark")?;
        Ok(Probe { store, check, mark })
    }

    fn give_back(&mut self, probe: Probe) {
        drop(probe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::{Compiler, PoolSettings, Sandboxes, Swaps};

    /// A pool that hands instances out again as they were left.
    struct Reusing {
        pool: Pool,
        left: Vec<Probe>,
    }

    impl Source for Reusing {
        async fn take(&mut self, probe: usize) -> wasmtime::Result<Probe> {
            match self.left.pop() {
                Some(left) => Ok(left),
                None => self.pool.take(probe).await,
            }
        }

        fn give_back(&mut self, probe: Probe) {
            self.left.push(probe);
        }
    }

    /// Goal: the pool is fresh, with the page scan and without.
    #[test]
    fn a_pool_is_fresh() {
        let none = tempfile::NamedTempFile::new().unwrap();
        let nowhere = Swaps::listed_in(std::path::Path::new("/nonexistent"));
        for (swaps, may_scan) in [(Swaps::listed_in(none.path()), true), (nowhere, false)] {
            let sandboxes =
                Sandboxes::with_swaps(PoolSettings::default(), Compiler::InProcess, &swaps).unwrap();
            assert!(may_scan || !sandboxes.page_scan());
            sandboxes.self_test().unwrap();
        }
    }

    /// Goal: the test above can fail, for each kind of bytes.
    #[test]
    fn a_pool_that_is_not_fresh_is_told() {
        for probe in [0, 1] {
            let engine = engine::small(false, AT_ONCE).unwrap();
            let mut reusing = Reusing { pool: Pool::new(engine).unwrap(), left: Vec::new() };
            let failed = block_on(rounds(&mut reusing, &[probe, probe])).unwrap().unwrap_err();
            let Failed::Leak(kinds) = failed else { panic!("it was run") };
            assert_eq!(kinds, (1 << KINDS.len()) - 1, "{}", Kinds(kinds));
        }
        assert_eq!(Kinds(0b10_100).to_string(), "its table, its globals");
    }
}
