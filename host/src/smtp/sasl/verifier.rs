//! What is kept of a password: enough to check it, not enough to log in with (RFC 5802 §3, RFC 7677).
//!
//! ```text
//! SCRAM-SHA-256$600000:SALT$STOREDKEY:SERVERKEY        RFC 5803, the parts in base64
//! ```
//!
//! Pure: the salt comes from outside, and [`Verifier::derive`] and [`Verifier::holds`] burn CPU time for as long as the iteration
//! count says.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq as _;

/// Iterations of a new verifier: what OWASP recommends for PBKDF2 with HMAC-SHA-256. A tenth to a third of a second of one core for a
/// log-in by PLAIN or LOGIN; by SCRAM the client has the work.
pub const ITERATIONS: u32 = 600_000;
/// Fewest iterations that are taken: RFC 7677 §4.
pub const ITERATIONS_MIN: u32 = 4096;
/// Most iterations that are taken: some seconds of one core.
pub const ITERATIONS_MAX: u32 = 10_000_000;
/// Octets of a new salt.
pub const SALT_LEN: usize = 16;
/// Most octets of a salt.
pub const SALT_MAX: usize = 64;

/// How it is written.
const SCHEME: &str = "SCRAM-SHA-256";

/// Octets of SHA-256.
const KEY_LEN: usize = 32;
/// A key, a proof or a signature of SCRAM-SHA-256.
pub type Key = [u8; KEY_LEN];

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
}

/// Why a text is no verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// Not of the form of RFC 5803.
    #[error("expected `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`")]
    Malformed,
    /// Fewer than [`ITERATIONS_MIN`] or more than [`ITERATIONS_MAX`].
    #[error("the iteration count is not within {ITERATIONS_MIN} and {ITERATIONS_MAX}")]
    Iterations,
    /// None, or more than [`SALT_MAX`] octets.
    #[error("the salt is empty or longer than {SALT_MAX} octets")]
    Salt,
}

impl Verifier {
    /// Of a prepared password. Takes `iterations` rounds of PBKDF2.
    ///
    /// # Errors
    /// Salt or iteration count are not what they may be.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, VerifierError> {
        let (iterations, salt) = checked(iterations, salt.to_vec())?;
        let (client_key, server_key) = keys(password, &salt, iterations);
        let stored_key = sha256(&client_key);
        Ok(Self { iterations, salt, stored_key, server_key })
    }

    /// One that no password fits, for a name that is nobody's: the same each time for this secret and name, so that the salt tells
    /// nobody who is there.
    pub fn of_nobody(secret: &[u8], name: &str, iterations: u32) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let part = |what: &str| mac(&secret, &[what.as_bytes(), b"\0", name.as_bytes()]);
        let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        let salt = part("salt")[..SALT_LEN].to_vec();
        Self { iterations, salt, stored_key: part("stored"), server_key: part("server") }
    }

    /// Whether a prepared password is the one. Takes as long for a wrong one.
    pub fn holds(&self, password: &str) -> bool {
        let (client_key, _) = keys(password, &self.salt, self.iterations);
        sha256(&client_key).ct_eq(&self.stored_key).into()
    }

    /// Rounds of PBKDF2.
    pub fn iterations(&self) -> u32 {
        self.iterations.get()
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Whether the client that made `proof` for `message` knows the password (RFC 5802 §3): `ClientProof`, `AuthMessage`.
    pub(super) fn proves(&self, proof: &Key, message: &[u8]) -> bool {
        let client_key = masked(proof, &sign(&self.stored_key, message));
        sha256(&client_key).ct_eq(&self.stored_key).into()
    }

    /// What proves to the client that we know it, too: `ServerSignature`.
    pub(super) fn server_signature(&self, message: &[u8]) -> Key {
        sign(&self.server_key, message)
    }
}

/// `ClientKey` and `ServerKey` (RFC 5802 §3). Takes `iterations` rounds of PBKDF2.
pub fn keys(password: &str, salt: &[u8], iterations: NonZeroU32) -> (Key, Key) {
    let mut salted = [0; KEY_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut salted);
    let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    (mac(&salted, &[b"Client Key"]), mac(&salted, &[b"Server Key"]))
}

/// What a client that has this `ClientKey` proves itself with for `AuthMessage`: `ClientProof`.
pub fn proof(client_key: &Key, message: &[u8]) -> Key {
    masked(client_key, &sign(&sha256(client_key), message))
}

/// HMAC-SHA-256.
pub fn sign(key: &Key, message: &[u8]) -> Key {
    mac(&hmac::Key::new(hmac::HMAC_SHA256, key), &[message])
}

fn masked(key: &Key, mask: &Key) -> Key {
    let mut masked = *key;
    masked.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    masked
}

fn mac(key: &hmac::Key, parts: &[&[u8]]) -> Key {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    fixed(context.sign().as_ref())
}

