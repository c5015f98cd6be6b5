//! `cargo xtask newcomer`: the newcomer's path, walked in an empty folder and timed, written to `docs/newcomer.md`.
//!
//! ```text
//! processor new -> edit -> processor test -> run -> processor push, chain set -> mail arrives changed
//! ```
//!
//! What is typed and what is answered stands in the document as it was; only the scratch folder's name is shortened.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::server::{Server, free_address};
use crate::smtp;
use crate::workspace::{Profile, build_host, root, target};

/// The edit: what stands in the example, and what the newcomer puts in its place.
const EDIT: (&str, &str) = ("field: \"X-External\".into()", "field: \"X-Stranger\".into()");
/// The same edit in what is expected of it.
const EDIT_TEST: (&str, &str) = ("X-External: yes", "X-Stranger: yes");

const HEAD: &str = "# A newcomer's path

From an empty folder to mail that arrives changed, as it was typed and answered. `cargo xtask newcomer` walks it again and writes this
page. Times are wall times on a machine of 2 cores that other work shared, with cargo's registry at hand; the first build compiles the
SDK and what it stands on.
";

/// Walks the path.
pub(crate) fn run() -> Result<()> {
    let gatepost = build_host(Profile::Dev)?;
    let folder = target()?.join("newcomer");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    let mut path = Walk { folder, gatepost, text: HEAD.to_owned(), spent: Duration::ZERO };
    path.walk()?;
    let page = root().join("docs/newcomer.md");
    std::fs::write(&page, path.text).with_context(|| format!("cannot write `{}`", page.display()))?;
    println!("{} written", page.display());
    Ok(())
}

/// The walk so far.
struct Walk {
    folder: PathBuf,
    gatepost: PathBuf,
    text: String,
    spent: Duration,
}

impl Walk {
    fn walk(&mut self) -> Result<()> {
        self.say("A crate:");
        self.shell(".", &["gatepost processor new stranger"])?;
        self.say("It builds and passes its cases as it is:");
        self.shell("stranger", &["cargo test --quiet", "gatepost processor test"])?;
        self.edit("src/lib.rs", &[EDIT, EDIT_TEST])?;
        self.say("Its case does not agree any more, and says in what; `--update` takes what came for what is expected:");
        self.fails("stranger", "gatepost processor test --filter outside")?;
        self.shell(
            "stranger",
            &[
                "gatepost processor test --update --filter outside",
                "cargo test --quiet",
                "gatepost processor build",
                "gatepost run --processor stranger=stranger.wasm --chain stranger --from stranger@elsewhere.example --message cases/outside/message.eml",
            ],
        )?;
        self.serve()?;
        let spent = self.spent.as_secs_f64();
        self.say(&format!("In all: {spent:.1} s of waiting for commands."));
        Ok(())
    }

    /// A server with one tenant that has no filter yet; then the component goes into its chain.
    fn serve(&mut self) -> Result<()> {
        let (smtp, admin) = (free_address()?, free_address()?);
        let tenant = "domains = [\"acme.example\"]\nchain = \"header | maildir\"\n";
        let config = format!(
            "[server]\nhostname = \"mx.example.net\"\nstate_dir = \"state\"\n\n[[listener]]\nname = \"mx\"\naddress = \"{smtp}\"\n\n\
             [admin]\naddress = \"{admin}\"\n\n[telemetry]\nfile = \"gatepost.log\"\n"
        );
        self.say("A server, with a tenant that has no filter yet; `gatepost.toml` and `state/catalog/tenants/acme.toml`:");
        self.block("toml", &config);
        self.block("toml", tenant);
        std::fs::create_dir_all(self.folder.join("state/catalog/tenants"))?;
        std::fs::write(self.folder.join("gatepost.toml"), &config)?;
        std::fs::write(self.folder.join("state/catalog/tenants/acme.toml"), tenant)?;
        self.say("`gatepost serve` in one terminal; in another the component goes into the tenant's chain:");
        let server = Server::start(&self.gatepost, &self.folder.join("gatepost.toml"), smtp)?;
        self.shell(
            "stranger",
            &[
                "gatepost processor push --tenant acme",
                "gatepost chain set acme 'header | stranger@1 | maildir'",
                "gatepost chain history acme",
            ],
        )?;
        let message =
            b"From: a@elsewhere.example\r\nTo: lena@acme.example\r\nSubject: An offer\r\n\r\nHello.\r\n";
        let began = Instant::now();
        let reply = smtp::send(server.address, "a@elsewhere.example", "lena@acme.example", message)?;
        self.spent += began.elapsed();
        self.say("A message to `lena@acme.example`, with any client, is answered");
        self.block("text", &reply);
        self.say("and arrives changed:");
        self.shell(".", &["cat state/mail/acme/new/*"])?;

        let arrived = self.text.rsplit("cat state/mail").next().unwrap_or_default();
        ensure!(arrived.contains("X-Stranger: yes"), "the message arrived unchanged: {arrived}");
        server.stop()
    }

