//! Tests of `sink::relay` that a wire does not show: what is read from settings, and what an error means.

use std::net::SocketAddr;
use std::path::Path;

use super::door::Shut;
use super::error::{HopError, NoHop};
use super::settings::{BareNewlines, Protocol, RelaySettings, Tls};
use super::*;
use crate::chain::OwnAddresses;
use crate::telemetry::Telemetry;

fn scope(state_dir: &Path) -> StageScope {
    StageScope {
        hostname: "mx.example".into(),
        state_dir: state_dir.into(),
        tenant: "acme".into(),
        label: "out".into(),
        chunk_size: 16 << 10,
        message_size_max: 1 << 20,
        telemetry: Telemetry::silent(),
        own: OwnAddresses::default(),
        files: crate::chain::FilesRead::default(),
    }
}

fn read(json: &str) -> Result<RelaySettings, String> {
    RelaySettings::read(&scope(Path::new("/nonexistent")), serde_json::from_str(json).unwrap())
}

/// Goal: the defaults are what `docs/config.md` says, which no other test reads of a sink.
#[test]
fn defaults() {
    let settings = read(r#"{"address": "192.0.2.1:25"}"#).unwrap();
    let seconds = |n| Duration::from_secs(n);
    assert_eq!((settings.protocol, settings.tls), (Protocol::Smtp, Tls::Opportunistic));
    assert_eq!(settings.bare_newlines, BareNewlines::Convert);
    assert_eq!((settings.helo.as_str(), settings.login.is_none()), ("mx.example", true));
    assert_eq!((settings.connect_timeout, settings.command_timeout), (seconds(30), seconds(120)));
    assert_eq!((settings.data_timeout, settings.reply_timeout), (seconds(180), seconds(300)));
    assert_eq!((settings.connections_max, settings.idle_max), (200, 20));
    assert_eq!(settings.pause_timeout, seconds(30));
    assert_eq!((settings.idle_timeout, settings.connection_messages_max), (seconds(10), 100));
    let document = include_str!("../../../../docs/config.md");
    let row = document.lines().find(|line| line.starts_with("| `relay` |")).unwrap();
    for told in [
        "`connect_timeout`: for a connection and its greeting (`\"30s\"`)",
        "(`\"2m\"`)",
        "(`\"3m\"`)",
        "(`\"5m\"`)",
        "once more (`\"30s\"`)",
        "(200)",
    ] {
        assert!(row.contains(told), "{told}");
    }
}

/// Goal: a list has at most 32 places, a list of networks as many.
#[test]
fn lists_have_their_bounds() {
    let list = |n: usize, what: &str| vec![format!("\"{what}\""); n].join(", ");
    let places = |n| read(&format!("{{\"address\": [{}]}}", list(n, "192.0.2.1:25"))).is_ok();
    assert!(places(32) && !places(33));
    let networks = |n| {
        read(&format!("{{\"address\": \"192.0.2.1:25\", \"hosts_allowed\": [{}]}}", list(n, "192.0.2.0/24")))
            .is_ok()
    };
    assert!(networks(32) && !networks(33));
}

/// Goal: the sink waits for a commit as long as the settings have it wait for the answer, not for the 30 s of other sinks.
#[test]
fn what_the_sink_says_of_itself() {
    let sink = configure(
        &scope(Path::new("/nonexistent")),
        serde_json::from_str(r#"{"address": "192.0.2.1:25"}"#).unwrap(),
    );
    let sink = sink.unwrap();
    assert_eq!(
        (sink.name(), sink.takes(), sink.is_final(), sink.can_quarantine()),
        ("out", Content::Message, true, false)
    );
    assert_eq!(sink.commit_max(), Duration::from_secs(180 + 300 + 30));
}

/// Goal: only what is sure to go wrong for ever is refused for good.
#[test]
fn what_an_error_means() {
    let peer: SocketAddr = "192.0.2.1:25".parse().unwrap();
    assert_eq!(HopError::Shut(Shut::Ours(peer)).fault(), Fault::Loop);
    assert_eq!(HopError::OurName { peer, name: "mx.example".into() }.fault(), Fault::Loop);
    assert_eq!(HopError::Shut(Shut::Private(peer.ip())).fault(), Fault::NotAllowed);
    assert_eq!(HopError::Full(1).fault(), Fault::Full);
    let answer = HopError::Answer { peer, step: "EHLO", reply: "554 no".into() };
    assert_eq!(answer.fault(), Fault::Unwilling);
}

/// Goal: of several errors the client learns the most telling one, wherever it stands; a loop only where there is nothing else.
#[test]
fn what_several_errors_mean() {
    let peer: SocketAddr = "192.0.2.1:25".parse().unwrap();
    let refused = || HopError::Connect { peer, source: std::io::ErrorKind::ConnectionRefused.into() };
    let login = || HopError::Login { peer, why: "535 no".into() };
    let ours = || HopError::Shut(Shut::Ours(peer));
    let fault = |errors: Vec<HopError>| {
        let mut all = NoHop::default();
        errors.into_iter().for_each(|error| all.note(error));
        all.fault()
    };
    assert_eq!(fault(vec![login(), refused(), ours()]), Fault::Insecure);
    assert_eq!(fault(vec![ours(), refused(), login()]), Fault::Insecure);
    assert_eq!(fault(vec![ours(), refused()]), Fault::Unreachable);
    assert_eq!(fault(vec![refused(), HopError::Pending { peer }]), Fault::Lost);
    assert_eq!(fault(vec![ours(), ours()]), Fault::Loop);
    let left = |text: &str| HopError::Left {
        peer,
        step: "RCPT",
        reply: HopReply { code: 421, lines: vec![text.into()] },
    };
    let reply = |text| Fault::Left(Box::new(crate::smtp::Reply::new(451, "4.0.0", text)));
    assert_eq!(fault(vec![refused(), left("first"), left("second")]), reply("first"));
}
