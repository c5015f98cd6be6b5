//! Where the scanner and mail-parser 0.11.9 differ, and why. What a message means is said in `docs/mime.md`.

/// Messages by the end of their path, in what their parts differ, and the reason.
pub(crate) const KNOWN: &[(&str, &str, &str)] = &[
    ("/issues/156-fallback.eml", "body", MID_LINE),
    ("/issues/156.eml", "body", MID_LINE),
    ("/regressions/fallback-delimiter-mid-line.eml", "body", MID_LINE),
    ("/thirdparty/005.eml", "body", MID_LINE),
    ("/t/corpus/spamassassin.msg", "body", MID_LINE),
    ("/regressions/delimiter-rule.eml", "parts", MID_LINE),
    ("/regressions/fallback-delimiter-after-text.eml", "parts", MID_LINE),
    ("/malformed/001.eml", "parts", INNERMOST),
    ("/malformed/007.eml", "parts", INNERMOST),
    ("/malformed/008.eml", "parts", INNERMOST),
    ("/malformed/009.eml", "parts", INNERMOST),
    ("/malformed/011.eml", "parts", INNERMOST),
    ("/malformed/012.eml", "parts", INNERMOST),
    ("/malformed/013.eml", "parts", INNERMOST),
    ("/malformed/016.eml", "parts", INNERMOST),
    ("/regressions/inner-multipart-closed-by-outer.eml", "parts", INNERMOST),
    ("/thirdparty/015.eml", "parts", INNERMOST),
    ("/test_email/data/msg_38.txt", "parts", INNERMOST),
    ("/input/substring.mbox", "parts", INNERMOST),
    ("/t/corpus/boxbe-cr.msg", "body", INNERMOST),
    ("/t/corpus/boxbe-cr2.msg", "body", INNERMOST),
    ("/t/corpus/message-too-large-4.msg", "body", INNERMOST),
    ("/t/corpus/spam-rejection.msg", "body", INNERMOST),
    ("/t/corpus/spam-rejection16.msg", "body", INNERMOST),
    ("/issues/156-suffix.eml", "parts", CUT),
    ("/malformed/000.eml", "parts", CUT),
    ("/malformed/014.eml", "parts", CUT),
    ("/regressions/empty-part-then-cut-part.eml", "parts", CUT),
    ("/regressions/part-without-blank-line.eml", "parts", CUT),
    ("/regressions/inner-headers-cut-by-outer-delimiter.eml", "parts", CUT),
    ("/test_email/data/msg_37.txt", "parts", CUT),
    ("/mails/mail_test_1", "parts", CUT),
    ("/mails/mail_test_11", "parts", CUT),
    ("/malformed/002.eml", "body", UNOPENED),
    ("/test_email/data/msg_17.txt", "body", UNOPENED),
    ("/test_email/data/msg_31.txt", "body", UNOPENED),
    ("/regressions/unopened-multiparts.eml", "body", UNOPENED),
    ("/t/corpus/no-message-collected.msg", "body", UNOPENED),
    ("/mails/mail_malformed_3", "body", UNOPENED),
    ("/test_email/data/msg_42.txt", "parts", UNOPENED),
    ("/malformed/022.eml", "parts", EMPTY_MESSAGE),
    ("/regressions/empty-nested-message-in-multipart.eml", "parts", EMPTY_MESSAGE),
    ("/regressions/empty-nested-message.eml", "parts", EMPTY_MESSAGE),
    ("/regressions/nested-headers-cut-by-delimiter.eml", "parts", EMPTY_MESSAGE),
    ("/malformed/020.eml", "parts", TWICE),
    ("/malformed/021.eml", "parts", TWICE),
    ("/malformed/017.eml", "name", VALUELESS),
    ("/regressions/readme-example.eml", "name", LATE_CHARSET),
    ("/regressions/fold-after-parameter-equals.eml", "parts", FOLD),
    ("/regressions/date-zone-ut.eml", "body", DATE),
    ("/regressions/date-zone-z.eml", "body", DATE),
    ("/t/corpus/surfcontrol-extra-newline.msg", "body", DATE),
    ("/test_email/data/msg_14.txt", "type", NO_SUBTYPE),
    ("/data/.gitignore", "parts", NO_MESSAGE),
    ("/encodings/photo.b64", "parts", NO_MESSAGE),
    ("/encodings/wikipedia.qp", "parts", NO_MESSAGE),
    ("/encodings/wikipedia.txt", "parts", NO_MESSAGE),
    ("/smime/certificate-authority.crt", "parts", NO_MESSAGE),
    ("/smime/smime.csr", "parts", NO_MESSAGE),
    ("/encodings/photo.jpg", "body", NO_MESSAGE),
    ("/malformed/023.eml", "panic", PANIC),
];

const MID_LINE: &str = "`--boundary` within a line is a delimiter to mail-parser, and text here";
const INNERMOST: &str =
    "mail-parser looks for the innermost boundary only; here each open one counts, and the longest that fits";
const CUT: &str = "mail-parser drops a part whose header section a delimiter or the end cuts; here it is a part without a body";
const UNOPENED: &str = "a multipart in which no part begins is a text to mail-parser (its closing delimiter may begin a part), and a multipart without parts here";
const EMPTY_MESSAGE: &str = "a message/rfc822 holds a message here, though it be empty or without a field; mail-parser makes it a leaf";
const TWICE: &str = "of two Content-Type fields mail-parser takes the last, the scanner the first";
const VALUELESS: &str = "mail-parser reads no parameters where a Content-Disposition has no value";
const LATE_CHARSET: &str = "mail-parser takes a character set in a later section of a parameter too; RFC 2231 §4.1 has it in the first";
const FOLD: &str = "mail-parser loses a parameter that is folded behind its `=`";
const DATE: &str = "mail-parser reads on behind a date whose zone has one or two letters, over the end of the header section";
const NO_SUBTYPE: &str = "`text` alone is a type to mail-parser; RFC 2045 §5.2 makes it text/plain";
const NO_MESSAGE: &str = "no header field at all: nothing to mail-parser, a header section or text here";
const PANIC: &str = "a debug assertion of mail-parser fails";
