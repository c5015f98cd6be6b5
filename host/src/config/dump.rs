//! Writes the config that is in force as TOML, for `gatepost check --dump`. Reads back as the same, but for secrets.

use ipnet::IpNet;
use toml::{Table, Value};

use super::units::format_duration;
use super::{CertFiles, ClientAuth, Config, Listener, Rate, Tls, TlsMode, limits};
use crate::smtp::Speaks;
use crate::smtp::session::AuthPolicy;

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
    let speaks = if l.speaks == Speaks::Smtp { "smtp" } else { "lmtp" };
    let auth = match l.auth {
        AuthPolicy::None => "none",
        AuthPolicy::Offered => "offered",
        AuthPolicy::Required => "required",
    };
    let mut entries = table([
        ("name", l.name.as_str().into()),
        ("address", l.address.to_string().into()),
        ("protocol", speaks.into()),
        ("handshake_timeout", format_duration(l.handshake_timeout).into()),
        ("proxy_protocol", l.proxy_protocol.into()),
        ("trusted", networks(&l.trusted)),
        ("xclient", networks(&l.xclient)),
        ("auth", auth.into()),
        ("dsn", l.dsn.into()),
        ("binarymime", l.binarymime.into()),
        ("message_size_max", l.message_size_max.to_string().into()),
        ("header_size_max", l.header_size_max.to_string().into()),
        ("text_line_max", l.text_line_max.to_string().into()),
        ("bare_newlines", if l.reject_bare_newlines { "reject" } else { "keep" }.into()),
        ("received_max", number(l.received_max)),
        ("sessions_max", number(l.sessions_max)),
        ("sessions_per_client", number(l.sessions_per_client)),
        ("sessions_per_network", number(l.sessions_per_network)),
        ("session_rate", rate(l.session_rate)),
        ("message_rate", rate(l.message_rate)),
        ("recipient_rate", rate(l.recipient_rate)),
        ("auth_failure_rate", rate(l.auth_failure_rate)),
        ("recipients_max", number(l.recipients_max)),
        ("session_messages_max", number(l.session_messages_max)),
        ("session_recipients_max", number(l.session_recipients_max)),
        ("errors_max", number(l.errors_max)),
        ("unknown_recipients_max", number(l.unknown_recipients_max)),
        ("unknown_recipients_delay", format_duration(l.unknown_recipients_delay).into()),
        ("auth_tries_max", number(l.auth_tries_max)),
        ("greeting_delay", format_duration(l.greeting_delay).into()),
        ("command_timeout", format_duration(l.command_timeout).into()),
        ("data_timeout", format_duration(l.data_timeout).into()),
        ("data_rate_min", l.data_rate_min.to_string().into()),
        ("data_grace", format_duration(l.data_grace).into()),
        ("session_timeout", format_duration(l.session_timeout).into()),
    ]);
    entries.extend(l.tls.as_ref().map(|listener| ("tls".to_owned(), tls(listener).into())));
    entries.extend(l.submission.as_ref().map(|tenant| ("submission".to_owned(), tenant.as_str().into())));
    entries
}

fn tls(tls: &Tls) -> Table {
    let mode = match tls.mode {
        TlsMode::Starttls => "starttls",
        TlsMode::Implicit => "implicit",
    };
    let client_auth = match tls.client_auth {
        ClientAuth::None => "none",
        ClientAuth::Optional => "optional",
        ClientAuth::Required => "required",
    };
    let mut entries = cert_files(&tls.main);
    entries.extend(table([("mode", mode.into()), ("client_auth", client_auth.into())]));
    if !tls.more.is_empty() {
        let more: Vec<Value> = tls.more.iter().map(|files| cert_files(files).into()).collect();
        entries.insert("more".to_owned(), more.into());
    }
    entries
        .extend(tls.client_ca.as_ref().map(|ca| ("client_ca".to_owned(), ca.display().to_string().into())));
    entries
}

fn cert_files(files: &CertFiles) -> Table {
    table([
        ("cert", files.cert.display().to_string().into()),
        ("key", files.key.display().to_string().into()),
    ])
}

fn networks(networks: &[IpNet]) -> Value {
    networks.iter().map(|network| Value::from(network.to_string())).collect::<Vec<_>>().into()
}

fn rate(rate: Option<Rate>) -> Value {
    rate.map_or_else(|| "none".to_owned(), |rate| rate.to_string()).into()
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
