//! Tells from how the child ended what became of the component.

use std::time::Duration;

use super::protocol::Answer;
use crate::telemetry::causes::one_line;
use crate::wasm::compile::{CompileError, CompileLimits};

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// How a child ended.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    /// The signal that ended it, if one did.
    pub(super) signal: Option<i32>,
    /// Whether it says that all went well.
    pub(super) success: bool,
    /// CPU time that it took.
    pub(super) cpu: Duration,
    /// What it wrote to stdout.
    pub(super) answer: Vec<u8>,
    /// The begin of what it wrote to stderr.
    pub(super) stderr: String,
}

/// The compiled code, or why there is none.
pub(super) fn verdict(end: End, limits: &CompileLimits) -> Result<Vec<u8>, CompileError> {
    let End { signal, success, cpu, answer, stderr } = end;
    match signal {
        Some(SIGXCPU) => return Err(CompileError::Cpu(limits.cpu)),
        Some(SIGKILL) if cpu >= limits.cpu => return Err(CompileError::Cpu(limits.cpu)),
        // Nobody else kills it but the kernel, for want of memory.
        Some(SIGKILL) => return Err(CompileError::Memory(limits.memory)),
        Some(SIGABRT) if stderr.contains("memory allocation of") => {
            return Err(CompileError::Memory(limits.memory));
        }
        _ => {}
    }
    let answer = if success { Answer::read(answer) } else { None };
    match answer {
        Some(Answer::Compiled(code)) => Ok(code),
        Some(Answer::Refused(text)) => Err(CompileError::Refused(text)),
        Some(Answer::OutOfMemory) => Err(CompileError::Memory(limits.memory)),
        None => Err(CompileError::Crashed(crash(signal, &stderr))),
    }
}

fn crash(signal: Option<i32>, stderr: &str) -> String {
    let how = match signal {
        Some(signal) => format!("signal {signal}"),
        None => "no whole answer".to_owned(),
    };
    match one_line(stderr.trim()) {
        said if said.is_empty() => how,
        said => format!("{how}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> CompileLimits {
        CompileLimits { cpu: Duration::from_secs(3), memory: 64 << 20, ..CompileLimits::default() }
    }

    fn text(end: End) -> String {
        verdict(end, &limits()).unwrap_err().to_string()
    }

    fn answered(answer: &Answer) -> End {
        let mut bytes = Vec::new();
        answer.write(&mut bytes).unwrap();
        End { success: true, answer: bytes, ..End::default() }
    }

    #[test]
    fn answers() {
        assert_eq!(verdict(answered(&Answer::Compiled(b"code".to_vec())), &limits()).unwrap(), b"code");
        let refused = Answer::Refused("type mismatch".to_owned());
        assert_eq!(text(answered(&refused)), "the component does not compile: type mismatch");
        let memory = "compiling it takes more than 64MiB of memory (`compile_memory`)";
        assert_eq!(text(answered(&Answer::OutOfMemory)), memory);
        let unsure = End { success: false, ..answered(&Answer::Compiled(b"code".to_vec())) };
        assert_eq!(text(unsure), "the compiler crashed on it: no whole answer");
    }

    #[test]
    fn signals() {
        let ended = |signal, cpu, stderr: &str| {
            let cpu = Duration::from_secs(cpu);
            text(End { signal: Some(signal), cpu, stderr: stderr.to_owned(), ..End::default() })
        };
        let cpu = "compiling it takes more than 3s of CPU time (`compile_cpu`)";
        let memory = "compiling it takes more than 64MiB of memory (`compile_memory`)";
        assert_eq!(ended(SIGXCPU, 3, ""), cpu);
        assert_eq!(ended(SIGKILL, 4, ""), cpu, "past the hard limit");
        assert_eq!(ended(SIGKILL, 1, ""), memory, "the kernel's choice");
        assert_eq!(ended(SIGABRT, 1, "memory allocation of 5000 bytes failed\n"), memory);
        let overflow = "\nthread 'main' (1) has overflowed its stack\nfatal runtime error: stack overflow";
        let text = ended(SIGABRT, 1, overflow);
        assert!(text.starts_with("the compiler crashed on it: signal 6: thread 'main'"), "{text}");
        assert_eq!(ended(11, 1, ""), "the compiler crashed on it: signal 11");
    }
}
