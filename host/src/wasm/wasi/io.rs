//! `wasi:io`: by way of `wasmtime-wasi`'s table, through our door. Nothing here ever waits.

use bytes::Bytes;
use wasmtime::component::Resource;
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};
use wasmtime_wasi_io::poll::{DynPollable, Pollable};
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, Error as IoError, OutputStream, StreamError, StreamResult,
};

use super::Written;
use crate::wasm::sandbox::Sandbox;

/// Most bytes that stdout and stderr take at once: what WASI's blocking writes may bring.
const WRITE_MAX: usize = 4096;

/// stdout or stderr.
pub(super) struct Console {
    /// Which of `Wasi::lines`.
    pub(super) number: usize,
    pub(super) written: Written,
}

#[async_trait::async_trait]
impl Pollable for Console {
    async fn ready(&mut self) {}
}

impl OutputStream for Console {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_MAX {
            return Err(StreamError::trap("wrote more than `check-write` allows"));
        }
        self.written.push(self.number, bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_MAX)
    }
}

impl error::Host for Sandbox {}

impl error::HostError for Sandbox {
    fn to_debug_string(&mut self, error: Resource<IoError>) -> wasmtime::Result<String> {
        error::HostError::to_debug_string(&mut self.wasi("wasi:io/error")?.table, error)
    }

    fn drop(&mut self, error: Resource<IoError>) -> wasmtime::Result<()> {
        error::HostError::drop(&mut self.wasi("wasi:io/error")?.table, error)
    }
}

impl poll::Host for Sandbox {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        // As long as the list may be, `handles_max` bounds it: each is lent for the call.
        poll::Host::poll(&mut self.wasi("wasi:io/poll.poll")?.table, pollables).await
    }
}

impl poll::HostPollable for Sandbox {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(&mut self.wasi("wasi:io/poll.ready")?.table, pollable).await
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::block(&mut self.wasi("wasi:io/poll.block")?.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(&mut self.wasi("wasi:io/poll")?.table, pollable)
    }
}

impl streams::Host for Sandbox {
    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<streams::StreamError> {
        streams::Host::convert_stream_error(&mut self.wasi("wasi:io/streams")?.table, error)
    }
}

/// A method of a stream: through the door, to the table, and to the log with what it wrote.
macro_rules! method {
    ($sandbox:ident, $interface:ident::$method:ident($($argument:expr),*)) => {{
        let table = &mut $sandbox.wasi(concat!("wasi:io/streams.", stringify!($method))).map_err(StreamError::Trap)?.table;
        let done = streams::$interface::$method(table, $($argument),*);
        $sandbox.log_written();
        done
    }};
    ($sandbox:ident, $interface:ident::$method:ident($($argument:expr),*).await) => {{
        let table = &mut $sandbox.wasi(concat!("wasi:io/streams.", stringify!($method))).map_err(StreamError::Trap)?.table;
        let done = streams::$interface::$method(table, $($argument),*).await;
        $sandbox.log_written();
        done
    }};
}

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;

impl streams::HostInputStream for Sandbox {
    fn read(&mut self, stream: Input, len: u64) -> StreamResult<Vec<u8>> {
        method!(self, HostInputStream::read(stream, len))
    }

    async fn blocking_read(&mut self, stream: Input, len: u64) -> StreamResult<Vec<u8>> {
        method!(self, HostInputStream::blocking_read(stream, len).await)
    }

    fn skip(&mut self, stream: Input, len: u64) -> StreamResult<u64> {
        method!(self, HostInputStream::skip(stream, len))
    }

    async fn blocking_skip(&mut self, stream: Input, len: u64) -> StreamResult<u64> {
        method!(self, HostInputStream::blocking_skip(stream, len).await)
    }

    fn subscribe(&mut self, stream: Input) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostInputStream::subscribe(&mut self.wasi("wasi:io/streams.subscribe")?.table, stream)
    }

    async fn drop(&mut self, stream: Input) -> wasmtime::Result<()> {
        streams::HostInputStream::drop(&mut self.wasi("wasi:io/streams")?.table, stream).await
    }
}

impl streams::HostOutputStream for Sandbox {
    fn check_write(&mut self, stream: Output) -> StreamResult<u64> {
        method!(self, HostOutputStream::check_write(stream))
    }

    fn write(&mut self, stream: Output, bytes: Vec<u8>) -> StreamResult<()> {
        method!(self, HostOutputStream::write(stream, bytes))
    }

    async fn blocking_write_and_flush(&mut self, stream: Output, bytes: Vec<u8>) -> StreamResult<()> {
        method!(self, HostOutputStream::blocking_write_and_flush(stream, bytes).await)
    }

    fn flush(&mut self, stream: Output) -> StreamResult<()> {
        method!(self, HostOutputStream::flush(stream))
    }

    async fn blocking_flush(&mut self, stream: Output) -> StreamResult<()> {
        method!(self, HostOutputStream::blocking_flush(stream).await)
    }

    fn subscribe(&mut self, stream: Output) -> wasmtime::Result<Resource<DynPollable>> {
        streams::HostOutputStream::subscribe(&mut self.wasi("wasi:io/streams.subscribe")?.table, stream)
    }

    fn write_zeroes(&mut self, stream: Output, len: u64) -> StreamResult<()> {
        method!(self, HostOutputStream::write_zeroes(stream, len))
    }

    async fn blocking_write_zeroes_and_flush(&mut self, stream: Output, len: u64) -> StreamResult<()> {
        method!(self, HostOutputStream::blocking_write_zeroes_and_flush(stream, len).await)
    }

    fn splice(&mut self, stream: Output, from: Input, len: u64) -> StreamResult<u64> {
        method!(self, HostOutputStream::splice(stream, from, len))
    }

    async fn blocking_splice(&mut self, stream: Output, from: Input, len: u64) -> StreamResult<u64> {
        method!(self, HostOutputStream::blocking_splice(stream, from, len).await)
    }

    async fn drop(&mut self, stream: Output) -> wasmtime::Result<()> {
        streams::HostOutputStream::drop(&mut self.wasi("wasi:io/streams")?.table, stream).await
    }
}
