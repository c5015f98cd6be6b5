//! A Postfix of a test's own, to be compared with, to relay to us and to be relayed to.
//!
//! ```text
//! Postfix::builder().main("default_transport = smtp:[127.0.0.1]:2525").start()   Some, with its smtpd on a free port
//! postfix.smtpd("mx")                                                          where that is
//! postfix.wait_idle(); postfix.messages()                                      what was delivered to `DOMAIN`
//! ```
//!
//! Config, queue, log and mail lie in a folder of the test; it listens on loopback only, asks no DNS, knows nothing of the
//! machine's own instance, and ends with its owner, in some minutes by itself. It needs Debian's package, whose users own its
//! queue, and root, as Postfix gives up root for them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::binary::skipped;
use crate::wait::until;

/// What it delivers by itself, to one Maildir.
pub const DOMAIN: &str = "acme.example";

const DAEMONS: &str = "/usr/lib/postfix/sbin";
/// It ends by itself so many seconds after its start: a test that is killed leaves nothing behind.
const LIFE_SECONDS: &str = "600";
/// Folders of the queue that its own user owns.
const QUEUES: [&str; 12] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
    "trace", "maildrop",
];
/// Beside the listeners, nothing but what takes a message in and sends it on.
const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
tlsmgr unix - - n 1000? 1 tlsmgr
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
";
/// No DNS, no other tables than those given, nothing that waits on purpose.
const MAIN: &str = "\
compatibility_level = 3.7
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
alias_maps =
local_recipient_maps =
local_header_rewrite_clients =
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
default_transport = discard:
local_transport = discard:
notify_classes =
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
virtual_mailbox_domains = acme.example
virtual_mailbox_maps = static:all/
";

/// A Postfix to be described.
#[derive(Debug, Default)]
pub struct Builder {
    main: String,
    smtpds: Vec<(String, String)>,
}

/// A running Postfix; stopped when dropped.
pub struct Postfix {
    folder: TempDir,
    master: Child,
    smtpds: Vec<(String, SocketAddr)>,
}

impl Builder {
    /// A line of `main.cf`.
    #[must_use]
    pub fn main(mut self, line: &str) -> Self {
        self.main += &format!("{line}\n");
        self
    }

    /// An smtpd on a port of its own, with `NAME=VALUE` settings that only it has.
    #[must_use]
    pub fn smtpd(mut self, name: &str, settings: &[&str]) -> Self {
        let settings: Vec<String> = settings.iter().map(|setting| format!("\n  -o {setting}")).collect();
        self.smtpds.push((name.to_owned(), settings.concat()));
        self
    }

    /// Starts it; `None`, said on stderr, where it is not installed or we are not root. Where `CI` is `true` that is a failure.
    ///
    /// # Panics
    /// Where it does not come up.
    #[track_caller]
    pub fn start(self) -> Option<Postfix> {
        if let Some(missing) = missing() {
            skipped(missing);
            return None;
        }
        let folder = TempDir::with_prefix("gatepost-postfix-").expect("a folder for the test");
        let smtpds: Vec<_> =
            self.smtpds.iter().map(|(name, settings)| (name.clone(), free_port(), settings)).collect();
        let listeners: Vec<String> = smtpds
            .iter()
            .map(|(_, address, settings)| format!("{address} inet n - n - 100 smtpd{settings}\n"))
            .collect();
        lay_out(folder.path(), &self.main, &(listeners.concat() + SERVICES));
        let master = Command::new(Path::new(DAEMONS).join("master"))
            .args(["-e", LIFE_SECONDS, "-c"])
            .arg(folder.path().join("etc"))
            .stdin(Stdio::null())
            .spawn()
            .expect("master can be started");
        let smtpds = smtpds.into_iter().map(|(name, address, _)| (name, address)).collect();
        let mut postfix = Postfix { folder, master, smtpds };
        postfix.wait_up();
        Some(postfix)
    }
}

impl Postfix {
    /// One to be described, without any smtpd.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where an smtpd listens.
    ///
    /// # Panics
    /// Where there is none of that name.
    #[track_caller]
    pub fn smtpd(&self, name: &str) -> SocketAddr {
        let found = self.smtpds.iter().find(|(found, _)| found == name);
        found.unwrap_or_else(|| panic!("no smtpd `{name}`")).1
    }

