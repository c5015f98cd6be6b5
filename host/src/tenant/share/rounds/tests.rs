//! The rounds, driven by a simulation: permits are held for so long, tenants want so much.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TICK: u64 = TICK_NS as u64;

/// Tenants that want to run all the time, each with so many futures, on so many cores, one tick at a time.
struct Busy {
    rounds: Rounds<usize>,
    places: Vec<Place>,
    /// Who holds each permit, with the time that is used up when it is given back.
    running: Vec<usize>,
    used: BTreeMap<usize, u64>,
    /// What a tenant uses for one grant.
    cost: Vec<u64>,
}

impl Busy {
    fn new(cores: usize, tenants: &[(u32, usize, u64)]) -> Self {
        let mut rounds = Rounds::new(cores);
        let places: Vec<Place> = tenants.iter().map(|(weight, ..)| rounds.enter(*weight)).collect();
        let mut running = Vec::new();
        for (n, (_, futures, _)) in tenants.iter().enumerate() {
            for _ in 0..*futures {
                if rounds.ask(places[n], n) {
                    running.push(n);
                }
            }
        }
        let cost = tenants.iter().map(|(.., cost)| *cost).collect();
        Self { rounds, places, running, used: BTreeMap::new(), cost }
    }

    /// One permit comes back, and its future wants to go on.
    fn step(&mut self) {
        let tenant = self.running.remove(0);
        *self.used.entry(tenant).or_default() += self.cost[tenant];
        self.running.extend(self.rounds.give_back(self.places[tenant], self.cost[tenant]));
        if self.rounds.ask(self.places[tenant], tenant) {
            self.running.push(tenant);
        }
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    fn part(&self, tenant: usize) -> f64 {
        let all: u64 = self.used.values().sum();
        self.used.get(&tenant).copied().unwrap_or(0) as f64 / all as f64
    }
}

#[test]
fn a_tenant_with_64_futures_gets_what_one_with_two_gets() {
    let mut busy = Busy::new(2, &[(1, 64, TICK), (1, 2, TICK)]);
    busy.run(10_000);
    assert!((0.45..0.55).contains(&busy.part(0)), "{}", busy.part(0));
}

#[test]
fn weights_are_shares() {
    let mut busy = Busy::new(2, &[(3, 8, TICK), (1, 8, TICK), (1, 8, TICK)]);
    busy.run(30_000);
    for (tenant, part) in [(0, 0.6), (1, 0.2), (2, 0.2)] {
        assert!((busy.part(tenant) - part).abs() < 0.05, "{tenant}: {}", busy.part(tenant));
    }
}

/// Goal: who overruns its ticks (`memory.fill`) gets no more CPU time for it.
#[test]
fn what_is_overrun_is_owed() {
    let mut busy = Busy::new(2, &[(1, 8, 12 * TICK), (1, 8, TICK)]);
    busy.run(20_000);
    assert!((0.4..0.6).contains(&busy.part(0)), "{}", busy.part(0));
}

/// Goal: a tenant that wants little is served before one that wants all there is, however many of its futures wait.
#[test]
fn little_work_does_not_wait_behind_much() {
    let mut busy = Busy::new(2, &[(1, 64, TICK)]);
    let light = busy.rounds.enter(1);
    busy.run(100);
    for _ in 0..100 {
        assert!(!busy.rounds.ask(light, 1));
        busy.places.resize(2, light);
        busy.cost.resize(2, TICK / 10);
        let mut waited = 0;
        while !busy.running.contains(&1) {
            busy.step();
            waited += 1;
        }
        assert!(waited <= 4, "{waited} permits went to others first");
        busy.running.retain(|tenant| *tenant != 1);
        busy.running.extend(busy.rounds.give_back(light, TICK / 10));
        busy.run(7);
    }
}

/// Goal: a wide spread of weights and old debts neither hangs nor starves.
#[test]
fn the_smallest_weight_runs_too() {
    let mut busy = Busy::new(1, &[(1000, 4, TICK), (1, 4, 400 * TICK)]);
    busy.run(5000);
    assert!(busy.used.get(&1).copied().unwrap_or(0) > 0);
}

proptest! {
    /// Goal: no permit is lost or made up, and while one is free nobody waits.
    #[test]
    fn permits_are_conserved(cores in 1usize..4, actions in prop::collection::vec((0usize..3, 0u8..4, 0u64..20), 1..400)) {
        let mut rounds = Rounds::new(cores);
        let places: Vec<Place> = (1..4).map(|weight| rounds.enter(weight)).collect();
        let (mut next, mut waiting, mut running) = (0usize, Vec::<(usize, usize)>::new(), Vec::<(usize, usize)>::new());
        for (tenant, action, ms) in actions {
            let place = places[tenant];
            match action {
                0 | 1 => {
                    let list = if rounds.ask(place, next) { &mut running } else { &mut waiting };
                    list.push((tenant, next));
                    next += 1;
                }
                2 => {
                    if let Some(at) = running.iter().position(|(of, _)| *of == tenant) {
                        running.remove(at);
                        if let Some(granted) = rounds.give_back(place, ms * TICK / 4) {
                            let at = waiting.iter().position(|(_, ticket)| *ticket == granted).unwrap();
                            running.push(waiting.remove(at));
                        }
                    }
                }
                _ => {
                    if let Some(at) = waiting.iter().position(|(of, _)| *of == tenant) {
                        let (_, ticket) = waiting.remove(at);
                        prop_assert!(rounds.withdraw(place, |other| *other == ticket));
                        prop_assert!(!rounds.withdraw(place, |other| *other == ticket));
                    }
                }
            }
            prop_assert_eq!(rounds.free + running.len(), cores);
            prop_assert!(rounds.free == 0 || waiting.is_empty());
        }
    }
}
