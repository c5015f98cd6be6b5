//! The jail: what is compiled where, what it is held to, and what a bomb comes to, with nobody else any worse off.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use gatepost::telemetry::Event;
use gatepost::wasm::{Compiler, LoadLimits};
use gatepost_tests::guest::Guest;
use gatepost_tests::lab::Lab;
use gatepost_tests::wait::until;
use gatepost_tests::{Server, binary, bombs};
use rustix::process::{Pid, Signal, kill_process};

/// A lab whose components are compiled in the jail of the binary.
fn lab() -> Lab {
    Lab::with_compiler(Compiler::Jail(binary::path()))
}

/// Limits that let every bomb through to the jail, which has little time and memory.
fn tight() -> LoadLimits {
    let mut limits = LoadLimits::default();
    limits.compile.cpu = Duration::from_secs(1);
    limits.compile.memory = 256 << 20;
    limits.component.functions = u64::MAX;
    limits.component.locals = u64::MAX;
    limits
}

#[track_caller]
fn refused(lab: &Lab, component: &[u8], limits: &LoadLimits) -> String {
    lab.sandboxes.load(component, limits, "acme").expect_err("it is refused").to_string()
}

/// Jails that a process has started and that have not ended, with what they were asked.
fn jails_of(parent: u32) -> Vec<u32> {
    let mut jails = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if fields[0] != "Z" && fields[1] == parent.to_string() && command.contains("compile-in-jail") {
            jails.push(pid);
        }
    }
    jails
}

fn own_jails() -> Vec<u32> {
    jails_of(std::process::id())
}

