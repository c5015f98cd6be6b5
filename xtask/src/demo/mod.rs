//! `cargo xtask demo`: from nothing to two served tenants, with a message delivered to each.
//!
//! ```text
//! build host and component -> write the scene -> become `gatepost serve`, with a visitor beside it
//! ```
//!
//! This process *becomes* the server, so that Ctrl-C and every other signal reach it as they would in earnest. The visitor
//! is a child: it sends the messages, shows what came of them, and tells of later ones as long as the server lives. With
//! `--exit` it is the other way round: the server is a child, and is stopped at the end.

mod diff;
mod scene;
mod show;
mod visit;

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::server::Server;
use crate::workspace::{Profile, build_host, build_processor, target};
use scene::Scene;

/// Where the demonstration listens unless told otherwise.
const PORT: u16 = 2525;

struct Options {
    port: u16,
    exit: bool,
}

/// The whole demonstration.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = read_options(args)?;
    is_free(options.port)?;
    let gatepost = build_host(Profile::Dev)?;
    let component = target()?.join("components/subject-tag.wasm");
    std::fs::create_dir_all(component.parent().unwrap_or(Path::new(".")))?;
    build_processor(&gatepost, "processors/subject-tag", &component)?;
    let scene = Scene::write(&target()?.join("demo"), options.port, &component)?;
    if options.exit {
        let server = Server::start(&gatepost, &scene.config(), (Ipv4Addr::LOCALHOST, options.port).into())?;
        visit::deliver(&scene, server.address)?;
        return server.stop();
    }
    std::fs::write(scene.log(), "")?;
    let this = std::env::current_exe()?;
    let mut visitor = Command::new(this);
    visitor.arg("demo-visit").arg(scene.folder()).arg(&gatepost).stdin(Stdio::null());
    visitor.spawn().context("cannot start the visitor")?;
    // Comes back only if it fails.
    let error = Command::new(&gatepost).arg("serve").arg("--config").arg(scene.config()).exec();
    Err(error).with_context(|| format!("cannot become `{}`", gatepost.display()))
}

/// The visitor's part: `demo-visit FOLDER GATEPOST`.
pub(crate) fn visit(args: &[String]) -> Result<()> {
    let [folder, gatepost] = args else {
        bail!("demo-visit is what `demo` calls; it takes FOLDER and GATEPOST")
    };
    visit::beside(&Scene::at(Path::new(folder)), Path::new(gatepost))
}

fn read_options(args: &[String]) -> Result<Options> {
    let mut options = Options { port: PORT, exit: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--exit" => options.exit = true,
            "--port" => {
                let port = args.next().context("--port takes a number")?;
                options.port = port.parse().with_context(|| format!("`{port}` is no port"))?;
            }
            other => bail!("demo takes --exit and --port N, not `{other}`"),
        }
    }
    Ok(options)
}

/// Found out before anything is built, and said in words.
fn is_free(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "port {port} on 127.0.0.1 cannot be used ({error}): is another demo still serving? \
             `cargo xtask demo --port 2626` takes another one"
        ),
    }
}
