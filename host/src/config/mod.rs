//! The host's config: its shape, its units, its checks.

pub mod dump;
pub mod limits;
pub mod listener;
mod listener_keys;
pub mod load;
pub mod model;
pub mod place;
pub mod problem;
pub mod reader;
pub mod tree;
pub mod units;

pub use dump::dump;
pub(crate) use load::{TOKENS_MAX, token_lines};
pub use load::{keys, load, open_regular};

pub use limits::Limits;
pub use listener::{CertFiles, ClientAuth, Listener, Tls, TlsMode};
pub use model::{Admin, Config, Server};
pub use place::problem_at;
pub use problem::Problem;
pub use units::{ByteSize, Rate, UnitError};
