//! A tenant whose processors are hostile hurts only itself. What is hostile is data: `tests/hostile/` and its README.
//!
//! | file | what it holds to |
//! | --- | --- |
//! | `attack` | each live case alone, then all at full load from eight tenants, twice: the process stays alive |
//! | `refused` | what must never go live is refused, by name, and harms nobody |
//! | `sinks` | a trap in each export leaves nothing in any kind of sink |
//! | `holding` | a hundred sessions that hold memory hold what they may |
//! | `memory` | memory bombs leave no memory behind |
//! | `gone` | a client that goes away takes its instances along |
//! | `uploads` | the same by the admin API: refused there, naming why; bombs get a verdict |
//! | `readme` | the checklist names every file, and every file is run |
//!
//! `stand` is the server and its clients, `judge` what is expected of a message.

mod attack;
mod gone;
mod holding;
mod judge;
mod memory;
mod readme;
mod refused;
mod sinks;
mod stand;
mod uploads;
