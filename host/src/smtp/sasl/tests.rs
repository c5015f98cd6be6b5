//! Whole exchanges, as a client sees them.

use proptest::prelude::*;

use super::verifier::ITERATIONS_MIN;
use super::*;

const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

fn account(name: &str) -> Account {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let (verifier, is_real) = match name {
        "user" => (Verifier::derive("pencil", &salt, ITERATIONS_MIN).unwrap(), true),
        name => (Verifier::of_nobody(b"secret", name, ITERATIONS_MIN), false),
    };
    Account { name: name.to_owned(), verifier: Arc::new(verifier), is_real }
}

/// Does what steps ask for until the client is to hear something: `334 text`, `235 name`, or a reply. Also what was asked for.
fn hear(exchange: &mut Exchange, mut step: Step) -> (String, Vec<&'static str>) {
    let mut asked = Vec::new();
    loop {
        step = match step {
            Step::Challenge(text) => return (format!("334 {text}"), asked),
            Step::Done(name) => return (format!("235 {name}"), asked),
            Step::Failed(failure) => return (failure.reply().to_string(), asked),
            Step::LookUp(name) => {
                asked.push("look up");
                exchange.found(account(&name))
            }
            Step::Check(check) => {
                asked.push("check");
                exchange.checked(check.holds())
            }
        };
    }
}

/// What a client hears that says these lines, as they are.
fn talk(mechanism: Mechanism, initial: Option<&str>, lines: &[&str]) -> Vec<String> {
    let (mut exchange, step) = Exchange::begin(mechanism, initial.map(str::as_bytes), NONCE);
    let mut heard = vec![hear(&mut exchange, step).0];
    for line in lines {
        let step = exchange.step(line.as_bytes());
        heard.push(hear(&mut exchange, step).0);
    }
    heard
}

const WRONG: &str = "535 5.7.8 Name or password are wrong";

#[test]
fn plain_with_and_without_an_initial_response() {
    let good = b64("\0user\0pencil");
    assert_eq!(talk(Mechanism::Plain, Some(&good), &[]), ["235 user"]);
    assert_eq!(talk(Mechanism::Plain, None, &[&good]), ["334 ", "235 user"]);
    assert_eq!(talk(Mechanism::Plain, Some(&b64("USER\0User\0pencil")), &[]), ["235 user"]);
    for wrong in
        ["\0user\0pencils", "\0nobody\0pencil", "other\0user\0pencil", "\0us er\0pencil", "\0user\0pen\u{7}"]
    {
        assert_eq!(talk(Mechanism::Plain, Some(&b64(wrong)), &[]), [WRONG], "{wrong:?}");
    }
    let malformed = "501 5.5.2 That is no message of this mechanism";
    assert_eq!(talk(Mechanism::Plain, Some("="), &[]), [malformed]);
    assert_eq!(talk(Mechanism::Plain, None, &[""]), ["334 ", malformed]);
    assert_eq!(talk(Mechanism::Plain, Some(&b64("user\0pencil")), &[]), [malformed]);
}

#[test]
fn login_asks_twice() {
    let (user, password) = (b64("user"), b64("pencil"));
    let (ask_user, ask_password) = ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6");
    assert_eq!(talk(Mechanism::Login, None, &[&user, &password]), [ask_user, ask_password, "235 user"]);
    assert_eq!(talk(Mechanism::Login, Some(&user), &[&password]), [ask_password, "235 user"]);
    for (user, password) in [("user", "x"), ("nobody", "pencil"), ("", "pencil"), ("user", "")] {
        assert_eq!(
            talk(Mechanism::Login, None, &[&b64(user), &b64(password)]),
            [ask_user, ask_password, WRONG],
            "{user} {password}"
        );
    }
}

/// RFC 7677 §3.
const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