fn sha256(bytes: &[u8]) -> Key {
    fixed(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Digests of SHA-256 are of [`KEY_LEN`] octets.
fn fixed(digest: &[u8]) -> Key {
    let mut key = [0; KEY_LEN];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    key
}

fn checked(iterations: u32, salt: Vec<u8>) -> Result<(NonZeroU32, Vec<u8>), VerifierError> {
    let iterations = NonZeroU32::new(iterations)
        .filter(|n| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(&n.get()))
        .ok_or(VerifierError::Iterations)?;
    if salt.is_empty() || salt.len() > SALT_MAX {
        return Err(VerifierError::Salt);
    }
    Ok((iterations, salt))
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(text: &str) -> Result<Self, VerifierError> {
        let parts = || {
            let rest = text.strip_prefix(SCHEME)?.strip_prefix('$')?;
            let (work, keys) = rest.split_once('$')?;
            let (iterations, salt) = work.split_once(':')?;
            let (stored, server) = keys.split_once(':')?;
            let is_number = !iterations.is_empty() && iterations.bytes().all(|b| b.is_ascii_digit());
            let key = |text: &str| Key::try_from(STANDARD.decode(text).ok()?).ok();
            is_number.then_some((iterations, STANDARD.decode(salt).ok()?, key(stored)?, key(server)?))
        };
        let (iterations, salt, stored_key, server_key) = parts().ok_or(VerifierError::Malformed)?;
        let iterations = iterations.parse().map_err(|_| VerifierError::Iterations)?;
        let (iterations, salt) = checked(iterations, salt)?;
        Ok(Self { iterations, salt, stored_key, server_key })
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        let (salt, stored, server) = (encode(&self.salt), encode(&self.stored_key), encode(&self.server_key));
        write!(f, "{SCHEME}${}:{salt}${stored}:{server}", self.iterations)
    }
}

/// Says nothing that a password could be guessed by.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}${}", self.iterations)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7677 §3: user `user`, password `pencil`; as PostgreSQL, which writes RFC 5803 too, has its verifier.
    const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==\
        $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn the_example_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::derive("pencil", &salt, 4096).unwrap();
        assert_eq!(verifier.to_string(), PENCIL);
        let read: Verifier = PENCIL.parse().unwrap();
        assert!(read == verifier && read.holds("pencil"));
        for wrong in ["", "pencils", "Pencil"] {
            assert!(!read.holds(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_verifier() {
        for bad in [
            "",
            "SCRAM-SHA-256",
            "SCRAM-SHA-1$4096:c2FsdA==$AAAA:AAAA",
            &PENCIL[..PENCIL.len() - 1],
            &PENCIL.replace("$W", "$w w"),
            &PENCIL.replace("4096", "+4096"),
            &PENCIL.replace("4096", ""),
            &format!("{PENCIL}:"),
            &format!(" {PENCIL}"),
            &PENCIL.replace("WG5d", ""),
        ] {
            assert_eq!(bad.parse::<Verifier>().err(), Some(VerifierError::Malformed), "{bad}");
        }
    }

    #[test]
    fn iterations_and_salts_at_their_bounds() {
        let with = |iterations: &str| PENCIL.replace("4096", iterations).parse::<Verifier>().map(drop);
        for (iterations, expect) in [
            ("4096", Ok(())),
            ("4095", Err(VerifierError::Iterations)),
            ("10000000", Ok(())),
            ("10000001", Err(VerifierError::Iterations)),
            ("99999999999999999999", Err(VerifierError::Iterations)),
            ("0", Err(VerifierError::Iterations)),
        ] {
            assert_eq!(with(iterations), expect, "{iterations}");
        }
        let salted = |len: usize| Verifier::derive("x", &vec![1; len], ITERATIONS_MIN).map(drop);
        assert_eq!(
            (salted(0), salted(1), salted(SALT_MAX), salted(SALT_MAX + 1)),
            (Err(VerifierError::Salt), Ok(()), Ok(()), Err(VerifierError::Salt))
        );
    }

    /// Goal: a salt of nobody is stable, differs from name to name, and looks like any other.
    #[test]
    fn of_nobody() {
        let of = |secret: &[u8], name| Verifier::of_nobody(secret, name, ITERATIONS_MIN);
        let jo = of(b"secret", "jo");
        assert_eq!(jo, of(b"secret", "jo"));
        assert_ne!(jo.salt, of(b"secret", "ann").salt);
        assert_ne!(jo.salt, of(b"other", "jo").salt);
        assert_eq!(jo.salt.len(), SALT_LEN);
        assert_eq!(jo.to_string().parse(), Ok(jo.clone()));
        assert!(!jo.holds("") && !jo.holds("jo"));
    }

    /// Goal: neither salt nor keys come into a log by `{:?}`.
    #[test]
    fn nothing_is_told_by_debug() {
        let read: Verifier = PENCIL.parse().unwrap();
        assert_eq!(format!("{read:?}"), "SCRAM-SHA-256$4096");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "SCRAM-SHA-256\\$[0-9]{1,9}:[A-Za-z0-9+/=]{0,8}\\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}|\\PC{0,40}") {
            if let Ok(verifier) = text.parse::<Verifier>() {
                prop_assert_eq!(verifier.to_string().parse(), Ok(verifier));
            }
        }
    }
}
