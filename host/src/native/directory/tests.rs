//! What the checker answers, and what it takes as settings.

use serde_json::json;

use super::*;

struct Site {
    folder: tempfile::TempDir,
    telemetry: Telemetry,
}

impl Site {
    fn new(list: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("recipients")).unwrap();
        std::fs::write(folder.path().join("recipients/acme"), list).unwrap();
        Self { folder, telemetry: Telemetry::silent() }
    }

    fn configure(&self, settings: serde_json::Value) -> Result<Directory, String> {
        let scope = StageScope {
            hostname: "mx.example".into(),
            state_dir: self.folder.path().to_owned(),
            tenant: "acme".into(),
            label: "directory".into(),
            chunk_size: 16 << 10,
            message_size_max: 25 << 20,
            telemetry: self.telemetry.clone(),
            own: crate::chain::OwnAddresses::default(),
            files: crate::chain::FilesRead::default(),
        };
        let serde_json::Value::Object(settings) = settings else { unreachable!() };
        configure(&scope, settings)
    }
}

async fn ask(directory: &Directory, address: &str) -> String {
    let meter = Arc::new(CpuMeter::default());
    let mailbox = Mailbox::parse(address).unwrap();
    match directory.check(&mailbox, &mut Envelope::default(), &meter).await {
        Ok(()) => "taken".to_owned(),
        Err(StageEnd::Refused(Refusal::Reject(reply))) if reply.code() >= 500 => reply.to_string(),
        Err(StageEnd::Refused(Refusal::Defer(reply))) if reply.code() < 500 => reply.to_string(),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_state_has_its_reply() {
    let site = Site::new(
        "jo@acme.example\nfull@acme.example quota\ngone@acme.example suspended\nflaky@acme.example temporary\n\
         old@acme.example unknown\nleft@acme.example unknown Jo has left, write to info@acme.example\n",
    );
    let directory = site.configure(json!({"subaddress": "+-"})).unwrap();
    for (address, expect) in [
        ("jo@acme.example", "taken"),
        ("JO-x@acme.example", "taken"),
        ("ann@acme.example", "550 5.1.1 No such user here"),
        ("full+x@acme.example", "452 4.2.2 Mailbox is full, try again later"),
        ("gone@acme.example", "550 5.2.1 This mailbox takes no mail"),
        ("flaky@acme.example", "451 4.3.0 This mailbox cannot take mail now, try again later"),
        ("old@acme.example", "550 5.1.1 No such user here"),
        ("left@acme.example", "550 5.1.1 Jo has left, write to info@acme.example"),
    ] {
        assert_eq!(ask(&directory, address).await, expect, "{address}");
    }
}

/// Goal: RFC 5321 §4.5.1: a postmaster is there whatever the list says.
#[tokio::test]
async fn a_postmaster_is_always_there() {
    let directory = Site::new("*@acme.example quota\n").configure(json!({})).unwrap();
    for address in ["postmaster", "PostMaster@acme.example", "\"postmaster\"@other.example"] {
        assert_eq!(ask(&directory, address).await, "taken", "{address}");
    }
    assert!(ask(&directory, "jo@acme.example").await.starts_with("452"));
}

#[test]
fn settings_are_checked() {
    let site = Site::new("jo@acme.example");
    for good in [json!({}), json!({"path": "recipients/acme"}), json!({"subaddress": "+-._"})] {
        site.configure(good).map(drop).unwrap();
    }
    for (bad, expect) in [
        (json!({"path": ""}), "`path`: is empty"),
        (json!({"subaddress": "+-._="}), "`subaddress`: expected one to four characters"),
        (json!({"subaddress": "a"}), "`subaddress`: expected one to four characters"),
        (json!({"subaddress": "@"}), "`subaddress`: expected one to four characters"),
        (json!({"folder": "x"}), "unknown key \"folder\""),
        (json!({"path": "recipients/other"}), "recipients/other`: is not there"),
        (json!({"path": "recipients"}), "recipients`: is not a regular file"),
    ] {
        let error = site.configure(bad).err().unwrap();
        assert!(error.contains(expect), "{error}");
    }
    let error = Site::new("jo@acme.example\nann").configure(json!({})).err().unwrap();
    assert!(error.contains("recipients/acme`: line 2: \"ann\": the domain is missing"), "{error}");
}
