//! The admin address: figures for machines and people, health, reload.
//!
//! Thin: every answer is made by `AdminHandle`, which the server implements. In reading order: `api`, `guard`, `door`.

mod api;
mod door;
mod guard;
pub mod problem;

pub use api::{AdminHandle, BreakerStatus, Status, TenantStatus, router};
pub use door::Door;
pub use guard::Guard;
