//! Tests of tenants' tokens, in a folder and at times of their own.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn wanted(tenant: &str) -> Wanted<'_> {
    Wanted { tenant, role: TokenRole::Owner, label: "ci", lifetime: None }
}

fn open(folder: &tempfile::TempDir) -> Tokens {
    let (tokens, problems) = Tokens::open(folder.path().join("tokens"));
    assert_eq!(problems, [""; 0]);
    tokens
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Goal: a token is held from its making to its end, across a start; nothing of it but a hash is on disk, for no other eyes.
#[test]
fn a_token_from_its_making_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = open(&folder);
    let made = tokens.make(Wanted { lifetime: Some(seconds(10)), ..wanted("acme") }, at(0)).unwrap();
    assert!(made.text.starts_with(&format!("gp_{}_", made.held.id)) && made.text.len() == 3 + 12 + 1 + 64);
    assert_eq!(made.held.expires, Some(at(10)));
    let verified = tokens.verify(&made.text, at(9)).unwrap();
    assert_eq!((verified.tenant.as_str(), verified.role), ("acme", TokenRole::Owner));
    assert_eq!(tokens.of("acme", at(9))[0].last_used(), Some(at(9)));
    assert!(tokens.verify(&made.text, at(10)).is_none(), "it is over");

    let path = folder.path().join("tokens/acme.json");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&folder.path().join("tokens"))), (0o600, 0o700));
    let text = std::fs::read_to_string(&path).unwrap();
    let secret = made.text.rsplit('_').next().unwrap();
    assert!(!text.contains(secret) && text.contains(&made.held.id), "{text}");

    let started = open(&folder);
    assert!(started.verify(&made.text, at(9)).is_some());
    assert!(started.read_again().is_empty());
    assert_eq!(started.of("acme", at(9))[0].last_used(), Some(at(9)), "a reload forgets no use");
    started.remove("acme", &made.held.id, at(9)).unwrap();
    assert!(started.verify(&made.text, at(9)).is_none());
    assert!(started.again(&verified, at(9)).is_none());
    assert!(matches!(started.remove("acme", &made.held.id, at(9)), Err(TokenError::None)));
}

/// Goal: nothing but the very text is taken.
#[test]
fn only_the_very_text() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = open(&folder);
    let (text, other) =
        (tokens.make(wanted("acme"), at(0)).unwrap().text, tokens.make(wanted("other"), at(0)).unwrap().text);
    let (id, other_secret) = (&text[..16], &other[16..]);
    let last = if text.ends_with('0') { '1' } else { '0' };
    let mut flipped = text[..text.len() - 1].to_owned();
    flipped.push(last);
    let bad = [
        String::new(),
        "gp_".to_owned(),
        "gp__".to_owned(),
        id.to_owned(),
        format!("{id}{other_secret}"),
        flipped,
        text.to_uppercase(),
        format!("{text} "),
        format!("{text}0"),
        text[..text.len() - 1].to_owned(),
        text.replacen("gp_", "gp_x", 1),
    ];
    for bad in bad {
        assert!(tokens.verify(&bad, at(1)).is_none(), "{bad}");
    }
    assert!(tokens.verify(&text, at(1)).is_some());
}

/// Goal: after a rotation both are held until the overlap is over; without one the old one ends at once; and it never lives
/// longer than it was to.
#[test]
fn a_rotation_overlaps() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = open(&folder);
    let old = tokens.make(Wanted { lifetime: Some(seconds(100)), ..wanted("acme") }, at(0)).unwrap();
    let new = tokens.rotate("acme", &old.held.id, seconds(20), at(50)).unwrap();
    assert_eq!((new.held.role, new.held.label.as_str()), (TokenRole::Owner, "ci"));
    assert_eq!(new.held.expires, Some(at(150)), "as long as the old one was to live");
    assert!(tokens.verify(&old.text, at(69)).is_some() && tokens.verify(&new.text, at(69)).is_some());
    assert!(tokens.verify(&old.text, at(70)).is_none());
    let late = tokens.rotate("acme", &new.held.id, seconds(3600), at(140)).unwrap();
    assert!(tokens.verify(&new.text, at(149)).is_some() && tokens.verify(&new.text, at(150)).is_none());
    let last = tokens.rotate("acme", &late.held.id, Duration::ZERO, at(160)).unwrap();
    assert!(tokens.verify(&late.text, at(160)).is_none() && tokens.verify(&last.text, at(160)).is_some());
    assert!(matches!(tokens.rotate("acme", "nosuch", OVERLAP, at(160)), Err(TokenError::None)));
    assert!(matches!(
        tokens.rotate("acme", &last.held.id, OVERLAP_MAX + seconds(1), at(160)),
        Err(TokenError::Bad(_))
    ));
}

