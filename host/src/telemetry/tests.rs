//! Tests of `telemetry`.

use std::net::IpAddr;

use super::*;

fn message(tenant: &str) -> Event {
    Event::Message(Box::new(MessageRecord {
        id: "ID1".into(),
        tenant: tenant.into(),
        chain_revision: 7,
        client: "192.0.2.1".into(),
        helo: "h\r\n\u{9b}x\u{2028}\u{202e}\u{7f}\"".into(),
        sender: "a@x.example".into(),
        recipients: vec!["b@y.example".into(), "c@y.example".into()],
        size: 1234,
        verdict: "accept".into(),
        reply: "250 2.0.0 Ok: queued as ID1".into(),
        stages: vec![StageRecord { name: "header".into(), cpu_us: 15, wall_us: 20, ..Default::default() }],
        sinks: vec!["maildir".into()],
        ms: 3,
        ..Default::default()
    }))
}

fn logged(json: bool, level: Level, events: Vec<Event>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let telemetry = Telemetry::new(&Settings { level, json, file: Some(file.clone()) }).unwrap();
    events.into_iter().for_each(|event| telemetry.emit(event));
    assert!(telemetry.flush(Duration::from_secs(10)));
    std::fs::read_to_string(file).unwrap()
}

fn notice(level: Level, text: &str) -> Event {
    Event::Notice { level, text: text.into() }
}

#[test]
fn a_json_line_holds_the_whole_record_and_no_control_character() {
    let text = logged(true, Level::Info, vec![message("acme")]);
    let line = text.strip_suffix('\n').unwrap();
    assert!(line.chars().all(|c| !c.is_control() && !matches!(c, '\u{2028}' | '\u{202e}')), "{line}");
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["event"], "message");
    assert_eq!(value["level"], "info");
    assert_eq!(value["helo"], "h\r\n\u{9b}x\u{2028}\u{202e}\u{7f}\"");
    assert_eq!(value["stages"][0]["cpu_us"], 15);
    assert_eq!(value["chain_revision"], 7);
    let time: jiff::Timestamp = value["time"].as_str().unwrap().parse().unwrap();
    assert!(jiff::Timestamp::now().as_second() - time.as_second() < 60);
}

