//! Rows, networks, pauses and probes, with made-up times.

use proptest::prelude::*;

use super::*;

const PAUSE: Duration = Duration::from_secs(30);
const SETTINGS: Settings = Settings { failures: 4, networks: 3, pause: PAUSE };
const EARLY: Outcome = Outcome::Early("trap");
const SPENT: Outcome = Outcome::Spent("cpu");

fn net(n: u8) -> Network {
    Network::V4([192, 0, n])
}

/// A breaker, and the time in a test.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { breaker: Breaker::new(SETTINGS), now: Instant::now() }
    }

    /// A message that is let through and ends so.
    fn message(&self, outcome: Outcome, client: Network) -> Option<Change> {
        let gate = self.breaker.ask(self.now);
        assert_ne!(gate, Gate::Defer);
        self.breaker.tell(gate, outcome, client, self.now)
    }

    fn opened() -> Self {
        let bench = Self::new();
        for _ in 0..SETTINGS.failures {
            bench.message(EARLY, net(1));
        }
        assert_eq!(bench.breaker.ask(bench.now), Gate::Defer);
        bench
    }
}

/// Goal: which rows open it, at the length and one short of it.
#[test]
fn rows_that_open() {
    let early = |n: usize| vec![(EARLY, 1); n];
    let from = |networks: &[u8]| networks.iter().map(|n| (SPENT, *n)).collect::<Vec<_>>();
    for (row, opens) in [
        (early(3), false),
        (early(4), true),
        (from(&[1, 2, 3]), false),
        (from(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), false),
        (from(&[1, 2, 1, 2, 1, 2]), false),
        (from(&[1, 1, 2, 3]), true),
        (from(&[1, 1, 1, 1, 1, 2, 3]), true),
        // Early ones stand in a row of spent budgets, with their networks; but not the other way round.
        ([from(&[1, 2]), vec![(EARLY, 3), (SPENT, 3)]].concat(), true),
        ([early(3), from(&[1, 1, 1, 1])].concat(), false),
        ([early(3), from(&[1]), early(1)].concat(), true),
        // One that was handled ends the row, one that says nothing does not.
        ([early(3), vec![(Outcome::Handled, 1)], early(3)].concat(), false),
        ([early(3), vec![(Outcome::Neutral, 1)], early(1)].concat(), true),
        ([from(&[1, 2, 3]), vec![(Outcome::Handled, 1)], from(&[1, 1, 1, 1])].concat(), false),
    ] {
        let bench = Bench::new();
        let changes: Vec<_> =
            row.iter().map(|(outcome, client)| bench.message(*outcome, net(*client))).collect();
        assert_eq!(changes.last().unwrap().is_some(), opens, "{row:?}");
        assert!(changes[..changes.len() - 1].iter().all(Option::is_none), "{row:?}");
        let gate = bench.breaker.ask(bench.now);
        assert_eq!(gate, if opens { Gate::Defer } else { Gate::Pass }, "{row:?}");
    }
}

#[test]
fn what_it_says_when_it_opens() {
    let bench = Bench::new();
    for n in [1, 1, 2] {
        assert_eq!(bench.message(SPENT, net(n)), None);
    }
    let opened = Change::Opened { reason: "cpu", failures: 4, networks: 3, pause: PAUSE };
    assert_eq!(bench.message(SPENT, net(3)), Some(opened));
    assert_eq!(bench.breaker.standing(bench.now), Standing::Open { retry_in: PAUSE });
}

/// Goal: a pause lasts as long as it should, then one message is let through and no second.
#[test]
fn a_pause_then_one_probe() {
    let mut bench = Bench::opened();
    bench.now += PAUSE - Duration::from_nanos(1);
    assert_eq!(bench.breaker.ask(bench.now), Gate::Defer);
    bench.now += Duration::from_nanos(1);
    assert_eq!(bench.breaker.standing(bench.now), Standing::Open { retry_in: Duration::ZERO });
    assert_eq!(bench.breaker.ask(bench.now), Gate::Probe);
    assert_eq!(bench.breaker.standing(bench.now), Standing::Probing);
    assert_eq!(bench.breaker.ask(bench.now + 100 * PAUSE), Gate::Defer);
    let told = bench.breaker.tell(Gate::Probe, Outcome::Handled, net(1), bench.now);
    assert_eq!(told, Some(Change::Closed));
    assert_eq!(bench.message(EARLY, net(1)), None, "the row begins anew");
    assert_eq!(bench.breaker.standing(bench.now), Standing::Closed);
}

#[test]
fn each_failed_probe_doubles_the_pause_up_to_sixteen_times() {
    let mut bench = Bench::opened();
    let mut pause = PAUSE;
    for (n, times) in [2, 4, 8, 16, 16, 16].into_iter().enumerate() {
        bench.now += pause;
        // From one network, and be it a budget: it was open already.
        let told = bench.message(if n % 2 == 0 { SPENT } else { EARLY }, net(1));
        pause = times * PAUSE;
        assert!(matches!(told, Some(Change::Opened { pause: new, .. }) if new == pause), "{told:?}");
        assert_eq!(bench.breaker.ask(bench.now + pause - Duration::from_nanos(1)), Gate::Defer);
    }
}

