//! `gatepost run`: a chain offline, the message on stdout, verdict and figures on stderr, the exit code of the verdict.

use std::path::Path;

use gatepost_tests::binary::{Done, gatepost};
use serde_json::Value;

const MESSAGE: &[u8] = b"From: a@b.test\r\nSubject: x\r\n\r\nbody  \r\n.\r\n\xff\0\r\nno end";

fn run(arguments: &[&str], input: &[u8]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), arguments, input)
}

fn run_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Done {
    gatepost(folder, &[&["run"], arguments].concat(), input)
}

/// Goal: the README's first chain gives the message back with the new fields on top and every other byte as it was.
#[test]
fn the_message_comes_back_with_fields_on_top() {
    let chain = "header|compress|decompress|debug";
    let envelope =
        ["--from", "a@b.test", "--rcpt", "jo@acme.example", "--helo", "client.test", "--ip", "192.0.2.7"];
    let done = run(&[&["--chain", chain], &envelope[..]].concat(), MESSAGE).exits(0);
    let top = done.stdout.strip_suffix(MESSAGE).expect("every other byte is as it was");
    let top = String::from_utf8(top.to_vec()).unwrap();
    assert!(
        top.starts_with("Return-Path: <a@b.test>\r\nDelivered-To: jo@acme.example\r\nReceived: "),
        "{top}"
    );
    assert!(top.contains("client.test") && top.contains("[192.0.2.7]") && top.ends_with("\r\n"), "{top}");
    assert!(done.stderr.contains("verdict: accept"), "{}", done.stderr);
    for stage in ["header", "compress", "decompress", "debug"] {
        assert!(done.stderr.lines().any(|line| line.starts_with(stage)), "{stage}: {}", done.stderr);
    }
}

/// Goal: addresses in UTF-8 are taken as a server takes them, under SMTPUTF8.
#[test]
fn addresses_in_utf8() {
    let envelope = ["--from", "ü@bücher.test", "--rcpt", "用户@例え.jp"];
    let done = run(&[&["--chain", "header"], &envelope[..]].concat(), MESSAGE).exits(0);
    let top = String::from_utf8(done.stdout.strip_suffix(MESSAGE).unwrap().to_vec()).unwrap();
    assert!(
        top.starts_with("Return-Path: <ü@bücher.test>\r\nDelivered-To: 用户@例え.jp\r\nReceived: "),
        "{top}"
    );
    assert!(top.replace("\r\n\t", " ").contains(" with UTF8SMTP id "), "{top}");
    let done = run(&[&["--json", "--chain", "debug"], &envelope[..]].concat(), MESSAGE).exits(0);
    let shown: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(shown["envelope"]["recipients"][0], "用户@例え.jp");
    assert_eq!(shown["facts"]["smtp.smtputf8"], "yes");
}

/// Goal: `header` follows the line ends of the file: the fields added to an LF file end in LF.
#[test]
fn header_follows_bare_lf() {
    let content = b"Subject: x\n\nbody\nmore\r\nend";
    let done = run(&["--chain", "header"], content).exits(0);
    let top = done.stdout.strip_suffix(content).expect("every other byte is as it was");
    assert!(top.starts_with(b"Return-Path: <>\nDelivered-To: postmaster\n"), "{}", top.escape_ascii());
    assert!(!top.contains(&b'\r'), "{}", top.escape_ascii());
}

