//! The shape of `[[listener]]`: one address that clients connect to, and what they may do there.
//!
//! Every limit of the front door is here, each with the reason for its default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::{ByteSize, Rate};
use crate::smtp::Speaks;
use crate::smtp::session::AuthPolicy;

/// `[[listener]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Name in logs and metrics. Unique.
    pub name: String,
    /// Address to listen on.
    pub address: SocketAddr,
    /// What is spoken there.
    pub speaks: Speaks,
    /// Certificates and mode; none: no TLS.
    pub tls: Option<Tls>,
    /// How long a client may take for its PROXY header and its TLS handshake. Default 30s: a slow phone needs a few.
    pub handshake_timeout: Duration,
    /// Whether peers in `trusted` send a PROXY header first. Default false.
    pub proxy_protocol: bool,
    /// Networks of the proxies that are believed. Default none.
    pub trusted: Vec<IpNet>,
    /// Networks that may use XCLIENT. Default none.
    pub xclient: Vec<IpNet>,
    /// Whether clients may or must say who they are. Default none.
    pub auth: AuthPolicy,
    /// Tenant whose chain takes what authenticated clients send, wherever to. Default none: they are served as anybody.
    pub submission: Option<String>,
    /// Whether DSN is offered (RFC 3461). Default false: only a relay can keep what it promises.
    pub dsn: bool,
    /// Whether BINARYMIME is offered (RFC 3030). Default false: few readers of stored mail understand it.
    pub binarymime: bool,

    /// Largest message in octets of content after unstuffing; advertised as SIZE (RFC 1870). Default 25MiB.
    pub message_size_max: ByteSize,
    /// Longest header section. Default 256KiB.
    pub header_size_max: ByteSize,
    /// Longest line of content in octets, its end not counted; past it 554 5.6.0. Default 0: any, as what came in goes on as it
    /// came; RFC 5321 §4.5.3.1.6 has 998.
    pub text_line_max: ByteSize,
    /// Bare CR or LF in content: refuse the message (true, default) or keep them.
    pub reject_bare_newlines: bool,
    /// Most `Received` fields of a message; past it 554 5.4.6. Default 100 (RFC 5321 §6.3).
    pub received_max: usize,

    /// Most sessions at once; past it 421. Default 1000.
    pub sessions_max: usize,
    /// Most sessions of one client address at once; past it 421. Default 50.
    pub sessions_per_client: usize,
    /// Most sessions of one client network, /24 or /64, at once; past it 421. Default 200: four busy addresses.
    pub sessions_per_network: usize,
    /// Sessions that one client address may begin; past it 421. Default none: big senders connect in bursts.
    pub session_rate: Option<Rate>,
    /// Messages that one client address may begin; past it 450. Default none.
    pub message_rate: Option<Rate>,
    /// Recipients that one client address may name; past it 450. Default none.
    pub recipient_rate: Option<Rate>,
    /// Failed AUTHs of one client address; past it 454. Default 20/10m: who has mistyped gets along, who guesses does not.
    pub auth_failure_rate: Option<Rate>,

    /// Most recipients of one message; past it 452. Default 100 (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Messages of one session; then 421. Default 100000: more than a busy neighbour sends within `session_timeout`, who keeps its
    /// connection open.
    pub session_messages_max: usize,
    /// Recipients named in one session; then 421. Default 1000000: ten for each message.
    pub session_recipients_max: usize,
    /// Errors of one session, refused recipients not counted; then 421 and close. Default 10.
    pub errors_max: usize,
    /// Refused recipients of one session; then 421 and close. Default 20: lists carry dead addresses, guessers carry many.
    pub unknown_recipients_max: usize,
    /// How long each refused recipient is answered later once half of `unknown_recipients_max` is reached. Default 1s.
    pub unknown_recipients_delay: Duration,
    /// Failed AUTHs of one session; then 421 and close. Default 3.
    pub auth_tries_max: usize,

    /// How long a client is watched before the greeting: who talks meanwhile gets 554. Default 0s: only what has come by
    /// then is seen.
    pub greeting_delay: Duration,
    /// Silence before a command. Default 5m (RFC 5321 §4.5.3.2.7).
    pub command_timeout: Duration,
    /// Silence between two reads of content. Default 3m (RFC 5321 §4.5.3.2.5).
    pub data_timeout: Duration,
    /// Octets a second that content must come at, once `data_grace` or `data_timeout`, whichever is longer, has been waited more than
    /// they allow; slower ends with 421. Default 100B: a modem was faster. 0: any.
    pub data_rate_min: ByteSize,
    /// How long content may be waited for in all before its rate counts. Default 1m: a network that hiccups has recovered.
    pub data_grace: Duration,
    /// How long a session may last in all; then 421. Default 2h: longer than any honest one.
    pub session_timeout: Duration,
}

/// `tls = { cert, key, mode, more, client_ca, client_auth }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Served where no name is asked for, or none that another certificate has.
    pub main: CertFiles,
    /// Served where the name that the client asks for (SNI, RFC 6066 §3) is theirs.
    pub more: Vec<CertFiles>,
    /// When TLS begins.
    pub mode: TlsMode,
    /// PEM file with the authorities that clients' certificates are checked against.
    pub client_ca: Option<PathBuf>,
    /// What is asked of clients' certificates.
    pub client_auth: ClientAuth,
}

/// A certificate chain and its key, PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFiles {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// After the client says STARTTLS (RFC 3207).
    Starttls,
    /// At once (RFC 8314).
    Implicit,
}

/// What is asked of clients' certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    None,
    /// Who has one shows it; one that does not check is as good as none, as no mail is to be lost for a courtesy.
    Optional,
    /// Who has none fails the handshake.
    Required,
}
