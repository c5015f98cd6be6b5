//! The inside of the jail: limits on itself first, then one component, then the end.

use std::io::{self, Read as _};

use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

use super::protocol::{Answer, read_question};
use crate::telemetry::causes::one_line;
use crate::wasm::engine;

/// How much the jail gives way to the server: beside two busy cores a fourth of one is left to it (sched(7)), so that
/// `compile_wall` is not over before `compile_cpu`.
const NICE: i32 = 5;
/// Longest text of a refusal, in bytes.
const TEXT_MAX: usize = 4096;

/// What the jail holds itself to.
#[derive(Debug, Clone, Copy)]
pub struct JailLimits {
    /// CPU time, in seconds.
    pub cpu_s: u64,
    /// Address space, in bytes.
    pub memory: u64,
}

/// Holds this process to its limits, then compiles the component on stdin and answers on stdout. Starts no thread.
///
/// # Errors
/// A limit cannot be set, or a pipe is broken: no answer was given.
pub fn run(limits: JailLimits) -> io::Result<()> {
    // Where memory runs out it is this process that goes. Some kernels do not let it say so.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    close_what_was_inherited()?;
    confine(limits)?;
    let component = read_question(io::stdin().lock().by_ref())?;
    answer(&component).write(io::stdout().lock())
}

/// Closes all but the three pipes. What the server opens does not come along, but what it was itself started with may.
fn close_what_was_inherited() -> io::Result<()> {
    let mut open: Vec<i32> = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        // The one of the folder itself is closed already.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

fn confine(limits: JailLimits) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    // The three pipes are there; nothing more can be opened, and no process or thread started.
    limit(Resource::Nofile, 3, 3)?;
    limit(Resource::Nproc, 0, 0)?;
    // First SIGXCPU, which tells the parent why; a second later SIGKILL.
    limit(Resource::Cpu, limits.cpu_s, limits.cpu_s.saturating_add(1))?;
    limit(Resource::As, limits.memory, limits.memory)?;
    nice(NICE)?;
    Ok(())
}

/// Sets a limit, or what is less where the system allows less.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let both = Rlimit { current: Some(soft.min(allowed)), maximum: Some(hard.min(allowed)) };
    Ok(setrlimit(resource, both)?)
}

fn answer(component: &[u8]) -> Answer {
    let compiled = engine::for_the_jail().and_then(|engine| engine.precompile_component(component));
    match compiled {
        Ok(code) => Answer::Compiled(code),
        Err(error) if is_out_of_memory(&error) => Answer::OutOfMemory,
        Err(error) => {
            let text = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
            let mut text = one_line(&text);
            text.truncate(text.floor_char_boundary(TEXT_MAX));
            Answer::Refused(text)
        }
    }
}

/// Most allocations that fail end the process; those that the compiler could do without an end here.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let no_memory = |error: &io::Error| error.kind() == io::ErrorKind::OutOfMemory;
    error.chain().any(|cause| {
        cause.is::<wasmtime::OutOfMemory>()
            || cause.downcast_ref::<io::Error>().is_some_and(no_memory)
            || cause.downcast_ref::<rustix::io::Errno>() == Some(&rustix::io::Errno::NOMEM)
    })
}
