//! The catalog.
pub mod loader;
pub mod registry;
pub mod store;
pub use loader::{ComponentLoader, ComponentStage, NoComponents};
pub use registry::{Registry, SinkFactory};
pub use store::Store;
