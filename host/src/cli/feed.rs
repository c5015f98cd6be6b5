//! Reads the server's live feed: server-sent events, one after the other.

use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context, bail};
use serde_json::Value;

use super::client::Client;

/// Longest line, in bytes: figures of 50 tenants and 64 stages, or a message with 64 stages, take some 30 KiB.
const LINE_MAX: u64 = 1 << 20;

/// A feed.
pub(super) struct Feed {
    reader: BufReader<Box<dyn Read + Send>>,
}

/// One event.
pub(super) struct News {
    /// `figures`, `message`, `change` or `lagged`.
    pub(super) event: String,
    pub(super) data: Value,
}

impl Feed {
    /// Of one kind of event, of a tenant or of everybody.
    pub(super) fn open(client: &Client, kind: &str, tenant: Option<&str>) -> anyhow::Result<Self> {
        let tenant = tenant.map(|tenant| format!("&tenant={}", path_part(tenant))).unwrap_or_default();
        let reader = client.stream(&format!("/v1/events?only={kind}{tenant}"))?;
        Ok(Self { reader: BufReader::new(reader) })
    }

    /// The next event.
    ///
    /// # Errors
    /// Where the server ends the feed, or sends what is none.
    pub(super) fn next(&mut self) -> anyhow::Result<News> {
        let (mut event, mut data) = (String::new(), String::new());
        while let Some(line) = self.line().context("reading the feed")? {
            if line.is_empty() && !data.is_empty() {
                let data = serde_json::from_str(&data).context("the server's feed is not of this version")?;
                return Ok(News { event, data });
            }
            // A comment has no name before its colon: the server is alive.
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event),
                Some(("data", text)) => data.push_str(text),
                _ => {}
            }
        }
        bail!("the server has ended the feed: it goes down, or the token holds no more")
    }

    /// None: it ended.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        self.reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            let is_long = line.len() as u64 + 1 >= LINE_MAX;
            return if is_long { Err(io::Error::other("a line is too long")) } else { Ok(None) };
        }
        String::from_utf8(line).map(Some).map_err(io::Error::other)
    }
}

/// A name as a part of a path or a query: what is no name of a tenant names none.
pub(super) fn path_part(name: &str) -> String {
    name.bytes().fold(String::new(), |part, b| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => part + &char::from(b).to_string(),
        _ => part + &format!("%{b:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &'static str) -> Feed {
        Feed { reader: BufReader::new(Box::new(text.as_bytes())) }
    }

    #[test]
    fn events_one_after_the_other_without_comments() {
        let mut feed =
            feed(":\n\nevent: figures\ndata: {\"a\":1}\n\n:\n\nevent: lagged\ndata: {\"missed\":2}\n\n");
        let news = feed.next().unwrap();
        assert_eq!((&*news.event, &news.data["a"]), ("figures", &Value::from(1)));
        let news = feed.next().unwrap();
        assert_eq!((&*news.event, &news.data["missed"]), ("lagged", &Value::from(2)));
        assert!(feed.next().is_err());
    }

    #[test]
    fn what_is_torn_or_without_end_is_an_error() {
        assert!(feed("event: figures\ndata: {\"a\":1}").next().is_err());
        let mut endless = Feed { reader: BufReader::new(Box::new(io::repeat(b'x'))) };
        assert!(format!("{:#}", endless.next().err().unwrap()).contains("too long"));
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(path_part("acme-1"), "acme-1");
        assert_eq!(path_part("a/b?c"), "a%2Fb%3Fc");
    }
}
