//! What conversations are made of: lines, good ones and bad ones.
//!
//! ```text
//! mail(&mut dice)  ->  MAIL FROM:<"a b"@client.test> SIZE=99 CRLF
//! ```
//!
//! Good ones are drawn more often, so that conversations get somewhere.

use crate::dice::Dice;

/// The longest local part.
const LOCAL_64: &str = "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll";
/// The longest label of a domain.
const LABEL_63: &str = "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// Lines that stand anywhere.
const ODD: &[&[u8]] = &[
    b"NOOP",
    b"NOOP",
    b"noop",
    b"NOOP x y",
    b"NOOP ",
    b"RSET",
    b"RSET",
    b"RSET x",
    b"VRFY jo@acme.example",
    b"VRFY",
    b"VRFY jo@nobody.example",
    b"HELP",
    b"FOO",
    b"FOO bar",
    b"",
    b" NOOP",
    b"EXPN list",
    b"ETRN acme.example",
    b"ETRN",
    b"TURN",
    b"SEND FROM:<a@client.test>",
    b"AUTH PLAIN AGEAYg==",
    b"STARTTLS",
    b"STARTTLS x",
    b"XCLIENT NAME=x",
    b"XFORWARD NAME=x",
    b"LHLO client.test",
    b"BURL imap://x LAST",
    b"QUIT x",
    b"DATA x",
    b"EHLO client.test",
    b"HELO client.test",
    b"EHLO",
    b"HELO",
    b"MAIL",
    b"RCPT",
    b"MAIL FROM",
    b"RCPT TO",
    b"MAIL FROM:<a@client.test>",
    b"NO\0OP",
    b"NOOP\t",
    b"\xff\xfe",
    b"NOOP \xc3\xbc",
    b"NOOP \xff",
    b"Subject: hi",
    b"RCPT FROM:<jo@acme.example>",
    b"MAIL TO:<a@client.test>",
    b"mail from : <a@client.test>",
    b"NOOP\x1b[0m",
];

const HELLOS: &[&[u8]] = &[
    b"EHLO [192.0.2.1]",
    b"EHLO [IPv6:2001:db8::1]",
    b"EHLO",
    b"EHLO a b",
    b"EHLO a_b",
    b"EHLO (x",
    b"EHLO -",
    b"EHLO .",
    b"HELO client.test",
    b"HELO client.test",
    b"HELO",
    b"helo x",
    b"ehlo client.test",
    b"EHLO  client.test",
    b"EHLO client.test ",
    b"EHLO c\xc3\xbc.test",
    b"NOOP",
    b"MAIL FROM:<a@client.test>",
    b"HELO <x>",
];

const SENDERS: &[&str] = &[
    "<>",
    "<a@client.test>",
    "a@client.test",
    "<a@client.test",
    "a@client.test>",
    " <a@client.test>",
    "<a>",
    "<postmaster>",
    "<@r.test:a@client.test>",
    "<@r.test,@s.test:a@client.test>",
    "<@r.test>",
    "<@r.test,s.test:a@client.test>",
    "<\"a b\"@client.test>",
    "<\"a@b\"@client.test>",
    "<\"a>b\"@client.test>",
    "<\"a\\\"b\"@client.test>",
    "<\"\"@client.test>",
    "<a b@client.test>",
    "<a..b@client.test>",
    "<.a@client.test>",
    "<a.@client.test>",
    "<a@client.test.>",
    "<a@>",
    "<@>",
    "<@client.test>",
    "<a@[192.0.2.1]>",
    "<a@[192.0.2.999]>",
    "<a@[IPv6:2001:db8::1]>",
    "<a@[::1]>",
    "<a@b@client.test>",
    "<a@-b>",
    "<a@b-.test>",
    "<a@b_c>",
    "<ü@client.test>",
    "<a@bücher.test>",
    "<a(c)@client.test>",
    "<a@client.test>,<b@c>",
    "<a,b@client.test>",
    "<a\\b@client.test>",
    "<a:b@client.test>",
    "<<a@client.test>>",
    "",
    "Jo <a@client.test>",
    "<a\u{1}b@client.test>",
    "<a@client..test>",
    "<a@client.test>x",
    "<a!b%c@client.test>",
    "<a;b@client.test>",
];

/// Beside addresses as senders have them.
const RECIPIENTS: &[&str] = &[
    "<>",
    "<jo@ACME.example>",
    "jo@acme.example",
    "<jo>",
    "<postmaster>",
    "<Postmaster>",
    "<postmaster@acme.example>",
    "<jo@acme.example.>",
    "<@r.test:jo@acme.example>",
    "<@r.test>",
    "<\"jo\"@acme.example>",
    "<\"j o\"@acme.example>",
    "<\"j>o\"@acme.example>",
    "<j..o@acme.example>",
    "<j o@acme.example>",
    "<jo%x.test@acme.example>",
    "<jo!x@acme.example>",
    "<jo@nobody.example@acme.example>",
    "<\"jo@x.test\"@acme.example>",
    "<../jo@acme.example>",
    "<jo@nobody.example>",
    "<jo@nobody.example>",
    "<jo@[127.0.0.1]>",
    "<jo@[192.0.2.1]>",
    "<jü@acme.example>",
    "<jo@sub.acme.example>",
    "<jo@acme.example>x",
    "<-jo@acme.example>",
    "<+jo@acme.example>",
    "<j/o@acme.example>",
    "<|jo@acme.example>",
    "<jo@acme.example",
    " <jo@acme.example>",
    "<jo+tag@acme.example>",
    "<JO@acme.example>",
    "<jo@acme.example>,<mo@acme.example>",
    "",
    "<jo@-acme.example>",
];

