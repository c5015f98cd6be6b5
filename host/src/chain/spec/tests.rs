//! Tests of `chain::spec`.

use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> String {
    match text.parse::<ChainSpec>() {
        Ok(spec) => spec.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn one_canonical_form() {
    let cases = [
        ("maildir", "maildir"),
        ("header|maildir", "header | maildir"),
        ("  Header |\tMAILDIR\n+ null ", "header | maildir + null"),
        ("A : Acme / Strip @ 1.2 | b", "a:acme/strip@1.2 | b"),
        ("x@1|x2@1.2|x3@1.2.3", "x@1 | x2@1.2 | x3@1.2.3"),
        ("compress | two:compress | null", "compress | two:compress | null"),
    ];
    for (text, expect) in cases {
        assert_eq!(canonical(text), expect);
        assert_eq!(canonical(expect), expect);
    }
}

#[test]
fn errors_say_where_and_what() {
    let cases = [
        ("", "at character 1: expected the name of a processor or sink, found the end"),
        ("a | ", "at character 5: expected the name of a processor or sink, found the end"),
        ("a || b", "at character 4: expected the name of a processor or sink, found `|`"),
        ("é:b", "at character 1: `é` is not a name: expected"),
        ("a | b_c", "at character 5: `b_c` is not a name: expected"),
        ("a b", "at character 3: expected `|`, `+` or the end, found `b`"),
        ("a: | b", "at character 4: expected a name after the alias, found `|`"),
        ("a/", "at character 3: expected a name after its owner, found the end"),
        ("a@", "at character 3: expected a version such as `1`, `1.2` or `1.2.3`, found the end"),
        ("a@x | b", "at character 3: expected a version such as `1`, `1.2` or `1.2.3`, found `x`"),
        ("a + b | c", "at character 7: only the last names may be joined by `+`, but `|` follows `b`"),
        ("a | c:b | b | a", "at character 15: `a` stands twice; use an alias, as in `other:a`"),
        ("x/a | y:b + y:c", "at character 13: `y` stands twice; use an alias, as in `other:c`"),
        ("a:b:c", "at character 4: expected `|`, `+` or the end, found `:`"),
    ];
    for (text, expect) in cases {
        let found = canonical(text);
        assert!(found.starts_with(expect), "{text:?}\n  gives   {found}\n  expected {expect}");
    }
}

#[test]
fn pins_are_one_to_three_plain_numbers() {
    for good in ["0", "1", "1.0", "10.20.30", "18446744073709551615"] {
        assert_eq!(good.parse::<Pin>().map(|pin| pin.to_string()), Ok(good.to_owned()));
    }
    for bad in ["", "01", "1.", ".1", "1..2", "1.2.3.4", "1.2.3-rc1", "+1", "18446744073709551616"] {
        assert_eq!(bad.parse::<Pin>(), Err(()), "{bad}");
    }
}

#[test]
fn a_pin_matches_what_begins_so() {
    let check = |pin: &str, version: &str| {
        pin.parse::<Pin>().unwrap().matches(&semver::Version::parse(version).unwrap())
    };
    assert!(check("1", "1.9.9") && check("1.2", "1.2.9") && check("1.2.3", "1.2.3"));
    assert!(
        !check("1", "2.0.0") && !check("1.2", "1.3.0") && !check("1.2.3", "1.2.4") && !check("1", "10.0.0")
    );
}

#[test]
fn names_at_their_limits() {
    assert!(is_name(&"a".repeat(63)) && is_name("a") && is_name("0") && is_name("a-b") && is_name("a--b"));
    assert!(!is_name(&"a".repeat(64)) && !is_name(""));
    for bad in ["-a", "a-", "A", "a.b", "a_b", "../x", "a/b", "ä", "a\0"] {
        assert!(!is_name(bad), "{bad}");
    }
}

fn stage() -> impl Strategy<Value = StageRef> {
    let name = "[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?";
    let pin = (any::<u64>(), proptest::option::of((any::<u64>(), proptest::option::of(any::<u64>()))));
    let pin = pin.prop_map(|(major, rest)| Pin {
        major,
        minor: rest.map(|(minor, _)| minor),
        patch: rest.and_then(|(_, patch)| patch),
    });
    (proptest::option::of(name), proptest::option::of(name), name, proptest::option::of(pin))
        .prop_map(|(alias, owner, name, pin)| StageRef { alias, owner, name, pin })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        stages in prop::collection::vec(stage(), 0..6),
        last in prop::collection::vec(stage(), 1..4),
    ) {
        let spec = ChainSpec { stages, last };
        let labels: HashSet<String> = spec.all().map(StageRef::label).collect();
        prop_assume!(labels.len() == spec.len());
        prop_assert_eq!(spec.to_string().parse::<ChainSpec>(), Ok(spec));
    }

    #[test]
    fn no_text_panics(text in "[a-cA-C|+:/@ .0-9é_-]{0,40}|.{0,40}") {
        if let Ok(spec) = text.parse::<ChainSpec>() {
            prop_assert_eq!(spec.to_string().parse::<ChainSpec>(), Ok(spec));
        }
    }
}
