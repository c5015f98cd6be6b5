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
pub(crate) use load::{TOKENS_MAX, token_lines};
pub use load::{keys, load, open_regular};

pub use limits::Limits;
pub use model::{Admin, Config, Listener, Server, Tls, TlsMode};
pub use problem::Problem;
pub use units::{ByteSize, UnitError};
