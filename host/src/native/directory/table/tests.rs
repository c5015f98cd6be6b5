//! What the directory finds, and what it does not take.

use proptest::prelude::*;

use super::*;

fn table(text: &str) -> Table {
    Table::parse(text.as_bytes()).unwrap()
}

#[track_caller]
fn check(table: &Table, address: &str, expect: Option<State>) {
    let mailbox = Mailbox::parse(address).unwrap();
    assert_eq!(table.get(&mailbox, "+").map(|entry| entry.state), expect, "{address}");
}

#[test]
fn a_mailbox_is_found_by_its_own_line_then_its_base_then_its_domain() {
    let table = table(
        "# people\n\
         jo@acme.example\n\
         \tJO+work@acme.example   quota\t\n\
         jim@acme.example suspended Moved away, write to jo\n\
         *@lists.acme.example OK\n\
         old@lists.acme.example unknown\n\
         \"a b\"@acme.example temporary\n\
         \"quoted\"@acme.example\n\
         postmaster@acme.example ok\n\
         \r\n",
    );
    assert_eq!(table.len(), 8);
    for (address, expect) in [
        ("jo@acme.example", Some(State::Ok)),
        ("Jo@ACME.example", Some(State::Ok)),
        ("\"jo\"@acme.example", Some(State::Ok)),
        ("\"j\\o\"@acme.example", Some(State::Ok)),
        ("jo+x@acme.example", Some(State::Ok)),
        ("jo+x+y@acme.example", Some(State::Ok)),
        ("jo+Work@acme.example", Some(State::Quota)),
        ("+jo@acme.example", None),
        ("jo@lists.acme.example", Some(State::Ok)),
        ("old@lists.acme.example", Some(State::Unknown)),
        ("old+x@lists.acme.example", Some(State::Unknown)),
        ("jo@x.lists.acme.example", None),
        ("a@acme.example", None),
        ("\"a b\"@acme.example", Some(State::Temporary)),
        ("quoted@acme.example", Some(State::Ok)),
        ("*@acme.example", None),
        ("\"*\"@lists.acme.example", Some(State::Ok)),
    ] {
        check(&table, address, expect);
    }
    let jim = table.get(&Mailbox::parse("jim@acme.example").unwrap(), "").unwrap();
    assert_eq!(jim.text.as_deref(), Some("Moved away, write to jo"));
}

/// Goal: a comment may end any line; what only looks like one is a text, or part of an address.
#[test]
fn a_comment_may_end_any_line() {
    let table = table(
        "jo@x # the boss\nann@x ok\t#\nfull@x quota # since May # or June\ngone@x suspended Ticket #12 # asked\n\
         \"a # b\"@x # odd\n#c@x quota\nc#@x temporary\n",
    );
    for (address, state, text) in [
        ("jo@x", State::Ok, None),
        ("ann@x", State::Ok, None),
        ("full@x", State::Quota, None),
        ("gone@x", State::Suspended, Some("Ticket #12")),
        ("\"a # b\"@x", State::Ok, None),
        ("c#@x", State::Temporary, None),
    ] {
        let entry = table.get(&Mailbox::parse(address).unwrap(), "").unwrap();
        assert_eq!((entry.state, entry.text.as_deref()), (state, text), "{address}");
    }
    assert_eq!(table.len(), 6);
}

#[test]
fn no_separator_no_subaddress() {
    let table = table("jo@x");
    let mailbox = Mailbox::parse("jo+a@x").unwrap();
    assert!(table.get(&mailbox, "").is_none() && table.get(&mailbox, "-").is_none());
    assert!(table.get(&mailbox, "-+").is_some());
}

/// Goal: a domain is one, in whichever form it stands in the file and in RCPT; local parts in UTF-8 match in any case.
#[test]
fn names_beyond_ascii() {
    let table = table("JÜRGEN@bücher.example\n*@xn--fa-hia.example");
    assert_eq!(table.domains(), ["xn--bcher-kva.example", "xn--fa-hia.example"].into());
    for address in ["jürgen@xn--bcher-kva.example", "Jürgen@BU\u{308}CHER.example", "a@faß.example"] {
        check(&table, address, Some(State::Ok));
    }
    check(&table, "a@fass.example", None);
}

