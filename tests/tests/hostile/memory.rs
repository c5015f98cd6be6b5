//! Memory bombs, again and again: what they took is given back.
//!
//! Few stages, so that after a round every slot of the pool that is ever used has been filled once: what grows then grows
//! without end. With as many stages as `attack` has, slots are filled for the first time for many rounds.

use gatepost_tests::Server;
use gatepost_tests::hostile::{Case, all};

use crate::judge::Log;
use crate::stand::{Placed, add_tenant, builder, no_instance_is_left, provoke};

/// What takes memory in every way there is.
const BOMBS: [&str; 6] =
    ["fill-write", "grow-and-touch", "grow-forever", "list-26mb", "per-byte-write", "handles-flood"];
/// Rounds before memory is looked at, and after.
const ROUNDS: (usize, usize) = (2, 6);
/// Pages that the host's allocator keeps after a round that another did not need.
const SLACK: u64 = 16 << 20;

/// Goal: after more rounds of memory bombs the process is no larger than after the first ones.
#[test]
fn memory_bombs_leave_no_memory_behind() {
    let server = builder().start();
    let placed: Vec<Placed> =
        all().into_iter().filter(|case| BOMBS.contains(&case.name.as_str())).map(alone).collect();
    assert_eq!(placed.len(), BOMBS.len());
    for one in &placed {
        add_tenant(&server, &one.tenant, &[&one.case], "maildir", "");
    }
    (0..ROUNDS.0).for_each(|_| round(&server, &placed));
    let before = server.memory();
    (0..ROUNDS.1).for_each(|_| round(&server, &placed));
    let allowed = before + before / 5 + SLACK;
    assert!(server.memory() < allowed, "{before} bytes, then {}", server.memory());
}

fn alone(case: Case) -> Placed {
    Placed { tenant: format!("m-{}", case.name), case }
}

/// All of them at once.
fn round(server: &Server, placed: &[Placed]) {
    let sent = std::thread::scope(|scope| {
        let clients =
            placed.iter().enumerate().map(|(at, one)| scope.spawn(move || provoke(server.mx(), at, one)));
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|client| client.join().unwrap().unwrap()).collect::<Vec<_>>()
    });
    no_instance_is_left(server);
    let log = Log::of(server, &sent);
    let problems: String = sent.iter().map(|sent| log.judge(&placed[sent.at], sent)).collect();
    assert!(problems.is_empty(), "{problems}");
}
