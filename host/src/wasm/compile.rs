//! Turns an admitted component into compiled code: by whom, within what, and why not.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::units::{ByteSize, format_duration};

use super::admission::Census;

/// What one component may be made of, and what compiling it may take.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LoadLimits {
    /// The most of each number of its census.
    pub component: Census,
    /// For the compiler.
    pub compile: CompileLimits,
}

/// What compiling one component may take.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CompileLimits {
    /// CPU time, in whole seconds: `compile_cpu`.
    pub cpu: Duration,
    /// Time from the start of the jail on: `compile_wall`.
    pub wall: Duration,
    /// Address space of the jail, in bytes: `compile_memory`.
    pub memory: u64,
    /// Bytes of compiled code: `compiled_size_max`.
    pub output: u64,
}

/// The host's defaults, as `[limits]` has them.
impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            memory: 1 << 30,
            output: 128 << 20,
        }
    }
}

/// Who compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// A child process of this program, each component held to its [`CompileLimits`]. It must be a `gatepost`, or call
    /// `gatepost::cli::enter_jail` first.
    Jail(PathBuf),
    /// This process, held to nothing: a component that takes too long or too much to compile takes it from this process. For
    /// tests, and for programs that load components of their own only.
    InProcess,
    /// Nobody: components are refused, and the text says what to do.
    Nobody,
}

impl Compiler {
    /// The program that this process was started from, also where that file has been replaced since. A program that does not
    /// call `gatepost::cli::enter_jail` first would only start itself once more: choose `Jail` with the path of a `gatepost`.
    pub fn own_jail() -> Self {
        Self::Jail("/proc/self/exe".into())
    }
}

/// Why a component was not compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It does not validate, or the compiler cannot do it.
    #[error("the component does not compile: {0}")]
    Refused(String),
    /// The jail's CPU time ran out.
    #[error("compiling it takes more than {} of CPU time (`compile_cpu`)", format_duration(*.0))]
    Cpu(Duration),
    /// The jail's memory ran out.
    #[error("compiling it takes more than {} of memory (`compile_memory`)", ByteSize(*.0))]
    Memory(u64),
    /// The jail did not answer in time.
    #[error("compiling it was not done within {} (`compile_wall`)", format_duration(*.0))]
    Wall(Duration),
    /// There is too much compiled code.
    #[error("it compiles to more than {} (`compiled_size_max`)", ByteSize(*.0))]
    Size(u64),
    /// The jail ended in another way.
    #[error("the compiler crashed on it: {0}")]
    Crashed(String),
    /// It compiles, but no instance of it fits.
    #[error("an instance of it does not fit into the sandbox: {0}")]
    Unfit(String),
    /// The jail could not be started.
    #[error("the compiler could not be started: {0}")]
    Unavailable(String),
    /// Too many of its owner's wait already.
    #[error("{0} components of this tenant wait to be compiled already; try again later")]
    Busy(usize),
    /// Nobody compiles.
    #[error(
        "this program has not said how components are compiled: see `Builder::compiler` of `gatepost::Server`"
    )]
    Nobody,
}

impl CompileError {
    /// One word, for events and metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Cpu(_) => "cpu",
            Self::Memory(_) => "memory",
            Self::Wall(_) => "wall",
            Self::Size(_) => "size",
            Self::Crashed(_) => "crashed",
            Self::Unfit(_) => "unfit",
            Self::Unavailable(_) => "unavailable",
            Self::Busy(_) => "busy",
            Self::Nobody => "nobody",
        }
    }

    /// Whether it may go otherwise the next time: the machine's state has a part in it.
    pub fn is_of_the_moment(&self) -> bool {
        matches!(self, Self::Wall(_) | Self::Crashed(_) | Self::Unavailable(_) | Self::Busy(_) | Self::Nobody)
    }
}
