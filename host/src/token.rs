//! The host's admin token: from the config, or made at the first start and kept in the state folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::config::Config;

/// Where a token is kept that the config does not give.
fn path(config: &Config) -> PathBuf {
    config.server.state_dir.join("admin.token")
}

/// The token for the commands that talk to a running server: from the config, else from the state folder.
pub(crate) fn read_token(config: &Config) -> anyhow::Result<String> {
    if let Some(token) = &config.admin.token {
        return Ok(token.clone());
    }
    let path = path(config);
    let text = fs::read_to_string(&path).with_context(|| {
        format!("cannot read the admin token `{}`; is the server running?", path.display())
    })?;
    Ok(text.trim().to_owned())
}

/// The token for the server: as `read_token`, but made where there is none. 256 bits, readable by the owner only.
pub(crate) fn host_token(config: &Config) -> anyhow::Result<String> {
    if config.admin.token.is_some() || path(config).exists() {
        return read_token(config);
    }
    let token = random_token().context("the system gives no random bytes")?;
    let path = path(config);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write the admin token `{}`", path.display()))?;
    writeln!(file, "{token}")?;
    Ok(token)
}

fn random_token() -> io::Result<String> {
    let mut bytes = [0u8; 32];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