fn kill(jail: u32) {
    let pid = Pid::from_raw(i32::try_from(jail).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = kill_process(pid, Signal::KILL);
}

#[test]
fn what_is_compiled_in_the_jail_works() {
    let lab = lab();
    let mut heard = lab.telemetry.subscribe();
    let guest = Guest::new().write("(drop (call $next @\"x\")) (call $replaced)").component();
    let ran = lab.run(&[lab.stage(&guest).plan()], [&b"a: b\r\n\r\nbody"[..]]);
    assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", "x"));
    let event = heard.try_recv().unwrap();
    let Event::ComponentCompiled { tenant, component, size, outcome, error, .. } = &*event else {
        panic!("{event:?}")
    };
    assert_eq!((tenant.as_str(), *size, *outcome), ("acme", guest.len() as u64, "ok"));
    assert_eq!(*component, lab.load(&guest).unwrap().id.to_hex().to_string());
    assert_eq!(*error, None);
    assert!(own_jails().is_empty());
}

#[test]
fn what_does_not_validate_is_refused_by_the_compiler() {
    let invalid = wat::parse_str("(component (core module (func (result i32))))").unwrap();
    let text = refused(&lab(), &invalid, &LoadLimits::default());
    assert!(text.starts_with("the component does not compile: "), "{text}");
    assert!(text.contains("type mismatch"), "{text}");
    let threads = "(component (core module (import \"a\" \"m\" (memory 1)) (func (drop (i32.atomic.load (i32.const 0))))))";
    let text = refused(&lab(), &wat::parse_str(threads).unwrap(), &LoadLimits::default());
    assert!(text.contains("threads support is not enabled"), "{text}");
}

/// Goal: each way in which compiling goes wrong is told apart, names its limit, and leaves no process behind.
#[test]
fn limits_of_the_jail() {
    let lab = lab();
    assert_eq!(
        refused(&lab, &bombs::loops(1000), &tight()),
        "compiling it takes more than 1s of CPU time (`compile_cpu`)"
    );
    let mut limits = tight();
    limits.compile.memory = 64 << 20;
    limits.compile.cpu = Duration::from_secs(60);
    assert_eq!(
        refused(&lab, &bombs::loops(600), &limits),
        "compiling it takes more than 64MiB of memory (`compile_memory`)"
    );
    let mut limits = tight();
    limits.compile.memory = 4 << 30;
    limits.compile.cpu = Duration::from_secs(60);
    limits.compile.wall = Duration::from_millis(500);
    assert_eq!(
        refused(&lab, &bombs::loops(1000), &limits),
        "compiling it was not done within 500ms (`compile_wall`)"
    );
    let mut limits = tight();
    limits.compile.output = 1 << 10;
    assert_eq!(
        refused(&lab, &Guest::new().component(), &limits),
        "it compiles to more than 1KiB (`compiled_size_max`)"
    );
    assert!(own_jails().is_empty());
}

/// Goal: a component that compiles within its limits does so in the least memory that can be configured.
#[test]
fn the_least_memory_is_enough_for_a_small_component() {
    let mut limits = LoadLimits::default();
    limits.compile.memory = 64 << 20;
    limits.compile.cpu = Duration::from_secs(30);
    lab().sandboxes.load(&Guest::new().component(), &limits, "acme").unwrap();
}

/// Goal: every family of bombs comes to a verdict, by counting or in the jail; the memory of this process stays as it is.
#[test]
fn every_family_of_bombs_comes_to_a_verdict() {
    let lab = lab();
    let verdicts = ["takes more than", "lacks the export", "component_", "does not compile", "does not fit"];
    for (name, bomb) in bombs::all(100, 10).into_iter().chain(bombs::all(1000, 100)) {
        for limits in [LoadLimits::default(), tight()] {
            let mut limits = limits;
            limits.compile.cpu = Duration::from_secs(1);
            let before = own_memory();
            let text = refused(&lab, &bomb, &limits);
            assert!(verdicts.iter().any(|verdict| text.contains(verdict)), "{name}: {text}");
            let grown = own_memory().saturating_sub(before);
            assert!(grown < 64 << 20, "{name}: {grown} bytes more");
        }
    }
    assert!(own_jails().is_empty());
}

/// Most resident memory of this process so far, in bytes.
fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// Goal: a tenant whose bombs are being compiled, with more of them waiting, keeps nobody else from loading.
#[test]
fn bombs_of_one_tenant_do_not_hold_up_another() {
    let lab = lab();
    let mut limits = tight();
    limits.compile.cpu = Duration::from_secs(600);
    limits.compile.memory = 4 << 30;
    limits.compile.wall = Duration::from_secs(600);
    let limits = &limits;
    let (done, ends) = mpsc::sync_channel(3);
    std::thread::scope(|scope| {
        for size in [1000, 1001, 1002] {
            let (lab, done) = (&lab, done.clone());
            scope.spawn(move || {
                refused(lab, &bombs::loops(size), limits);
                done.send(()).unwrap();
            });
        }
        until("a bomb to be compiled", || (!own_jails().is_empty()).then_some(()));
        for n in 0..3 {
            let guest = Guest::new().data(3000, &[n]).component();
            lab.sandboxes.load(&guest, &LoadLimits::default(), "honest").unwrap();
        }
        assert_eq!(own_jails().len(), 1, "one of each tenant");
        assert!(ends.try_recv().is_err(), "the bombs are still at it");
        // They would go on for minutes.
        let mut ended = 0;
        until("the bombs to end", || {
            own_jails().into_iter().for_each(kill);
            ended += ends.try_iter().count();
            (ended == 3).then_some(())
        });
    });
}

/// What the kernel says a limit of a process is, soft and hard.
fn limit(pid: u32, name: &str) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let mut fields = line.split_whitespace().map(str::to_owned);
    (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
}

/// Goal: the jail has nothing and may do nothing.
/// Method: what the kernel tells of one at work, started by a process with a secret in its environment and a file open.
#[test]
fn the_jail_is_bare() {
    let lab = lab();
    let _open = fs::File::open("/proc/self/status").unwrap();
    let mut limits = tight();
    limits.compile.cpu = Duration::from_millis(2500);
    limits.compile.memory = 1 << 30;
    std::thread::scope(|scope| {
        let compiling = scope.spawn(|| refused(&lab, &bombs::loops(1000), &limits));
        // It nices itself last, before it reads anything.
        let field = |pid: u32, n: usize| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(n).map(str::to_owned)
        };
        let is_confined = |pid: &u32| field(*pid, 16).as_deref() == Some("5");
        let pid = until("a jail at work", || own_jails().into_iter().find(is_confined));
        let both = |text: &str| (text.to_owned(), text.to_owned());
        assert_eq!(limit(pid, "Max address space"), both(&(1_u64 << 30).to_string()));
        assert_eq!(limit(pid, "Max cpu time"), ("3".to_owned(), "4".to_owned()));
        assert_eq!(limit(pid, "Max core file size"), both("0"));
        assert_eq!(limit(pid, "Max file size"), both("0"));
        assert_eq!(limit(pid, "Max open files"), both("3"));
        assert_eq!(limit(pid, "Max processes"), both("0"));
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        assert!(status.contains("Threads:\t1"), "{status}");
        assert_eq!(fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
        assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
        let open: BTreeSet<(String, String)> = fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let target = fs::read_link(entry.path()).unwrap_or_default().display().to_string();
                let kind = target.split(':').next().unwrap_or_default().to_owned();
                (entry.file_name().to_str().unwrap().to_owned(), kind)
            })
            .collect();
        let pipe = |n: &str| (n.to_owned(), "pipe".to_owned());
        assert_eq!(open, ["0", "1", "2"].map(pipe).into());
        let text = compiling.join().unwrap();
        assert_eq!(text, "compiling it takes more than 2500ms of CPU time (`compile_cpu`)");
    });
}

