//! The host's config: its shape, its units, its checks.

pub mod dump;
pub mod limits;
mod listener;
pub mod load;
pub mod model;
pub mod problem;
pub mod reader;
pub mod tree;
pub mod units;

pub use dump::dump;
#[cfg(feature = "wasm")]
pub(crate) use load::read_text;
pub use load::{load, open_regular};

pub use model::{Admin, Config, Limits, Listener, Server, Tls, TlsMode};
pub use problem::Problem;
pub use units::{ByteSize, UnitError};