#[test]
fn scram_as_the_rfc_has_it() {
    let heard = talk(Mechanism::ScramSha256, Some(&b64(FIRST)), &[&b64(FINAL), ""]);
    let asked = |text| format!("334 {}", b64(text));
    assert_eq!(heard, [asked(SERVER_FIRST), asked(SERVER_FINAL), "235 user".to_owned()]);
    let heard = talk(Mechanism::ScramSha256, None, &[&b64(FIRST), &b64(FINAL), ""]);
    assert_eq!(heard[0], "334 ");
    assert_eq!(heard[3], "235 user");
}

#[test]
fn scram_refuses_what_is_not_proven() {
    let last = |text: &str| talk(Mechanism::ScramSha256, Some(&b64(FIRST)), &[&b64(text)]).remove(1);
    for denied in [
        FINAL.replace("dHzb", "dHzc"),
        FINAL.replace("k0,p", "k1,p"),
        FINAL.replace("k0,p", "k,p"),
        // `y,,`, where the header said `n,,`.
        FINAL.replace("biws", "eSws"),
        FINAL.replace("c=biws", "c="),
    ] {
        assert_eq!(last(&denied), WRONG, "{denied}");
    }
    for malformed in [
        "",
        "c=biws",
        "c=biws,r=x",
        "r=x,c=biws,p=AAAA",
        "c=biws,r=x,p=",
        "c=biws,r=x,p=AAAA",
        "c=biws,r=x,p=*",
    ] {
        assert!(last(malformed).starts_with("501 5.5.2"), "{malformed}");
    }
    let longer = talk(Mechanism::ScramSha256, Some(&b64(FIRST)), &[&b64(FINAL), &b64("x")]);
    assert!(longer[2].starts_with("501 5.5.2"), "{longer:?}");
    for first in ["p=tls-exporter,,n=user,r=abc", "n,a=other,n=user,r=abc"] {
        assert_eq!(talk(Mechanism::ScramSha256, Some(&b64(first)), &[]), [WRONG], "{first}");
    }
}

/// Goal: a client that would bind to the channel, and sees that it is not offered, comes in.
#[test]
fn scram_with_y() {
    let nonce = format!("abc{NONCE}");
    let (first, bare) = ("y,,n=user,r=abc", "n=user,r=abc");
    let asked = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let unproven = format!("c={},r={nonce}", b64("y,,"));
    let message = format!("{bare},{asked},{unproven}");
    let proof = client_proof("pencil", message.as_bytes());
    let last = format!("{unproven},p={}", STANDARD.encode(proof));
    let heard = talk(Mechanism::ScramSha256, Some(&b64(first)), &[&b64(&last), ""]);
    assert_eq!(heard[2], "235 user");
}

/// By the words of RFC 5802 §3, apart from the code under test.
fn client_proof(password: &str, message: &[u8]) -> Vec<u8> {
    use ring::{digest, hmac, pbkdf2};
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let mut salted = [0; 32];
    let rounds = 4096.try_into().unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
    let hmac = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    let client_key = hmac(&salted, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let signature = hmac(stored_key.as_ref(), message);
    client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect()
}

/// Goal: who is there cannot be told. Method: the same wrong password for a name that is there and for two that are not, by each
/// mechanism: the same steps, the same replies; by SCRAM a salt that looks like any, twice the same, and the same iteration count.
#[test]
fn nobody_looks_like_somebody() {
    let run = |mechanism, name: &str| {
        let lines = match mechanism {
            Mechanism::Plain => vec![b64(&format!("\0{name}\0wrong"))],
            Mechanism::Login => vec![b64(name), b64("wrong")],
            Mechanism::ScramSha256 => {
                let proof = STANDARD.encode([7; 32]);
                vec![b64(&format!("n,,n={name},r=abc")), b64(&format!("c=biws,r=abc{NONCE},p={proof}"))]
            }
        };
        let (mut exchange, step) = Exchange::begin(mechanism, None, NONCE);
        let mut heard = vec![hear(&mut exchange, step)];
        for line in &lines {
            let step = exchange.step(line.as_bytes());
            heard.push(hear(&mut exchange, step));
        }
        heard
    };
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        assert_eq!(run(mechanism, "user"), run(mechanism, "nobody"), "{mechanism:?}");
    }
    let challenge = |name| {
        let heard = run(Mechanism::ScramSha256, name);
        assert_eq!(heard[2], (WRONG.to_owned(), Vec::new()));
        let text = heard[1].0.strip_prefix("334 ").unwrap();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    };
    let (user, nobody) = (challenge("user"), challenge("nobody"));
    assert_eq!(nobody, challenge("nobody"));
    assert_ne!(nobody, challenge("noone"));
    assert_eq!(user.len(), nobody.len());
    assert!(nobody.ends_with(",i=4096"), "{nobody}");
}

