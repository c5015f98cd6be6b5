//! Writes the config that is in force as TOML, for `gatepost check --dump`. Reads back as the same, but for secrets.

use toml::{Table, Value};

use super::units::format_duration;
use super::{Config, Listener, TlsMode, limits};

/// The whole config, defaults filled in; secrets as `***`.
pub fn dump(config: &Config) -> String {
    let mut limits = limits::table(&config.limits);
    limits.insert("max".to_owned(), limits::table(&config.limits_max).into());
    let listeners: Vec<Value> = config.listeners.iter().map(|l| listener(l).into()).collect();
    let sections: [(&str, Value); 5] = [
        ("server", server(config).into()),
        ("listener", listeners.into()),
        ("limits", limits.into()),
        ("admin", admin(config).into()),
        ("telemetry", telemetry(config).into()),
    ];
    let section = |(name, value): (&str, Value)| Table::from_iter([(name.to_owned(), value)]).to_string();
    sections.map(section).join("\n")
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn number(count: usize) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

fn server(config: &Config) -> Table {
    let server = &config.server;
    let mut table = table([
        ("hostname", server.hostname.as_str().into()),
        ("state_dir", server.state_dir.display().to_string().into()),
        ("chunk_size", server.chunk_size.to_string().into()),
        ("guest_stack", server.guest_stack.to_string().into()),
        ("drain_timeout", format_duration(server.drain_timeout).into()),
        ("jails_max", number(server.jails_max)),
        ("cache_size_max", server.cache_size_max.to_string().into()),
    ]);
    if let Some(postmaster) = &server.postmaster {
        table.insert("postmaster".to_owned(), postmaster.as_str().into());
    }
    table
}

fn listener(listener: &Listener) -> Table {
    let l = listener;
    let mut entries = table([
        ("name", l.name.as_str().into()),
        ("address", l.address.to_string().into()),
        ("protocol", "smtp".into()),
        ("message_size_max", l.message_size_max.to_string().into()),
        ("header_size_max", l.header_size_max.to_string().into()),
        ("bare_newlines", if l.reject_bare_newlines { "reject" } else { "keep" }.into()),
        ("recipients_max", number(l.recipients_max)),
        ("sessions_max", number(l.sessions_max)),
        ("sessions_per_client", number(l.sessions_per_client)),
        ("command_timeout", format_duration(l.command_timeout).into()),
        ("data_timeout", format_duration(l.data_timeout).into()),
        ("errors_max", number(l.errors_max)),
        ("received_max", number(l.received_max)),
    ]);
    if let Some(tls) = &l.tls {
        let mode = match tls.mode {
            TlsMode::Starttls => "starttls",
            TlsMode::Implicit => "implicit",
        };
        let tls = table([
            ("cert", tls.cert.display().to_string().into()),
            ("key", tls.key.display().to_string().into()),
            ("mode", mode.into()),
        ]);
        entries.insert("tls".to_owned(), tls.into());
    }
    entries
}

fn admin(config: &Config) -> Table {
    let hosts: Vec<Value> = config.admin.hosts.iter().map(|host| host.as_str().into()).collect();
    let mut table = table([
        ("address", config.admin.address.to_string().into()),
        ("hosts", hosts.into()),
        ("metrics", if config.admin.metrics_open { "open" } else { "token" }.into()),
        ("uploads_max", number(config.admin.uploads_max)),
    ]);
    if !config.admin.tokens.is_empty() {
        table.insert("token".to_owned(), "***".into());
    }
    table
}

fn telemetry(config: &Config) -> Table {
    let telemetry = &config.telemetry;
    let level = serde_json::to_value(telemetry.level).ok();
    let level = level.as_ref().and_then(serde_json::Value::as_str).unwrap_or("info");
    let mut table =
        table([("log", level.into()), ("format", if telemetry.json { "json" } else { "text" }.into())]);
    if let Some(file) = &telemetry.file {
        table.insert("file".to_owned(), file.display().to_string().into());
    }
    table
}
