//! The admin address: figures for machines and people, health, reload.
//!
//! Thin: every answer is made by `AdminHandle`, which the server implements. In reading order: `api`, `guard`.

mod api;
mod guard;
pub mod problem;

pub use api::{AdminHandle, Status, TenantStatus, router};
pub use guard::Guard;
