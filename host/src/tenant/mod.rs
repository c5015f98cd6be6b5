//! Who owns a recipient's domain, how much a tenant may do at once, and its share of the CPU.

pub mod domains;
mod places;
pub mod quota;
pub mod share;

pub use domains::{DomainTable, Pattern};
pub use quota::{Buffer, Busy, Caps, Quota, Turn};
pub use share::FairShare;
