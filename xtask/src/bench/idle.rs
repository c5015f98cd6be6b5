//! What a session costs that says nothing: resident memory of the server with thousands of them.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::client::Client;
use super::stand::{Setup, Stand};

/// Sessions that have said EHLO and stay.
const SESSIONS: usize = 10_000;
/// Of them, before the first look: what is made once is not theirs.
const WARM_UP: usize = 200;

pub(super) fn run(gatepost: &Path) -> Result<()> {
    println!("\nidle: {SESSIONS} sessions that have said EHLO");
    let listener = "sessions_max = 20000\nsessions_per_client = 20000\nsessions_per_network = 20000\n\
                    command_timeout = \"1h\"";
    let setup = Setup { log: "info", tenants: &[("idle", "header | null", "")], components: &[], listener };
    let stand = Stand::start_with(gatepost, "idle", &setup)?;
    let mut clients = Vec::with_capacity(SESSIONS);
    let mut before = 0;
    for n in 0..SESSIONS {
        if n == WARM_UP {
            before = stand.status_kib("VmRSS")?;
        }
        let mut client = Client::connect(stand.server.address).with_context(|| format!("session {n}"))?;
        client.hello("client.bench.example")?;
        clients.push(client);
    }
    let after = stand.status_kib("VmRSS")?;
    let each = (after.saturating_sub(before)) as f64 / (SESSIONS - WARM_UP) as f64;
    println!("  each session      {each:>8.1} KiB  (to be under 12)");
    println!("  all of them       {:>8} MiB", (after - before) / 1024);
    // They are still there, and served.
    for client in [0, SESSIONS / 2, SESSIONS - 1] {
        let code = clients[client].deliver("a@x.example", "b@idle.example", b"Subject: hi\r\n\r\n")?;
        ensure!(code == 250, "a session that was idle is answered {code}");
    }
    drop(clients);
    stand.server.stop()
}
