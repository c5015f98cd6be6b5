//! Plays every wire conversation of `transcripts/` against one server.

use std::path::Path;

use gatepost_tests::Server;
use gatepost_tests::tls::Certificate;
use gatepost_tests::transcript::{Transcript, all, folder};
use gatepost_tests::wait::until;

/// What is said otherwise under TLS.
const PLAIN_ONLY: [&str; 1] = ["starttls-not-offered"];

const TENANTS: [&str; 2] = ["acme", "other"];

fn server(certificate: &Certificate) -> Server {
    let tls = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }";
    let implicit = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"implicit\" }";
    let keep = "bare_newlines = \"keep\"";
    let small = "message_size_max = \"2KiB\"\nheader_size_max = \"1KiB\"\nrecipients_max = 3\nerrors_max = 4\nunknown_recipients_max = 4\nunknown_recipients_delay = \"0s\"";
    let (extended, lmtp) = ("dsn = true\nbinarymime = true", "protocol = \"lmtp\"");
    let site = Server::builder()
        .chain("acme", "acme.example\", \"*.acme.example\", \"[192.0.2.1]\", \"例え.jp", "maildir")
        .chain("other", "other.example", "maildir")
        .chain("broken", "broken.example", "nosuch | maildir")
        .listener("keep", keep)
        .listener("tls", tls)
        .listener("small", small)
        .listener("extended", extended)
        .listener("lmtp", lmtp)
        .listener("mx-tls", implicit)
        .listener("keep-tls", &format!("{implicit}\n{keep}"))
        .listener("extended-tls", &format!("{implicit}\n{extended}"))
        .listener("lmtp-tls", &format!("{implicit}\n{lmtp}"))
        .listener("small-tls", &format!("{implicit}\n{small}"))
        .site();
    certificate.write(site.path());
    site.start()
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Plays one and looks at what it leaves; then again under TLS, where it says nothing of TLS.
fn case(path: &Path, server: &Server, certificate: &Certificate) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let transcript = Transcript::parse(&text)?;
    let clear = || TENANTS.iter().for_each(|tenant| server.maildir(tenant).clear());
    clear();
    transcript.play(server, certificate)?;
    left(&transcript, server)?;
    if transcript.is_plain() && !PLAIN_ONLY.contains(&&*name(path)) {
        clear();
        transcript.play_under_tls(server, certificate)?;
        left(&transcript, server).map_err(|why| format!("under TLS: {why}"))?;
    }
    Ok(())
}

/// Whether what is stored is what the transcript says.
fn left(transcript: &Transcript, server: &Server) -> Result<(), String> {
    let stored: Vec<Vec<u8>> = TENANTS.iter().flat_map(|tenant| server.maildir(tenant).messages()).collect();
    if stored.len() != transcript.stored {
        return Err(format!("{} messages are stored, not {}", stored.len(), transcript.stored));
    }
    // A message that was broken off is taken back after its connection is closed.
    until("an empty tmp", || {
        TENANTS.iter().all(|tenant| server.maildir(tenant).unfinished().is_empty()).then_some(())
    });
    match &transcript.content {
        Some(expected) if *expected != stored.concat() => {
            let (stored, expected) = (stored.concat(), expected.escape_ascii());
            Err(format!("stored:\n  {}\nexpected:\n  {expected}", stored.escape_ascii()))
        }
        _ => Ok(()),
    }
}

/// Goal: what a client hears, and what is stored, is what the RFCs and our semantics say, word for word.
/// Method: each file of `transcripts/` is a case; all are played on one server, one after the other, and all failures told.
#[test]
fn every_conversation_goes_as_written() {
    let certificate = Certificate::new();
    let server = server(&certificate);
    let all = all();
    let failures: Vec<String> = all
        .iter()
        .filter_map(|path| {
            case(path, &server, &certificate).err().map(|why| format!("{}: {why}", name(path)))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} fail\n{}", failures.len(), all.len(), failures.join("\n"));
}

/// Goal: no transcript lies about unplayed, and each says why it is there.
/// Method: everything in the folder is among the files that are played; each has a reason that names its source.
#[test]
fn every_file_is_played_and_says_why() {
    let played = all();
    let entries = std::fs::read_dir(folder()).unwrap().flatten().map(|entry| entry.path());
    let unplayed: Vec<_> = entries.filter(|path| !path.is_file() || !played.contains(path)).collect();
    assert!(unplayed.is_empty(), "nothing plays {unplayed:?}");
    assert!(played.len() >= 30, "{} transcripts", played.len());
    for path in &played {
        let transcript = Transcript::parse(&std::fs::read_to_string(path).unwrap());
        let reason = transcript.unwrap_or_else(|why| panic!("{}: {why}", name(path))).reason;
        let sourced = ["RFC ", "CVE-", "semantics"].iter().any(|source| reason.contains(source));
        assert!(sourced, "{}: its head names no source", name(path));
    }
}
