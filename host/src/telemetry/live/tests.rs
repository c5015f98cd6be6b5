//! Tests of `live`.

use super::*;
use crate::telemetry::StageRecord;

fn record(tenant: &str, id: &str, sender: &str, client: &str) -> MessageRecord {
    MessageRecord {
        id: id.into(),
        tenant: tenant.into(),
        client: client.into(),
        sender: sender.into(),
        size: 100,
        verdict: "accept".into(),
        stages: vec![StageRecord { name: format!("{tenant}-stage"), ..StageRecord::default() }],
        ..MessageRecord::default()
    }
}

fn gauges(tenants: &[(String, usize)]) -> Gauges<'_> {
    Gauges { sessions: 3, memory: 1 << 20, tenants }
}

fn everything(tenant: Option<&str>) -> Interest {
    Interest { tenant: tenant.map(str::to_owned), figures: true, messages: true, changes: true }
}

/// All that waits for a listener.
fn waiting(feed: &mut Feed) -> Vec<News> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        while let Ok(Some(news)) = tokio::time::timeout(std::time::Duration::ZERO, feed.next()).await {
            all.push(news);
        }
        all
    })
}

fn text(news: &News) -> String {
    match news {
        News::Figures(text) | News::Change(text) => text.to_string(),
        News::Message(message) => serde_json::to_string(&**message).unwrap(),
        News::Lagged(missed) => missed.to_string(),
    }
}

#[test]
fn the_host_and_each_tenant_have_their_own_figures() {
    let live = Live::new();
    live.message_at(0, record("acme", "1", "a@One.example", "192.0.2.1"));
    live.message_at(0, record("acme", "2", "", "192.0.2.1"));
    live.message_at(1, record("beta", "3", "b@two.example", "192.0.2.2"));
    live.tick_at(2, &gauges(&[("acme".into(), 2), ("beta".into(), 0)]));
    live.message_at(2, record("beta", "4", "c@three.example", "192.0.2.3"));
    let host = live.figures_of(None, 0, 2);
    assert_eq!(live.figures(None).points, host.points, "a second is told once it has had its tick");
    assert_eq!(host.points.iter().map(|p| (p.messages, p.bytes)).collect::<Vec<_>>(), [(2, 200), (1, 100)]);
    assert_eq!(
        (host.points[1].sessions, host.points[1].in_flight, host.points[1].memory),
        (Some(3), 2, Some(1 << 20))
    );
    assert_eq!(
        host.senders.iter().map(|s| &*s.name).collect::<Vec<_>>(),
        ["<>", "one.example", "three.example", "two.example"]
    );
    let tenants: Vec<_> = host.tenants.iter().map(|t| (&*t.name, t.messages, t.in_flight)).collect();
    assert_eq!(tenants, [("acme", 0.2, 2), ("beta", 0.1, 0)]);
    let acme = live.figures_of(Some("acme"), 0, 2);
    assert_eq!((acme.points[0].messages, acme.points[1].messages, acme.points[1].in_flight), (2, 0, 2));
    assert_eq!((acme.clients.len(), acme.clients[0].messages), (1, 2));
    assert_eq!(acme.stages[0].name, "acme-stage");
    assert_eq!(live.figures_of(Some("nobody"), 0, 2).points.len(), 2);
}

