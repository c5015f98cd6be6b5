//! Sessions of the web page: a cookie that stands for a token, so that no script ever holds the token.
//!
//! ```text
//! token --POST /v1/session--> cookie (256 random bits; kept as a hash) --each request--> the token's standing, asked anew
//!                              \--derived, one way--> CSRF token, which a script of ours sends along with what changes things
//! ```
//!
//! In memory only: a start ends all of them. A session never outlives its token, as that is asked each time.

pub(super) mod routes;

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};

use super::keys::Key;
use crate::token::random_secret;

/// The cookie.
pub(super) const COOKIE: &str = "gatepost_session";
/// The field that carries the CSRF token.
pub(super) const CSRF_FIELD: &str = "x-csrf-token";
/// Without a request in this time a session is over: somebody left the machine.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(3600);
/// After this time it is over anyhow: a working day.
pub(super) const AGE_MAX: Duration = Duration::from_secs(12 * 3600);
/// Most sessions of one tenant, and of the host; past it the one that was idle longest ends.
pub(super) const SESSIONS_PER_OWNER: usize = 16;
/// Most in all; likewise.
pub(super) const SESSIONS_MAX: usize = 2048;

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

#[derive(Debug)]
struct Session {
    key: Key,
    began: Instant,
    seen: Instant,
}

/// The secret in a cookie.
#[derive(Clone)]
pub(super) struct Secret(String);

/// A session that holds.
pub(super) struct Found {
    pub(super) key: Key,
    /// Until it is over, if nothing is asked any more.
    pub(super) left: Duration,
}

impl Sessions {
    /// Begins one for the holder of `key`.
    pub(super) fn begin(&self, key: Key, now: Instant) -> io::Result<Secret> {
        let secret = Secret(random_secret()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, session| !session.left(now).is_zero());
        let own = all.values().filter(|session| session.key.owner() == key.owner()).count();
        if own >= SESSIONS_PER_OWNER {
            end_idlest(&mut all, |session| session.key.owner() == key.owner());
        } else if all.len() >= SESSIONS_MAX {
            end_idlest(&mut all, |_| true);
        }
        all.insert(secret.place(), Session { key, began: now, seen: now });
        Ok(secret)
    }

    /// The session of a cookie, which this keeps from being idle. `again` says what its token opens now; where that is
    /// nothing, the session is over.
    pub(super) fn find(
        &self,
        secret: &Secret,
        now: Instant,
        again: impl FnOnce(&Key) -> Option<Key>,
    ) -> Option<Found> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = secret.place();
        let session = all.get_mut(&place)?;
        let key = if session.left(now).is_zero() { None } else { again(&session.key) };
        let Some(key) = key else {
            all.remove(&place);
            return None;
        };
        session.seen = now;
        Some(Found { key, left: session.left(now) })
    }

    /// Ends one.
    pub(super) fn end(&self, secret: &Secret) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&secret.place());
    }
}

impl Session {
    /// Until it is over; zero: it is.
    fn left(&self, now: Instant) -> Duration {
        let age = AGE_MAX.saturating_sub(now.saturating_duration_since(self.began));
        age.min(IDLE_MAX.saturating_sub(now.saturating_duration_since(self.seen)))
    }
}

fn end_idlest(all: &mut HashMap<[u8; 32], Session>, of: impl Fn(&Session) -> bool) {
    let idlest = all.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.seen);
    if let Some(place) = idlest.map(|(place, _)| *place) {
        all.remove(&place);
    }
}

impl Secret {
    /// What the request's cookies have. None: nothing, or two of them, of which somebody else may have set one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut own = pairs.filter(|(name, _)| *name == COOKIE);
        let (Some((_, value)), None) = (own.next(), own.next()) else { return None };
        Some(Self(value.to_owned()))
    }

    /// Where its session is kept: found by a hash, so that neither memory nor the time of a look-up gives it away.
    fn place(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_bytes()).as_bytes()
    }

    /// The CSRF token that goes with it.
    pub(super) fn csrf(&self) -> String {
        self.csrf_hash().to_hex().to_string()
    }

    /// Whether the request has that token, and it once. Compared in constant time.
    pub(super) fn goes_with(&self, headers: &HeaderMap) -> bool {
        let mut sent = headers.get_all(CSRF_FIELD).iter();
        let (Some(sent), None) = (sent.next(), sent.next()) else { return false };
        blake3::Hash::from_hex(sent.as_bytes()).is_ok_and(|sent| sent == self.csrf_hash())
    }

    fn csrf_hash(&self) -> blake3::Hash {
        blake3::Hash::from_bytes(blake3::derive_key(
            "gatepost 2026 csrf token of a session",
            self.0.as_bytes(),
        ))
    }

    /// `Set-Cookie`: for this host and site alone, out of a script's reach; over TLS only, where it came that way.
    pub(super) fn cookie(&self, secure: bool) -> String {
        set_cookie(&self.0, "", secure)
    }
}

