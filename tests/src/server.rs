//! A running server: its addresses, its log, its figures, its signals.

use std::net::{SocketAddr, TcpListener};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http::{self, Answer};
use crate::site::{Builder, Running, Site};
use crate::wait::until;
use crate::{Maildir, Smtp};

/// A running server; killed when dropped.
pub struct Server {
    site: Site,
    child: Running,
    listeners: Vec<(String, SocketAddr)>,
    admin: SocketAddr,
}

impl Server {
    pub(crate) fn new(
        site: Site,
        child: Running,
        listeners: Vec<(String, SocketAddr)>,
        admin: SocketAddr,
    ) -> Self {
        Self { site, child, listeners, admin }
    }

    /// A server to be described.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its folder.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Address of the listener `mx`.
    pub fn mx(&self) -> SocketAddr {
        self.listener("mx")
    }

    /// Address of a listener.
    ///
    /// # Panics
    /// Where there is none of that name.
    #[track_caller]
    pub fn listener(&self, name: &str) -> SocketAddr {
        let found = self.listeners.iter().find(|(found, _)| found == name);
        found.unwrap_or_else(|| panic!("no listener `{name}` in {:?}", self.listeners)).1
    }

    /// Address of the admin API.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The host's token.
    ///
    /// # Panics
    /// Where the server has made none.
    pub fn token(&self) -> String {
        let path = self.site.path().join("admin.token");
        std::fs::read_to_string(path).expect("the server makes a token").trim().to_owned()
    }

    /// `GET PATH` of the admin address, without a token.
    ///
    /// # Panics
    /// Where there is no answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        http::request(self.admin, "GET", path, &[]).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// A request with the host's token.
    ///
    /// # Panics
    /// Where there is no answer.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str) -> Answer {
        let token = format!("Authorization: Bearer {}", self.token());
        let answer = http::request(self.admin, method, path, &[&token]);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// `PUT PATH` with the host's token, further fields and a body.
    ///
    /// # Panics
    /// Where there is no answer.
    #[track_caller]
    pub fn put(&self, path: &str, fields: &[&str], body: &[u8]) -> Answer {
        let token = format!("Authorization: Bearer {}", self.token());
        let fields: Vec<&str> = fields.iter().copied().chain([token.as_str()]).collect();
        let answer = http::send(self.admin, "PUT", path, &fields, body);
        answer.unwrap_or_else(|error| panic!("PUT {path}: {error}"))
    }

    /// Uploads a component of a tenant, or of `host`.
    ///
    /// # Panics
    /// Where there is no answer.
    #[track_caller]
    pub fn upload(&self, owner: &str, name: &str, version: &str, component: &[u8]) -> Answer {
        let owner = if owner == "host" { String::new() } else { format!("/tenants/{owner}") };
        self.put(&format!("/v1{owner}/processors/{name}/{version}"), &[], component)
    }

    /// Writes where the admin API listens into a file beside the config, so that commands find it.
    pub fn announce_admin(&self) {
        let config = format!("[admin]\naddress = \"{}\"\n", self.admin);
        self.site.write("conf.d/address.toml", config.as_bytes());
    }

    /// The value of a sample of `/metrics`, `name{labels}` as it is printed; 0 where it is absent.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = self.get("/metrics").body;
        let values = text.lines().filter_map(|line| line.strip_prefix(sample)?.trim().parse().ok());
        values.fold(0.0, |_, value| value)
    }

    /// A client of `mx` that has said EHLO.
    ///
    /// # Panics
    /// Where that fails.
    #[track_caller]
    pub fn smtp(&self) -> Smtp {
        self.smtp_at("mx")
    }

    /// A client of a listener that has said EHLO.
    ///
    /// # Panics
    /// Where that fails.
    #[track_caller]
    pub fn smtp_at(&self, listener: &str) -> Smtp {
        let mut client =
            Smtp::connect(self.listener(listener)).unwrap_or_else(|error| panic!("connect: {error}"));
        client.expect("EHLO client.test", 250);
        client
    }

    /// The Maildir that a `maildir` without settings writes to.
    pub fn maildir(&self, tenant: &str) -> Maildir {
        self.site.maildir(tenant)
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.site.log()
    }

    /// JSON records of one event, so far.
    pub fn records(&self, event: &str) -> Vec<Value> {
        let records = self
            .log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .collect::<Vec<_>>();
        records.into_iter().filter(|record| record["event"] == event).collect()
    }

    /// Waits until there are `n` JSON records of one event, and gives all.
    ///
    /// # Panics
    /// Where they do not come.
    #[track_caller]
    pub fn wait_records(&self, event: &str, n: usize) -> Vec<Value> {
        until(&format!("{n} records `{event}` in the log"), || {
            Some(self.records(event)).filter(|all| all.len() >= n)
        })
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Resident memory now, in bytes (`VmRSS`).
    pub fn memory(&self) -> u64 {
        self.status_kib("VmRSS:") * 1024
    }

    /// Most resident memory so far, in bytes (`VmHWM`).
    pub fn memory_peak(&self) -> u64 {
        self.status_kib("VmHWM:") * 1024
    }

    fn status_kib(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        value.trim().trim_end_matches("kB").trim().parse().unwrap_or_default()
    }

    /// Asks it to drain.
    pub fn sigterm(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to reload.
    pub fn sighup(&self) {
        self.signal(Signal::HUP);
    }

    /// Asks it to reopen its log.
    pub fn sigusr1(&self) {
        self.signal(Signal::USR1);
    }

    /// Ends it without a word and waits until it is gone.
    pub fn kill9(&mut self) {
        self.child.kill();
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// Where the process is gone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).expect("the server is there to be signalled");
    }

    /// Waits for its end and gives the exit code; -1 where a signal ended it.
    ///
    /// # Panics
    /// Where it does not end.
    #[track_caller]
    pub fn wait_exit(&mut self) -> i32 {
        until("the server to end", || self.child.0.try_wait().expect("a child can be waited for"))
            .code()
            .unwrap_or(-1)
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.0.try_wait(), Ok(None))
    }

    /// Asks it to end as it should, waits for that, and starts it again with the sockets it had.
    ///
    /// # Panics
    /// Where it does not end well, or not come up.
    #[track_caller]
    pub fn restart_with(&mut self, sockets: [&TcpListener; 2]) {
        self.sigterm();
        assert_eq!(self.wait_exit(), 0);
        (self.child, self.listeners, self.admin) = self.site.spawn_with(sockets);
    }

    /// Starts it again in the same folder, after its end; the addresses are new.
    ///
    /// # Panics
    /// Where it does not come up.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill9();
        (self.child, self.listeners, self.admin) = self.site.spawn();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!("--- end of the server's log");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}
