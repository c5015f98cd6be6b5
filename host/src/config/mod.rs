//! The host's config: its shape, its units, its checks.

pub mod model;
pub mod units;

pub use model::{Admin, Config, Limits, Listener, Server, TelemetryConfig, Tls, TlsMode};
pub use units::{ByteSize, UnitError};
