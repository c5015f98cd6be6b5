//! Every event there is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::MessageRecord;

/// How much an event matters. ERROR: an operator must act. WARN: nothing was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An operator must act.
    Error,
    /// Something is wrong; nothing was lost.
    Warn,
    /// What an operator wants to read every day.
    Info,
    /// Per-session detail.
    Debug,
}

impl Level {
    /// `error`, `warn`, `info` or `debug`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// What happened.
///
/// A session is either opened and later closed, or refused: never both, so that the live ones can be counted.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The server is up.
    Started {
        /// Version of the host.
        version: &'static str,
        /// Names and addresses of the listeners.
        listeners: Vec<String>,
        /// Address of the admin API.
        admin: String,
    },
    /// The server has drained and ends.
    Stopped {
        /// Whether all messages in flight came to their end within `drain_timeout`.
        finished: bool,
    },
    /// Something about the host that the operator should know; no counter.
    Notice {
        /// How much it matters.
        #[serde(skip)]
        level: Level,
        /// What.
        text: String,
    },
    /// Swap is on, but memory is cleared by way of the page scan, which overlooks swapped pages: an instance may see bytes
    /// of another tenant. The server is not ready until it is started anew; `swapoff` before that keeps the scan.
    SwapFound {
        /// The swap areas.
        areas: Vec<String>,
    },
    /// Swap is off again. What was swapped meanwhile may still be seen: the server stays not ready until it is started anew.
    SwapGone,
    /// A client connected.
    SessionOpened {
        /// Which listener.
        listener: String,
        /// Its address.
        client: IpAddr,
    },
    /// A client was sent away at once: with 421, but for a proxy without its header.
    SessionRefused {
        /// Which listener.
        listener: String,
        /// Its address.
        client: IpAddr,
        /// Why: `sessions_max`, `sessions_per_client`, `sessions_per_network`, `session_rate`; or, without a word,
        /// `proxy_header` (a proxy's header is missing or wrong) and `draining`.
        reason: &'static str,
        /// What was wrong with the header.
        detail: Option<String>,
    },
    /// A TLS handshake failed, and the session with it.
    HandshakeFailed {
        /// Which listener.
        listener: String,
        /// The client's address.
        client: IpAddr,
        /// Why.
        error: String,
    },
    /// A session ended.
    SessionClosed {
        /// Which listener.
        listener: String,
        /// Its address.
        client: IpAddr,
        /// How: `quit`, `client_gone`, `timeout`, `too_slow`, `session_timeout`, `early_talk`, `draining`, `tls_failed`, or the limit that
        /// it has reached, `errors_max` for example.
        reason: &'static str,
    },
    /// A client has reached a limit of its listener. Told once a minute for each limit.
    LimitReached {
        /// Which listener.
        listener: String,
        /// The client's address.
        client: IpAddr,
        /// The limit, by its name in the config.
        limit: &'static str,
    },
    /// A recipient was not taken.
    RecipientRefused {
        /// Which listener.
        listener: String,
        /// The client's address.
        client: IpAddr,
        /// The message's id, where checkers were asked: it has none before.
        id: Option<String>,
        /// Whose the recipient is; none: nobody's, or another tenant's than the transaction's.
        tenant: Option<String>,
        /// The reverse-path; none: the null one.
        sender: Option<String>,
        /// The recipient.
        recipient: String,
        /// The reply given.
        reply: String,
        /// Its code, for the counter.
        #[serde(skip)]
        code: u16,
    },
    /// A message came to its end: accepted or not.
    Message(Box<MessageRecord>),
    /// A message was not taken, because what its tenant may have at once was taken for too long.
    TurnRefused {
        /// The message.
        id: String,
        /// Whose.
        tenant: String,
        /// Which limit: `concurrent_messages`, `concurrent_messages_per_network`, `concurrent_instances`, `buffered_max`.
        limit: &'static str,
        /// How long it waited, in milliseconds.
        waited_ms: u64,
    },
    /// A stage failed.
    StageFailed {
        /// The message.
        id: String,
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// What was done about it: the policy that applied.
        policy: String,
        /// One of `StageError::reason`.
        reason: &'static str,
        /// The whole chain of causes.
        error: String,
    },
    /// A stage said something through the `log` interface, or `debug` saw something.
    StageLog {
        /// How much it matters.
        #[serde(skip)]
        level: Level,
        /// The message.
        id: String,
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// At most 1 KiB.
        text: String,
    },
    /// A stage counted something through the `log` interface.
    StageCount {
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// At most 32 bytes.
        name: String,
        /// Added.
        delta: u64,
    },
    /// A stage failed message after message, so that it is not asked any more: every message of its chain is deferred.
    BreakerOpened {
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// Where it stands: `chain` or `recipients`.
        place: &'static str,
        /// Why the last message failed: one of `StageError::reason`.
        reason: &'static str,
        /// Failures since the last message that it handled.
        failures: u64,
        /// Client networks that they came from, counted up to `breaker_networks`.
        networks: usize,
        /// Until a message is let through as a probe, in milliseconds.
        pause_ms: u64,
    },
    /// A message is let through to a stage whose breaker is open.
    BreakerProbing {
        /// The message.
        id: String,
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// Where it stands: `chain` or `recipients`.
        place: &'static str,
    },
    /// The stage handled that message: it is asked again.
    BreakerClosed {
        /// The message.
        id: String,
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// Where it stands: `chain` or `recipients`.
        place: &'static str,
    },
    /// A sink could not keep a message.
    SinkFailed {
        /// The message.
        id: String,
        /// Whose chain.
        tenant: String,
        /// Which sink.
        sink: String,
        /// The whole chain of causes.
        error: String,
        /// Sinks that hold the message all the same.
        held_by: Vec<String>,
    },
    /// The next server took a message.
    Relayed {
        /// The message's id.
        id: String,
        /// Whose chain.
        tenant: String,
        /// The sink's name in the chain.
        sink: String,
        /// Where it went.
        hop: String,
        /// Whether over TLS.
        tls: bool,
        /// How many bare LF became CRLF.
        converted: u64,
        /// What it said, its name for the message included.
        reply: String,
    },
    /// A sink holds the message for good.
    SinkCommitted {
        /// The message.
        id: String,
        /// Whose chain.
        tenant: String,
        /// Which sink.
        sink: String,
        /// How long the commit took, in microseconds.
        us: u64,
    },
    /// A tenant's chain went live.
    TenantLoaded {
        /// Which tenant.
        tenant: String,
        /// Its revision.
        revision: u64,
        /// Its chain.
        chain: String,
    },
    /// A stage failed on a message of the smoke corpus when its chain was checked. The chain is live all the same.
    SmokeFailed {
        /// Whose chain.
        tenant: String,
        /// Which stage.
        stage: String,
        /// The message, by its name in the corpus; empty: none was needed.
        message: String,
        /// One of `StageError::reason`, or `configure`, or `slow`.
        reason: String,
        /// The whole chain of causes.
        error: String,
    },
    /// A component was stored.
    ProcessorStored {
        /// Whose: a tenant, or `host`.
        owner: String,
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// BLAKE3 of its bytes, in hex.
        hash: String,
        /// Its size in bytes.
        size: usize,
    },
    /// A component was removed.
    ProcessorRemoved {
        /// Whose it was: a tenant, or `host`.
        owner: String,
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
    /// A tenant was removed.
    TenantRemoved {
        /// Which.
        tenant: String,
    },
    /// A component was refused at upload.
    ProcessorRefused {
        /// Whose: a tenant, or `host`.
        owner: String,
        /// Its name.
        name: String,
        /// Its version.
        version: String,
        /// Why: what the uploader was told.
        error: String,
    },
    /// A tenant's file was refused.
    TenantRefused {
        /// Which tenant.
        tenant: String,
        /// The revision that goes on serving; none: its domains get 451.
        serving: Option<u64>,
        /// All that is wrong.
        problems: Vec<String>,
    },
    /// The jail compiled a component, or did not.
    ComponentCompiled {
        /// Whose it is: a tenant, or `host`.
        tenant: String,
        /// BLAKE3 of its bytes.
        component: String,
        /// Its size in bytes.
        size: u64,
        /// `ok`, or why not: `refused`, `cpu`, `memory`, `wall`, `size`, `unfit`, `crashed`, `unavailable`.
        outcome: &'static str,
        /// What its owner is told.
        error: Option<String>,
        /// CPU time of the jail, in milliseconds.
        cpu_ms: u64,
        /// Wall time of the jail, in milliseconds.
        ms: u64,
    },
    /// Somebody asked for a change by the admin API, and may ask; also where it was refused then.
    Audit {
        /// Who: `host`, or `TENANT/ROLE/TOKEN`.
        actor: String,
        /// The address of the connection.
        client: IpAddr,
        /// The method.
        method: String,
        /// The path, with its names where they are plain; empty: there is none such.
        path: String,
        /// Whose things; none: the host's.
        tenant: Option<String>,
        /// The answer's status; 499: the client did not wait for it.
        status: u16,
        /// The tenant's revision before.
        revision_before: Option<u64>,
        /// The tenant's revision after.
        revision_after: Option<u64>,
        /// What was done, in a few words; may be empty.
        detail: String,
    },
    /// A wrong token came to the admin API. Told once a minute for each address.
    TokenRefused {
        /// The address of the connection.
        client: IpAddr,
        /// Wrong ones from it since it was told last.
        failures: u64,
        /// Whether it is told to wait.
        limited: bool,
    },
    /// A client has shown who it is.
    AuthSucceeded {
        /// The listener's name.
        listener: String,
        /// The client's address.
        client: IpAddr,
        /// Who it is.
        user: String,
        /// How: `SCRAM-SHA-256`, `PLAIN` or `LOGIN`.
        mechanism: String,
    },
    /// A client has not shown who it is.
    AuthFailed {
        /// The listener's name.
        listener: String,
        /// The client's address.
        client: IpAddr,
        /// The name that it tried, in lower case; none: it came to no name. Nobody may be there by it.
        user: Option<String>,
        /// How: `SCRAM-SHA-256`, `PLAIN` or `LOGIN`.
        mechanism: String,
        /// `denied`, `rate` (too many failures from its address), `cancelled`, `base64`, `malformed`, `too_long`, `busy` (too many
        /// passwords at once) or `unavailable` (the users' file is no good).
        reason: &'static str,
    },
    /// A reload came to its end.
    Reloaded {
        /// Whether all of it took effect.
        ok: bool,
        /// Tenants that changed.
        changed: usize,
        /// Tenants that were refused.
        refused: usize,
    },
}

impl Event {
    /// How much the event matters.
    pub fn level(&self) -> Level {
        match self {
            Self::Notice { level, .. } | Self::StageLog { level, .. } => *level,
            Self::SinkFailed { .. } | Self::SwapFound { .. } => Level::Error,
            Self::Reloaded { ok: false, .. }
            | Self::StageFailed { .. }
            | Self::TurnRefused { .. }
            | Self::BreakerOpened { .. }
            | Self::SmokeFailed { .. }
            | Self::TokenRefused { .. }
            | Self::LimitReached { .. }
            | Self::TenantRefused { .. } => Level::Warn,
            Self::ComponentCompiled { outcome, .. } if *outcome != "ok" => Level::Warn,
            Self::RecipientRefused { .. }
            | Self::AuthSucceeded { .. }
            | Self::AuthFailed { .. }
            | Self::Audit { .. }
            | Self::ComponentCompiled { .. }
            | Self::Started { .. }
            | Self::Stopped { .. }
            | Self::SwapGone
            | Self::Message(_)
            | Self::Relayed { .. }
            | Self::BreakerProbing { .. }
            | Self::BreakerClosed { .. }
            | Self::TenantLoaded { .. }
            | Self::ProcessorStored { .. }
            | Self::ProcessorRefused { .. }
            | Self::ProcessorRemoved { .. }
            | Self::TenantRemoved { .. }
            | Self::Reloaded { .. } => Level::Info,
            Self::SessionOpened { .. }
            | Self::SessionRefused { .. }
            | Self::HandshakeFailed { .. }
            | Self::SessionClosed { .. }
            | Self::StageCount { .. }
            | Self::SinkCommitted { .. } => Level::Debug,
        }
    }
}
