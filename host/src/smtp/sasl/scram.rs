//! The messages of SCRAM (RFC 5802 §7), server side, without channel binding.
//!
//! ```text
//! C: n,,n=user,r=CLIENT                         ClientFirst
//! S: r=CLIENTSERVER,s=SALT,i=4096               ClientFirst::challenge
//! C: c=biws,r=CLIENTSERVER,p=PROOF              Challenged::check
//! S: v=SIGNATURE
//! ```
//!
//! Knows the texts, not how they travel.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::verifier::Key;
use super::{Account, Failure};

/// Longest nonce of a client, in octets: what is common is 24 to 48.
pub const NONCE_MAX: usize = 512;

/// The client's first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientFirst {
    /// With its commas.
    gs2_header: String,
    bare: String,
    /// As the client wrote it, decoded.
    pub(super) user: String,
    /// Whom it wants to act for; none: itself.
    pub(super) authzid: Option<String>,
    nonce: String,
}

impl ClientFirst {
    /// `y` says that the client would bind to the channel but believes that we cannot, which is so (§6). `p=` wants what was not
    /// offered. `m=` is an extension that must be understood, and none is (§5.1).
    pub(super) fn parse(message: &str) -> Result<Self, Failure> {
        let (flag, rest) = message.split_once(',').ok_or(Failure::Malformed)?;
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(Failure::Denied),
            _ => return Err(Failure::Malformed),
        }
        let (authzid, bare) = rest.split_once(',').ok_or(Failure::Malformed)?;
        let authzid = match authzid {
            "" => None,
            some => Some(name(some.strip_prefix("a=").ok_or(Failure::Malformed)?)?),
        };
        if bare.starts_with("m=") {
            return Err(Failure::Denied);
        }
        let mut parts = bare.split(',');
        let mut part =
            |prefix| parts.next().and_then(|part| part.strip_prefix(prefix)).ok_or(Failure::Malformed);
        let (user, nonce) = (name(part("n=")?)?, part("r=")?.to_owned());
        if nonce.is_empty() || nonce.len() > NONCE_MAX || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Failure::Malformed);
        }
        let gs2_header = message[..message.len() - bare.len()].to_owned();
        Ok(Self { gs2_header, bare: bare.to_owned(), user, authzid, nonce })
    }

    /// What the client is asked, and what its answer is held against. `nonce`: ours.
    pub(super) fn challenge(self, account: Account, nonce: &str) -> (String, Challenged) {
        let nonce = format!("{}{nonce}", self.nonce);
        let (salt, iterations) = (STANDARD.encode(account.verifier.salt()), account.verifier.iterations());
        let asked = format!("r={nonce},s={salt},i={iterations}");
        let said = format!("{},{asked}", self.bare);
        (asked, Challenged { binding: STANDARD.encode(self.gs2_header), nonce, said, account })
    }
}

/// A client that was asked for its proof.
#[derive(Debug)]
pub(super) struct Challenged {
    /// What `c=` must say.
    binding: String,
    nonce: String,
    /// `client-first-message-bare,server-first-message`.
    said: String,
    account: Account,
}

impl Challenged {
    /// Whether the client's last message proves that it knows the password: our last message, and who the client is.
    pub(super) fn check(self, message: &str) -> Result<(String, String), Failure> {
        let (unproven, proof) = message.rsplit_once(",p=").ok_or(Failure::Malformed)?;
        let mut parts = unproven.split(',');
        let mut part =
            |prefix| parts.next().and_then(|part| part.strip_prefix(prefix)).ok_or(Failure::Malformed);
        let (binding, nonce) = (part("c=")?, part("r=")?);
        let proof = STANDARD.decode(proof).ok().and_then(|proof| Key::try_from(proof).ok());
        let proof = proof.ok_or(Failure::Malformed)?;
        let message = format!("{},{unproven}", self.said);
        let proves = self.account.verifier.proves(&proof, message.as_bytes());
        let is_bound = binding == self.binding && bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes()));
        if !(proves && is_bound && self.account.is_real) {
            return Err(Failure::Denied);
        }
        let signature = self.account.verifier.server_signature(message.as_bytes());
        Ok((format!("v={}", STANDARD.encode(signature)), self.account.name))
    }
}

/// `saslname`: `=2C` is a comma, `=3D` an equals sign, and no other may stand (§5.1).
fn name(text: &str) -> Result<String, Failure> {
    let mut parts = text.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (c, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(Failure::Malformed),
        };
        name.push(c);
        name.push_str(rest);
    }
    if name.is_empty() || name.contains('\0') { Err(Failure::Malformed) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_messages() {
        let first = ClientFirst::parse("y,a=a=3Db,n=u=2Cs=3Der,r=abc,x=more").unwrap();
        assert_eq!((first.gs2_header.as_str(), first.user.as_str()), ("y,a=a=3Db,", "u,s=er"));
        assert_eq!((first.authzid.as_deref(), first.nonce.as_str()), (Some("a=b"), "abc"));
        assert_eq!(first.bare, "n=u=2Cs=3Der,r=abc,x=more");
        for bad in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=user",
            "n,,n=user,",
            "n,,n=user,r=",
            "n,,r=abc,n=user",
            "n,,n=,r=abc",
            "n,,n=a=2cb,r=abc",
            "n,,n=a=,r=abc",
            "n,b=x,n=user,r=abc",
            "n,a=,n=user,r=abc",
            "x,,n=user,r=abc",
            "n,,n=user,r=a c",
            "n,,n=user,r=a\u{e9}",
            "n,,n=us\0er,r=abc",
            " n,,n=user,r=abc",
        ] {
            assert_eq!(ClientFirst::parse(bad), Err(Failure::Malformed), "{bad:?}");
        }
        for refused in ["p=tls-unique,,n=user,r=abc", "p=tls-exporter,,n=user,r=abc", "n,,m=x,n=user,r=abc"] {
            assert_eq!(ClientFirst::parse(refused), Err(Failure::Denied), "{refused}");
        }
    }

    #[test]
    fn a_nonce_at_the_limit_and_past_it() {
        let with = |len: usize| ClientFirst::parse(&format!("n,,n=user,r={}", "r".repeat(len))).map(drop);
        assert_eq!((with(NONCE_MAX), with(NONCE_MAX + 1)), (Ok(()), Err(Failure::Malformed)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[nyp],(a=[a=,23CD]{0,4})?,n=[a=,23CD]{0,6},r=[a-z ]{0,4}|\\PC{0,40}") {
            if let Ok(first) = ClientFirst::parse(&text) {
                prop_assert_eq!(format!("{}{}", first.gs2_header, first.bare), text);
            }
        }
    }
}
