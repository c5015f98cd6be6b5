//! How components become machine code: who compiles, and where what was compiled is kept.

use crate::config::Server;
use crate::wasm::{Cache, Compiler, KeyError};

/// Compiler and cache of one process.
pub(crate) struct Code {
    pub(crate) compiler: Compiler,
    pub(crate) cache: Option<Cache>,
}

impl Code {
    /// For a server: with a cache, where it has a jail; what is compiled without one is never kept.
    pub(crate) fn of_server(compiler: Compiler, server: &Server) -> Result<Self, KeyError> {
        let cache = match compiler {
            Compiler::Jail(_) if server.cache_size_max.0 > 0 => {
                Some(Cache::open(&server.state_dir, server.cache_size_max.0)?)
            }
            _ => None,
        };
        Ok(Self { compiler, cache })
    }

    /// For a command of the binary, which uses the cache of its server where it can.
    ///
    /// # Errors
    /// A key that the server would refuse.
    pub(crate) fn of_command(server: &Server) -> Result<Self, KeyError> {
        let cache = match Cache::open_existing(&server.state_dir, server.cache_size_max.0) {
            Err(error @ (KeyError::Exposed(_) | KeyError::Length(_))) => return Err(error),
            found => found.ok().flatten().filter(|_| server.cache_size_max.0 > 0),
        };
        Ok(Self { compiler: Compiler::own_jail(), cache })
    }

    /// For a command that has nothing to do with the server's state: the same, but without a cache that cannot be used.
    pub(crate) fn of_trial(server: Option<&Server>) -> Self {
        let code = server.and_then(|server| Self::of_command(server).ok());
        code.unwrap_or_else(|| Self { compiler: Compiler::own_jail(), cache: None })
    }
}
