//! A folder with config and catalog, and the binary started in it.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::wait::until;
use crate::{Maildir, Server, binary};

/// The domain of the tenant `acme` that a site without tenants gets.
pub const DOMAIN: &str = "acme.example";

/// What is to be written before a server starts.
#[derive(Default)]
pub struct Builder {
    sections: Vec<(&'static str, String)>,
    listeners: Vec<(String, String)>,
    mx: String,
    files: Vec<(String, Vec<u8>)>,
    tenants: usize,
    log_file: Option<String>,
}

/// A folder with config and catalog.
pub struct Site {
    folder: TempDir,
    log: PathBuf,
}

/// A process that does not outlive its owner.
pub(crate) struct Running(pub(crate) Child);

impl Builder {
    /// `catalog/tenants/NAME.toml`. Without any there is `acme`: `acme.example` to a Maildir, nothing else.
    #[must_use]
    pub fn tenant(mut self, name: &str, text: &str) -> Self {
        self.tenants += 1;
        self.file(&format!("catalog/tenants/{name}.toml"), text.as_bytes())
    }

    /// A tenant of one domain and one chain.
    #[must_use]
    pub fn chain(self, name: &str, domain: &str, chain: &str) -> Self {
        self.tenant(name, &format!("domains = [\"{domain}\"]\nchain = \"{chain}\"\n"))
    }

    /// Lines of the listener `mx`, which is always there.
    #[must_use]
    pub fn mx(mut self, lines: &str) -> Self {
        self.mx += &format!("{lines}\n");
        self
    }

    /// Another listener.
    #[must_use]
    pub fn listener(mut self, name: &str, lines: &str) -> Self {
        self.listeners.push((name.to_owned(), lines.to_owned()));
        self
    }

    /// Lines of `[server]`, `[limits]`, `[admin]` or `[telemetry]`.
    #[must_use]
    pub fn section(mut self, name: &'static str, lines: &str) -> Self {
        self.sections.push((name, lines.to_owned()));
        self
    }

    /// The log goes to this file of the folder instead of stderr.
    #[must_use]
    pub fn log_file(mut self, name: &str) -> Self {
        self.log_file = Some(name.to_owned());
        self.section("telemetry", &format!("file = \"{name}\""))
    }

    /// Any file of the folder, which is also the state folder.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        self.files.push((path.to_owned(), bytes.to_vec()));
        self
    }

    /// Writes the folder and starts nothing.
    ///
    /// # Panics
    /// Where the folder cannot be written.
    pub fn site(mut self) -> Site {
        if self.tenants == 0 {
            self = self.chain("acme", DOMAIN, "maildir");
        }
        let folder = TempDir::with_prefix("gatepost-test-").expect("a folder for the test");
        let log = folder.path().join(self.log_file.as_deref().unwrap_or("stderr.log"));
        let site = Site { folder, log };
        site.write("gatepost.toml", self.config().as_bytes());
        for (path, bytes) in &self.files {
            site.write(path, bytes);
        }
        site
    }

    /// Writes the folder and starts the server.
    ///
    /// # Panics
    /// Where it does not come up.
    #[track_caller]
    pub fn start(self) -> Server {
        self.site().start()
    }

    fn config(&self) -> String {
        let mut text = String::new();
        for section in ["server", "limits", "admin", "telemetry"] {
            text += &format!("[{section}]\n");
            let lines: Vec<&str> = self
                .sections
                .iter()
                .filter(|(name, _)| *name == section)
                .map(|(_, lines)| lines.as_str())
                .collect();
            let lines = lines.join("\n");
            let mut fill = |key: &str, value: &str| {
                if !lines.lines().any(|line| line.trim_start().starts_with(key)) {
                    text += &format!("{key} = \"{value}\"\n");
                }
            };
            match section {
                "server" => {
                    fill("hostname", crate::tls::NAME);
                    fill("state_dir", ".");
                }
                "admin" => fill("address", "127.0.0.1:0"),
                "telemetry" => fill("log", "debug"),
                _ => {}
            }
            text += &format!("{lines}\n\n");
        }
        let mx = ("mx".to_owned(), self.mx.clone());
        for (name, lines) in std::iter::once(&mx).chain(&self.listeners) {
            text += &format!("[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\n{lines}\n\n");
        }
        text
    }
}

