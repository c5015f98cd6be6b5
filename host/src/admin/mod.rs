//! The admin address: figures for machines and people, health, reload, uploads, chains.
//!
//! Thin: every answer is made by `AdminHandle`, which the server implements, or by its catalog. In reading order: `api`,
//! `guard`, `door`; `body` and `work` (how much a request may send and take), `processors`, `chain`.

mod api;
mod body;
mod chain;
mod door;
mod guard;
mod page;
pub mod problem;
mod processors;
mod work;

pub use api::{AdminHandle, BreakerStatus, Status, TenantStatus, router};
pub use door::{Door, Line};
pub use guard::Guard;
