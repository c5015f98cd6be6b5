//! Futures under permits: none is lost, whatever becomes of the futures.

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Duration;

use super::*;

struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits at its first poll, with the permit given back.
async fn two_polls() {
    tokio::task::yield_now().await;
}

fn poll<F: Future + Unpin>(future: &mut F, woken: &Arc<Counted>) -> Poll<F::Output> {
    let waker = Waker::from(woken.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

fn share(cores: usize) -> Arc<FairShare> {
    FairShare::new(cores, Telemetry::silent())
}

fn free(share: &Arc<FairShare>) -> bool {
    share.state().rounds.free() > 0
}

/// Holds a permit.
struct Holder(Seat);

impl Holder {
    fn new(share: &Arc<FairShare>) -> Self {
        let seat = share.seat("holder", 1);
        let ticket = Ticket { share: share.clone(), place: seat.place, turn: Mutex::default() };
        assert!(share.state().rounds.ask(seat.place, Arc::new(ticket)));
        Self(seat)
    }

    fn give_back(self) {
        let next = self.0.share.state().rounds.give_back(self.0.place, 0);
        wake(next.and_then(|ticket| ticket.grant()));
    }
}

#[test]
fn who_finds_no_permit_is_woken_when_it_is_granted() {
    let share = share(1);
    let holder = Holder::new(&share);
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let mut work = share.seat("acme", 1).run(Box::pin(ready(7)), pending::<()>());
    assert!(poll(&mut work, &woken).is_pending());
    assert!(poll(&mut work, &woken).is_pending(), "a poll in between changes nothing");
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    holder.give_back();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert_eq!(poll(&mut work, &woken), Poll::Ready(7));
    assert!(free(&share));
}

#[test]
fn who_gives_up_waiting_leaves_no_hole() {
    let share = share(1);
    let holder = Holder::new(&share);
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let mut gives_up = share.seat("acme", 1).run(Box::pin(ready(())), pending::<()>());
    let mut granted = share.seat("bolt", 1).run(Box::pin(ready(())), pending::<()>());
    assert!(poll(&mut gives_up, &woken).is_pending());
    assert!(poll(&mut granted, &woken).is_pending());
    drop(gives_up);
    holder.give_back();
    // Granted, but dropped before it was polled again: the permit is free.
    assert!(!free(&share));
    drop(granted);
    assert!(free(&share));
}

/// Goal: work for a client that has left does not wait for its turn to let go.
#[test]
fn who_has_left_does_not_wait() {
    let share = share(1);
    let holder = Holder::new(&share);
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let (client, gone) = tokio::sync::oneshot::channel::<()>();
    let mut work = share.seat("acme", 1).run(Box::pin(two_polls()), gone);
    assert!(poll(&mut work, &woken).is_pending());
    drop(client);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(poll(&mut work, &woken).is_pending(), "the first poll of the work itself");
    assert!(poll(&mut work, &woken).is_ready());
    holder.give_back();
    assert!(free(&share));
}

#[test]
fn a_panic_gives_the_permit_back() {
    let share = share(1);
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let work = async { panic!("as a native stage might") };
    let mut work = share.seat("acme", 1).run(Box::pin(work), pending::<()>());
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut work, &woken).is_ready()));
    assert!(panicked.is_err());
    assert!(free(&share));
}

/// Goal: what is charged is what the thread used, by tenant; a tenant leaves with its last seat.
#[test]
fn cpu_time_is_charged_to_the_tenant() {
    let telemetry = Telemetry::silent();
    let share = FairShare::new(1, telemetry.clone());
    let woken = Arc::new(Counted(AtomicUsize::new(0)));
    let busy = async {
        let began = thread_cpu_ns();
        while thread_cpu_ns() - began < 5_000_000 {}
    };
    assert!(poll(&mut share.seat("acme", 1).run(Box::pin(busy), pending::<()>()), &woken).is_ready());
    assert!(share.state().tenants.is_empty());
    let text = telemetry.metrics_text();
    let line =
        text.lines().find(|line| line.starts_with("gatepost_chain_cpu_seconds_total{tenant=\"acme\"}"));
    let seconds: f64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!((0.005..1.0).contains(&seconds), "{seconds}");
}

/// Goal: no wake-up is lost between threads.
/// Method: many tasks of three tenants on two threads and one permit, each yielding often; all of them end.
#[test]
fn nothing_is_left_waiting() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let share = share(1);
    let done = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..300 {
            let seat = share.seat(["acme", "bolt", "coyote"][n % 3], 1);
            tasks.spawn(async move {
                let work = async {
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                };
                let gone = tokio::time::sleep(Duration::from_millis(n as u64 % 7));
                if n % 5 == 0 {
                    seat.run(pin!(work), pin!(gone)).await;
                } else {
                    seat.run(pin!(work), pending::<()>()).await;
                }
            });
        }
        tasks.join_all().await.len()
    });
    assert_eq!(done, 300);
    assert!(free(&share) && share.state().tenants.is_empty());
}

/// Goal: how many futures a tenant has at work does not matter to another: one that wants little runs after a few permits
/// have gone to others, whatever order their tasks are polled in.
/// Method: 64 futures that tick for ever on one permit, their tasks polled in a queue as a runtime does; a light future
/// comes in between, again and again.
#[test]
fn many_that_tick_do_not_hold_up_one() {
    struct Queued(usize, Arc<Mutex<std::collections::VecDeque<usize>>>);
    impl Wake for Queued {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push_back(self.0);
        }
    }
    let share = share(1);
    let queue = Arc::default();
    let ticking = || {
        Box::pin(async {
            loop {
                let began = thread_cpu_ns();
                while thread_cpu_ns() - began < 1_000_000 {}
                crate::chain::Tick::default().await;
            }
        })
    };
    let mut heavy: Vec<_> = (0..64).map(|_| share.seat("heavy", 1).run(ticking(), pending::<()>())).collect();
    let waker = |n| Waker::from(Arc::new(Queued(n, Arc::clone(&queue))));
    for (n, task) in heavy.iter_mut().enumerate() {
        assert!(Pin::new(task).poll(&mut Context::from_waker(&waker(n))).is_pending());
    }
    for _ in 0..20 {
        let mut light = share.seat("light", 1).run(Box::pin(ready(())), pending::<()>());
        let mut polls = 0;
        let mut done = Pin::new(&mut light).poll(&mut Context::from_waker(&waker(64))).is_ready();
        while !done {
            let next = queue.lock().unwrap().pop_front().expect("somebody has the permit");
            if next == 64 {
                done = Pin::new(&mut light).poll(&mut Context::from_waker(&waker(64))).is_ready();
            } else {
                polls += 1;
                assert!(Pin::new(&mut heavy[next]).poll(&mut Context::from_waker(&waker(next))).is_pending());
            }
        }
        assert!(polls <= 4, "{polls} turns of others");
    }
}