#[test]
fn a_text_line_is_for_people_and_holds_no_control_character() {
    let text = logged(false, Level::Info, vec![message("acme"), notice(Level::Warn, "so\nit is")]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("Z INFO  message id=\"ID1\" tenant=\"acme\" chain_revision=7"), "{}", lines[0]);
    assert!(lines[0].contains(r#" helo="h\r\n\u009bx\u2028\u202e\u007f\"""#), "{}", lines[0]);
    assert!(lines[0].contains(r#" recipients=["b@y.example","c@y.example"] size=1234"#), "{}", lines[0]);
    assert!(lines[0].contains(r#" stages=[{"name":"header","#), "{}", lines[0]);
    assert!(lines[1].ends_with(r#"Z WARN  notice text="so\nit is""#), "{}", lines[1]);
}

/// Every kind of event can be written both ways: a kind that cannot would be lost without a word.
#[test]
fn every_event_makes_one_line() {
    let client: IpAddr = "2001:db8::1".parse().unwrap();
    let s = String::new;
    let events = vec![
        Event::Started { version: "0", listeners: vec![s()], admin: s() },
        notice(Level::Debug, ""),
        Event::SessionOpened { listener: s(), client },
        Event::SessionRefused { listener: s(), client, reason: "draining", detail: None },
        Event::HandshakeFailed { listener: s(), client, error: s() },
        Event::SessionClosed { listener: s(), client, reason: "quit" },
        message(""),
        Event::StageFailed { id: s(), tenant: s(), stage: s(), policy: s(), reason: "trap", error: s() },
        Event::StageLog { level: Level::Debug, id: s(), tenant: s(), stage: s(), text: s() },
        Event::StageCount { tenant: s(), stage: s(), name: s(), delta: 1 },
        Event::SinkFailed { id: s(), tenant: s(), sink: s(), error: s(), held_by: vec![] },
        Event::SinkCommitted { id: s(), tenant: s(), sink: s(), us: 1 },
        Event::Relayed { id: s(), tenant: s(), sink: s(), hop: s(), tls: true, converted: 0, reply: s() },
        Event::TenantLoaded { tenant: s(), revision: 1, chain: s() },
        Event::TenantRefused { tenant: s(), serving: None, problems: vec![] },
        Event::ComponentCompiled {
            tenant: s(),
            component: s(),
            size: 0,
            outcome: "ok",
            error: None,
            cpu_ms: 0,
            ms: 0,
        },
        Event::Reloaded { ok: true, changed: 0, refused: 0 },
    ];
    for json in [true, false] {
        let text = logged(json, Level::Debug, events.clone());
        assert_eq!(text.lines().count(), events.len(), "{text}");
        assert!(
            !json || text.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()),
            "{text}"
        );
    }
}

#[test]
fn what_is_below_the_level_is_not_logged() {
    let all = || [Level::Error, Level::Warn, Level::Info, Level::Debug].map(|l| notice(l, "")).to_vec();
    for (level, lines) in [(Level::Error, 1), (Level::Warn, 2), (Level::Info, 3), (Level::Debug, 4)] {
        assert_eq!(logged(true, level, all()).lines().count(), lines);
    }
}

/// Goal: a rotation loses nothing and goes on in the new file.
#[test]
fn reopen_goes_on_in_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let settings = Settings { file: Some(file.clone()), ..Settings::default() };
    let telemetry = Telemetry::new(&settings).unwrap();
    telemetry.emit(notice(Level::Info, "before"));
    assert!(telemetry.flush(Duration::from_secs(10)));
    std::fs::rename(&file, dir.path().join("log.1")).unwrap();
    telemetry.reopen().unwrap();
    telemetry.emit(notice(Level::Info, "after"));
    assert!(telemetry.flush(Duration::from_secs(10)));
    assert!(std::fs::read_to_string(dir.path().join("log.1")).unwrap().contains("before"));
    let now = std::fs::read_to_string(&file).unwrap();
    assert!(now.contains("after") && !now.contains("before"), "{now}");
}

#[test]
fn threads_keep_their_order_and_no_line_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let settings = Settings { file: Some(file.clone()), ..Settings::default() };
    let telemetry = Telemetry::new(&settings).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let telemetry = &telemetry;
            scope.spawn(move || {
                for n in 0..500 {
                    telemetry.emit(notice(Level::Info, &format!("{thread} {n}")));
                }
            });
        }
    });
    assert!(telemetry.flush(Duration::from_secs(10)));
    let mut next = [0; 4];
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let (thread, n) = value["text"].as_str().unwrap().split_once(' ').unwrap();
        let thread: usize = thread.parse().unwrap();
        assert_eq!(n.parse(), Ok(next[thread]));
        next[thread] += 1;
    }
    assert_eq!(next, [500; 4]);
}

/// Goal: a log that cannot be written costs lines, which are counted, and no waiting.
/// Method: a medium that refuses every byte.
#[test]
fn lines_that_cannot_be_written_are_counted() {
    let settings = Settings { file: Some("/dev/full".into()), ..Settings::default() };
    let telemetry = Telemetry::new(&settings).unwrap();
    for _ in 0..10 {
        telemetry.emit(notice(Level::Info, "x"));
    }
    assert!(telemetry.flush(Duration::from_secs(10)));
    assert!(telemetry.metrics_text().contains("gatepost_log_lines_lost_total 10\n"));
}

/// Goal: a reader that has stopped holds nobody up, and memory stays bounded.
/// Method: a pipe that nobody reads; more lines than the pipe and the backlog hold.
#[test]
fn a_stuck_reader_costs_lines_and_no_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let _reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let telemetry = Telemetry::new(&Settings { file: Some(path), ..Settings::default() }).unwrap();
    let text = "x".repeat(64 << 10);
    for _ in 0..200 {
        telemetry.emit(notice(Level::Info, &text));
    }
    assert!(!telemetry.flush(Duration::from_millis(50)));
    assert!(!telemetry.metrics_text().contains("gatepost_log_lines_lost_total 0\n"));
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let settings = Settings { file: Some("/nonexistent/log".into()), ..Settings::default() };
    assert!(Telemetry::new(&settings).is_err());
}