    fn say(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "\n{text}");
    }

    fn block(&mut self, language: &str, text: &str) {
        let _ = writeln!(self.text, "\n```{language}\n{}\n```", text.trim_end());
    }

    /// Puts words in the place of others, all of which must be there.
    fn edit(&mut self, file: &str, edits: &[(&str, &str)]) -> Result<()> {
        let path = self.folder.join("stranger").join(file);
        let mut text = std::fs::read_to_string(&path)?;
        self.say(&format!("An edit of `{file}`:"));
        let mut shown = String::new();
        for (from, to) in edits {
            ensure!(text.contains(from), "`{from}` is not in `{file}`");
            text = text.replace(from, to);
            let _ = writeln!(shown, "- {from}\n+ {to}");
        }
        self.block("diff", &shown);
        Ok(std::fs::write(&path, text)?)
    }

    /// Commands that must end well, in one block.
    fn shell(&mut self, folder: &str, commands: &[&str]) -> Result<()> {
        let mut block = String::new();
        for command in commands {
            let (ok, shown) = self.command(folder, command)?;
            ensure!(ok, "`{command}` failed:\n{shown}");
            block += &shown;
        }
        self.block("console", &block);
        Ok(())
    }

    fn fails(&mut self, folder: &str, command: &str) -> Result<()> {
        let (ok, shown) = self.command(folder, command)?;
        ensure!(!ok, "`{command}` did not fail");
        self.block("console", &shown);
        Ok(())
    }

    /// Whether it ended well, and how it looks in the document.
    fn command(&mut self, folder: &str, command: &str) -> Result<(bool, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.gatepost.parent().unwrap_or(Path::new(".")).display().to_string();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{command} 2>&1")]).current_dir(self.folder.join(folder));
        shell.env("PATH", format!("{bin}:{path}")).stdin(Stdio::null());
        // What cargo tells the program that it runs would be told to the newcomer's builds.
        shell.env_remove("CARGO_TARGET_DIR");
        let began = Instant::now();
        let done = shell.output().with_context(|| format!("cannot run `{command}`"))?;
        let took = began.elapsed();
        self.spent += took;
        let output = String::from_utf8_lossy(&done.stdout).replace(&*self.folder.to_string_lossy(), "~");
        let shown: String = output
            .replace('\r', "")
            .lines()
            .filter(|line| !is_noise(line))
            .fold(format!("$ {command}    # {:.1} s\n", took.as_secs_f64()), |text, line| {
                text + line.trim_end() + "\n"
            });
        Ok((done.status.success(), shown))
    }
}

/// Lines of cargo's that say only what it is at.
fn is_noise(line: &str) -> bool {
    let word = line.trim_start().split(' ').next().unwrap_or_default();
    ["Compiling", "Downloaded", "Downloading", "Updating", "Locking", "Adding", "Removing", "Blocking"]
        .contains(&word)
}