impl Site {
    /// The folder; `gatepost.toml` is in it, and it is the state folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the folder, with the folders above it.
    ///
    /// # Panics
    /// Where it cannot.
    #[track_caller]
    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it is within the folder"))
            .expect("folders can be made");
        std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Runs a command line of the binary in the folder, so that it finds the config.
    pub fn gatepost(&self, arguments: &[&str]) -> binary::Done {
        binary::gatepost(self.path(), arguments, b"")
    }

    /// The Maildir that a `maildir` without settings writes to.
    pub fn maildir(&self, tenant: &str) -> Maildir {
        Maildir::at(self.path().join("mail").join(tenant))
    }

    /// The log so far, of every start.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Starts the server and waits until it is up.
    ///
    /// # Panics
    /// Where it does not come up.
    #[track_caller]
    pub fn start(self) -> Server {
        let (child, listeners, admin) = self.spawn();
        Server::new(self, child, listeners, admin)
    }

    /// As `start`, with a service manager that listens at `socket` (sd_notify(3)).
    ///
    /// # Panics
    /// Where it does not come up.
    #[track_caller]
    pub fn start_told(self, socket: &Path) -> Server {
        let mut command = Command::new(binary::path());
        command.arg("serve").env("NOTIFY_SOCKET", socket).stdin(Stdio::null()).stdout(Stdio::null());
        let (child, listeners, admin) = self.spawn_by(&mut command);
        Server::new(self, child, listeners, admin)
    }

    /// As `start`, with two sockets handed over as a service manager does.
    ///
    /// # Panics
    /// Where it does not come up.
    #[track_caller]
    pub fn start_with(self, sockets: [&TcpListener; 2]) -> Server {
        let (child, listeners, admin) = self.spawn_with(sockets);
        Server::new(self, child, listeners, admin)
    }

    /// The process, its listeners and its admin address, once it says that it has started.
    #[track_caller]
    pub(crate) fn spawn(&self) -> (Running, Vec<(String, SocketAddr)>, SocketAddr) {
        let mut command = Command::new(binary::path());
        self.spawn_by(command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()))
    }

    /// As `spawn`, with two sockets handed over as a service manager does: descriptors 3 and 4 (sd_listen_fds(3)).
    #[track_caller]
    pub(crate) fn spawn_with(
        &self,
        sockets: [&TcpListener; 2],
    ) -> (Running, Vec<(String, SocketAddr)>, SocketAddr) {
        // They come as standard streams and are put where they belong; the shell has the process id that the server will have.
        let text = "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" serve";
        let [first, second] =
            sockets.map(|socket| OwnedFd::from(socket.try_clone().expect("a socket can be cloned")));
        let mut command = Command::new("sh");
        self.spawn_by(command.args(["-c", text]).arg(binary::path()).stdin(first).stdout(second))
    }

    #[track_caller]
    fn spawn_by(&self, command: &mut Command) -> (Running, Vec<(String, SocketAddr)>, SocketAddr) {
        let stderr = self.path().join("stderr.log");
        let stderr = File::options().create(true).append(true).open(stderr).expect("the folder takes a file");
        let before = self.log().len();
        let mut child = Running(
            command.current_dir(self.path()).stderr(stderr).spawn().expect("the binary can be started"),
        );
        let (listeners, admin) = until("the server to start", || {
            let log = self.log().get(before..).unwrap_or_default().to_owned();
            if let Ok(Some(status)) = child.0.try_wait() {
                let stderr = std::fs::read_to_string(self.path().join("stderr.log")).unwrap_or_default();
                panic!("the server did not start: {status}\n{stderr}");
            }
            started(&log)
        });
        (child, listeners, admin)
    }
}

impl Running {
    pub(crate) fn kill(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Listeners and admin address of the record `started`, in either format.
fn started(log: &str) -> Option<(Vec<(String, SocketAddr)>, SocketAddr)> {
    let whole = &log[..=log.rfind('\n')?];
    let line = whole
        .lines()
        .find(|line| line.contains("\"event\":\"started\"") || line.contains("INFO  started "))?;
    let listeners = value(line, "listeners")?;
    let listeners = listeners.as_array()?.iter().map(|listener| {
        let (name, address) = listener.as_str()?.split_once(' ')?;
        Some((name.to_owned(), address.parse().ok()?))
    });
    Some((listeners.collect::<Option<_>>()?, value(line, "admin")?.as_str()?.parse().ok()?))
}

/// `"key":VALUE` or `key=VALUE`.
fn value(line: &str, key: &str) -> Option<Value> {
    let forms = [format!("\"{key}\":"), format!(" {key}=")];
    let rest = forms.iter().find_map(|form| Some(&line[line.find(form)? + form.len()..]))?;
    serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()
}
