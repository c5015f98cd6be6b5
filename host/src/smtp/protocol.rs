//! How a message came, as `Received: ... with` names it.

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaks {
    /// RFC 5321.
    #[default]
    Smtp,
    /// RFC 2033: one reply for each recipient.
    Lmtp,
}

/// The protocol of one message, in the parts that its name is made of (RFC 3848, RFC 6531 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protocol {
    /// SMTP or LMTP.
    pub speaks: Speaks,
    /// After EHLO. LHLO is always extended.
    pub extended: bool,
    /// Under TLS.
    pub tls: bool,
    /// The client has said who it is.
    pub authenticated: bool,
    /// The client asked for SMTPUTF8.
    pub utf8: bool,
}

impl Protocol {
    /// One of IANA's "Mail Transmission Types", for example `ESMTPSA`. After HELO it is `SMTP` whatever else holds: no name exists
    /// for more.
    pub fn name(self) -> String {
        let base = match (self.speaks, self.utf8, self.extended) {
            (Speaks::Lmtp, true, _) => "UTF8LMTP",
            (Speaks::Lmtp, false, _) => "LMTP",
            (Speaks::Smtp, true, _) => "UTF8SMTP",
            (Speaks::Smtp, false, true) => "ESMTP",
            (Speaks::Smtp, false, false) => return "SMTP".to_owned(),
        };
        let (tls, auth) = (if self.tls { "S" } else { "" }, if self.authenticated { "A" } else { "" });
        format!("{base}{tls}{auth}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_registry() {
        let name = |speaks, extended, tls, authenticated, utf8| {
            Protocol { speaks, extended, tls, authenticated, utf8 }.name()
        };
        assert_eq!(name(Speaks::Smtp, false, true, false, false), "SMTP");
        assert_eq!(name(Speaks::Smtp, true, false, false, false), "ESMTP");
        assert_eq!(name(Speaks::Smtp, true, true, true, false), "ESMTPSA");
        assert_eq!(name(Speaks::Smtp, false, true, false, true), "UTF8SMTPS");
        assert_eq!(name(Speaks::Lmtp, true, true, true, true), "UTF8LMTPSA");
        assert_eq!(name(Speaks::Lmtp, true, false, false, false), "LMTP");
    }
}
