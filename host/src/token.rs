//! The host's admin tokens: from the config, or one made at the first start and kept in the state folder.
//!
//! Either place may hold several, a line each: commands send the first, the server takes all. So a new one is put in front,
//! taken up by a reload, and the old one is taken out once nobody sends it any more.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::config::{Config, TOKENS_MAX, token_lines};

/// Bytes of randomness in a secret: 256 bits, which nobody guesses.
const SECRET_BYTES: usize = 32;

/// Where tokens are kept that the config does not give.
fn path(config: &Config) -> PathBuf {
    config.server.state_dir.join("admin.token")
}

/// The host's tokens, one at least: from the config, else from the state folder.
pub(crate) fn read_tokens(config: &Config) -> anyhow::Result<Vec<String>> {
    if !config.admin.tokens.is_empty() {
        return Ok(config.admin.tokens.clone());
    }
    let path = path(config);
    let text = fs::read_to_string(&path).with_context(|| {
        format!("cannot read the admin token `{}`; is the server running?", path.display())
    })?;
    let tokens = token_lines(&text);
    match tokens.len() {
        0 => {
            bail!("the admin token `{}` is empty: remove the file, and a start makes another", path.display())
        }
        1..=TOKENS_MAX => Ok(tokens),
        _ => bail!("the file `{}` has more than {TOKENS_MAX} tokens", path.display()),
    }
}

/// The token for the commands that talk to a running server.
pub(crate) fn read_token(config: &Config) -> anyhow::Result<String> {
    Ok(read_tokens(config)?.swap_remove(0))
}

/// The tokens for the server: as `read_tokens`, but one is made where there is none. Readable by the owner only.
pub(crate) fn host_tokens(config: &Config) -> anyhow::Result<Vec<String>> {
    if !config.admin.tokens.is_empty() || path(config).exists() {
        return read_tokens(config);
    }
    let token = random_secret().context("the system gives no random bytes")?;
    let path = path(config);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write the admin token `{}`", path.display()))?;
    writeln!(file, "{token}")?;
    Ok(vec![token])
}

/// 256 random bits, in hex.
pub(crate) fn random_secret() -> io::Result<String> {
    random_hex(SECRET_BYTES)
}

/// So many random bytes, in hex.
pub(crate) fn random_hex(length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
