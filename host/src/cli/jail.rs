//! The hidden verb: this program as the jail, in which another process of it compiles one component.
//!
//! No argument of clap's, so that neither help nor completions nor manual pages know it, and nothing else runs before it.

use std::ffi::OsString;
use std::process::ExitCode;

use super::exit::Exit;
use crate::wasm::jail::VERB;
use crate::wasm::jail::child::{JailLimits, run};

/// Becomes the jail where this process was started as one: call it first in `main`, and end with the code that it gives. With
/// this an embedding program can use [`Compiler::own_jail`](crate::wasm::Compiler::own_jail).
pub fn enter_jail() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != VERB {
        return None;
    }
    let exit = match limits(arguments) {
        Some(limits) => run(limits).map_or_else(
            |error| {
                eprintln!("{error}");
                Exit::Software
            },
            |()| Exit::Ok,
        ),
        None => Exit::Usage,
    };
    Some(exit.into())
}

fn limits(arguments: impl Iterator<Item = OsString>) -> Option<JailLimits> {
    let numbers: Option<Vec<u64>> = arguments.map(|argument| argument.to_str()?.parse().ok()).collect();
    let [cpu_s, memory] = numbers?[..] else { return None };
    Some(JailLimits { cpu_s, memory })
}
