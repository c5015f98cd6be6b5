//! `gatepost processor new`: a crate that builds and tests at once, wherever there is a Rust toolchain.
//!
//! Knows what a crate needs, not how it is built. What is there already is never written over.

mod name;
mod sdk;
mod template;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::arguments::processor::{Language, NewOptions};
use crate::cli::exit::{Exit, Usage};
use template::{FILES, Words};

pub(super) fn run(options: &NewOptions, json: bool) -> anyhow::Result<Exit> {
    if options.update_sdk {
        sdk::update(&options.dir)?;
        report(&options.dir, &[sdk::FOLDER.to_owned()], json)?;
        return Ok(Exit::Ok);
    }
    // The only one; another one has other templates.
    let Language::Rust = options.lang;
    let name = options.dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name::check(name).map_err(|why| Usage(format!("`{name}` cannot name a processor: {why}")))?;
    refuse_what_is_there(&options.dir)?;
    let sdk = options.sdk.as_deref().map(sdk::checkout).transpose()?;
    let words = Words {
        name: name.to_owned(),
        sdk: sdk
            .as_ref()
            .map_or_else(|| format!("{}/gatepost-sdk", sdk::FOLDER), |dir| dir.display().to_string()),
        carried: sdk.is_none(),
        with: options.with.clone(),
    };
    let mut written = Vec::new();
    for (path, text) in FILES {
        let text = words.fill(text);
        let text = if path.ends_with(".eml") { text.replace('\n', "\r\n") } else { text };
        write(&options.dir.join(path), &text)?;
        written.push((*path).to_owned());
    }
    if sdk.is_none() {
        sdk::write(&options.dir.join(sdk::FOLDER))?;
        write(&options.dir.join("Cargo.lock"), sdk::LOCK)?;
        written.push(format!("{}/", sdk::FOLDER));
        written.push("Cargo.lock".to_owned());
    }
    report(&options.dir, &written, json)?;
    Ok(Exit::Ok)
}

/// Nothing, or an empty folder, may stand where the crate is to be.
fn refuse_what_is_there(dir: &Path) -> anyhow::Result<()> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => {
            Err(Usage(format!("`{}` is there and not empty; nothing was written", dir.display())).into())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("`{}`", dir.display())),
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let make = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    make.and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn report(dir: &Path, written: &[String], json: bool) -> anyhow::Result<()> {
    if json {
        let shown = serde_json::json!({ "folder": PathBuf::from(dir), "written": written });
        outln!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    for path in written {
        outln!("{}", dir.join(path).display());
    }
    if written.len() > 1 {
        outln!(
            "\nNext:\n  cd {}\n  cargo test                 # the tests in src/lib.rs, natively",
            dir.display()
        );
        outln!("  gatepost processor test    # the cases in cases/, in the sandbox");
    }
    Ok(())
}
