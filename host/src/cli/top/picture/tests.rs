//! Tests of `picture`.

use super::*;
use crate::admin::{BreakerStatus, Status};
use crate::cli::top::Beat;
use crate::telemetry::live::{StageFigure, TenantFigure, Verdicts};

const EVIL: &str = "\u{1b}[2J\u{9b}1m\r\n<script>\u{202e}";

fn view(tenants: usize, name: &str) -> View {
    let status = |n: usize| TenantStatus {
        name: format!("{name}{n}"),
        revision: (n != 1).then_some(7),
        chain: name.into(),
        messages: n,
        breakers: vec![BreakerStatus { stage: name.into(), place: "chain".into(), retry_in_ms: None }],
        problems: vec![name.into()],
    };
    let busy = |name: &str| vec![Busy { name: name.into(), messages: 12 }];
    let stage = StageFigure {
        name: name.into(),
        processor: name.into(),
        messages: 2.0,
        cpu_us: 3000.0,
        ..Default::default()
    };
    let verdicts = Verdicts { accept: 8, reject: 2, ..Verdicts::default() };
    let point = Point {
        at: 1_000_000,
        messages: 10,
        bytes: 2048,
        verdicts,
        sessions: Some(3),
        memory: Some(1 << 20),
        ..Point::default()
    };
    let figure = |n: usize| TenantFigure {
        name: format!("{name}{n}"),
        messages: 1.5,
        bytes: 2.0,
        refused: 0.0,
        in_flight: 1,
    };
    View {
        tenant: None,
        status: Status {
            version: "1.2.3".into(),
            uptime_s: 3700,
            draining: false,
            not_ready: Some(name.into()),
            listeners: Vec::new(),
            tenants: (0..tenants).map(status).collect(),
        },
        points: vec![point; 20],
        beat: Beat {
            point,
            senders: busy(name),
            clients: busy("192.0.2.1"),
            stages: vec![stage],
            tenants: (2..tenants).map(figure).collect(),
        },
    }
}

#[test]
fn a_picture_says_what_there_is() {
    let lines = picture(&view(3, "acme"), 100, 40);
    let text = lines.join("\n");
    for expected in [
        "gatepost 1.2.3, NOT READY: acme, up 1 h 1 min",
        "10.0/s   2.00 KiB/s   █████",
        "accept 8.00/s   reject 2.00/s",
        "sessions 3   memory 1.00 MiB",
    ] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
    let row = lines.iter().position(|line| line.starts_with("TENANT")).unwrap() + 1;
    assert!(lines[row].starts_with("acme2        1.50"), "the busiest first:\n{text}");
    assert!(lines[row].ends_with("7  breaker of acme open, its file is refused"), "{text}");
    assert!(lines[row + 2].ends_with("-  breaker of acme open, NOT LOADED"), "{text}");
    assert!(text.contains("SENDERS") && text.contains("192.0.2.1"));
    let text = picture(&View { tenant: Some("acme".into()), ..view(1, "acme") }, 100, 40).join("\n");
    assert!(text.contains("STAGE") && text.contains("1.50 ms") && !text.contains("TENANT "), "{text}");
}

/// Goal: a picture fits any terminal, and no text from outside reaches it unescaped.
#[test]
fn every_size_fits_and_nothing_is_a_control_character() {
    for (width, height) in [(1, 1), (8, 3), (20, 10), (80, 24), (300, 100)] {
        for tenant in [None, Some(EVIL.to_owned())] {
            let lines = picture(&View { tenant, ..view(60, EVIL) }, width, height);
            assert!(lines.len() <= height, "{} of {height} lines", lines.len());
            for line in &lines {
                assert!(line.chars().count() <= width, "{width}: {line:?}");
                assert!(line.chars().all(|c| !crate::telemetry::is_active(c)), "{line:?}");
            }
        }
    }
    let lines = picture(&view(60, "t"), 80, 24);
    assert_eq!(lines.len(), 24);
    assert!(lines.iter().any(|line| line.starts_with("  and ")), "{lines:#?}");
}
