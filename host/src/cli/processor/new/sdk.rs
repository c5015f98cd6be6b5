//! The SDK's sources as this binary carries them, and where they are put.
//!
//! `host/build.rs` packs them. Knows nothing of what else is in a crate.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::write as write_file;
use crate::cli::exit::Usage;

include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// The folder in a crate.
pub(super) const FOLDER: &str = "sdk";
/// Versions of what the SDK stands on.
pub(super) const LOCK: &str = SDK_LOCK;

const README: &str = include_str!("template/sdk-readme.md.txt");

/// Writes the SDK into a folder that is not there yet.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    for (path, text) in SDK_FILES {
        write_file(&folder.join(path), text)?;
    }
    write_file(&folder.join("README.md"), &README.replace("{{version}}", env!("CARGO_PKG_VERSION")))
}

/// Writes the SDK of a crate anew. What was there before stays until the new one is whole.
pub(super) fn update(dir: &Path) -> anyhow::Result<()> {
    let folder = dir.join(FOLDER);
    if !folder.join("gatepost-sdk/Cargo.toml").is_file() {
        let text = format!("`{}` holds no SDK that `processor new` has written", folder.display());
        return Err(Usage(text).into());
    }
    let (new, old) = (dir.join(".sdk.new"), dir.join(".sdk.old"));
    for rest in [&new, &old] {
        // Of an update that was cut off.
        if rest.exists() {
            std::fs::remove_dir_all(rest).with_context(|| format!("cannot remove `{}`", rest.display()))?;
        }
    }
    write(&new)?;
    let moved = std::fs::rename(&folder, &old).and_then(|()| std::fs::rename(&new, &folder));
    moved.with_context(|| format!("cannot replace `{}`", folder.display()))?;
    std::fs::remove_dir_all(&old).with_context(|| format!("cannot remove `{}`", old.display()))
}

/// The SDK's folder in a checkout.
pub(super) fn checkout(dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = dir.canonicalize().with_context(|| format!("--sdk `{}`", dir.display()))?;
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
    let is_sdk = manifest.contains("name = \"gatepost-sdk\"");
    ensure!(is_sdk, Usage(format!("--sdk: `{}` does not hold the crate `gatepost-sdk`", dir.display())));
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: what is carried stands alone: nothing is inherited, and every crate of ours that one names is there.
    #[test]
    fn the_manifests_need_no_workspace() {
        let manifests: Vec<_> = SDK_FILES.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")).collect();
        assert!(manifests.iter().any(|(path, _)| *path == "gatepost-sdk/Cargo.toml"));
        for (path, text) in manifests {
            assert!(!text.contains("workspace"), "{path}: {text}");
            let manifest: toml::Table = text.parse().unwrap();
            assert!(manifest.get("dev-dependencies").is_none() && manifest["package"]["version"].is_str());
            for (name, dependency) in manifest["dependencies"].as_table().into_iter().flatten() {
                let Some(there) = dependency.get("path").and_then(toml::Value::as_str) else { continue };
                let there = format!("{}/Cargo.toml", there.strip_prefix("../").unwrap());
                assert!(SDK_FILES.iter().any(|(path, _)| *path == there), "{path}: {name} is not carried");
            }
        }
    }

    /// Goal: the whole of the SDK is carried, as it stands, and nothing but sources.
    #[test]
    fn every_source_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (folder, name) in [("guest-sdk", "gatepost-sdk"), ("mime", "gatepost-mime")] {
            let mut waiting = vec![root.join(folder).join("src")];
            while let Some(there) = waiting.pop() {
                if there.is_dir() {
                    waiting.extend(std::fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().path()));
                    continue;
                }
                let path = there.strip_prefix(root.join(folder)).unwrap();
                let path = format!("{name}/{}", path.display());
                let carried = SDK_FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text);
                assert_eq!(carried, std::fs::read_to_string(&there).ok().as_deref(), "{path}");
            }
        }
        for module in ["kv.rs", "replace.rs", "recipients.rs", "text/mod.rs", "header/mod.rs"] {
            let path = format!("gatepost-sdk/src/{module}");
            assert!(SDK_FILES.iter().any(|(known, _)| *known == path), "{path}");
        }
        for (path, _) in SDK_FILES {
            assert!(path.ends_with(".rs") || path.ends_with("/Cargo.toml"), "{path} is no source");
        }
    }

    #[test]
    fn an_update_replaces_the_sdk_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        assert!(update(dir).is_err(), "there is none");
        write(&dir.join(FOLDER)).unwrap();
        let lib = dir.join("sdk/gatepost-sdk/src/lib.rs");
        std::fs::write(&lib, "old").unwrap();
        std::fs::write(dir.join("sdk/stale"), "").unwrap();
        std::fs::write(dir.join("mine"), "mine").unwrap();
        std::fs::create_dir(dir.join(".sdk.new")).unwrap();
        update(dir).unwrap();
        assert!(std::fs::read_to_string(&lib).unwrap().contains("Write mail processors"));
        let mut left: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["mine", "sdk"]);
        assert!(!dir.join("sdk/stale").exists());
    }
}
