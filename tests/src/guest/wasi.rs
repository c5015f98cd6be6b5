//! WASI, as a guest may import it: the interfaces' words, and the name that bodies call each function by.

/// The packages, to be nested in the file of the interface; `{v}` is their version.
const WIT: &str = "
package wasi:io@{v} {
  interface error { resource error { to-debug-string: func() -> string; } }
  interface poll {
    resource pollable { ready: func() -> bool; block: func(); }
    poll: func(in: list<borrow<pollable>>) -> list<u32>;
  }
  interface streams {
    use error.{error}; use poll.{pollable};
    variant stream-error { last-operation-failed(error), closed }
    resource input-stream {
      read: func(len: u64) -> result<list<u8>, stream-error>;
      blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
      subscribe: func() -> pollable;
    }
    resource output-stream {
      write: func(contents: list<u8>) -> result<_, stream-error>;
      blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
      write-zeroes: func(len: u64) -> result<_, stream-error>;
    }
  }
}
package wasi:cli@{v} {
  interface environment {
    get-environment: func() -> list<tuple<string, string>>;
    get-arguments: func() -> list<string>;
    initial-cwd: func() -> option<string>;
  }
  interface exit { exit: func(status: result); }
  interface stdin { use wasi:io/streams@{v}.{input-stream}; get-stdin: func() -> input-stream; }
  interface stdout { use wasi:io/streams@{v}.{output-stream}; get-stdout: func() -> output-stream; }
  interface stderr { use wasi:io/streams@{v}.{output-stream}; get-stderr: func() -> output-stream; }
}
package wasi:clocks@{v} {
  interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }
  interface monotonic-clock {
    use wasi:io/poll@{v}.{pollable};
    now: func() -> u64; subscribe-instant: func(when: u64) -> pollable; subscribe-duration: func(when: u64) -> pollable;
  }
}
package wasi:random@{v} {
  interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
  interface insecure { get-insecure-random-bytes: func(len: u64) -> list<u8>; }
  interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
}
package wasi:filesystem@{v} {
  interface types { resource descriptor { } }
  interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }
}
package wasi:sockets@{v} { interface tcp { create: func(); } }
package wasi:http@{v} { interface outgoing-handler { handle: func(); } }
";

/// Every function, by the name that bodies call it by: the interface, the function, its type.
pub(super) const IMPORTS: [(&str, &str, &str, &str); 29] = [
    ("$pollable_ready", "io/poll", "[method]pollable.ready", "(param i32) (result i32)"),
    ("$pollable_block", "io/poll", "[method]pollable.block", "(param i32)"),
    ("$pollable_drop", "io/poll", "[resource-drop]pollable", "(param i32)"),
    ("$poll", "io/poll", "poll", "(param i32 i32 i32)"),
    ("$read", "io/streams", "[method]input-stream.read", "(param i32 i64 i32)"),
    ("$read_wait", "io/streams", "[method]input-stream.blocking-read", "(param i32 i64 i32)"),
    ("$print_now", "io/streams", "[method]output-stream.write", "(param i32 i32 i32 i32)"),
    ("$print", "io/streams", "[method]output-stream.blocking-write-and-flush", "(param i32 i32 i32 i32)"),
    ("$zeroes", "io/streams", "[method]output-stream.write-zeroes", "(param i32 i64 i32)"),
    ("$input_poll", "io/streams", "[method]input-stream.subscribe", "(param i32) (result i32)"),
    ("$output_drop", "io/streams", "[resource-drop]output-stream", "(param i32)"),
    ("$environment", "cli/environment", "get-environment", "(param i32)"),
    ("$arguments", "cli/environment", "get-arguments", "(param i32)"),
    ("$cwd", "cli/environment", "initial-cwd", "(param i32)"),
    ("$exit", "cli/exit", "exit", "(param i32)"),
    ("$stdin", "cli/stdin", "get-stdin", "(result i32)"),
    ("$stdout", "cli/stdout", "get-stdout", "(result i32)"),
    ("$stderr", "cli/stderr", "get-stderr", "(result i32)"),
    ("$wall", "clocks/wall-clock", "now", "(param i32)"),
    ("$ticks", "clocks/monotonic-clock", "now", "(result i64)"),
    ("$sleep_until", "clocks/monotonic-clock", "subscribe-instant", "(param i64) (result i32)"),
    ("$sleep", "clocks/monotonic-clock", "subscribe-duration", "(param i64) (result i32)"),
    ("$random_bytes", "random/random", "get-random-bytes", "(param i64 i32)"),
    ("$random_u64", "random/random", "get-random-u64", "(result i64)"),
    ("$insecure_bytes", "random/insecure", "get-insecure-random-bytes", "(param i64 i32)"),
    ("$seed", "random/insecure-seed", "insecure-seed", "(param i32)"),
    ("$folders", "filesystem/preopens", "get-directories", "(param i32)"),
    ("$socket", "sockets/tcp", "create", ""),
    ("$http", "http/outgoing-handler", "handle", ""),
];

/// The interface `wit`, importing every interface of WASI in this version.
pub(super) fn into(wit: &str, version: &str) -> String {
    let mut interfaces: Vec<&str> = IMPORTS.iter().map(|(_, interface, _, _)| *interface).collect();
    interfaces.dedup();
    let imports: String =
        interfaces.iter().map(|interface| format!(" import wasi:{interface}@{version};")).collect();
    let nested = WIT.replace("{v}", version);
    wit.replace("import next;", &format!("import next;{imports}"))
        .replace("package gatepost:processor@0.1.0;", &format!("package gatepost:processor@0.1.0;{nested}"))
}
