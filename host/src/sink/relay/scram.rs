//! The client's side of `SCRAM-SHA-256` (RFC 5802, RFC 7677), without channel binding.
//!
//! ```text
//! first "n,,n=user,r=ours"   <- "r=ours+theirs,s=SALT,i=4096"   -> "c=biws,r=...,p=PROOF"   <- "v=SIGNATURE"   -> ""
//! ```
//!
//! Pure, but for the CPU time that the password's hash takes. Knows nothing of base64 lines and SMTP.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::smtp::sasl::verifier::{ITERATIONS_MIN, keys, proof, sign};

/// Most iterations that a server may ask for: half a second or so of CPU time. Fewer than [`ITERATIONS_MIN`] would help whoever
/// listens to guess.
const ITERATIONS_MAX: u32 = 1_000_000;

/// A login at work.
pub(super) struct Scram {
    password: String,
    nonce: String,
    bare: String,
    /// What the server has to say to prove itself.
    expected: Option<String>,
    proven: bool,
}

impl Scram {
    /// Before the first line. `nonce`: random, printable ASCII without a comma.
    pub(super) fn new(user: &str, password: &str, nonce: &str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            password: password.to_owned(),
            nonce: nonce.to_owned(),
            bare: format!("n={user},r={nonce}"),
            expected: None,
            proven: false,
        }
    }

    /// What is said first.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// Whether the server has proven that it knows the password.
    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// The answer to what the server says, first and last.
    ///
    /// # Errors
    /// It is not what the mechanism has it say, or no proof.
    pub(super) fn answer(&mut self, said: &str) -> Result<String, String> {
        let Some(expected) = &self.expected else { return self.prove(said) };
        self.proven = !self.proven && said.split(',').next() == Some(expected);
        if self.proven { Ok(String::new()) } else { Err("it does not know the password itself".to_owned()) }
    }

    fn prove(&mut self, said: &str) -> Result<String, String> {
        let mut parts = said.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).map(str::to_owned);
        let (nonce, salt, iterations) = (part("r="), part("s="), part("i="));
        let theirs = |nonce: &String| nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        let nonce = nonce.filter(theirs).ok_or("its nonce is not ours with more")?;
        let salt = salt.and_then(|salt| STANDARD.decode(salt).ok()).ok_or("its salt is none")?;
        let bounds = ITERATIONS_MIN..=ITERATIONS_MAX;
        let iterations = iterations.and_then(|text| text.parse().ok()).filter(|count| bounds.contains(count));
        let iterations =
            iterations.and_then(NonZeroU32::new).ok_or("its iterations are too few or too many")?;
        let (client_key, server_key) = keys(&self.password, &salt, iterations);
        let without_proof = format!("c=biws,r={nonce}");
        let message = format!("{},{said},{without_proof}", self.bare);
        self.expected = Some(format!("v={}", STANDARD.encode(sign(&server_key, message.as_bytes()))));
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof(&client_key, message.as_bytes()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const ASKED: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const PROOF: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    /// The example of RFC 7677 §3.
    #[test]
    fn the_example_of_the_rfc() {
        let mut scram = Scram::new("user", "pencil", NONCE);
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.answer(ASKED).unwrap(), PROOF);
        assert!(!scram.is_proven());
        assert_eq!(scram.answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap(), "");
        assert!(scram.is_proven());
        assert!(scram.answer("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_err(), "it is said once");
    }

    #[test]
    fn a_server_that_does_not_know_the_password() {
        for last in ["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=", "e=other-error", ""] {
            let mut scram = Scram::new("user", "pencil", NONCE);
            scram.answer(ASKED).unwrap();
            assert!(scram.answer(last).is_err() && !scram.is_proven(), "{last}");
        }
    }

    #[test]
    fn what_is_no_question() {
        let asked = |nonce: &str, salt: &str, iterations: &str| format!("r={nonce},s={salt},i={iterations}");
        for bad in [
            String::new(),
            asked(NONCE, "AA==", "4096"),
            asked("other", "AA==", "4096"),
            asked(&format!("{NONCE}x"), "!", "4096"),
            asked(&format!("{NONCE}x"), "AA==", "4095"),
            asked(&format!("{NONCE}x"), "AA==", "1000001"),
            asked(&format!("{NONCE}x"), "AA==", "-1"),
            format!("m=ext,{}", asked(&format!("{NONCE}x"), "AA==", "4096")),
        ] {
            assert!(Scram::new("user", "pencil", NONCE).answer(&bad).is_err(), "{bad}");
        }
        assert!(
            Scram::new("user", "pencil", NONCE).answer(&asked(&format!("{NONCE}x"), "AA==", "4096")).is_ok()
        );
        assert_eq!(Scram::new("a=b,c", "p", "n").first(), "n,,n=a=3Db=2Cc,r=n");
    }
}