/// Goal: nothing of another tenant is in what a tenant may see: points, names, stages, messages, feed.
/// Method: everything of `beta` and of the host has a mark in it.
#[test]
fn a_tenants_view_speaks_of_no_other() {
    let live = Live::new();
    let (mut acme, mut host) =
        (live.listen(everything(Some("acme"))).unwrap(), live.listen(everything(None)).unwrap());
    live.message_at(0, record("acme", "id-1", "a@one.example", "192.0.2.1"));
    for n in 0..1000 {
        live.message_at(0, record("beta", &format!("mark-{n}"), "a@mark.example", "mark"));
    }
    let mark = || "mark".to_owned();
    let of_beta = [
        Event::TenantLoaded { tenant: "beta".into(), revision: 1, chain: mark() },
        Event::TenantRefused { tenant: "beta".into(), serving: None, problems: vec![mark()] },
        Event::ProcessorStored { owner: "beta".into(), name: mark(), version: mark(), hash: mark(), size: 1 },
        Event::ProcessorStored { owner: "host".into(), name: mark(), version: mark(), hash: mark(), size: 1 },
        Event::Notice { level: crate::telemetry::Level::Warn, text: mark() },
        Event::Reloaded { ok: true, changed: 1, refused: 0 },
    ];
    of_beta.iter().for_each(|event| live.event(event));
    live.event(&Event::TenantLoaded { tenant: "acme".into(), revision: 7, chain: "maildir".into() });
    live.tick_at(1, &gauges(&[("acme".into(), 0), ("beta".into(), 5)]));

    let heard: Vec<String> = waiting(&mut acme).iter().map(text).collect();
    assert_eq!(heard.len(), 3, "its second, its message, its change: {heard:?}");
    let figures = serde_json::to_string(&live.figures_of(Some("acme"), 0, 1)).unwrap();
    let messages =
        serde_json::to_string(&text(&News::Message(live.messages(Some("acme"), 200, None)[0].clone())));
    for text in heard.iter().chain([&figures, &messages.unwrap()]) {
        assert!(!text.contains("mark") && !text.contains("beta"), "{text}");
    }
    assert!(figures.contains("\"messages\":1,") && figures.contains("\"in_flight\":0"), "{figures}");
    assert_eq!(live.messages(Some("acme"), 200, None).len(), 1);
    let of_host: Vec<String> = waiting(&mut host).iter().map(text).collect();
    assert!(of_host.iter().any(|text| text.contains("\"revision\":7")));
    assert!(of_host.iter().filter(|text| text.contains("mark")).count() > 100);
}

/// Goal: who reads nothing costs a bounded queue, is told how much it missed, and still gets the newest figures soon.
#[test]
fn a_slow_reader_loses_news_and_hears_how_many() {
    let live = Live::new();
    let mut slow = live.listen(everything(None)).unwrap();
    let there = [("acme".to_owned(), 0)];
    for second in 1..=100 {
        for n in 0..10 {
            live.message_at(second, record("acme", &n.to_string(), "", ""));
        }
        live.tick_at(second, &gauges(&there));
    }
    let heard = waiting(&mut slow);
    let News::Lagged(missed) = heard[0] else { panic!("{:?}", heard[0]) };
    let messages = heard.iter().filter(|news| matches!(news, News::Message(_))).count();
    assert_eq!(missed + messages as u64, 1000);
    assert!(messages <= 128 && heard.len() <= messages + 5, "{}", heard.len());
    live.message_at(101, record("acme", "new", "", ""));
    assert!(text(&waiting(&mut slow)[0]).contains("\"new\""), "it hears again");
}

#[test]
fn a_feed_is_told_so_many_messages_a_second() {
    let live = Live::new();
    let mut feed = live.listen(Interest { figures: false, ..everything(None) }).unwrap();
    for _ in 0..MESSAGES_PER_SECOND_MAX + 20 {
        live.message_at(0, record("acme", "", "", ""));
    }
    let heard = waiting(&mut feed);
    assert!(matches!(heard[0], News::Lagged(20)), "{:?}", heard[0]);
    assert_eq!(heard.len(), 1 + MESSAGES_PER_SECOND_MAX as usize);
    live.tick_at(1, &gauges(&[("acme".into(), 0)]));
    live.message_at(1, record("acme", "", "", ""));
    assert_eq!(waiting(&mut feed).len(), 1);
}

/// Goal: neither tenants nor messages fill the memory; the next one under a name finds nothing of the last.
#[test]
fn books_are_bounded_and_forgotten_with_their_tenant() {
    let live = Live::new();
    for n in 0..TENANTS_MAX + 10 {
        live.message_at(0, record(&format!("t{n}"), "", "", ""));
    }
    assert_eq!(live.tenants.read().unwrap().len(), TENANTS_MAX);
    assert_eq!(live.figures_of(None, 0, 1).points[0].messages as usize, TENANTS_MAX + 10);
    live.tick_at(1, &gauges(&[("t7".into(), 0)]));
    assert_eq!(live.tenants.read().unwrap().keys().collect::<Vec<_>>(), ["t7"]);
    for _ in 0..10_000 {
        live.message_at(1, MessageRecord { helo: "x".repeat(5000), ..record("t7", "", "", "") });
    }
    assert!(live.messages(Some("t7"), usize::MAX, None).len() <= 200);
    assert!(live.tenants_bytes.load(Ordering::Relaxed) <= 512 << 10);
    live.tick_at(2, &gauges(&[]));
    assert!(live.messages(Some("t7"), 1, None).is_empty());
    assert_eq!(live.tenants_bytes.load(Ordering::Relaxed), 0);
}
