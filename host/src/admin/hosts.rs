//! By what name we are asked, and from which page: against pages of others that a browser runs.
//!
//! A page that rebinds its own name to us is told by the Host header. One that sends a form or a script's request is told by
//! `Origin` and `Sec-Fetch-Site`, which no script can write.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};

/// The names that we go by.
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// `hosts` beyond `address` and `localhost`.
    pub(super) fn new(address: SocketAddr, hosts: &[String]) -> Self {
        let mut hosts: Vec<String> = hosts.iter().map(|host| host.to_lowercase()).collect();
        hosts.extend(["localhost".to_owned(), address.ip().to_string(), format!("[{}]", address.ip())]);
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            hosts.extend(["127.0.0.1".to_owned(), "[::1]".to_owned()]);
        }
        Self(hosts)
    }

    /// Whether the request is for us.
    pub(super) fn are_asked(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        // Two of them mean two things to two readers (RFC 9112 §3.2).
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        host.to_str().is_ok_and(|host| self.know(host))
    }

    /// Whether a request comes from our own page, or from no page at all.
    pub(super) fn sent_it(&self, headers: &HeaderMap) -> bool {
        let is_same = |site: &[u8]| site == b"same-origin" || site == b"none";
        if !headers.get_all("sec-fetch-site").iter().all(|site| is_same(site.as_bytes())) {
            return false;
        }
        // `null` is a page that hides where it comes from.
        let is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, host)| self.know(host));
        headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_ours))
    }

    /// A name with or without a port.
    fn know(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        self.0.contains(&name.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn hosts() -> Hosts {
        Hosts::new("127.0.0.1:8025".parse().unwrap(), &["Mx.Example".into()])
    }

    #[test]
    fn only_our_own_names() {
        for good in
            ["localhost", "localhost:8025", "127.0.0.1:8025", "mx.example:1", "MX.EXAMPLE", "[::1]:8025"]
        {
            assert!(hosts().are_asked(&headers(&[("host", good)])), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "evil:localhost", ""] {
            assert!(!hosts().are_asked(&headers(&[("host", bad)])), "{bad}");
        }
        assert!(!hosts().are_asked(&HeaderMap::new()));
        assert!(!hosts().are_asked(&headers(&[("host", "localhost"), ("host", "evil.example")])));
    }

    #[test]
    fn only_our_own_pages() {
        let good: [&[(&str, &str)]; 5] = [
            &[],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8025")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://mx.example")],
            &[("origin", "http://[::1]:8025")],
        ];
        for good in good {
            assert!(hosts().sent_it(&headers(good)), "{good:?}");
        }
        let bad: [&[(&str, &str)]; 8] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:8025")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "http://evil.example")],
            &[("origin", "http://evil.example/localhost")],
            &[("origin", "http://localhost"), ("origin", "http://evil.example")],
        ];
        for bad in bad {
            assert!(!hosts().sent_it(&headers(bad)), "{bad:?}");
        }
    }
}
