//! `plus-fold` natively and in the sandbox: the same envelope, whatever the addresses and however the message is cut.

use gatepost_sdk::testing::Envelope;
use gatepost_tests::twin::Twin;
use plus_fold::PlusFold;

fn twin(recipients: &[&str]) -> Twin<PlusFold> {
    let recipients = recipients.iter().map(ToString::to_string).collect();
    Twin::new("plus-fold").grants(&["envelope"]).envelope(Envelope { recipients, ..Envelope::default() })
}

/// Goal: the same logic in two engines gives the same envelope and facts, and not a byte of the message changes.
/// Method: each kind of address, alone and together, over every cut.
#[test]
fn native_and_sandboxed_agree_over_every_cut() {
    for (recipients, folded) in [
        (&["jo+news@tenant.example"][..], &["jo@tenant.example"][..]),
        (&["jo@tenant.example"], &["jo@tenant.example"]),
        (&["\"jo+x\"@tenant.example"], &["\"jo+x\"@tenant.example"]),
        (
            &["jo+a@tenant.example", "al@tenant.example", "jo+b@tenant.example"],
            &["al@tenant.example", "jo@tenant.example"],
        ),
    ] {
        let twin = twin(recipients);
        for message in ["Subject: hi\r\n\r\nbody\r\n", "only text", ""] {
            let outcome = twin.agree("{}", message.as_bytes());
            assert_eq!(
                (outcome.recipients.join(" "), outcome.text()),
                (folded.join(" "), message.to_owned())
            );
        }
    }
    let dashed = twin(&["jo-news@tenant.example"]).agree(r#"{"separator": "-"}"#, b"Subject: hi\r\n\r\n");
    assert_eq!(dashed.recipients, ["jo@tenant.example"]);
}

#[test]
fn it_refuses_configs_and_imports_no_more_than_it_needs() {
    let twin = twin(&["jo@tenant.example"]);
    twin.refuse(r#"{"separator": "."}"#);
    twin.refuse(r#"{"domains": ["a@b"]}"#);
    twin.refuse(r#"{"seperator": "+"}"#);
    twin.imports_only(&["envelope", "next", "log", "envelope-edit"]);
}
