//! The admin address: figures for machines and people, health, reload, uploads, chains; and who may ask for them.
//!
//! Thin: every answer is made by `AdminHandle`, which the server implements, or by its catalog. In reading order: `api`,
//! `door`; `guard`, which stands on `hosts`, `keys`, `tokens`, `session`, `access`, `limit` and `audit`; `body` and `work` (how
//! much a request may send and take), `processors`, `chain`; `figures`, `messages`,
//! `events` (what happens now).

mod access;
mod api;
mod audit;
mod body;
mod chain;
mod condition;
mod door;
mod events;
mod figures;
mod guard;
mod history;
mod hosts;
mod keys;
mod limit;
mod messages;
mod openapi;
mod page;
mod principal;
pub mod problem;
mod processors;
mod session;
mod tenants;
mod tokens;
mod try_message;
mod work;

pub use api::{AdminHandle, BreakerStatus, Status, TenantStatus, router};
pub use audit::Touched;
pub use door::{Door, Line};
pub use guard::Guard;
pub use history::History;
pub use principal::{Principal, Role};
pub use processors::Processors;
pub use tenants::{TenantLine, Tenants};
pub use tokens::routes::{NewToken, Rotation, TokenList, TokenMade, TokenView};
pub use tokens::{TokenRole, Tokens};
