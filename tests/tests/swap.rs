//! Swap that is turned on while the server runs.

use std::path::Path;
use std::time::Duration;

use gatepost::telemetry::Event;
use gatepost::wasm::{Compiler, PoolSettings, Sandboxes, Swaps};
use gatepost_tests::http::{Answer, request};
use gatepost_tests::wait::until;
use serde_json::Value;

const HEADING: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

struct Running {
    server: gatepost::Server,
    folder: tempfile::TempDir,
}

impl Running {
    /// A server whose swap areas are listed in a file of the test's.
    async fn start(listed: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "[server]\nstate_dir = \"state\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
                      [[listener]]\nname = \"mx\"\naddress = \"127.0.0.1:0\"\n[telemetry]\nfile = \"log\"\n";
        let file = folder.path().join("gatepost.toml");
        std::fs::write(&file, config).unwrap();
        std::fs::write(folder.path().join("swaps"), listed).unwrap();
        let config = gatepost::config::load(&file).unwrap();
        let swaps = folder.path().join("swaps");
        let server =
            gatepost::Server::builder(config).swaps(&swaps, Duration::from_millis(5)).start().await.unwrap();
        Self { server, folder }
    }

    fn list(&self, text: &str) {
        // Whole or not at all: a list that is half written is another list.
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.folder.path().join("swaps")).unwrap();
    }

    /// Waits until the log holds these words.
    fn logs(&self, words: &str) {
        let log = self.folder.path().join("log");
        until(words, || std::fs::read_to_string(&log).unwrap().contains(words).then_some(()));
    }

    async fn get(&self, path: &'static str) -> Answer {
        let (address, token) = (self.server.admin(), self.folder.path().join("state/admin.token"));
        let token = std::fs::read_to_string(token).unwrap();
        let ask =
            move || request(address, "GET", path, &[&format!("Authorization: Bearer {}", token.trim())]);
        tokio::task::spawn_blocking(ask).await.unwrap().unwrap()
    }
}

/// Whether the kernel has a page scan at all: without it nothing is watched.
fn has_page_scan(no_swap: &Path) -> bool {
    let sandboxes =
        Sandboxes::with_swaps(PoolSettings::default(), Compiler::InProcess, &Swaps::listed_in(no_swap))
            .unwrap();
    if !sandboxes.page_scan() {
        eprintln!("NOT TESTED: this kernel has no page scan (PAGEMAP_SCAN, Linux 6.7)");
    }
    sandboxes.page_scan()
}

/// Goal: swap that comes while the page scan is on is one ERROR, and the end of being ready: what was swapped may be seen
/// by whoever comes next, also when swap is gone again.
#[tokio::test(flavor = "multi_thread")]
async fn swap_that_is_turned_on_ends_readiness() {
    let running = Running::start(HEADING).await;
    if !has_page_scan(&running.folder.path().join("swaps")) {
        return;
    }
    let mut events = running.server.telemetry().subscribe();
    assert_eq!(running.get("/readyz").await.status, 200);
    let status: Value = serde_json::from_str(&running.get("/v1/status").await.body).unwrap();
    assert_eq!(status["not_ready"], Value::Null);
    assert!(running.get("/metrics").await.body.contains("\ngatepost_swap_found 0\n"));

    running.list(&format!("{HEADING}/dev/sda2  partition\t8\t0\t-2\n"));
    let found = loop {
        let event = events.recv().await.unwrap();
        if matches!(&*event, Event::SwapFound { .. }) {
            break event;
        }
    };
    assert_eq!(found.level(), gatepost::telemetry::Level::Error);
    let Event::SwapFound { areas } = &*found else { unreachable!() };
    assert_eq!(areas, &["/dev/sda2"]);
    not_ready(&running).await;

    running.list(HEADING);
    // Had it been said again and again, another of the first kind would come in between.
    let next = events.recv().await.unwrap();
    assert!(matches!(&*next, Event::SwapGone), "{next:?}");
    not_ready(&running).await;
    running.logs("\"event\":\"swap_found\"");
    running.logs("\"event\":\"swap_gone\"");
}

async fn not_ready(running: &Running) {
    let ready = running.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (503, "swap was turned on: start the server anew (see the log)\n")
    );
    let status: Value = serde_json::from_str(&running.get("/v1/status").await.body).unwrap();
    assert_eq!(status["not_ready"], "swap was turned on: start the server anew (see the log)");
    assert_eq!(status["draining"], false);
    assert!(running.get("/metrics").await.body.contains("\ngatepost_swap_found 1\n"));
}

/// Goal: where swap is on from the start, the scan is off, so swap does no harm: the operator is told, and mail is served.
#[tokio::test(flavor = "multi_thread")]
async fn swap_that_was_on_before_costs_only_time() {
    let running = Running::start(&format!("{HEADING}/dev/sda2  partition\t8\t0\t-2\n")).await;
    running.logs("page scan is off");
    for listed in [HEADING.to_owned(), format!("{HEADING}/dev/sdb1  partition\t8\t0\t-2\n")] {
        running.list(&listed);
        assert_eq!(running.get("/readyz").await.status, 200);
        assert!(running.get("/metrics").await.body.contains("\ngatepost_swap_found 0\n"));
    }
}
