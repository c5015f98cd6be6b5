//! The processors that everybody needs, in Rust: no sandbox, no budget, so only what is simple enough to be trusted.

pub mod buffer;
pub mod compression;
pub mod debug;
pub mod directory;
pub mod hash;
pub mod header;
pub mod headersparser;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::chain::{CheckerFactory, Processor, ProcessorFactory, Settings, StageScope};

/// Every native processor by its name.
pub fn all() -> Vec<(&'static str, ProcessorFactory)> {
    vec![
        ("header", factory(header::configure)),
        ("headersparser", factory(headersparser::configure)),
        ("hash", factory(hash::configure)),
        ("buffer", factory(buffer::configure)),
        ("compress", factory(compression::compress::configure)),
        ("decompress", factory(compression::decompress::configure)),
        ("debug", factory(debug::configure)),
    ]
}

/// Every native checker of recipients by its name.
pub fn checkers() -> Vec<(&'static str, CheckerFactory)> {
    vec![("file", Arc::new(|scope, settings| Ok(Arc::new(directory::configure(scope, settings)?))))]
}

fn factory<P: Processor + 'static>(
    configure: fn(&StageScope, Settings) -> Result<P, String>,
) -> ProcessorFactory {
    Arc::new(move |scope, settings| Ok(Arc::new(configure(scope, settings)?)))
}