/// `Set-Cookie` that takes the cookie away.
pub(super) fn no_cookie(secure: bool) -> String {
    set_cookie("", "; Max-Age=0", secure)
}

fn set_cookie(value: &str, age: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/{age}{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::Host(blake3::Hash::from_bytes([n; 32]))
    }

    fn holds(sessions: &Sessions, secret: &Secret, now: Instant) -> bool {
        sessions.find(secret, now, |key| Some(key.clone())).is_some()
    }

    /// Goal: a session ends an hour after its last request, and twelve after its first.
    #[test]
    fn a_session_ends() {
        let (sessions, began) = (Sessions::default(), Instant::now());
        let minute = |n: u64| began + Duration::from_secs(60 * n);
        let secret = sessions.begin(key(1), began).unwrap();
        for n in 1..12 {
            assert!(holds(&sessions, &secret, minute(59 * n)), "{n}");
        }
        assert!(holds(&sessions, &secret, minute(719)));
        let found = sessions.find(&secret, minute(719), |key| Some(key.clone())).unwrap();
        assert_eq!(found.left, Duration::from_secs(60));
        assert!(!holds(&sessions, &secret, minute(720)), "its day is over");
        let idle = sessions.begin(key(1), began).unwrap();
        assert!(!holds(&sessions, &idle, minute(60)));
        assert!(!holds(&sessions, &idle, began), "it does not come back");
    }

    /// Goal: it is over with its token, and by a word.
    #[test]
    fn a_session_ends_with_its_token() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let secret = sessions.begin(key(1), now).unwrap();
        assert!(sessions.find(&secret, now, |_| None).is_none());
        assert!(!holds(&sessions, &secret, now));
        let secret = sessions.begin(key(1), now).unwrap();
        sessions.end(&secret);
        assert!(!holds(&sessions, &secret, now));
        assert!(!holds(&sessions, &Secret(String::new()), now));
    }

    /// Goal: there are so many, and the newest is always among them.
    #[test]
    fn so_many_sessions() {
        let (sessions, began) = (Sessions::default(), Instant::now());
        let at = |n: u64| began + Duration::from_millis(n);
        let first = sessions.begin(key(1), at(0)).unwrap();
        let second = sessions.begin(key(1), at(1)).unwrap();
        assert!(holds(&sessions, &first, at(2)));
        let others: Vec<Secret> = (2..=16).map(|n| sessions.begin(key(2), at(n + 1)).unwrap()).collect();
        assert!(!holds(&sessions, &second, at(20)), "it was idle longest");
        assert!(holds(&sessions, &first, at(20)) && others.iter().all(|s| holds(&sessions, s, at(20))));
        assert_eq!(sessions.0.lock().unwrap().len(), SESSIONS_PER_OWNER);
    }

    /// Goal: the CSRF token is another for each session, and nothing else will do.
    #[test]
    fn csrf_tokens() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CSRF_FIELD, value.parse().unwrap());
            }
            headers
        };
        let (one, other) = (Secret("one".into()), Secret("other".into()));
        assert!(one.goes_with(&headers(&[&one.csrf()])));
        assert_ne!(one.csrf(), other.csrf());
        for bad in [vec![], vec![""], vec!["one"], vec![&*other.csrf()], vec![&*one.csrf(), &*one.csrf()]] {
            assert!(!one.goes_with(&headers(&bad)), "{bad:?}");
        }
    }

    #[test]
    fn cookies_are_read_and_written() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            Secret::of(&headers).map(|secret| secret.0)
        };
        assert_eq!(of(&["a=b; gatepost_session=x;c=d"]).as_deref(), Some("x"));
        assert_eq!(of(&["a=b", "gatepost_session=x"]).as_deref(), Some("x"));
        for bad in [
            &["gatepost_session=x; gatepost_session=y"][..],
            &["gatepost_session"],
            &["xgatepost_session=x"],
            &[],
        ] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
        assert_eq!(
            Secret("x".into()).cookie(true),
            "gatepost_session=x; HttpOnly; SameSite=Strict; Path=/; Secure"
        );
        assert_eq!(no_cookie(false), "gatepost_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    }
}
