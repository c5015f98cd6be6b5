//! What is measured against: a server with some tenants in a scratch folder, and Postfix's load tools.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::server::{Server, free_address};
use crate::workspace::target;

/// A server to be measured.
pub(crate) struct Stand {
    pub(crate) server: Server,
    pub(crate) folder: PathBuf,
    admin: SocketAddr,
}

/// What it serves.
pub(crate) struct Setup<'a> {
    /// Level of its log.
    pub(crate) log: &'a str,
    /// Name, which is also the domain `NAME.example`, chain, and more lines of the tenant's file.
    pub(crate) tenants: &'a [(&'a str, &'a str, &'a str)],
    /// Components shared by all tenants, by name.
    pub(crate) components: &'a [(&'a str, &'a Path)],
    /// More lines of the listener.
    pub(crate) listener: &'a str,
}

impl Stand {
    /// Serves tenants, each `(NAME, CHAIN)` with the domain `NAME.example`, and components shared by all.
    pub(crate) fn start(
        gatepost: &Path,
        name: &str,
        log: &str,
        tenants: &[(&str, &str)],
        components: &[(&str, &Path)],
    ) -> Result<Self> {
        let tenants: Vec<_> = tenants.iter().map(|(tenant, chain)| (*tenant, *chain, "")).collect();
        Self::start_with(gatepost, name, &Setup { log, tenants: &tenants, components, listener: "" })
    }

    /// The same, with whatever else is to be said.
    pub(crate) fn start_with(gatepost: &Path, name: &str, setup: &Setup<'_>) -> Result<Self> {
        let folder = target()?.join("bench").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
        }
        let catalog = folder.join("state/catalog");
        fs::create_dir_all(catalog.join("tenants"))?;
        for (tenant, chain, more) in setup.tenants {
            let text = format!("domains = [\"{tenant}.example\"]\nchain = \"{chain}\"\n{more}");
            fs::write(catalog.join(format!("tenants/{tenant}.toml")), text)?;
        }
        for (component, file) in setup.components {
            let own = catalog.join("processors/host").join(component);
            fs::create_dir_all(&own)?;
            fs::copy(file, own.join("1.0.0.wasm"))?;
        }
        let (config, address, admin) = (folder.join("gatepost.toml"), free_address()?, free_address()?);
        fs::write(
            &config,
            format!(
                "[server]\nhostname = \"mx.bench.example\"\nstate_dir = \"state\"\n\n[[listener]]\nname = \"bench\"\n\
                 address = \"{address}\"\nmessage_size_max = \"256MiB\"\n{}\n\n[admin]\naddress = \"{admin}\"\n\n\
                 [telemetry]\nlog = \"{}\"\nfile = \"gatepost.log\"\n",
                setup.listener, setup.log
            ),
        )?;
        Ok(Self { server: Server::start(gatepost, &config, address)?, folder, admin })
    }

    /// Its figures, as `/metrics` prints them.
    pub(crate) fn metrics(&self) -> Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        let ask = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin);
        stream.write_all(ask.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "/metrics answers {answer}");
        Ok(answer)
    }

    /// Asks the admin API as the host; errs where the answer is no success.
    pub(crate) fn api(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let token = fs::read_to_string(self.folder.join("state/admin.token"))?;
        let mut stream = TcpStream::connect(self.admin)?;
        let ask = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.admin,
            token.trim(),
            body.len()
        );
        stream.write_all(ask.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 20"), "{method} {path} is answered {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        Ok(serde_json::from_str(body).unwrap_or_default())
    }

    /// CPU time that the server has used, all threads.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.pid()))?;
        // Behind the name, which is in brackets: state is field 3, utime 14, stime 15 (proc(5)), in ticks of 10 ms.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok());
        let ticks = ticks(11).zip(ticks(12)).context("cannot read /proc/PID/stat")?;
        Ok(Duration::from_millis((ticks.0 + ticks.1) * 10))
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub(crate) fn status_kib(&self, key: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("no {key} in /proc/PID/status"))
    }
}

/// A program of Debian's package postfix, which may lie outside of PATH.
pub(crate) fn postfix_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Messages of 4 KiB over 20 connections that are kept open; how long they took.
pub(crate) fn load(smtp_source: &Path, server: SocketAddr, to: &str, messages: u32) -> Result<Duration> {
    let began = Instant::now();
    let done = Command::new(smtp_source)
        .args(["-d", "-s", "20", "-l", "4096", "-m", &messages.to_string(), "-f", "a@load.example", "-t", to])
        .arg(format!("inet:{server}"))
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot run `{}`", smtp_source.display()))?;
    ensure!(done.success(), "smtp-source failed ({done})");
    Ok(began.elapsed())
}