#[test]
fn what_is_wrong_is_told_by_line() {
    for (text, expect) in [
        ("jo", "line 1: \"jo\": the domain is missing"),
        ("\n\njo@x okay", "line 3: \"okay\" is no state: expected ok, unknown, quota, suspended, temporary"),
        (
            "jo@x ok hello",
            "line 1: nobody is told a text after `ok`; a comment begins with a `#` between blanks",
        ),
        ("# nobody\n\n", "no mailbox stands in it, and all mail would be refused for good"),
        ("", "no mailbox stands in it, and all mail would be refused for good"),
        ("jo@x quota v\u{f6}ll", "line 1: the text has a character that is not plain ASCII"),
        ("jo@x quota a\u{7}b", "line 1: the text has a character that is not plain ASCII"),
        ("jo@x\n\"JO\"@X quota", "line 2: the mailbox stands in line 1 already"),
        ("*@x\n*@X quota", "line 2: the mailbox stands in line 1 already"),
        ("*@a..b", "line 1: after `*@`: the domain has an empty label"),
        ("*@*.x", "line 1: after `*@`: the domain is not a host name"),
        ("postmaster@x quota", "line 1: mail to a postmaster is always taken (RFC 5321 section 4.5.1)"),
        ("\"*\"@x", "line 1: `*` stands for all of a domain, without quotes"),
        ("<jo@x>", "line 1: \"<jo@x>\": the local part is malformed"),
    ] {
        assert_eq!(Table::parse(text.as_bytes()).unwrap_err(), expect);
    }
    assert_eq!(Table::parse(b"a@x\n\xff").unwrap_err(), "line 2: is not UTF-8");
    let many = Table::parse("x\n".repeat(100).as_bytes()).unwrap_err();
    assert_eq!(many.matches("line ").count(), PROBLEMS_MAX);
}

#[test]
fn lines_and_texts_at_the_limit_and_past_it() {
    let line = |text: usize| format!("jo@x quota {}", "t".repeat(text));
    assert!(Table::parse(line(TEXT_MAX).as_bytes()).is_ok());
    assert!(Table::parse(line(TEXT_MAX + 1).as_bytes()).unwrap_err().contains("longer than 400 octets"));
    let comment = |length: usize| format!("jo@x\n#{}", "c".repeat(length - 1));
    assert!(Table::parse(comment(LINE_MAX).as_bytes()).is_ok());
    assert!(Table::parse(comment(LINE_MAX + 1).as_bytes()).unwrap_err().contains("longer than 1000"));
}

#[test]
fn mailboxes_at_the_limit_and_past_it() {
    let text: String = (0..ENTRIES_MAX).map(|n| format!("u{n}@x\n")).collect();
    assert_eq!(table(&text).len(), ENTRIES_MAX);
    let error = Table::parse(format!("{text}one-more@x").as_bytes()).unwrap_err();
    assert_eq!(error, "line 100001: more than 100000 mailboxes");
}

proptest! {
    /// Goal: no text breaks the reader, and a mailbox that was read is found again.
    #[test]
    fn any_text_is_read_or_refused(text in "(([a-zA-Z\"*+ ]{0,5}@[a-zü.]{0,4}[ \t](ok|quota|x)?[ -~]{0,6})\n?){0,4}|\\PC{0,40}") {
        if let Ok(table) = Table::parse(text.as_bytes()) {
            for line in text.lines().map(|line| line.trim_matches(is_blank)) {
                if let Ok(mailbox) = Mailbox::parse(&line[..address_end(line)]) {
                    prop_assert!(line.starts_with('*') || table.get(&mailbox, "").is_some(), "{}", line);
                }
            }
        }
    }
}
