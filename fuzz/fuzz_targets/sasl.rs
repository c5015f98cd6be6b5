//! The exchange of AUTH: nothing panics, no challenge can be read as two lines, and nobody comes in who does not know the password.
//!
//! The first octet says which mechanism, whether there is an initial response, and whether the name is somebody's; the rest is lines,
//! each sent in base64 unless it begins with `~`.

#![no_main]

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost::smtp::sasl::{Account, Exchange, Mechanism, Step, Verifier};
use libfuzzer_sys::fuzz_target;

/// `pencil`: RFC 7677 §3.
const VERIFIER: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
static ACCOUNT: LazyLock<Arc<Verifier>> = LazyLock::new(|| Arc::new(VERIFIER.parse().expect("it is one")));
/// Ours, of the same example, so that the seed comes in.
const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

fuzz_target!(|data: &[u8]| {
    let Some((&mode, rest)) = data.split_first() else { return };
    let mechanism = Mechanism::ALL[usize::from(mode & 3) % 3];
    let is_real = mode & 8 == 0;
    let mut lines = rest.split(|&byte| byte == b'\n').map(|line| match line.strip_prefix(b"~") {
        Some(raw) => raw.to_vec(),
        None => STANDARD.encode(line).into_bytes(),
    });
    let initial = if mode & 4 != 0 { lines.next() } else { None };
    let (mut exchange, mut step) = Exchange::begin(mechanism, initial.as_deref(), NONCE);
    loop {
        step = match step {
            Step::Challenge(text) => {
                assert!(text.bytes().all(|b| b.is_ascii_graphic()));
                let Some(line) = lines.next() else { return };
                exchange.step(&line)
            }
            Step::LookUp(name) => {
                assert!(!name.chars().any(char::is_control));
                exchange.found(Account { name, verifier: ACCOUNT.clone(), is_real })
            }
            Step::Check(check) => {
                let holds = check.holds();
                assert!(!holds || is_real);
                exchange.checked(holds)
            }
            Step::Done(_) => {
                assert!(is_real, "nobody came in");
                return;
            }
            Step::Failed(why) => {
                assert!((500..600).contains(&why.reply().code()));
                return;
            }
        };
    }
});