/// Goal: nothing is changed by stages that change nothing, whatever the message is; sinks at the end are left out.
#[test]
fn what_nobody_changes_comes_back() {
    let long =
        [b"Subject: big\n\n".to_vec(), (0..3_000_000u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect()]
            .concat();
    for content in [b"".as_slice(), b"\n", b"x", b"\r\n\r\n", b"\n\n\n", b"no header at all", MESSAGE, &long]
    {
        for chain in ["debug", "compress|decompress", "debug|compress|d:debug|decompress|maildir+null"] {
            let done = run(&["--chain", chain], content).exits(0);
            assert!(done.stdout == content, "{chain}: {} octets became {}", content.len(), done.stdout.len());
        }
    }
}

/// Goal: `compress` is zlib that others can read, and `decompress` reads what others wrote.
#[test]
fn compress_is_zlib() {
    let packed = run(&["--chain", "compress"], MESSAGE).exits(0).stdout;
    assert_eq!(packed[0], 0x78, "a zlib header");
    let python = "import sys,zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    let unpacked =
        gatepost_tests::binary::run(std::process::Command::new("python3").args(["-c", python]), &packed);
    assert_eq!(unpacked.exits(0).stdout, MESSAGE);
}

/// Goal: a header section past its limit is a rejection: exit 1, the reply on stderr, and no message on stdout.
#[test]
fn a_rejection_is_exit_1_and_prints_no_message() {
    let huge = [b"X: ".to_vec(), vec![b'x'; 300 << 10], b"\r\n\r\n".to_vec()].concat();
    let done = run(&["--chain", "header"], &huge).exits(1);
    assert!(done.stdout.is_empty() && done.stderr.contains("verdict: reject: 552 5.3.4"), "{}", done.stderr);
}

/// Goal: a chain that is none is refused with 78, saying why; a command line that is none with 2.
#[test]
fn refused_chains_and_bad_usage() {
    let done = run(&["--chain", "heder"], b"").exits(78);
    assert!(done.stderr.contains("`header`"), "{}", done.stderr);
    let done = run(&["--chain", "compress | header"], b"").exits(78);
    assert!(done.stderr.contains("`compress` gives bytes, but `header` takes message"), "{}", done.stderr);
    let done = run(&["--chain", "decompress"], b"").exits(78);
    assert!(done.stderr.contains("`decompress` takes bytes"), "{}", done.stderr);
    run(&["--chain", "header || debug"], b"").exits(78);
    run(&[], b"").exits(64);
    run(&["--chain", "header", "--nosuch"], b"").exits(64);
}

/// Goal: `--json` gives the verdict, the reply, the envelope and each stage's figures, as documented.
#[test]
fn json_says_all_of_it() {
    let done =
        run(&["--json", "--chain", "header | debug", "--from", "a@b.test", "--rcpt", "c@d.test"], MESSAGE)
            .exits(0);
    let shown: Value = serde_json::from_str(&done.text()).unwrap();
    assert_eq!(shown["verdict"], "accept");
    assert_eq!(shown["reply"]["code"], 250);
    assert_eq!(shown["reply"]["enhanced"], "2.0.0");
    assert_eq!(shown["envelope"]["sender"], "a@b.test");
    assert_eq!(shown["envelope"]["recipients"], serde_json::json!(["c@d.test"]));
    assert!(shown["facts"].is_object());
    let stage = &shown["stages"][0];
    for field in ["name", "processor", "outcome", "cpu_us", "wall_us", "bytes_in", "bytes_out", "memory_peak"]
    {
        assert!(!stage[field].is_null(), "`{field}` is missing in {stage}");
    }
    let header = b"From: a@b.test\r\nSubject: x\r\n\r\n".len();
    assert_eq!(stage["bytes_in"], header, "`header` leaves the line after the header section");
}

/// Goal: settings of a stage can be given, and wrong ones are refused by their name.
#[test]
fn stage_settings_are_taken() {
    let bigger = |level: &str| {
        run(
            &["--chain", "compress", "--stage", &format!("compress={{\"compress_level\":{level}}}")],
            &[b'x'; 5000],
        )
    };
    assert!(bigger("0").exits(0).stdout.len() > 5000, "level 0 stores");
    assert!(bigger("9").exits(0).stdout.len() < 500);
    assert!(bigger("99").exits(78).stderr.contains("level"));
    run(&["--chain", "compress", "--stage", "compress=nonsense"], b"").exits(64);
}

/// Goal: `run` leaves nothing behind in the folder where it is used.
#[test]
fn run_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["--chain", "header | maildir"], MESSAGE).exits(0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Goal: a message can come from a file and go to one; with `--json` stdout holds the JSON alone.
#[test]
fn messages_come_from_and_go_to_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in.eml"), MESSAGE).unwrap();
    let arguments = ["--chain", "debug", "--message", "in.eml", "--output", "out.eml"];
    assert!(run_in(folder.path(), &arguments, b"not this").exits(0).stdout.is_empty());
    assert_eq!(std::fs::read(folder.path().join("out.eml")).unwrap(), MESSAGE);
    std::fs::remove_file(folder.path().join("out.eml")).unwrap();
    let done = run_in(folder.path(), &[&arguments[..], &["--json"]].concat(), b"").exits(0);
    let shown: Value = serde_json::from_str(&done.text()).unwrap();
    assert_eq!((&shown["reason"], &shown["failures"]), (&Value::Null, &serde_json::json!([])));
    assert_eq!(std::fs::read(folder.path().join("out.eml")).unwrap(), MESSAGE);
    let missing = run_in(folder.path(), &["--chain", "debug", "--message", "none.eml"], b"").exits(74);
    assert!(missing.stderr.contains("--message `none.eml`"), "{}", missing.stderr);
}
