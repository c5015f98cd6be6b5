//! Packs the SDK's sources into the binary, so that `gatepost processor new` needs no checkout and no registry of ours.
//!
//! ```text
//! guest-sdk/ and every crate of ours it stands on --resolve the manifests--> OUT_DIR/sdk.rs: SDK_FILES, SDK_LOCK
//! ```
//!
//! What the workspace's manifest says for all is written out, crates of ours name each other by `../NAME`, and what only
//! their own tests need is left out. Which crates are carried is found by following `path` dependencies.
//!
//! For the sandbox it also assembles the two components of its self-test, from one text.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

type Done<T> = Result<T, Box<dyn Error>>;

/// The crate that users depend on, by its folder in the workspace.
const SDK: &str = "guest-sdk";
/// Tables of a manifest that are of no use outside of the workspace.
const LEFT_OUT: [&str; 2] = ["dev-dependencies", "lints"];

fn main() -> Done<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace is above")?.to_owned();
    let (manifest, lock) = (root.join("Cargo.toml"), root.join("Cargo.lock"));
    for watched in [Path::new("build.rs"), &manifest, &lock] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let workspace = Workspace { table: read(&manifest)?, root };
    let mut packed =
        String::from("/// Path below `sdk/`, and text.\npub(super) const SDK_FILES: &[(&str, &str)] = &[\n");
    let mut waiting = vec![workspace.root.join(SDK)];
    let mut carried = BTreeMap::new();
    while let Some(folder) = waiting.pop() {
        if carried.contains_key(&folder) {
            continue;
        }
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut manifest = read(&folder.join("Cargo.toml"))?;
        waiting.append(&mut workspace.resolve(&mut manifest, &folder)?);
        let name = package_name(&manifest)?;
        writeln!(packed, "    ({:?}, {:?}),", format!("{name}/Cargo.toml"), toml::to_string(&manifest)?)?;
        for file in files(&folder.join("src"))? {
            let inside =
                format!("{name}/{}", file.strip_prefix(&folder)?.to_str().ok_or("a path beyond UTF-8")?);
            writeln!(packed, "    ({inside:?}, include_str!({file:?})),")?;
        }
        carried.insert(folder, name);
    }
    let lock = pruned(&read(&lock)?, carried.into_values().collect())?;
    writeln!(
        packed,
        "];\n\n/// A lock file of what the SDK stands on, as it was tested.\npub(super) const SDK_LOCK: &str = {lock:?};"
    )?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("sdk.rs"), packed)?;
    #[cfg(feature = "wasm")]
    assemble_probes(&out)?;
    Ok(())
}

/// The probes of `wasm/freshness.rs`: what the words in braces of their text stand for.
#[cfg(feature = "wasm")]
const PROBES: [(&str, [(&str, u32); 7]); 2] = [
    // Grows past what is kept resident of a memory (512 KiB) and of a table (16 KiB).
    (
        "small",
        [
            ("pages", 2),
            ("grown", 10),
            ("data", 1024),
            ("data_end", 1024 + 32),
            ("entries", 10),
            ("null_entries", 10 - 1),
            ("more", 3000),
        ],
    ),
    // Begins with what the other grows into.
    (
        "large",
        [
            ("pages", 9),
            ("grown", 2),
            ("data", 70_000),
            ("data_end", 70_000 + 32),
            ("entries", 2500),
            ("null_entries", 2500 - 1),
            ("more", 1000),
        ],
    ),
];

#[cfg(feature = "wasm")]
fn assemble_probes(out: &Path) -> Done<()> {
    let source = "src/wasm/freshness/probe.wat";
    println!("cargo::rerun-if-changed={source}");
    let text = std::fs::read_to_string(source)?;
    for (name, words) in PROBES {
        let mut text = text.clone();
        for (word, number) in words {
            text = text.replace(&format!("{{{word}}}"), &number.to_string());
        }
        std::fs::write(out.join(format!("{name}.wasm")), wat::parse_str(&text)?)?;
    }
    Ok(())
}

