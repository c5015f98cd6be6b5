//! Our side of a login (RFC 4954): `SCRAM-SHA-256` (RFC 7677), `PLAIN` (RFC 4616), or `LOGIN` where there is nothing better.
//!
//! ```text
//! ["LOGIN", "PLAIN"]  ->  "AUTH PLAIN AGFjbWUAaHVudGVyMg=="      235
//! ["SCRAM-SHA-256"]   ->  "AUTH SCRAM-SHA-256 biwsbj1...", 334, answer, 334, "", 235
//! ```
//!
//! Pure, but for the CPU time that a SCRAM answer takes. Whether the connection is fit for a password is for the caller to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scram::Scram;

/// A login at work.
pub(super) enum Exchange {
    /// One line says all.
    Plain {
        /// The first line.
        first: String,
    },
    /// A line for each question.
    Login {
        /// Those that are still to be said, the next one last.
        answers: Vec<String>,
    },
    /// Neither side learns the other's secret.
    Scram(Box<Scram>),
}

/// Chooses the best of what the server offers; `None`: it offers none that we know. SCRAM only for ASCII, of which there
/// is one spelling (RFC 4013).
pub(super) fn choose(mechanisms: &[String], user: &str, password: &str, nonce: &str) -> Option<Exchange> {
    let offers = |name: &str| mechanisms.iter().any(|mechanism| mechanism == name);
    if offers("SCRAM-SHA-256") && user.is_ascii() && password.is_ascii() {
        return Some(Exchange::Scram(Box::new(Scram::new(user, password, nonce))));
    }
    if offers("PLAIN") {
        let first = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{user}\0{password}")));
        return Some(Exchange::Plain { first });
    }
    let answers = || vec![STANDARD.encode(password), STANDARD.encode(user)];
    offers("LOGIN").then(|| Exchange::Login { answers: answers() })
}

impl Exchange {
    /// The AUTH command.
    pub(super) fn first(&self) -> String {
        match self {
            Self::Plain { first } => first.clone(),
            Self::Login { .. } => "AUTH LOGIN".to_owned(),
            Self::Scram(scram) => format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode(scram.first())),
        }
    }

    /// The answer to a 334 with this text. Takes CPU time for SCRAM.
    ///
    /// # Errors
    /// The server asks what the mechanism does not know, or does not prove that it knows the password, too.
    pub(super) fn answer(&mut self, challenge: &str) -> Result<String, String> {
        match self {
            Self::Plain { .. } => Err("it asks again after PLAIN".to_owned()),
            Self::Login { answers } => answers.pop().ok_or_else(|| "it asks again after LOGIN".to_owned()),
            Self::Scram(scram) => {
                let decoded =
                    STANDARD.decode(challenge.trim()).ok().and_then(|text| String::from_utf8(text).ok());
                let answer = scram.answer(&decoded.ok_or("what it asks is no base64")?)?;
                Ok(STANDARD.encode(answer))
            }
        }
    }

    /// Whether a 235 may be believed now.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Plain { .. } => true,
            Self::Login { answers } => answers.is_empty(),
            Self::Scram(scram) => scram.is_proven(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mechanisms: &[&str], password: &str) -> Option<Exchange> {
        let mechanisms: Vec<String> = mechanisms.iter().map(ToString::to_string).collect();
        choose(&mechanisms, "acme", password, "nonce")
    }

    #[test]
    fn the_best_mechanism_is_taken() {
        let first = |mechanisms: &[&str], password| of(mechanisms, password).map(|exchange| exchange.first());
        assert_eq!(first(&["LOGIN", "PLAIN"], "hunter2").unwrap(), "AUTH PLAIN AGFjbWUAaHVudGVyMg==");
        let scram = first(&["PLAIN", "SCRAM-SHA-256"], "hunter2").unwrap();
        assert_eq!(scram, format!("AUTH SCRAM-SHA-256 {}", STANDARD.encode("n,,n=acme,r=nonce")));
        assert!(first(&["PLAIN", "SCRAM-SHA-256"], "pässword").unwrap().starts_with("AUTH PLAIN "));
        assert_eq!(first(&["GSSAPI", "X-PLAIN"], "hunter2"), None);
    }

    #[test]
    fn login_is_asked_twice() {
        let mut login = of(&["LOGIN"], "hunter2").unwrap();
        assert!(!login.is_complete());
        assert_eq!(login.answer("VXNlcm5hbWU6").unwrap(), "YWNtZQ==");
        assert_eq!(login.answer("UGFzc3dvcmQ6").unwrap(), "aHVudGVyMg==");
        assert!(login.is_complete() && login.answer("").is_err());
    }
}