#[test]
fn a_probe_that_found_out_nothing_makes_way_for_the_next() {
    let mut bench = Bench::opened();
    bench.now += PAUSE;
    for _ in 0..3 {
        assert_eq!(bench.message(Outcome::Neutral, net(1)), None);
    }
    assert_eq!(bench.message(Outcome::Handled, net(1)), Some(Change::Closed));
}

/// Goal: messages that began before it opened change nothing any more.
#[test]
fn latecomers_do_not_count() {
    let mut bench = Bench::opened();
    for outcome in [Outcome::Handled, EARLY, SPENT, Outcome::Neutral] {
        assert_eq!(bench.breaker.tell(Gate::Pass, outcome, net(9), bench.now), None);
        assert_eq!(bench.breaker.ask(bench.now), Gate::Defer);
    }
    bench.now += PAUSE;
    assert_eq!(bench.breaker.ask(bench.now), Gate::Probe);
    assert_eq!(bench.breaker.tell(Gate::Pass, Outcome::Handled, net(9), bench.now), None);
    assert_eq!(bench.breaker.standing(bench.now), Standing::Probing);
}

#[test]
fn networks_of_clients() {
    let of = |text: &str| Network::of(Some(text.parse().unwrap()));
    assert_eq!(of("192.0.2.1"), of("192.0.2.255"));
    assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.9"), "IPv4 however it is written");
    assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::"));
    assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
    assert_eq!(Network::of(None), Network::Unknown);
}

#[test]
fn what_counts_as_what() {
    let trap = || StageError::Trapped("x".into());
    let cpu = StageError::OutOfCpu { budget_ms: 1 };
    let wall = StageError::OutOfWall { budget_ms: 1 };
    for (error, early, late) in [
        (trap(), Outcome::Early("trap"), Outcome::Neutral),
        (StageError::Failed(String::new()), Outcome::Early("failed"), Outcome::Neutral),
        (StageError::BadReply(String::new()), Outcome::Early("reply"), Outcome::Neutral),
        (cpu, Outcome::Early("cpu"), Outcome::Spent("cpu")),
        (StageError::OutOfHostCalls { limit: 1 }, Outcome::Early("host_calls"), Outcome::Spent("host_calls")),
        (wall, Outcome::Spent("wall"), Outcome::Spent("wall")),
        (StageError::HeaderTooLarge { limit: 1 }, Outcome::Early("header"), Outcome::Neutral),
        (StageError::NoCapacity("x".into()), Outcome::Neutral, Outcome::Neutral),
    ] {
        assert_eq!(Outcome::failed(&error, false), early);
        assert_eq!(Outcome::failed(&error, true), late);
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Neutral), Just(Outcome::Handled), Just(EARLY), Just(SPENT), Just(SPENT)]
}

proptest! {
    /// Goal: while it is closed, it opens exactly where the words of the book say so.
    /// Method: any messages, one after the other, against a count over the whole past.
    #[test]
    fn opens_as_the_book_says(messages in prop::collection::vec((outcome(), 0u8..4), 0..60)) {
        let bench = Bench::new();
        for n in 0..messages.len() {
            let (last, client) = messages[n];
            let opened = bench.message(last, net(client)).is_some();
            let row: Vec<_> = messages[..=n]
                .iter()
                .rev()
                .take_while(|(outcome, _)| *outcome != Outcome::Handled)
                .filter(|(outcome, _)| *outcome != Outcome::Neutral)
                .collect();
            let early = row.iter().filter(|(outcome, _)| *outcome == EARLY).count() as u64;
            let networks: std::collections::BTreeSet<_> = row.iter().map(|(_, client)| client).collect();
            let many = row.len() as u64 >= SETTINGS.failures && networks.len() >= SETTINGS.networks;
            prop_assert_eq!(opened, early >= SETTINGS.failures || many);
            if opened {
                break;
            }
        }
    }

    /// Goal: at most one probe is out, its end is always answered, and the set of networks stays within its bound.
    /// Method: any interleaving of messages that begin, end and wait.
    #[test]
    fn one_probe_at_a_time(steps in prop::collection::vec((0u8..3, outcome(), any::<u8>(), 0u64..100), 0..200)) {
        let mut bench = Bench::new();
        let mut at_work = Vec::new();
        for (step, outcome, client, seconds) in steps {
            match step {
                0 => bench.now += Duration::from_secs(seconds),
                1 => match bench.breaker.ask(bench.now) {
                    Gate::Defer => {}
                    gate => at_work.push(gate),
                },
                _ if at_work.is_empty() => {}
                _ => {
                    let gate = at_work.swap_remove(client as usize % at_work.len());
                    bench.breaker.tell(gate, outcome, net(client), bench.now);
                }
            }
            let probes = at_work.iter().filter(|gate| **gate == Gate::Probe).count();
            let probing = bench.breaker.standing(bench.now) == Standing::Probing;
            prop_assert_eq!(probes, usize::from(probing));
            prop_assert!(bench.breaker.lock().row.networks.len() <= SETTINGS.networks);
        }
    }
}
