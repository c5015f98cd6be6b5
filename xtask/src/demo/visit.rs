//! The visitor: sends a message to each tenant, and compares what was sent with what lies in the Maildir.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::scene::{Scene, TENANTS, Tenant};
use super::show;
use crate::log::Log;
use crate::server::{START_MAX, listener};
use crate::{smtp, workspace};

const SENDER: &str = "joerg@kite.example";
const SAMPLE: &str = "examples/messages/picnic.eml";
/// Within this time after the reply the log has told of the message.
const RECORD_MAX: Duration = Duration::from_secs(10);
/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends the sample to each tenant and shows what came of it. Errs where a delivery is not what it has to be.
pub(crate) fn deliver(scene: &Scene, server: SocketAddr) -> Result<()> {
    let sample =
        std::fs::read(workspace::root().join(SAMPLE)).with_context(|| format!("cannot read `{SAMPLE}`"))?;
    let mut log = Log::open(&scene.log())?;
    println!("serving on {server}; the sample is {SAMPLE}, {} bytes", sample.len());
    for tenant in &TENANTS {
        show::heading(&format!("{}: {}", tenant.name, tenant.chain));
        let before = stored(&scene.maildir(tenant))?;
        let reply = smtp::send(server, SENDER, tenant.recipient, &sample)?;
        println!("  sent to   {}; answer: {reply}", tenant.recipient);
        let after = stored(&scene.maildir(tenant))?;
        let file = after.difference(&before).next().context("250, but nothing new in the Maildir")?;
        println!("  stored    {}", file.display());
        let delivered = std::fs::read(file)?;
        compare(tenant, &sample, &delivered)?;
        let of_this = |record: &Value| {
            record["event"] == "message" && record["id"].as_str().is_some_and(|id| reply.contains(id))
        };
        show::record(&log.wait_for(RECORD_MAX, || Ok(()), of_this)?);
    }
    Ok(())
}

/// Shows the header sections, and makes sure of the rest.
fn compare(tenant: &Tenant, sent: &[u8], delivered: &[u8]) -> Result<()> {
    let ((header, body), (new_header, new_body)) = (halves(sent)?, halves(delivered)?);
    println!("  header, before (-) and after (+)");
    show::header_diff(header, new_header);
    ensure!(new_body == body, "{}: the body is not what was sent", tenant.name);
    println!("  body      {} bytes, each as it was sent", body.len());
    let has = |field: &str| new_header.windows(field.len()).any(|window| window == field.as_bytes());
    ensure!(new_header.starts_with(b"Return-Path: <joerg@kite.example>\r\n"), "no Return-Path on top");
    ensure!(has(tenant.subject), "{}: the subject is not `{}`", tenant.name, tenant.subject.trim_end());
    Ok(())
}

/// A message's header section with its empty line, and its body.
fn halves(message: &[u8]) -> Result<(&[u8], &[u8])> {
    let end =
        message.windows(4).position(|window| window == b"\r\n\r\n").context("a message without a body")?;
    Ok(message.split_at(end + 4))
}

/// The files in `new/` of a Maildir that may not be there yet.
fn stored(maildir: &Path) -> Result<BTreeSet<PathBuf>> {
    match std::fs::read_dir(maildir.join("new")) {
        Ok(entries) => Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", maildir.display())),
    }
}

/// Beside a server that is this process's parent: delivers, says what to try, and tells of every later message until the
/// server is gone.
pub(crate) fn beside(scene: &Scene, gatepost: &Path) -> Result<()> {
    let server = parent_id();
    let alive = || if parent_id() == server { Ok(()) } else { bail!("the server is gone") };
    let mut log = Log::open(&scene.log())?;
    let started = log.wait_for(START_MAX, alive, |record| record["event"] == "started")?;
    let address = listener(&started)?;
    deliver(scene, address)?;
    say_what_to_try(scene, gatepost, address);
    while parent_id() == server {
        while let Some(record) = log.poll()? {
            let ours = record["event"] == "message" && record["sender"] == SENDER;
            if !ours && record["event"] != "session_opened" {
                tell(&record);
            }
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn tell(record: &Value) {
    match record["event"].as_str() {
        Some("message") => {
            show::heading(&format!(
                "{}: a message of {} bytes",
                record["tenant"].as_str().unwrap_or("?"),
                record["size"]
            ));
            show::record(record);
        }
        Some("tenant_loaded") => println!("\n{} is live: {}", record["tenant"], record["chain"]),
        Some("tenant_refused") => println!("\n{} was refused: {}", record["tenant"], record["problems"]),
        _ => {}
    }
}

fn say_what_to_try(scene: &Scene, gatepost: &Path, address: SocketAddr) {
    let (config, gatepost) = (scene.config(), gatepost.display());
    let (config, acme) = (config.display(), &TENANTS[0]);
    show::heading("still serving, until Ctrl-C. Things to try in another terminal:");
    println!(
        "  send:     swaks --server {address} --from you@home.example --to {} --header 'Subject: hello'
            curl smtp://{address} --mail-from you@home.example --mail-rcpt {} -T {SAMPLE}
            telnet {} {}
  read:     ls {}/new
  change:   edit {}, then
            {gatepost} --config {config} reload
  look:     {gatepost} --config {config} status
            {gatepost} --config {config} check",
        acme.recipient,
        acme.recipient,
        address.ip(),
        address.port(),
        scene.maildir(acme).display(),
        scene.tenant_file(acme).display(),
    );
}