#[test]
fn events_are_counted() {
    let telemetry = Telemetry::silent();
    let client: IpAddr = "192.0.2.1".parse().unwrap();
    for _ in 0..3 {
        telemetry.emit(Event::SessionOpened { listener: "mx".into(), client });
    }
    telemetry.emit(Event::SessionClosed { listener: "mx".into(), client, reason: "quit" });
    telemetry.emit(Event::SessionRefused {
        listener: "mx".into(),
        client,
        reason: "sessions_max",
        detail: None,
    });
    telemetry.emit(message("acme"));
    telemetry.emit(Event::StageFailed {
        id: "ID1".into(),
        tenant: "acme".into(),
        stage: "f".into(),
        policy: "defer".into(),
        reason: "trap",
        error: String::new(),
    });
    telemetry.emit(Event::SinkCommitted {
        id: "ID1".into(),
        tenant: "acme".into(),
        sink: "maildir".into(),
        us: 500,
    });
    telemetry.emit(Event::Reloaded { ok: false, changed: 0, refused: 1 });
    let held = telemetry.instance("acme");
    drop(telemetry.instance("acme"));
    let text = telemetry.metrics_text();
    drop(held);
    for expected in [
        "gatepost_sessions_total{listener=\"mx\"} 3",
        "gatepost_sessions_live 2",
        "gatepost_sessions_refused_total{listener=\"mx\",reason=\"sessions_max\"} 1",
        "gatepost_messages_total{tenant=\"acme\",verdict=\"accept\"} 1",
        "gatepost_message_bytes_total{tenant=\"acme\"} 1234",
        "gatepost_stage_cpu_seconds_count{tenant=\"acme\",stage=\"header\"} 1",
        "gatepost_stage_wall_seconds_sum{tenant=\"acme\",stage=\"header\"} 0.00002",
        "gatepost_stage_failures_total{tenant=\"acme\",stage=\"f\",reason=\"trap\"} 1",
        "gatepost_sink_commits_total{tenant=\"acme\",sink=\"maildir\"} 1",
        "gatepost_sink_commit_seconds_sum{tenant=\"acme\",sink=\"maildir\"} 0.0005",
        "gatepost_reloads_total{result=\"refused\"} 1",
        "gatepost_instances_live 1",
        "gatepost_log_lines_lost_total 0",
    ] {
        assert!(text.lines().any(|line| line == expected), "no `{expected}` in\n{text}");
    }
    for name in ["gatepost_process_cpu_seconds_total ", "gatepost_process_resident_bytes "] {
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(line[name.len()..].parse::<f64>().unwrap() > 0.0, "{line}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    assert!(telemetry.metrics_text().contains("gatepost_instances_live 0\n"));
}

/// Goal: a guest that counts under ever new names fills neither memory nor the share of others.
#[test]
fn series_that_guests_name_are_bounded() {
    let telemetry = Telemetry::silent();
    let count = |tenant: &str, name: String| {
        telemetry.emit(Event::StageCount { tenant: tenant.into(), stage: "s".into(), name, delta: 2 });
    };
    let series = |tenant: &str| {
        let start = format!("gatepost_stage_count_total{{tenant=\"{tenant}\"");
        telemetry.metrics_text().lines().filter(|line| line.starts_with(&start)).count()
    };
    for n in 0..=metrics::COUNT_SERIES_PER_TENANT_MAX {
        count("evil", n.to_string());
    }
    assert_eq!(series("evil"), metrics::COUNT_SERIES_PER_TENANT_MAX);
    count("good", "a b\"\n".into());
    assert_eq!(series("good"), 1);
    let good = "gatepost_stage_count_total{tenant=\"good\",stage=\"s\",name=\"a_b__\"} 2\n";
    assert!(telemetry.metrics_text().contains(good));
    for tenant in 0..10 {
        for n in 0..200 {
            count(&format!("t{tenant}"), n.to_string());
        }
    }
    let all = telemetry.metrics_text().matches("gatepost_stage_count_total{").count();
    assert_eq!(all, metrics::COUNT_SERIES_MAX);
    count("evil", "0".into());
    let standing = "gatepost_stage_count_total{tenant=\"evil\",stage=\"s\",name=\"0\"} 4\n";
    assert!(telemetry.metrics_text().contains(standing), "what stands goes on counting");
}

#[tokio::test]
async fn subscribers_hear_every_event_and_slow_nobody_down() {
    let telemetry = Telemetry::silent();
    telemetry.emit(notice(Level::Info, "unheard"));
    let mut receiver = telemetry.subscribe();
    telemetry.emit(notice(Level::Debug, "heard"));
    let event = receiver.recv().await.unwrap();
    assert!(matches!(&*event, Event::Notice { text, .. } if text == "heard"));
    for _ in 0..=subscriber::LAG_MAX {
        telemetry.emit(notice(Level::Debug, "more"));
    }
    assert!(matches!(receiver.recv().await, Err(broadcast::error::RecvError::Lagged(1))));
}
