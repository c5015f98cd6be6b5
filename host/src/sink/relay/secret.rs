//! The password of a relay's login: `env:NAME` or `file:PATH`, never in a tenant's file itself.
//!
//! Read when the chain is built, so that a missing one is found at once, and again at each login, so that a new one is taken
//! up without a reload.

use std::fmt;
use std::path::{Path, PathBuf};

/// Longest secret in bytes.
const SECRET_MAX: usize = 1024;

/// Where the secret is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// An environment variable.
    Env(String),
    /// A file; the newline at its end is no part of it.
    File(PathBuf),
}

impl Secret {
    /// Reads where it is. A relative path starts from `base`.
    ///
    /// # Errors
    /// Neither of both; the text itself is not repeated, as it may be the secret.
    pub(super) fn parse(text: &str, base: &Path) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(base.join(path))),
            _ => Err("write \"env:NAME\" or \"file:PATH\": a secret does not stand here itself".to_owned()),
        }
    }

    /// The secret. Blocks for a file.
    ///
    /// # Errors
    /// It is not there, is empty, or nothing that a login can carry.
    pub(super) fn read(&self) -> Result<String, String> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|error| format!("{self}: {error}"))?,
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| format!("{self}: {error}"))?,
        };
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        match secret.len() {
            0 => Err(format!("{self} is empty")),
            len if len > SECRET_MAX => Err(format!("{self} is longer than {SECRET_MAX} bytes")),
            _ if secret.contains(char::is_control) => Err(format!("{self} holds control characters")),
            _ => Ok(secret.to_owned()),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable `{name}`"),
            Self::File(path) => write!(f, "the file `{}`", path.display()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_secret_is_and_what_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let of = |text: &[u8]| {
            std::fs::write(folder.path().join("secret"), text).unwrap();
            Secret::parse("file:secret", folder.path()).unwrap().read()
        };
        assert_eq!(of(b"hunter 2\r\n").as_deref(), Ok("hunter 2"));
        assert_eq!(of("x".repeat(SECRET_MAX).as_bytes()).unwrap().len(), SECRET_MAX);
        for bad in [&b""[..], b"\n", b"a\0b", b"a\nb\n", b"\xff", "x".repeat(SECRET_MAX + 1).as_bytes()] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(Secret::parse("env:GATEPOST_NO_SUCH_VARIABLE", folder.path()).unwrap().read().is_err());
        for bad in ["hunter2", "env:", "file:", "", "pass:word"] {
            let told = Secret::parse(bad, folder.path()).unwrap_err();
            assert!(bad.is_empty() || !told.contains("hunter2") && !told.contains("word\""), "{told}");
        }
    }
}
