//! The outside of the jail: starts the child, talks to it until it ends or its time is over, and reaps it on every path.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use super::VERB;
use super::protocol::{answer_max, question_head};
use super::verdict::{End, verdict};
use crate::wasm::compile::{CompileError, CompileLimits};

/// Most of the child's stderr that is kept, in bytes.
const STDERR_MAX: usize = 4096;
/// Bytes of one read or write.
const PIECE: usize = 64 << 10;

/// What became of a component, and what that took.
pub(in crate::wasm) struct Report {
    /// The compiled code.
    pub(in crate::wasm) verdict: Result<Vec<u8>, CompileError>,
    /// CPU time of the child, as far as the kernel tells.
    pub(in crate::wasm) cpu: Duration,
}

/// Compiles one component in a child of its own. Blocks, at most for `compile_wall`.
pub(in crate::wasm) fn compile(program: &Path, component: &[u8], limits: &CompileLimits) -> Report {
    let deadline = Instant::now() + limits.wall;
    let unavailable = |error: io::Error| CompileError::Unavailable(error.to_string());
    let mut inmate = match Inmate::start(program, limits).map_err(unavailable) {
        Ok(inmate) => inmate,
        Err(error) => return Report { verdict: Err(error), cpu: Duration::ZERO },
    };
    let talked = inmate.talk(component, deadline, limits);
    let end = inmate.end();
    let cpu = end.as_ref().map_or(Duration::ZERO, |end| end.cpu);
    let verdict = talked.and_then(|(answer, stderr)| {
        let end = end.map_err(unavailable)?;
        verdict(End { answer, stderr: String::from_utf8_lossy(&stderr).into_owned(), ..end }, limits)
    });
    Report { verdict, cpu }
}

/// The child. Killed and reaped when dropped.
struct Inmate {
    child: Child,
    /// Becomes readable when it ends.
    pidfd: OwnedFd,
}

/// The child's pipes, each until it is at its end.
struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Inmate {
    fn start(program: &Path, limits: &CompileLimits) -> io::Result<Self> {
        let cpu_s = limits.cpu.as_secs() + u64::from(limits.cpu.subsec_nanos() > 0);
        // The child's folder is another.
        let mut child = Command::new(std::path::absolute(program)?)
            .arg(VERB)
            .args([cpu_s.to_string(), limits.memory.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { child, pidfd }),
            Err(error) => {
                // It waits for its question: nothing is lost.
                let _ = child.kill();
                let _ = child.wait();
                Err(error.into())
            }
        }
    }

    /// Hands the component over and takes the answer and what stands on stderr, until the child has ended.
    fn talk(
        &mut self,
        component: &[u8],
        deadline: Instant,
        limits: &CompileLimits,
    ) -> Result<(Vec<u8>, Vec<u8>), CompileError> {
        let unavailable = |error: io::Error| CompileError::Unavailable(error.to_string());
        let mut pipes = self.pipes().map_err(unavailable)?;
        let head = question_head(component.len());
        let (mut head, mut question) = (&head[..], component);
        let (mut answer, mut stderr) = (Vec::new(), Vec::new());
        let answer_max = usize::try_from(answer_max(limits.output)).unwrap_or(usize::MAX);
        loop {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(CompileError::Wall(limits.wall));
            };
            let ended = wait(&pipes, &self.pidfd, left).map_err(unavailable)?;
            let part = if head.is_empty() { &mut question } else { &mut head };
            feed(&mut pipes.stdin, part);
            if head.is_empty() && question.is_empty() {
                pipes.stdin = None;
            }
            // A piece each time; when it has ended, all that is left.
            loop {
                let more = drain(&mut pipes.stdout, &mut answer) | drain(&mut pipes.stderr, &mut stderr);
                stderr.truncate(STDERR_MAX);
                if answer.len() > answer_max {
                    return Err(CompileError::Size(limits.output));
                }
                if !(more && ended) {
                    break;
                }
            }
            if ended {
                return Ok((answer, stderr));
            }
        }
    }

    /// The pipes, which do not block any more.
    fn pipes(&mut self) -> io::Result<Pipes> {
        let (stdin, stdout, stderr) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let pipes = Pipes { stdin, stdout, stderr };
        let fds = [
            pipes.stdin.as_ref().map(AsFd::as_fd),
            pipes.stdout.as_ref().map(AsFd::as_fd),
            pipes.stderr.as_ref().map(AsFd::as_fd),
        ];
        for fd in fds.into_iter().flatten() {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(pipes)
    }

    /// Ends the child where it has not ended, and reaps it.
    fn end(mut self) -> io::Result<End> {
        self.child.kill()?;
        // The kernel tells what a process took as long as it is not reaped.
        waitid(WaitId::Pid(Pid::from_child(&self.child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let cpu = cpu_time(self.child.id()).unwrap_or_default();
        let status = self.child.wait()?;
        Ok(End { signal: status.signal(), success: status.success(), cpu, ..End::default() })
    }
}

impl Drop for Inmate {
    fn drop(&mut self) {
        // Both have no effect on a child that has been reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a pipe can move, the child ends, or the time is over. True: it has ended.
fn wait(pipes: &Pipes, pidfd: &OwnedFd, left: Duration) -> io::Result<bool> {
    fn on<'f>(fd: &'f impl AsFd, flags: PollFlags) -> PollFd<'f> {
        PollFd::from_borrowed_fd(AsFd::as_fd(fd) as BorrowedFd<'f>, flags)
    }
    let mut fds = vec![on(pidfd, PollFlags::IN)];
    fds.extend(pipes.stdin.as_ref().map(|fd| on(fd, PollFlags::OUT)));
    fds.extend(pipes.stdout.as_ref().map(|fd| on(fd, PollFlags::IN)));
    fds.extend(pipes.stderr.as_ref().map(|fd| on(fd, PollFlags::IN)));
    // A millisecond more, so that the time is over when this returns for it.
    let left = Timespec::try_from(left + Duration::from_millis(1)).ok();
    match poll(&mut fds, left.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!fds[0].revents().is_empty()),
        Err(error) => Err(error.into()),
    }
}

/// Writes what the pipe takes. A child that wants no more has its reason, which its end tells.
fn feed(pipe: &mut Option<ChildStdin>, bytes: &mut &[u8]) {
    let Some(stdin) = pipe else { return };
    let piece = &bytes[..bytes.len().min(PIECE)];
    match stdin.write(piece) {
        Ok(written) => *bytes = &bytes[written..],
        Err(error) if is_not_now(&error) => {}
        Err(_) => *pipe = None,
    }
}

/// Reads what the pipe has, one piece. False: there is nothing now, or nothing more.
fn drain<R: Read>(pipe: &mut Option<R>, into: &mut Vec<u8>) -> bool {
    let Some(readable) = pipe else { return false };
    let before = into.len();
    into.resize(before + PIECE, 0);
    let read = readable.read(&mut into[before..]);
    into.truncate(before + read.as_ref().copied().unwrap_or(0));
    match read {
        Ok(0) => *pipe = None,
        Ok(_) => return true,
        Err(error) if is_not_now(&error) => {}
        Err(_) => *pipe = None,
    }
    false
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// CPU time of a process, user and system, from `/proc/PID/stat`.
fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last `)` may hold anything. Fields 14 and 15 are user and system time (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<u64>().ok();
    let ticks = ticks(11)? + ticks(12)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks.saturating_mul(1000).checked_div(per_second)?))
}
