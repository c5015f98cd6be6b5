//! Certificates that have run out, or are about to: said before clients say so.

use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// So long before its end a certificate is spoken of: a renewal that works leaves thirty days, so this one has failed for a while.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// What is wrong with a certificate's time at `now`; none: nothing for now.
pub(super) fn warning(certificate: &CertificateDer<'_>, now: SystemTime) -> Option<String> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let (begin, end) = (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let day = |time: Duration| {
        let time =
            i64::try_from(time.as_secs()).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
        time.map_or_else(String::new, |time| time.to_string())
    };
    if now >= end {
        Some(format!("has run out on {}", day(end)))
    } else if now < begin {
        Some(format!("is not valid before {}", day(begin)))
    } else if end - now <= WARN_BEFORE {
        Some(format!("runs out on {}", day(end)))
    } else {
        None
    }
}
