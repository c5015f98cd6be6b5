//! Places at their limit, past it, and while the limit changes.

use super::*;

const SHORT: Duration = Duration::from_millis(5);

#[tokio::test]
async fn at_the_limit_and_one_past_it() {
    let places = Places::new(3);
    let (two, one) = (places.take(2, SHORT).await.unwrap(), places.take(1, SHORT).await.unwrap());
    assert!(places.take(1, SHORT).await.is_none());
    assert_eq!(places.in_use(), 3);
    drop(one);
    assert!(places.take(2, SHORT).await.is_none());
    drop(two);
    assert!(places.take(3, Duration::ZERO).await.is_some());
    assert!(places.take(4, Duration::from_secs(30)).await.is_none(), "there are not that many");
}

#[tokio::test]
async fn who_waits_gets_the_next_place() {
    let places = Places::new(1);
    let held = places.take(1, SHORT).await.unwrap();
    let waiting = places.take(1, Duration::from_secs(30));
    let (got, ()) = tokio::join!(waiting, async { drop(held) });
    assert!(got.is_some());
}

/// Goal: who asks for many is not passed by those who ask for few.
#[tokio::test]
async fn few_do_not_pass_by_many() {
    let places = Places::new(2);
    let held = places.take(1, SHORT).await.unwrap();
    let mut many = std::pin::pin!(places.take(2, Duration::from_secs(30)));
    assert!(tokio::time::timeout(SHORT, &mut many).await.is_err());
    assert!(places.try_take(1).is_none());
    drop(held);
    assert!(many.await.is_some());
}

#[tokio::test]
async fn a_lowered_limit_waits_for_what_is_taken() {
    let places = Places::new(3);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(places.take(1, SHORT).await.unwrap());
    }
    places.set_limit(1);
    assert_eq!(places.in_use(), 3);
    held.truncate(1);
    assert_eq!(places.in_use(), 1);
    assert!(places.take(1, SHORT).await.is_none());
    held.clear();
    held.push(places.take(1, SHORT).await.unwrap());
    assert!(places.take(1, SHORT).await.is_none());
    places.set_limit(2);
    held.push(places.take(1, SHORT).await.unwrap());
    assert!(places.take(1, SHORT).await.is_none());
}

#[tokio::test]
async fn raising_forgives_what_is_owed() {
    let places = Places::new(4);
    let held = (places.take(3, SHORT).await.unwrap(), places.take(1, SHORT).await.unwrap());
    places.set_limit(2);
    places.set_limit(5);
    let fifth = places.take(1, SHORT).await.unwrap();
    assert!(places.take(1, SHORT).await.is_none());
    drop((held, fifth));
    assert_eq!((places.in_use(), places.free.available_permits()), (0, 5));
}

#[tokio::test]
async fn joined_places_are_given_back_together() {
    let places = Places::new(5);
    let mut all = places.take(2, SHORT).await.unwrap();
    all.join(places.take(3, SHORT).await.unwrap());
    assert_eq!(places.in_use(), 5);
    places.set_limit(4);
    drop(all);
    assert_eq!((places.in_use(), places.free.available_permits()), (0, 4));
}
