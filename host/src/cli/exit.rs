//! Exit codes, as sysexits.h names them.

use std::process::ExitCode;

use crate::config::Problem;
use crate::transaction::trial::Outcome;

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Ok,
    /// 1: the answer is no, for example a message that was rejected.
    No,
    /// 64: an argument is not what it should be.
    Usage,
    /// 69: the server does not answer.
    Unavailable,
    /// 70: a stage failed, or we did.
    Software,
    /// 74: a file could not be read or written.
    Io,
    /// 75: try again later, for example a message that was deferred.
    TempFail,
    /// 78: the config or the catalog was refused.
    Config,
}

impl Exit {
    /// The exit code of an error: of the first cause that tells.
    pub fn of_error(error: &anyhow::Error) -> Self {
        // A context is no link of the chain of causes.
        if error.is::<NotRunning>() {
            return Self::Unavailable;
        }
        error
            .chain()
            .find_map(|cause| {
                if cause.is::<Problems>() || is_refused_key(cause) {
                    Some(Self::Config)
                } else if let Some(refused) = cause.downcast_ref::<Refused>() {
                    Some(refused.exit())
                } else if cause.is::<Usage>() {
                    Some(Self::Usage)
                } else if cause.is::<ureq::Error>() {
                    Some(Self::Unavailable)
                } else {
                    cause.is::<std::io::Error>().then_some(Self::Io)
                }
            })
            .unwrap_or(Self::Software)
    }
}

/// Of a message that was tried.
impl From<&Outcome> for Exit {
    fn from(outcome: &Outcome) -> Self {
        match outcome.verdict {
            "reject" => Self::No,
            "defer" => Self::TempFail,
            "failed" => Self::Software,
            _ => Self::Ok,
        }
    }
}

/// Whether the key of the compiled cache is there and refused.
#[cfg_attr(not(feature = "wasm"), expect(unused_variables, reason = "there is no cache"))]
fn is_refused_key(cause: &(dyn std::error::Error + 'static)) -> bool {
    #[cfg(feature = "wasm")]
    {
        use crate::wasm::KeyError;
        matches!(cause.downcast_ref(), Some(KeyError::Exposed(_) | KeyError::Length(_)))
    }
    #[cfg(not(feature = "wasm"))]
    false
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::No => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Software => 70,
            Exit::Io => 74,
            Exit::TempFail => 75,
            Exit::Config => 78,
        })
    }
}

/// The server has never run here.
#[derive(Debug, thiserror::Error)]
#[error("no server has run here yet: it makes its admin token at the first start")]
pub struct NotRunning;

/// An argument that clap could not check.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The server does not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{detail}{}{}", if .problems.is_empty() { "" } else { ":\n" }, lines(.problems))]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// What it says.
    pub detail: String,
    /// All that is wrong, where that is a list.
    pub problems: Vec<Problem>,
}

impl Refused {
    fn exit(&self) -> Exit {
        match self.status {
            // What an argument names is none, or is not there.
            400 | 404 => Exit::Usage,
            429 | 503 => Exit::TempFail,
            400..500 => Exit::Config,
            _ => Exit::Software,
        }
    }
}

/// Everything that is wrong with a config, a line each.
#[derive(Debug, thiserror::Error)]
#[error("the config has {}:\n{}", count(.0.len()), lines(.0))]
pub struct Problems(pub Vec<Problem>);

fn count(n: usize) -> String {
    if n == 1 { "1 problem".to_owned() } else { format!("{n} problems") }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

#[cfg(all(test, feature = "wasm"))]
mod tests {
    use super::*;

    /// Goal: a server whose sandbox is not fresh ends as broken software, not as a wrong config or a busy disk.
    #[test]
    fn a_sandbox_that_leaks_is_broken_software() {
        let error = anyhow::Error::from(crate::wasm::NotFresh::NotRun("no memory".to_owned()));
        assert_eq!(Exit::of_error(&error), Exit::Software);
    }
}
