//! Who owns a recipient's domain, and how much a tenant may do at once.

pub mod domains;
pub mod quota;

pub use domains::{DomainTable, Pattern};
pub use quota::{Busy, Permit, Quota};
