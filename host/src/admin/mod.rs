//! The admin address: figures for machines and people, health, reload, uploads, chains.
//!
//! Thin: every answer is made by `AdminHandle`, which the server implements, or by its catalog. In reading order: `api`,
//! `guard`, `door`; `body` and `work` (how much a request may send and take), `processors`, `chain`;
//! `figures`, `messages`, `events` (what happens now).

mod api;
mod body;
mod chain;
mod door;
mod events;
mod figures;
mod guard;
mod messages;
mod openapi;
mod principal;
pub mod problem;
mod processors;
mod work;

pub use api::{AdminHandle, BreakerStatus, Status, TenantStatus, router};
pub use door::{Door, Line};
pub use events::Leave;
pub use guard::Guard;
pub use principal::{Principal, Role};
