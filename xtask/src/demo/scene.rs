//! The folder of a demonstration: a config, two tenants with different chains, one component.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::server::free_address;

/// A tenant, and who of it gets a message.
pub(crate) struct Tenant {
    pub(crate) name: &'static str,
    pub(crate) chain: &'static str,
    pub(crate) recipient: &'static str,
    /// What its chain makes of the sample's subject, as the first line of the field.
    pub(crate) subject: &'static str,
}

/// The two: one with a processor of its own in the sandbox, one with native processors only.
pub(crate) const TENANTS: [Tenant; 2] = [
    Tenant {
        name: "acme",
        chain: "header | subject-tag | maildir",
        recipient: "lena@acme.example",
        subject: "Subject: [EXT] Picnic on Saturday: who brings\r\n",
    },
    Tenant {
        name: "globex",
        chain: "header | compress | decompress | debug | maildir",
        recipient: "hank@globex.example",
        subject: "Subject: Picnic on Saturday: who brings\r\n",
    },
];

/// A demonstration's folder.
pub(crate) struct Scene {
    folder: PathBuf,
}

impl Scene {
    /// The one that is there.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// A fresh one; what was there before is removed.
    pub(crate) fn write(folder: &Path, port: u16, component: &Path) -> Result<Self> {
        let scene = Self::at(folder);
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty `{}`", folder.display()))?;
        }
        let catalog = folder.join("state/catalog");
        let own = catalog.join("processors/acme/subject-tag");
        for needed in [&own, &catalog.join("tenants")] {
            fs::create_dir_all(needed).with_context(|| format!("cannot make `{}`", needed.display()))?;
        }
        fs::copy(component, own.join("1.0.0.wasm")).context("cannot copy the component")?;
        for tenant in &TENANTS {
            fs::write(catalog.join(format!("tenants/{}.toml", tenant.name)), tenant_file(tenant))?;
        }
        fs::write(scene.config(), config_file(port, free_address()?))?;
        Ok(scene)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("gatepost.toml")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("gatepost.log")
    }

    pub(crate) fn tenant_file(&self, tenant: &Tenant) -> PathBuf {
        self.folder.join(format!("state/catalog/tenants/{}.toml", tenant.name))
    }

    pub(crate) fn maildir(&self, tenant: &Tenant) -> PathBuf {
        self.folder.join("state/mail").join(tenant.name)
    }
}

fn config_file(port: u16, admin: SocketAddr) -> String {
    format!(
        "# Made by `cargo xtask demo`, and made anew each time.
[server]
hostname = \"mx.demo.example\"
state_dir = \"state\"

[[listener]]
name = \"demo\"
address = \"127.0.0.1:{port}\"

[admin]
address = \"{admin}\"

[telemetry]
file = \"gatepost.log\"
"
    )
}

fn tenant_file(tenant: &Tenant) -> String {
    let stage = if tenant.chain.contains("subject-tag") {
        "\n[stage.subject-tag]\nconfig = { tag = \"[EXT]\" }\n"
    } else {
        ""
    };
    format!("domains = [\"{}.example\"]\nchain = \"{}\"\n{stage}", tenant.name, tenant.chain)
}
