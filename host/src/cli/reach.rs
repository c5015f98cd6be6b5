//! Which config, which server and which token a command means: by option, by environment, by where it is called.
//!
//! ```text
//! server   --server, GATEPOST_SERVER; else the config's admin address
//! token    --token-file, GATEPOST_TOKEN; else the config's, which is shown to the config's own server only
//! config   --config, GATEPOST_CONFIG; else the nearest gatepost.toml from here upwards; else /etc/gatepost/gatepost.toml
//! ```

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::exit::{Problems, Usage};
use crate::config::load::read_text;
use crate::config::{self, Config, Problem, token_lines};
use crate::token::read_token;

/// The name of a config file.
const NAME: &str = "gatepost.toml";
/// Where the system's config is.
const SYSTEM: &str = "/etc/gatepost/gatepost.toml";
/// Where a server listens whose config says nothing.
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8025);

/// How the server is found, and who asks it.
#[derive(Debug, Clone, Default, Args)]
pub struct Reach {
    /// Config file [default: ./gatepost.toml, one in a folder above, /etc/gatepost/gatepost.toml]
    #[arg(long, global = true, value_name = "FILE", env = "GATEPOST_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Server to talk to, as http://HOST:PORT [default: the config's]
    #[arg(long, global = true, value_name = "URL", env = "GATEPOST_SERVER", hide_env_values = true)]
    pub server: Option<String>,
    /// File with the token to show there [default: what GATEPOST_TOKEN holds, then the config's]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// A server and the token for it.
pub(super) struct Target {
    /// Host and port.
    pub(super) authority: String,
    pub(super) token: String,
}

impl Reach {
    /// What a command talks to.
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        let token = self.given_token()?;
        let server = self.server.as_deref().filter(|url| !url.is_empty()).map(authority).transpose()?;
        match (server, token) {
            (Some(authority), Some(token)) => Ok(Target { authority, token }),
            (Some(_), None) => {
                let text = "say with which token: --token-file or GATEPOST_TOKEN; the config's is for its own server";
                Err(Usage(text.to_owned()).into())
            }
            (None, Some(token)) => {
                let address = match self.config.clone().or_else(find_config) {
                    Some(path) => load_config(Some(&path))?.1.admin.address,
                    None => SERVER,
                };
                Ok(Target { authority: address.to_string(), token })
            }
            (None, None) => Target::of(&load_config(self.config.as_deref())?.1),
        }
    }

    /// Whether it is said which server is meant, or with which token: then that of the config here is not.
    pub(super) fn names_a_server(&self) -> bool {
        self.server.is_some() || self.token_file.is_some() || std::env::var_os("GATEPOST_TOKEN").is_some()
    }

    /// A token that is given beside the config.
    fn given_token(&self) -> anyhow::Result<Option<String>> {
        let (text, from) = match (&self.token_file, std::env::var_os("GATEPOST_TOKEN")) {
            (Some(path), _) => {
                let text = read_text(path).with_context(|| format!("cannot read `{}`", path.display()))?;
                (text, path.display().to_string())
            }
            (None, Some(text)) if !text.is_empty() => {
                (text.into_string().unwrap_or_default(), "GATEPOST_TOKEN".to_owned())
            }
            (None, _) => return Ok(None),
        };
        match token_lines(&text).into_iter().next() {
            Some(token) if token.bytes().all(|b| b.is_ascii_graphic()) => Ok(Some(token)),
            _ => Err(Usage(format!("there is no token in {from}")).into()),
        }
    }
}

impl Target {
    /// The config's server, with the host's token.
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let token = read_token(config).context(super::exit::NotRunning)?;
        Ok(Self { authority: config.admin.address.to_string(), token })
    }
}

/// Host and port of `http://HOST:PORT`.
fn authority(url: &str) -> Result<String, Usage> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if scheme.as_deref() == Some("https") {
        return Err(Usage(format!(
            "`{url}`: this program speaks http only. Ask from the server's own machine or a network you trust, or through a \
             tunnel: ssh -L 8025:127.0.0.1:8025 HOST, then --server http://127.0.0.1:8025"
        )));
    }
    let host = url.split_once("://").map(|(_, rest)| rest.strip_suffix('/').unwrap_or(rest));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    match host {
        Some(host) if scheme.as_deref() == Some("http") && !host.is_empty() && host.bytes().all(plain) => {
            Ok(host.to_owned())
        }
        _ => Err(Usage(format!("`{url}` is not a server such as http://127.0.0.1:8025"))),
    }
}

/// Finds and reads the config: `path`, else as [`find_config`] does.
pub(super) fn load_config(path: Option<&Path>) -> anyhow::Result<(PathBuf, Config)> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => find_config().ok_or_else(|| {
            let text = format!(
                "there is no {NAME} here, in a folder above, or in /etc/gatepost: use --config; or --server and a token"
            );
            Problems(vec![Problem::of_file("", text)])
        })?,
    };
    let config = config::load(&path).map_err(Problems)?;
    Ok((path, config))
}

/// The config file that is used without `--config`, if there is one. One in a folder above counts only if it is ours or root's:
/// in `/tmp` anybody could leave one that sends a token elsewhere.
pub(super) fn find_config() -> Option<PathBuf> {
    let here = Path::new(NAME).to_owned();
    if here.exists() {
        return Some(here);
    }
    let folder = std::env::current_dir().ok();
    let above = folder.as_deref().into_iter().flat_map(|folder| folder.ancestors().skip(1));
    let own = rustix::process::geteuid().as_raw();
    let is_trusted =
        |path: &PathBuf| path.metadata().is_ok_and(|found| found.uid() == own || found.uid() == 0);
    let found = above.map(|folder| folder.join(NAME)).find(is_trusted);
    found.or_else(|| Some(PathBuf::from(SYSTEM)).filter(|path| path.exists()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let of = |url: &str| authority(url).map_err(|error| error.0);
        for (url, host) in [
            ("http://127.0.0.1:8025", "127.0.0.1:8025"),
            ("HTTP://mx.example/", "mx.example"),
            ("http://[::1]:8025", "[::1]:8025"),
        ] {
            assert_eq!(of(url).as_deref(), Ok(host));
        }
        for bad in
            ["127.0.0.1:8025", "http://", "http:///", "ftp://x", "http://a@b", "http://a/b", "http://a b", ""]
        {
            assert!(of(bad).unwrap_err().contains("is not a server"), "{bad}");
        }
        assert!(of("https://mx.example").unwrap_err().contains("http only"));
    }
}
