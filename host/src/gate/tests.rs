//! Seats: each bound at it and one past it, and that none is lost or counted twice.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const MANY: usize = 1000;

fn bounds() -> Bounds {
    Bounds { sessions_max: MANY, sessions_per_client: MANY, sessions_per_network: MANY, session_rate: None }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn enter(gate: &Arc<Gate>, client: &str) -> Result<Seat, Reason> {
    let mut seat = gate.seat()?;
    seat.move_to(ip(client), Instant::now()).map(|()| seat)
}

#[test]
fn in_all() {
    let gate = Gate::new(Bounds { sessions_max: 2, ..bounds() });
    let first = enter(&gate, "192.0.2.1").unwrap();
    let _second = enter(&gate, "2001:db8::1").unwrap();
    assert_eq!(enter(&gate, "198.51.100.1").err(), Some(Reason::Full));
    drop(first);
    assert!(enter(&gate, "198.51.100.1").is_ok());
}

#[test]
fn of_one_address() {
    let gate = Gate::new(Bounds { sessions_per_client: 2, ..bounds() });
    let _first = enter(&gate, "192.0.2.1").unwrap();
    // The same client by way of a dual-stack socket.
    let second = enter(&gate, "::ffff:192.0.2.1").unwrap();
    assert_eq!(enter(&gate, "192.0.2.1").err(), Some(Reason::Client));
    let _other = enter(&gate, "192.0.2.2").unwrap();
    drop(second);
    assert!(enter(&gate, "192.0.2.1").is_ok());
}

#[test]
fn of_one_network() {
    let gate = Gate::new(Bounds { sessions_per_network: 2, ..bounds() });
    let _v4 = [enter(&gate, "192.0.2.1").unwrap(), enter(&gate, "192.0.2.255").unwrap()];
    assert_eq!(enter(&gate, "192.0.2.7").err(), Some(Reason::Network));
    assert!(enter(&gate, "192.0.3.7").is_ok());
    let _v6 = [enter(&gate, "2001:db8::1").unwrap(), enter(&gate, "2001:db8::2:0:0:2").unwrap()];
    assert_eq!(enter(&gate, "2001:db8::3").err(), Some(Reason::Network));
    assert!(enter(&gate, "2001:db8:0:1::3").is_ok());
}

#[test]
fn so_often() {
    let rate = Rate { count: 2, per: Duration::from_secs(60) };
    let gate = Gate::new(Bounds { session_rate: Some(rate), ..bounds() });
    let now = Instant::now();
    let enter = |client: &str, now| {
        let mut seat = gate.seat()?;
        seat.move_to(ip(client), now)
    };
    assert_eq!((enter("192.0.2.1", now), enter("192.0.2.1", now)), (Ok(()), Ok(())));
    let wait = Duration::from_secs(30);
    assert_eq!(enter("192.0.2.1", now), Err(Reason::Rate(wait)));
    assert_eq!(enter("192.0.2.2", now), Ok(()));
    assert_eq!(enter("192.0.2.1", now + wait), Ok(()));
    // A /64 is one client.
    assert_eq!((enter("2001:db8::1", now), enter("2001:db8::2", now)), (Ok(()), Ok(())));
    assert_eq!(enter("2001:db8::3", now), Err(Reason::Rate(wait)));
    // Bounds that leave the rate as it was do not fill anybody's bucket.
    gate.set_bounds(Bounds { sessions_max: 9, session_rate: Some(rate), ..bounds() });
    assert!(enter("2001:db8::3", now).is_err());
    gate.set_bounds(bounds());
    assert_eq!(enter("2001:db8::3", now), Ok(()));
}

#[test]
fn who_is_refused_spends_no_token() {
    let rate = Rate { count: 2, per: Duration::from_secs(60) };
    let gate = Gate::new(Bounds { session_rate: Some(rate), sessions_per_client: 1, ..bounds() });
    let first = enter(&gate, "192.0.2.1").unwrap();
    assert_eq!(enter(&gate, "192.0.2.1").err(), Some(Reason::Client));
    drop(first);
    assert!(enter(&gate, "192.0.2.1").is_ok());
}

/// Goal: a session behind a proxy counts where its client is, the proxy itself nowhere but among all.
#[test]
fn a_seat_moves() {
    let gate = Gate::new(Bounds { sessions_per_client: 1, sessions_max: 3, ..bounds() });
    let now = Instant::now();
    let mut proxied = gate.seat().unwrap();
    let mut other = gate.seat().unwrap();
    assert_eq!(proxied.move_to(ip("192.0.2.1"), now), Ok(()));
    assert_eq!(other.move_to(ip("192.0.2.1"), now), Err(Reason::Client));
    assert_eq!(proxied.move_to(ip("192.0.2.1"), now), Ok(()), "it is there already");
    assert_eq!(proxied.move_to(ip("198.51.100.1"), now), Ok(()));
    assert_eq!(other.move_to(ip("192.0.2.1"), now), Ok(()));
    // A refusal leaves it where it was.
    assert_eq!(proxied.move_to(ip("192.0.2.1"), now), Err(Reason::Client));
    assert_eq!(enter(&gate, "198.51.100.1").err(), Some(Reason::Client));
    assert_eq!(gate.sessions(), 2);
}

#[test]
fn a_seat_moves_within_a_full_network() {
    let gate = Gate::new(Bounds { sessions_per_network: 1, ..bounds() });
    let mut seat = enter(&gate, "192.0.2.1").unwrap();
    assert_eq!(seat.move_to(ip("192.0.2.2"), Instant::now()), Ok(()));
    assert_eq!(enter(&gate, "192.0.2.3").err(), Some(Reason::Network));
}

#[test]
fn smaller_bounds_send_nobody_away() {
    let gate = Gate::new(bounds());
    let mut seats: Vec<Seat> = (0..3).map(|_| enter(&gate, "192.0.2.1").unwrap()).collect();
    gate.set_bounds(Bounds { sessions_max: 2, ..bounds() });
    assert_eq!(enter(&gate, "192.0.2.9").err(), Some(Reason::Full));
    seats.pop();
    assert_eq!(enter(&gate, "192.0.2.9").err(), Some(Reason::Full));
    seats.pop();
    assert!(enter(&gate, "192.0.2.9").is_ok());
}

#[test]
fn replies_say_what_to_do() {
    let text = |reason: Reason| reason.reply().to_string();
    assert_eq!(
        text(Reason::Rate(Duration::from_millis(1001))),
        "421 4.7.0 Too many connections from your address, try again in 2 s"
    );
    for reason in [Reason::Full, Reason::Client, Reason::Network] {
        assert!(text(reason).starts_with("421 4.3.2 Too many sessions"), "{}", text(reason));
        assert!(text(reason).ends_with("try again later"));
    }
}

proptest! {
    /// Goal: whatever comes, moves and goes, the counts are those of the seats that are there.
    #[test]
    fn counts_are_those_of_the_seats(steps in prop::collection::vec((0..3_u8, 0..8_usize, 0..6_u8), 0..100)) {
        let gate = Gate::new(Bounds {
            sessions_max: 6, sessions_per_client: 2, sessions_per_network: 3, session_rate: None,
        });
        let mut seats: Vec<Seat> = Vec::new();
        for (what, which, client) in steps {
            let client = IpAddr::from([192, 0, client % 2, client]);
            match (what, seats.len()) {
                (0, _) => seats.extend(gate.seat().ok()),
                (_, 0) => {}
                (1, len) => drop(seats.swap_remove(which % len)),
                (_, len) => {
                    let _ = seats[which % len].move_to(client, Instant::now());
                }
            }
            let state = gate.state();
            prop_assert_eq!(state.all, seats.len());
            let mut clients: HashMap<IpAddr, usize> = HashMap::new();
            let mut networks: HashMap<IpAddr, usize> = HashMap::new();
            for client in seats.iter().filter_map(|seat| seat.client) {
                *clients.entry(client).or_default() += 1;
                *networks.entry(network_of(client)).or_default() += 1;
            }
            prop_assert!(clients.values().all(|count| *count <= 2) && networks.values().all(|count| *count <= 3));
            prop_assert_eq!(&state.clients, &clients);
            prop_assert_eq!(&state.networks, &networks);
        }
    }
}
