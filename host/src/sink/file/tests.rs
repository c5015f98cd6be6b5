//! Tests of `sink::file`.

use super::*;
use crate::mail::MessageId;
use crate::sink::all;
use crate::telemetry::Telemetry;

fn scope(state_dir: &Path) -> StageScope {
    StageScope {
        hostname: "mx.example".into(),
        state_dir: state_dir.into(),
        tenant: "acme".into(),
        label: "stage".into(),
        chunk_size: 16 << 10,
        message_size_max: 1 << 20,
        telemetry: Telemetry::silent(),
        own: crate::chain::OwnAddresses::default(),
        files: crate::chain::FilesRead::default(),
    }
}

fn envelope() -> Envelope {
    Envelope::new(MessageId::from_parts(1, 2, 3), None, vec![])
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn one_file_for_each_message_under_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let sink = configure(&scope(dir.path()), Settings::new()).unwrap();
    let folder = dir.path().join("files/acme");
    for content in ["first", "again"] {
        let mut delivery = sink.open(&envelope()).await.unwrap();
        delivery.write(Bytes::from(content)).await.unwrap();
        delivery.prepare(Placement::Deliver).await.unwrap();
        delivery.commit().await.unwrap();
        let id = envelope().id().to_string();
        assert_eq!(std::fs::read_to_string(folder.join(&id)).unwrap(), content);
        assert_eq!(names(&folder), [id]);
    }
}

/// Two deliveries of one id at once do not disturb each other, and what is dropped leaves nothing.
#[tokio::test]
async fn a_dropped_delivery_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sink = configure(&scope(dir.path()), Settings::new()).unwrap();
    let mut deliveries = Vec::new();
    for _ in 0..2 {
        let mut delivery = sink.open(&envelope()).await.unwrap();
        delivery.write(Bytes::from_static(b"x")).await.unwrap();
        delivery.prepare(Placement::Deliver).await.unwrap();
        deliveries.push(delivery);
    }
    let folder = dir.path().join("files/acme");
    assert!(names(&folder).iter().all(|name| name.starts_with('.')));
    drop(deliveries);
    assert!(names(&folder).is_empty());
}

#[tokio::test]
async fn a_failure_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("files"), "in the way").unwrap();
    let sink = configure(&scope(dir.path()), Settings::new()).unwrap();
    assert!(sink.open(&envelope()).await.is_err());
}

#[test]
fn each_sink_refuses_settings_it_does_not_know() {
    for (name, factory) in all() {
        let settings = serde_json::from_str(r#"{"no_such_key": 1}"#).unwrap();
        let error = factory(&scope(Path::new("/state")), settings).err().unwrap();
        assert!(error.contains("no_such_key"), "{name}: {error}");
        // What a relay cannot do without.
        let settings = if name == "relay" { r#"{"address": "192.0.2.1:25"}"# } else { "{}" };
        let settings = serde_json::from_str(settings).unwrap();
        let sink = factory(&scope(Path::new("/state")), settings).unwrap();
        assert_eq!(sink.name(), "stage");
    }
}