/// The workspace that crates inherit from.
struct Workspace {
    table: Table,
    root: PathBuf,
}

impl Workspace {
    /// Writes out what a crate's manifest inherits. Gives the folders of the crates of ours that it stands on.
    fn resolve(&self, manifest: &mut Table, folder: &Path) -> Done<Vec<PathBuf>> {
        LEFT_OUT.iter().for_each(|table| drop(manifest.remove(*table)));
        let package = manifest.get_mut("package").and_then(Value::as_table_mut).ok_or("no [package]")?;
        for (key, value) in package {
            if inherits(value) {
                let inherited = self.table["workspace"]["package"].get(key).ok_or("no such workspace key")?;
                *value = inherited.clone();
            }
        }
        let mut ours = self.resolve_dependencies(manifest.get_mut("dependencies"), folder)?;
        for (_, target) in manifest.get_mut("target").and_then(Value::as_table_mut).into_iter().flatten() {
            LEFT_OUT.iter().for_each(|table| drop(target.as_table_mut().and_then(|t| t.remove(*table))));
            ours.append(&mut self.resolve_dependencies(target.get_mut("dependencies"), folder)?);
        }
        Ok(ours)
    }

    fn resolve_dependencies(&self, table: Option<&mut Value>, folder: &Path) -> Done<Vec<PathBuf>> {
        let mut ours = Vec::new();
        for (name, value) in table.and_then(Value::as_table_mut).into_iter().flatten() {
            let mut base = folder;
            if inherits(value) {
                let inherited = self.table["workspace"]["dependencies"].get(name);
                let inherited = inherited.ok_or_else(|| format!("`{name}` is not in the workspace"))?;
                *value = merged(inherited, value);
                base = &self.root;
            }
            if let Some(path) = value.get("path").and_then(Value::as_str) {
                let there = base.join(path).canonicalize()?;
                let package = package_name(&read(&there.join("Cargo.toml"))?)?;
                value["path"] = format!("../{package}").into();
                ours.push(there);
            }
        }
        Ok(ours)
    }
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// The workspace's words on a dependency, with a crate's own laid over: features are added, all else is replaced.
fn merged(inherited: &Value, own: &Value) -> Value {
    let mut table = match inherited {
        Value::Table(table) => table.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    for (key, value) in own.as_table().into_iter().flatten().filter(|(key, _)| *key != "workspace") {
        match (table.get_mut(key), value) {
            (Some(Value::Array(have)), Value::Array(more)) => have.extend(more.iter().cloned()),
            _ => drop(table.insert(key.clone(), value.clone())),
        }
    }
    Value::Table(table)
}

/// The entries of a lock file that `names` and what they stand on need. cargo drops what it does not need itself.
fn pruned(lock: &Table, names: BTreeSet<String>) -> Done<String> {
    let all = lock["package"].as_array().ok_or("a lock file without packages")?;
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let (mut kept, mut waiting) = (BTreeSet::new(), Vec::from_iter(names));
    while let Some(wanted) = waiting.pop() {
        let (name, version) = wanted.split_once(' ').unwrap_or((&wanted, ""));
        let is_wanted = |package: &Value| {
            text(package, "name") == name && (version.is_empty() || text(package, "version") == version)
        };
        for (n, package) in all.iter().enumerate().filter(|(_, package)| is_wanted(package)) {
            if kept.insert(n) {
                let dependencies =
                    package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
                waiting.extend(dependencies.filter_map(Value::as_str).map(str::to_owned));
            }
        }
    }
    let packages: Vec<Value> = kept.into_iter().map(|n| all[n].clone()).collect();
    let pruned = Table::from_iter([
        ("version".to_owned(), lock["version"].clone()),
        ("package".to_owned(), Value::Array(packages)),
    ]);
    Ok(toml::to_string(&pruned)?)
}

fn package_name(manifest: &Table) -> Done<String> {
    Ok(manifest["package"]["name"].as_str().ok_or("a package without a name")?.to_owned())
}

fn read(path: &Path) -> Done<Table> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.parse()?)
}

/// Every file below a folder, by name.
fn files(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
