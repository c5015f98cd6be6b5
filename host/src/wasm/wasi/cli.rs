//! `wasi:cli`, `wasi:clocks`, `wasi:random` and `wasi:filesystem/preopens`: the same answer for every message, but for
//! random numbers, which the message's id decides.

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::io::Console;
use crate::wasm::capabilities::RANDOM_MAX;
use crate::wasm::sandbox::Sandbox;

/// What every clock shows: 2000-01-01T00:00:00Z, since 1970. Not zero: programs subtract from what a clock says.
const NOW: Duration = Duration::from_secs(946_684_800);
/// Steps of the clocks, which take none.
const STEP: Duration = Duration::from_millis(1);

impl wall_clock::Host for Sandbox {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.wasi("wasi:clocks/wall-clock.now")?;
        Ok(wall_clock::Datetime { seconds: NOW.as_secs(), nanoseconds: 0 })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.wasi("wasi:clocks/wall-clock.resolution")?;
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: STEP.subsec_nanos() })
    }
}

/// A time that has come: on a clock that stands still none other could be waited for.
struct Elapsed;

#[async_trait::async_trait]
impl Pollable for Elapsed {
    async fn ready(&mut self) {}
}

impl Sandbox {
    fn elapsed(&mut self, import: &str) -> wasmtime::Result<Resource<DynPollable>> {
        let table = &mut self.wasi(import)?.table;
        let elapsed = table.push(Elapsed)?;
        subscribe(table, elapsed)
    }
}

impl monotonic_clock::Host for Sandbox {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.wasi("wasi:clocks/monotonic-clock.now")?;
        Ok(nanoseconds(NOW))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.wasi("wasi:clocks/monotonic-clock.resolution")?;
        Ok(nanoseconds(STEP))
    }

    fn subscribe_instant(&mut self, _when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.elapsed("wasi:clocks/monotonic-clock.subscribe-instant")
    }

    fn subscribe_duration(&mut self, _long: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.elapsed("wasi:clocks/monotonic-clock.subscribe-duration")
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Sandbox {
    fn seeded_bytes(&mut self, import: &str, len: u64) -> wasmtime::Result<Vec<u8>> {
        if len > u64::from(RANDOM_MAX) {
            wasmtime::bail!("`{import}` gives at most {RANDOM_MAX} bytes a call, but {len} were asked for");
        }
        let len = usize::try_from(len)?;
        let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
        while bytes.len() < len {
            bytes.extend_from_slice(&self.seeded(import)?.to_le_bytes());
        }
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl random::Host for Sandbox {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.seeded_bytes("wasi:random/random.get-random-bytes", len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.seeded("wasi:random/random.get-random-u64")
    }
}

impl insecure::Host for Sandbox {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.seeded_bytes("wasi:random/insecure.get-insecure-random-bytes", len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.seeded("wasi:random/insecure.get-insecure-random-u64")
    }
}

impl insecure_seed::Host for Sandbox {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let import = "wasi:random/insecure-seed.insecure-seed";
        Ok((self.seeded(import)?, self.seeded(import)?))
    }
}

impl environment::Host for Sandbox {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.wasi("wasi:cli/environment.get-environment")?;
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        self.wasi("wasi:cli/environment.get-arguments")?;
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        self.wasi("wasi:cli/environment.initial-cwd")?;
        Ok(None)
    }
}

/// An exit is the end of that instance, whatever it says: the stage has not decided.
impl exit::Host for Sandbox {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        self.wasi("wasi:cli/exit.exit")?;
        let said = if status.is_ok() { "success" } else { "failure" };
        wasmtime::bail!("the guest called `exit` with {said}")
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        self.wasi("wasi:cli/exit.exit-with-code")?;
        wasmtime::bail!("the guest called `exit` with code {code}")
    }
}

impl stdin::Host for Sandbox {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.wasi("wasi:cli/stdin.get-stdin")?.table.push(stream)?)
    }
}

impl Sandbox {
    fn console(&mut self, import: &str, number: usize) -> wasmtime::Result<Resource<DynOutputStream>> {
        let wasi = self.wasi(import)?;
        let stream: DynOutputStream = Box::new(Console { number, written: wasi.written.clone() });
        Ok(wasi.table.push(stream)?)
    }
}

impl stdout::Host for Sandbox {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.console("wasi:cli/stdout.get-stdout", 0)
    }
}

impl stderr::Host for Sandbox {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.console("wasi:cli/stderr.get-stderr", 1)
    }
}

impl terminal_input::Host for Sandbox {}

impl terminal_input::HostTerminalInput for Sandbox {
    fn drop(&mut self, terminal: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        self.wasi("wasi:cli/terminal-input")?.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for Sandbox {}

impl terminal_output::HostTerminalOutput for Sandbox {
    fn drop(&mut self, terminal: Resource<terminal_output::TerminalOutput>) -> wasmtime::Result<()> {
        self.wasi("wasi:cli/terminal-output")?.table.delete(terminal)?;
        Ok(())
    }
}

/// No stream is a terminal.
impl terminal_stdin::Host for Sandbox {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        self.wasi("wasi:cli/terminal-stdin.get-terminal-stdin")?;
        Ok(None)
    }
}

impl terminal_stdout::Host for Sandbox {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        self.wasi("wasi:cli/terminal-stdout.get-terminal-stdout")?;
        Ok(None)
    }
}

impl terminal_stderr::Host for Sandbox {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        self.wasi("wasi:cli/terminal-stderr.get-terminal-stderr")?;
        Ok(None)
    }
}

impl preopens::Host for Sandbox {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.wasi("wasi:filesystem/preopens.get-directories")?;
        Ok(Vec::new())
    }
}