/// Goal: each limit, at it and past it.
#[test]
fn limits() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = open(&folder);
    let (fits, long) = ("ä".repeat(LABEL_MAX), "ä".repeat(LABEL_MAX + 1));
    tokens.make(Wanted { label: &fits, lifetime: Some(LIFETIME_MAX), ..wanted("acme") }, at(0)).unwrap();
    let bad = [
        Wanted { label: &long, ..wanted("acme") },
        Wanted { label: "a\nb", ..wanted("acme") },
        Wanted { lifetime: Some(LIFETIME_MAX + seconds(1)), ..wanted("acme") },
        Wanted { lifetime: Some(Duration::from_millis(999)), ..wanted("acme") },
    ];
    for bad in bad {
        assert!(matches!(tokens.make(bad, at(0)), Err(TokenError::Bad(_))));
    }
    for _ in 2..TOKENS_MAX {
        tokens.make(wanted("acme"), at(0)).unwrap();
    }
    tokens.make(Wanted { lifetime: Some(seconds(5)), ..wanted("acme") }, at(0)).unwrap();
    assert!(matches!(tokens.make(wanted("acme"), at(4)), Err(TokenError::TooMany)));
    tokens.make(wanted("other"), at(4)).unwrap();
    tokens.make(wanted("acme"), at(5)).expect("one is over, and counts no more");
    for bad in ["../x", "", "A", ".x", "x/y"] {
        assert!(tokens.make(wanted(bad), at(5)).is_err(), "{bad}");
    }
}

/// Goal: a tenant's tokens end with it, and are not those of the next of its name; another's are untouched.
#[test]
fn a_tenant_that_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = open(&folder);
    let (gone, other) =
        (tokens.make(wanted("acme"), at(0)).unwrap(), tokens.make(wanted("other"), at(0)).unwrap());
    tokens.forget("acme").unwrap();
    tokens.forget("acme").unwrap();
    assert!(tokens.verify(&gone.text, at(1)).is_none() && tokens.verify(&other.text, at(1)).is_some());
    assert!(open(&folder).verify(&gone.text, at(1)).is_none());
    tokens.make(wanted("acme"), at(1)).unwrap();
    assert!(tokens.verify(&gone.text, at(1)).is_none());
}

/// Goal: a file that is damaged, or another tenant's, holds no token; and it is not written over.
#[test]
fn a_file_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = open(&folder);
    let made = tokens.make(wanted("acme"), at(0)).unwrap();
    let file = |name: &str| folder.path().join("tokens").join(name);
    std::fs::copy(file("acme.json"), file("other.json")).unwrap();
    std::fs::remove_file(file("acme.json")).unwrap();
    assert!(open(&folder).verify(&made.text, at(1)).is_none(), "it is acme's");
    for bad in ["", "{}", "{\"tokens\":[{}]}", "nonsense"] {
        std::fs::write(file("acme.json"), bad).unwrap();
        let problems = tokens.read_again();
        assert!(problems[0].contains("acme.json"), "{problems:?}");
        assert!(matches!(tokens.make(wanted("acme"), at(1)), Err(TokenError::Io(_))));
        assert_eq!(std::fs::read_to_string(file("acme.json")).unwrap(), bad);
    }
}
