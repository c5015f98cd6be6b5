//! A Postfix of our own on loopback: a folder with its config, queue and data; it throws away what it has queued.
//!
//! Never the system's: its config is not read, and it is stopped by its own folder.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::stand::postfix_tool;
use crate::server::free_address;

/// The services that a message takes on its way.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// One that runs; stopped when dropped.
pub(crate) struct Postfix {
    folder: PathBuf,
    program: PathBuf,
    /// Where its smtpd listens.
    pub(crate) address: SocketAddr,
}

impl Postfix {
    /// Starts one; `None` where it is not installed, or this is not root, who alone may.
    pub(crate) fn start(name: &str) -> Result<Option<Self>> {
        let is_root =
            fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let Some(program) = postfix_tool("postfix").filter(|_| is_root) else { return Ok(None) };
        // Its own users have to reach it, which they cannot below a home folder.
        let folder = std::env::temp_dir().join(format!("gatepost-bench-{name}-{}", std::process::id()));
        let address = free_address()?;
        for part in ["conf", "queue", "data"] {
            fs::create_dir_all(folder.join(part))
                .with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let owner = Command::new("chown").arg("postfix").arg(folder.join("data")).status()?;
        ensure!(owner.success(), "chown failed");
        fs::write(folder.join("conf/main.cf"), main_cf(&folder))?;
        let listener = format!("{address} inet n - n - 100 smtpd\n{SERVICES}");
        fs::write(folder.join("conf/master.cf"), listener)?;
        let postfix = Self { folder, program, address };
        postfix.command("start")?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(began.elapsed() < Duration::from_secs(20), "Postfix does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(postfix))
    }

    fn command(&self, verb: &str) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.join("conf")).arg(verb);
        let done =
            command.stdin(Stdio::null()).stderr(Stdio::null()).status().context("cannot run postfix")?;
        ensure!(done.success(), "postfix {verb} failed ({done})");
        Ok(())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.command("stop");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn main_cf(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6\nqueue_directory = {folder}/queue\ndata_directory = {folder}/data\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n\
         setgid_group = postdrop\nmyhostname = postfix.test\nmydestination =\ninet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
         smtpd_recipient_restrictions = permit_mynetworks, reject\ndefault_transport = discard\n\
         relay_transport = discard\nsmtpd_client_connection_count_limit = 0\nsmtpd_client_connection_rate_limit = 0\n\
         smtpd_client_message_rate_limit = 0\nmaillog_file = {folder}/maillog\nmaillog_file_prefixes = {folder}\n"
    )
}
