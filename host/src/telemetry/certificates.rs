//! What a log says of a certificate that does not hold, where rustls has no words for people.
//!
//! ```text
//! Other(OtherError(CaUsedAsEndEntity))  ->  "the certificate is an authority itself (CA:TRUE), ..."
//! ```
//!
//! Knows nothing of who showed it to whom.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// Words for an error of rustls, one that an [`io::Error`] carries included; `None`: its own do.
pub(super) fn words(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let error = match carried {
        Some(carried) => carried.downcast_ref::<rustls::Error>(),
        None => error.downcast_ref::<rustls::Error>(),
    };
    let Some(rustls::Error::InvalidCertificate(why)) = error else { return None };
    match why {
        CertificateError::UnknownIssuer => Some(
            "the certificate is issued by no authority that is trusted here, or one in between is not shown with it",
        ),
        CertificateError::BadSignature => Some(
            "the certificate was not signed by the authority that is trusted here, but by one of the same name",
        ),
        // The verifier's own errors are passed on so, and have names only.
        CertificateError::Other(other) => match other.0.to_string().as_str() {
            "CaUsedAsEndEntity" => Some(
                "the certificate is an authority itself (CA:TRUE) and stands for no host: show one that it has issued, \
                 or name this very certificate in the `ca` of a relay",
            ),
            "UnsupportedCertVersion" => Some(
                "the certificate is of an old version of X.509: issue one of version 3, with subjectAltName",
            ),
            _ => None,
        },
        _ => None,
    }
}