const MAIL_PARAMETERS: &[&str] = &[
    "SIZE=0",
    "SIZE=99",
    "SIZE=1048576",
    "SIZE=1048577",
    "SIZE=99999999999999999999999",
    "SIZE=",
    "SIZE=-1",
    "SIZE=x",
    "SIZE",
    "SIZE=1 SIZE=2",
    "BODY=7BIT",
    "BODY=8BITMIME",
    "body=8bitmime",
    "BODY=BINARYMIME",
    "BODY=x",
    "BODY=7BIT BODY=8BITMIME",
    "SMTPUTF8",
    "SMTPUTF8=x",
    "smtputf8 SIZE=9",
    "FOO",
    "FOO=x",
    "RET=FULL",
    "RET=HDRS",
    "RET=x",
    "RET=FULL RET=HDRS",
    "ENVID=id",
    "ENVID=a+2Bb",
    "ENVID=a+2",
    "ENVID=",
    "ENVID=a ENVID=b",
    "AUTH=<>",
    " SIZE=9 ",
    "SIZE=9  BODY=8BITMIME",
    "=",
];

const RCPT_PARAMETERS: &[&str] = &[
    "NOTIFY=NEVER",
    "NOTIFY=SUCCESS,FAILURE",
    "notify=delay",
    "NOTIFY=x",
    "NOTIFY=NEVER,SUCCESS",
    "NOTIFY=",
    "NOTIFY=NEVER NOTIFY=NEVER",
    "ORCPT=rfc822;jo@acme.example",
    "ORCPT=x",
    "ORCPT=rfc822;",
    "ORCPT=rfc822;a+2Bb",
    "FOO=x",
    "SIZE=1",
    "ORCPT=rfc822;a NOTIFY=FAILURE",
    "NOTIFY=SUCCESS,SUCCESS",
];

/// A line, ended as most are: by CRLF, or by a LF alone.
fn line(dice: &mut Dice, text: &[u8]) -> Vec<u8> {
    let mut line = text.to_vec();
    line.extend_from_slice(if dice.one_in(25) { b"\n" } else { b"\r\n" });
    line
}

/// HELO or EHLO.
pub(crate) fn hello(dice: &mut Dice) -> Vec<u8> {
    let text = match dice.within(0, 19) {
        0 => [b"HELO ", "h".repeat(dice.within(254, 257)).as_bytes()].concat(),
        1 => [b"EHLO ", "h".repeat(dice.within(1, 700)).as_bytes()].concat(),
        2..=7 => dice.pick(HELLOS).to_vec(),
        _ => b"EHLO client.test".to_vec(),
    };
    line(dice, &text)
}

/// What may stand anywhere.
pub(crate) fn odd(dice: &mut Dice) -> Vec<u8> {
    let text = match dice.within(0, 29) {
        0 => [b"NOOP ", "n".repeat(dice.within(500, 515)).as_bytes()].concat(),
        1 => vec![b'x'; dice.within(1500, 5000)],
        _ => dice.pick(ODD).to_vec(),
    };
    line(dice, &text)
}

/// MAIL.
pub(crate) fn mail(dice: &mut Dice) -> Vec<u8> {
    let (at, one) = (dice.one_in(14), dice.within(62, 66));
    let path = match dice.within(0, 9) {
        0 if at => format!("<{}@client.test>", &LOCAL_64.repeat(2)[..one]),
        1 if at => format!("<a@{}.test>", &LABEL_63.repeat(2)[..one]),
        2 if at => format!("<a@{}>", vec![LABEL_63; one % 3 + 3].join(".")),
        0..=3 => dice.pick(SENDERS).to_owned(),
        _ => "<a@client.test>".to_owned(),
    };
    let parameter = if dice.one_in(3) { format!(" {}", dice.pick(MAIL_PARAMETERS)) } else { String::new() };
    let verb = if dice.one_in(15) { "mail From:" } else { "MAIL FROM:" };
    line(dice, format!("{verb}{path}{parameter}").as_bytes())
}

/// RCPT.
pub(crate) fn rcpt(dice: &mut Dice) -> Vec<u8> {
    let (at, one) = (dice.one_in(14), dice.within(62, 66));
    let path = match dice.within(0, 9) {
        0 if at => format!("<{}@acme.example>", &LOCAL_64.repeat(2)[..one]),
        0..=2 => dice.pick(RECIPIENTS).to_owned(),
        3..=6 => format!("<jo{}@acme.example>", dice.within(1, 5)),
        _ => "<jo@acme.example>".to_owned(),
    };
    let parameter = if dice.one_in(6) { format!(" {}", dice.pick(RCPT_PARAMETERS)) } else { String::new() };
    let verb = if dice.one_in(15) { "rcpt to:" } else { "RCPT TO:" };
    line(dice, format!("{verb}{path}{parameter}").as_bytes())
}

/// A BDAT line with its octets. Where nobody can tell how many there are, there are none.
pub(crate) fn bdat(dice: &mut Dice, octets: &[u8], last: bool) -> (Vec<u8>, Vec<u8>) {
    let size = octets.len();
    let mark = if last { " LAST" } else { "" };
    let (line, octets) = match dice.within(0, 39) {
        0 => {
            let size = dice.pick(&["", "-1", "+5", "0x5", "x", "99999999999999999999999"]);
            (format!("BDAT {size}{mark}"), &[][..])
        }
        1 => ("BDAT 0 LASTX".to_owned(), &[][..]),
        2 => (format!("BDAT 00{size}{mark}"), octets),
        3 => (format!("bdat {size}{}", mark.to_lowercase()), octets),
        _ => (format!("BDAT {size}{mark}"), octets),
    };
    (format!("{line}\r\n").into_bytes(), octets.to_vec())
}