/// Goal: a jail does not outlive who asked it.
#[test]
fn a_jail_ends_with_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bomb.wasm");
    fs::write(&file, bombs::loops(1000)).unwrap();
    let mut parent = Command::new(binary::path())
        .args(["processor", "inspect"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let jail = until("the jail", || jails_of(parent.id()).first().copied());
    parent.kill().unwrap();
    parent.wait().unwrap();
    until("the jail to end", || {
        let stat = fs::read_to_string(format!("/proc/{jail}/stat")).unwrap_or_default();
        (!stat.contains("(gatepost) ") || stat.contains(") Z ")).then_some(())
    });
}

/// Goal: the jail is for no people: no help, no completion names it; with wrong arguments or no question it ends.
#[test]
fn the_verb_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["completions", "bash"], &["man"]] {
        let done = binary::gatepost(folder.path(), arguments, b"").exits(0);
        assert!(!done.text().contains("jail"), "{arguments:?}");
    }
    for arguments in [&[][..], &["1"], &["1", "x"], &["1", "2", "3"]] {
        binary::gatepost(folder.path(), &[&["compile-in-jail"], arguments].concat(), b"").exits(64);
    }
    let cut =
        binary::gatepost(folder.path(), &["compile-in-jail", "5", "1073741824"], b"\x05\0\0\0\0\0\0\0ab");
    assert_eq!((cut.exits(70).stdout), b"");
}

/// Goal: a program that has not said who compiles gets a refusal that says what to do, and no compiler.
#[test]
fn nobody_compiles_unasked() {
    let lab = Lab::with_compiler(Compiler::Nobody);
    let error = lab.load(&Guest::new().component()).unwrap_err().to_string();
    assert!(error.contains("see `Builder::compiler`"), "{error}");
}

/// Goal: a reload that meets a bomb refuses that tenant and leaves mail as it is.
#[test]
fn a_server_meets_a_bomb() {
    let server = Server::builder()
        .section("limits", "compile_cpu = \"1s\"")
        .chain("acme", "acme.example", "maildir")
        .file("catalog/processors/evil/bomb/1.0.0.wasm", &bombs::loops(1000))
        .chain("evil", "evil.example", "bomb | null")
        .start();
    let compiled = server.wait_records("component_compiled", 1);
    assert_eq!(
        (compiled[0]["tenant"].as_str(), compiled[0]["outcome"].as_str()),
        (Some("evil"), Some("cpu"))
    );
    let refused = server.wait_records("tenant_refused", 1);
    let problems = refused[0]["problems"].to_string();
    assert!(problems.contains("more than 1s of CPU time (`compile_cpu`)"), "{problems}");
    assert!(server.metric("gatepost_compiles_total{tenant=\"evil\",outcome=\"cpu\"}") >= 1.0);
    assert!(server.metric("gatepost_compile_cpu_seconds_total{tenant=\"evil\",outcome=\"cpu\"}") >= 0.9);
    server.smtp().expect("MAIL FROM:<a@b.example>", 250);
}
