//! What `gatepost processor` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Verbs of `processor`.
#[derive(Debug, Subcommand)]
pub enum ProcessorVerb {
    /// Make a crate that builds and tests at once, commented like a tutorial
    #[command(after_help = NEW_EXAMPLES)]
    New(NewOptions),
    /// Compile a Rust crate to a component, check it against the interface, print its size and imports
    Build {
        /// The crate's folder
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Where to write the component [default: DIR/NAME.wasm]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Build a crate and run its cases in the sandbox, over every way of cutting the message
    #[command(after_help = TEST_EXAMPLES)]
    Test(TestOptions),
    /// Give a component to the running server, for the chains of a tenant or of all
    ///
    /// It is checked as in a chain, but for its config. No chain changes by itself: `gatepost chain set` takes up
    /// what is newest then, the same chain set once more will do.
    #[command(after_help = PUSH_EXAMPLES)]
    Push(PushOptions),
    /// List the components that a tenant's chains may name, or those that all may
    List {
        /// The tenant [default: that of the token, if it is a tenant's]
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,
        /// Those that all tenants share
        #[arg(long, conflicts_with = "tenant")]
        host: bool,
    },
    /// Remove a version of a component that no live chain has
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// Its name and version: NAME@VERSION
        #[arg(value_name = "NAME@VERSION")]
        processor: String,
        /// Whose it is
        #[arg(long, value_name = "NAME", required_unless_present = "host")]
        tenant: Option<String>,
        /// It is shared with all tenants
        #[arg(long, conflicts_with = "tenant")]
        host: bool,
    },
    /// Show what a component is, imports, takes and gives
    Inspect {
        /// The component
        file: PathBuf,
    },
}

const NEW_EXAMPLES: &str = "Examples:
  gatepost processor new my-filter
  gatepost processor new my-filter && cd my-filter && cargo test && gatepost processor test
  gatepost processor new my-filter --with kv,clock  # the example remembers, and tells the time
  gatepost processor new --update-sdk my-filter    # after an update of gatepost

The crate brings the SDK along, in sdk/: it needs a Rust toolchain and nothing else of Gatepost's.";

/// Options of `processor new`.
#[derive(Debug, Args)]
pub struct NewOptions {
    /// The folder to make; its last part is the processor's name
    #[arg(value_name = "NAME")]
    pub dir: PathBuf,
    /// The language
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub lang: Language,
    /// What the example shows beyond what every processor may do, joined by commas
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST", conflicts_with = "update_sdk")]
    pub with: Vec<Extra>,
    /// Depend on the SDK in this folder, instead of bringing it along: for work in a checkout of Gatepost
    #[arg(long, value_name = "DIR", conflicts_with = "update_sdk")]
    pub sdk: Option<PathBuf>,
    /// Write the sdk/ folder of a crate anew, as this gatepost has it, and touch nothing else
    #[arg(long)]
    pub update_sdk: bool,
}

/// What a processor may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
}

/// What a new processor's example may show: capabilities, which its stage must be granted, and checking recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Extra {
    /// Remember from message to message (grant `kv`).
    Kv,
    /// Tell the time (grant `clock`).
    Clock,
    /// Draw random bytes (grant `random`).
    Random,
    /// Change sender and recipients (grant `envelope`).
    Envelope,
    /// Answer for addresses at RCPT time.
    Recipients,
}

impl Extra {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Kv, Self::Clock, Self::Random, Self::Envelope, Self::Recipients];

    /// As it is written after `--with`; of a grant, its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Envelope => "envelope",
            Self::Recipients => "recipients",
        }
    }
}

const TEST_EXAMPLES: &str = "Examples:
  gatepost processor test                       # the crate in this folder
  gatepost processor test my-filter --filter bounce
  gatepost processor test --update              # writes what came of each message to its expected.eml
  gatepost processor test --component my-filter.wasm

A case is a folder cases/NAME with message.eml, and case.toml and expected.eml where they say something.
Exit codes: 0 all cases pass, 1 a case fails, 64 there is no case, 70 the crate does not build, 78 a case.toml or the
component is refused.";

/// Options of `processor test`.
#[derive(Debug, Args)]
pub struct TestOptions {
    /// The crate's folder
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// Write what came of each message to its expected.eml, and say what changed
    #[arg(long)]
    pub update: bool,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Test this component, and build nothing
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
}

const REMOVE_EXAMPLES: &str = "Examples:
  gatepost processor remove my-filter@1.0.0 --tenant acme

Exit codes: 0 removed, 64 wrong argument, or there is none, 69 server not running, 78 in use.";

const PUSH_EXAMPLES: &str = "Examples:
  gatepost processor push --tenant acme             # builds the crate in this folder first
  gatepost processor push my-filter.wasm --tenant acme
  gatepost processor push my-filter.wasm --tenant acme --name tagger --version 1.2.0
  gatepost processor push my-filter.wasm --host     # for all tenants

Exit codes: 0 stored, or there already with the same bytes, 64 wrong argument or no such tenant, 69 server not running, 70 the
crate does not build, 74 the file cannot be read, 75 the server is busy, 78 refused.";

/// Options of `processor push`.
#[derive(Debug, Args)]
pub struct PushOptions {
    /// The component, or the folder of a crate that is built first
    #[arg(default_value = ".")]
    pub file: PathBuf,
    /// Whose it is to be [default: that of the token, if it is a tenant's]
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    /// Share it with all tenants
    #[arg(long, conflicts_with = "tenant")]
    pub host: bool,
    /// Its name in chains [default: as it says itself]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Its version, such as 1.0.0 [default: as it says itself]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
}
