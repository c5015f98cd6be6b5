//! `wasi-probe`: a processor built for `wasm32-wasip2`, that does what programs do with their standard library and logs
//! what came of it. `tests/tests/wasi.rs` builds and runs it; natively it is only compiled.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::time::{Duration, Instant, SystemTime};

use gatepost_sdk::{Context, Description, Flow, Processor, Refusal};
use serde::Deserialize;

/// The stage's config.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Panic at the message.
    pub panic: bool,
    /// Exit with this code at the message.
    pub exit: Option<i32>,
}

/// The processor.
#[derive(Debug)]
pub struct WasiProbe {
    config: Config,
    /// Its seed is drawn in `configure`.
    map: HashMap<u32, u32>,
}

gatepost_sdk::export!(WasiProbe);

impl Processor for WasiProbe {
    type Config = Config;

    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"))
    }

    fn configure(config: Config) -> Result<Self, String> {
        Ok(Self { config, map: (0..100).map(|n| (n, n)).collect() })
    }

    #[allow(clippy::print_stdout, clippy::print_stderr, reason = "what is printed is the point")]
    #[allow(clippy::disallowed_methods, reason = "so is what exits")]
    fn write(&mut self, _chunk: &[u8], _cx: &mut Context<'_>) -> Result<Flow, Refusal> {
        let begin = Instant::now();
        std::thread::sleep(Duration::from_secs(24 * 3600));
        println!("slept {:?}", begin.elapsed());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        println!("now {}", now.as_secs());
        println!("environment {}, arguments {}", std::env::vars().count(), std::env::args().count());
        let read = fs::read("/etc/passwd").map_err(|error| error.kind());
        let made = fs::write("made", "x").map_err(|error| error.kind());
        println!(
            "read {read:?}, made {made:?}, listed {:?}",
            fs::read_dir("/").map_err(|error| error.kind()).err()
        );
        println!("stdin {:?}", io::stdin().read_to_end(&mut Vec::new()));
        println!("map {}", self.map.len());
        eprintln!("done");
        if let Some(code) = self.config.exit {
            std::process::exit(code);
        }
        assert!(!self.config.panic, "as it was told");
        Ok(Flow::Pass)
    }
}
