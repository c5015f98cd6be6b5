//! What a guest may import: the envelope, its facts, the log, counts. All of it only while there is a message.

use gatepost_tests::guest::Guest;
use gatepost_tests::lab::{Lab, Ran};

use crate::{MESSAGE, PIECES};

fn run(lab: &Lab, guest: &Guest) -> Ran {
    lab.run(&[lab.stage(&guest.component()).plan()], PIECES)
}

/// Writes the string whose pointer and length lie at `at`.
fn write_string(at: u32) -> String {
    format!("(drop (call $next (i32.load (i32.const {at})) (i32.load (i32.const {}))))", at + 4)
}

#[test]
fn the_envelope_is_told() {
    let lab = Lab::new();
    let open = format!(
        "(call $id (i32.const 128)) {id} (call $sender (i32.const 128)) {option}
         (call $recipients (i32.const 128))
         (if (i32.ne (i32.load (i32.const 132)) (i32.const 2)) (then unreachable))
         (call $fact @\"client.ip\" (i32.const 144)) {fact}
         (call $fact @\"x.none\" (i32.const 160))
         (if (i32.load8_u (i32.const 160)) (then unreachable))
         (local.set $list (i32.load (i32.const 128)))
         (drop (call $next (i32.load (local.get $list)) (i32.load offset=4 (local.get $list))))
         (drop (call $next (i32.load offset=8 (local.get $list)) (i32.load offset=12 (local.get $list))))
         (global.get $ok)",
        id = write_string(128),
        option = write_string(132),
        fact = write_string(148),
    );
    let ran = run(&lab, &Guest::new().open(&format!("(local $list i32) {open}")));
    let id = ran.envelope.id().to_string();
    assert_eq!(ran.end(), "accept");
    assert_eq!(ran.text(), format!("{id}sender@from.example192.0.2.1one@to.exampletwo@to.example{MESSAGE}"));
}

/// Whether `set-fact` takes the key and value, which lie in memory.
fn sets_fact(lab: &Lab, key: &str, value: &str) -> bool {
    let guest = Guest::new().open(&format!(
        "(if (call $set_fact @\"{key}\" @\"{value}\") (then (drop (call $next @\"yes\")))) (global.get $ok)"
    ));
    let ran = run(lab, &guest);
    assert_eq!(ran.end(), "accept");
    let set = ran.text().starts_with("yes");
    assert_eq!(ran.envelope.fact(key) == Some(value), set, "{key}");
    set
}

#[test]
fn facts_have_limits() {
    let lab = Lab::new();
    let key = |len: usize| format!("x.{}", "k".repeat(len - 2));
    assert!(sets_fact(&lab, &key(64), "v"));
    assert!(!sets_fact(&lab, &key(65), "v"));
    assert!(sets_fact(&lab, "x.a", &"v".repeat(1024)));
    assert!(!sets_fact(&lab, "x.a", &"v".repeat(1025)));
    assert!(sets_fact(&lab, "x.a", ""));
    assert!(sets_fact(&lab, "x.a", "Gr\u{fc}\u{df}e"));
    for key in ["client.ip", "smtp.helo", "", "x", "x.", "X.a", " x.a", "x.a b", "x.a\nb", "x.\u{e4}"] {
        assert!(!sets_fact(&lab, key, "v"), "{key:?}");
    }
}

/// Goal: 64 facts and no more; one that stands may change.
#[test]
fn facts_are_counted() {
    let lab = Lab::new();
    let set = "(local.set $n (i32.const 64))
        (loop $more
          (i32.store8 (i32.const 2002) (i32.add (local.get $n) (i32.const 32)))
          (if (i32.eqz (call $set_fact (i32.const 2000) (i32.const 3) @\"v\")) (then unreachable))
          (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (if (call $set_fact @\"x.one-more\" @\"v\") (then unreachable))
        (if (i32.eqz (call $set_fact (i32.const 2000) (i32.const 3) @\"w\")) (then unreachable))
        (global.get $ok)";
    let ran = run(&lab, &Guest::new().data(2000, b"x.").open(&format!("(local $n i32) {set}")));
    assert_eq!(ran.end(), "accept");
    assert_eq!(ran.envelope.facts().keys().filter(|key| key.starts_with("x.")).count(), 64);
    assert_eq!(ran.envelope.fact("x.!"), Some("w"));
}

#[test]
fn a_later_stage_sees_the_facts_of_those_before() {
    let lab = Lab::new();
    let sets = Guest::new().open("(drop (call $set_fact @\"x.score\" @\"7\")) (global.get $ok)");
    let close = "(call $fact @\"x.score\" (i32.const 144)) {write} (global.get $ok)";
    let reads = Guest::new().open(&close.replace("{write}", &write_string(148)));
    let stages = [
        lab.stage(&sets.component()).label("sets").plan(),
        lab.stage(&reads.component()).label("reads").plan(),
    ];
    assert_eq!(lab.run(&stages, PIECES).text(), format!("7{MESSAGE}"));
}

#[test]
fn a_log_record_is_cut_at_1_kib() {
    let lab = Lab::new();
    let log = |text: &str| {
        let ran = run(
            &lab,
            &Guest::new().open(&format!("(call $emit (i32.const 1) @\"{text}\") (global.get $ok)")),
        );
        assert_eq!(ran.end(), "accept");
        ran.logged()
    };
    let full = "l".repeat(1024);
    assert_eq!(log(&full), std::slice::from_ref(&full));
    assert_eq!(log(&format!("{full}!")), std::slice::from_ref(&full));
    assert_eq!(log(&format!("{}\u{e4}", &full[1..])), [&full[1..]], "cut between characters");
    assert_eq!(log(""), [""]);
}

/// Logs the text so many times on one message.
fn logs(lab: &Lab, text: &str, times: u32) -> Vec<String> {
    let guest = Guest::new().open(&format!(
        "(local $n i32) (local.set $n (i32.const {times}))
         (loop $more (call $emit (i32.const 2) @\"{text}\")
           (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (global.get $ok)"
    ));
    let ran = run(lab, &guest);
    assert_eq!((ran.end().as_str(), ran.text().as_str()), ("accept", MESSAGE));
    ran.logged()
}

/// Goal: a message's log is bounded, and the operator learns that something is missing, once.
/// Method: exactly the budget of 8 KiB, one record past it, many past it; records that are empty.
#[test]
fn a_message_has_a_log_budget() {
    let lab = Lab::new();
    let full = "l".repeat(1024);
    let spent = "log budget of this message is spent";
    assert_eq!(logs(&lab, &full, 8), vec![full.clone(); 8]);
    for times in [9, 1000] {
        let logged = logs(&lab, &full, times);
        assert_eq!((logged.len(), logged[8].as_str()), (9, spent), "{times}");
    }
    assert_eq!(logs(&lab, "", 128).len(), 128);
    let logged = logs(&lab, "", 1000);
    assert_eq!((logged.len(), logged[128].as_str()), (129, spent), "empty records are not free");
}

#[test]
fn counts_have_limits() {
    let lab = Lab::new();
    let mut open = String::new();
    for (name, delta) in
        [("a", 1_u64), ("a", 2), ("b", u64::MAX), (&"n".repeat(32), 1), (&"n".repeat(33), 1), ("", 1)]
    {
        open += &format!("(call $count @\"{name}\" (i64.const {}))", delta.cast_signed());
    }
    let ran = run(&lab, &Guest::new().open(&format!("{open} (global.get $ok)")));
    let expect = [("a", 1), ("a", 2), ("b", u64::MAX), (&"n".repeat(32), 1)];
    assert_eq!(ran.counted(), expect.map(|(name, delta)| (name.to_owned(), delta)));

    let many: String = (0..20).map(|n| format!("(call $count @\"n{n}\" (i64.const 1))")).collect();
    let ran = run(
        &lab,
        &Guest::new().open(&format!("{many} (call $count @\"n3\" (i64.const 5)) (global.get $ok)")),
    );
    let counted = ran.counted();
    assert_eq!(counted.len(), 17, "16 names, and one of them again");
    assert_eq!(counted[16], ("n3".to_owned(), 5));
}

/// Goal: `describe` and `configure` are pure.
/// Method: each import, called in each of them: it traps, and the text says which.
#[test]
fn imports_trap_before_there_is_a_message() {
    let lab = Lab::new();
    for (import, call) in [
        ("next.write", "(drop (call $next @\"x\"))"),
        ("log.emit", "(call $emit (i32.const 0) @\"x\")"),
        ("log.count", "(call $count @\"x\" (i64.const 1))"),
        ("envelope.id", "(call $id (i32.const 128))"),
        ("envelope.sender", "(call $sender (i32.const 128))"),
        ("envelope.recipients", "(call $recipients (i32.const 128))"),
        ("envelope.fact", "(call $fact @\"x\" (i32.const 128))"),
        ("envelope.set-fact", "(drop (call $set_fact @\"x.a\" @\"x\"))"),
    ] {
        let expect = format!("`{import}` cannot be called from `describe` or `configure`");
        let describe = Guest::new().describe(&format!("{call} (call $description)")).component();
        let error = lab.load(&describe).unwrap_err().to_string();
        assert!(error.contains(&expect), "{error}");
        let configure = Guest::new().configure(&format!("{call} (global.get $ok)")).component();
        let error = lab.stage(&configure).try_plan().err().unwrap_or_default();
        assert!(error.contains(&expect), "{error}");
    }
}

/// Goal: text that is no UTF-8, or lies outside of memory, is a trap of that stage.
#[test]
fn texts_are_checked() {
    let lab = Lab::new();
    for text in
        ["(i32.const 2000) (i32.const 2)", "(i32.const -1) (i32.const 2)", "(i32.const 0) (i32.const -1)"]
    {
        let guest = Guest::new()
            .data(2000, b"\xc3(")
            .open(&format!("(call $emit (i32.const 0) {text}) (global.get $ok)"));
        let ran = run(&lab, &guest);
        assert!(ran.end().starts_with("failed: guest: trap: "), "{}", ran.end());
        assert_eq!(ran.logged(), [""; 0]);
    }
    let level = run(&lab, &Guest::new().open("(call $emit (i32.const 4) @\"x\") (global.get $ok)"));
    assert!(level.end().starts_with("failed: guest: trap: "), "{}", level.end());
}