#[test]
fn what_no_exchange_goes_on_after() {
    for mechanism in Mechanism::ALL {
        let last = |line: &str| talk(mechanism, None, &[line]).remove(1);
        assert_eq!(last("*"), "501 5.7.0 Authentication cancelled");
        for junk in ["!", "AAA", "A===", "AAAA AAAA", "AAAA\r", "=", "\u{e9}", "AB=="] {
            assert_eq!(last(junk), "501 5.5.2 That is not base64", "{junk:?}");
        }
        let after = talk(mechanism, None, &["*", &b64("\0user\0pencil")]);
        assert!(after[2].starts_with("501 5.5.2"), "{after:?}");
    }
    assert!(talk(Mechanism::Plain, None, &["/w=="]).remove(1).starts_with("501 5.5.2"), "not UTF-8");
}

#[test]
fn a_line_at_the_limit_and_past_it() {
    let line = |len: usize| "A".repeat(len);
    let heard = |len| talk(Mechanism::Plain, None, &[&line(len)]).remove(1);
    assert!(heard(LINE_MAX).starts_with("501 5.5.2"));
    assert_eq!(heard(LINE_MAX + 1), "500 5.5.6 The line of the authentication is too long");
}

#[test]
fn names_of_mechanisms() {
    for mechanism in Mechanism::ALL {
        assert_eq!(Mechanism::by_name(&mechanism.name().to_lowercase()), Some(mechanism));
    }
    for unknown in ["", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN "] {
        assert_eq!(Mechanism::by_name(unknown), None);
    }
}

/// Goal: a password does not come into a log by `{:?}`.
#[test]
fn debug_shows_no_password() {
    let (mut exchange, step) =
        Exchange::begin(Mechanism::Plain, Some(b64("\0user\0pencil").as_bytes()), NONCE);
    let mut shown = format!("{exchange:?} {step:?}");
    let Step::LookUp(name) = step else { panic!("{step:?}") };
    let step = exchange.found(account(&name));
    shown += &format!("{exchange:?} {step:?}");
    assert!(!shown.contains("pencil"), "{shown}");
}

proptest! {
    /// Goal: no lines break an exchange, and none but the right ones end it well. Method: any mechanism, lines of base64 and junk;
    /// an answer without a question fails.
    #[test]
    fn any_lines(which in 0..3usize, lines in prop::collection::vec("[nyp=,\0a-z]{0,24}|\\PC{0,24}", 1..5), encode: bool) {
        let (mut exchange, step) = Exchange::begin(Mechanism::ALL[which], None, NONCE);
        let mut heard = hear(&mut exchange, step).0;
        for line in lines {
            if heard.starts_with("334") {
                let line = if encode { b64(&line) } else { line };
                let step = exchange.step(line.as_bytes());
                heard = hear(&mut exchange, step).0;
            }
            prop_assert!(!heard.starts_with("235"), "{}", heard);
        }
        prop_assert!(matches!(exchange.checked(true), Step::Failed(_)));
        prop_assert!(matches!(exchange.found(account("user")), Step::Failed(_)));
    }
}
