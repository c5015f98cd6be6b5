//! `gatepost man`: manual pages, one for the command and one for each verb, written from the arguments.
//!
//! Knows nothing of where `man` looks for them.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Arguments;
use super::exit::Exit;

/// Writes every page to the folder `out`, which is made where it is missing, and prints their paths; without one, prints
/// the page of the command itself.
///
/// # Errors
/// Where a page cannot be written; a reader who has gone away is no error.
pub(super) fn run(out: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    // Sets the names of verbs below verbs: `gatepost-processor-new`.
    command.build();
    let Some(out) = out else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        return match io::stdout().lock().write_all(&page) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(Exit::Ok),
        };
    };
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut written = Vec::new();
    write_pages(&command, out, &mut written)?;
    if json {
        outln!("{}", serde_json::json!({ "pages": written }));
    } else {
        written.iter().for_each(|path| outln!("{}", path.display()));
    }
    Ok(Exit::Ok)
}

/// The page of a command, then those of its verbs.
fn write_pages(command: &clap::Command, out: &Path, written: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let path = out.join(man.get_filename());
    let mut page = Vec::new();
    man.render(&mut page)?;
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    written.push(path);
    let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    verbs.into_iter().try_for_each(|verb| write_pages(verb, out, written))
}