    /// Its version, `3.7.11` for example.
    ///
    /// # Panics
    /// Where it does not tell.
    pub fn version(&self) -> String {
        let etc = self.folder.path().join("etc");
        let told =
            Command::new("/usr/sbin/postconf").arg("-c").arg(etc).args(["-h", "mail_version"]).output();
        String::from_utf8_lossy(&told.expect("postconf can be run").stdout).trim().to_owned()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("mail.log")).unwrap_or_default())
            .into_owned()
    }

    /// Waits until every message that it took has gone its way.
    ///
    /// # Panics
    /// Where one stays.
    #[track_caller]
    pub fn wait_idle(&self) {
        let queue = self.folder.path().join("queue");
        until("Postfix's queue to empty", || {
            let held = ["maildrop", "incoming", "active", "deferred"].map(|name| count(&queue.join(name)));
            (held.iter().sum::<usize>() == 0).then_some(())
        });
    }

    /// The messages delivered to [`DOMAIN`], one for each recipient, in no order.
    ///
    /// # Panics
    /// Where one cannot be read.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let folder = self.folder.path().join("mail/all/new");
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| fs::read(entry.path()).expect("what was delivered can be read")).collect()
    }

    /// Until each smtpd takes connections.
    #[track_caller]
    fn wait_up(&mut self) {
        until("Postfix to start", || {
            if let Ok(Some(status)) = self.master.try_wait() {
                panic!("Postfix did not start: {status}\n{}", self.log());
            }
            self.smtpds.iter().all(|(_, address)| TcpStream::connect(address).is_ok()).then_some(())
        });
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let master = Pid::from_child(&self.master);
        // It passes the signal on to all its own, and may be gone already.
        let _ = kill_process(master, Signal::TERM);
        let gone = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            matches!(self.master.try_wait(), Ok(Some(_)))
        });
        if !gone {
            // It leads a group of its own.
            let _ = kill_process_group(master, Signal::KILL);
            let _ = self.master.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!("--- end of Postfix's log");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// Why it cannot be run here.
fn missing() -> Option<&'static str> {
    if !Path::new(DAEMONS).join("master").exists() || account("/etc/passwd", "postfix").is_none() {
        return Some("`postfix` is not installed");
    }
    (!rustix::process::geteuid().is_root()).then_some("a Postfix of one's own needs root")
}

/// The number of a user, or of a group, in its table.
fn account(table: &str, name: &str) -> Option<u32> {
    let text = fs::read_to_string(table).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// An address that nobody listens on now.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a listener has an address")
}

/// Writes config, queue and mail folders with the owners that Postfix asks for.
fn lay_out(root: &Path, main: &str, master: &str) {
    let user = account("/etc/passwd", "postfix").expect("looked up before");
    let group = account("/etc/group", "postdrop");
    let make = |path: PathBuf, mode: u32, owner: Option<u32>, group: Option<u32>| {
        fs::create_dir_all(&path).expect("folders can be made");
        chown(&path, owner, group).expect("root may give a folder away");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("root may set a mode");
    };
    // Its daemons, which are not root, must come through.
    make(root.to_owned(), 0o755, None, None);
    make(root.join("etc"), 0o755, None, None);
    make(root.join("queue/pid"), 0o755, None, None);
    make(root.join("queue/public"), 0o710, Some(user), group);
    QUEUES.iter().for_each(|name| make(root.join("queue").join(name), 0o700, Some(user), None));
    make(root.join("data"), 0o700, Some(user), None);
    make(root.join("mail"), 0o700, Some(user), None);
    let root = root.display();
    let own = format!(
        "queue_directory = {root}/queue\ndata_directory = {root}/data\nmaillog_file = {root}/mail.log\n\
         maillog_file_prefixes = {root}\nvirtual_mailbox_base = {root}/mail\n\
         virtual_minimum_uid = 1\nvirtual_uid_maps = static:{user}\nvirtual_gid_maps = static:{user}\n"
    );
    let write = |name: &str, text: &str| fs::write(format!("{root}/etc/{name}"), text).expect("a file");
    write("main.cf", &format!("{MAIN}{own}{main}"));
    write("master.cf", master);
}

/// Files below a folder.
fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let weigh = |path: PathBuf| if path.is_dir() { count(&path) } else { 1 };
    entries.map(|entry| weigh(entry.path())).sum()
}
