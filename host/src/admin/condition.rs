//! Revisions as entity tags: `ETag` in an answer, `If-Match` as the condition of a change (RFC 9110 §8.8.3, §13.1.1).

use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::problem::Problem;

/// The tag of a revision.
pub(super) fn tag(revision: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{revision}\""))]
}

/// `If-Match`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// None.
    None,
    /// Any revision will do (`*`).
    Any,
    /// One of these.
    AnyOf(Vec<u64>),
}

impl Condition {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut revisions = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                if tag == "*" {
                    return Ok(Self::Any);
                }
                // A tag of another kind, a weak one too, matches nothing; what is no tag at all is a mistake.
                let quoted = tag.strip_prefix("W/").unwrap_or(tag);
                let Some(inner) = quoted.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) else {
                    let text = "If-Match is not a revision in quotes, such as `\"7\"`";
                    return Err(Problem::new(StatusCode::BAD_REQUEST, text));
                };
                revisions.push(inner.parse().ok().filter(|_| quoted == tag).unwrap_or(0));
            }
        }
        Ok(if revisions.is_empty() { Self::None } else { Self::AnyOf(revisions) })
    }

    /// The revision that has to be live, where `live` is; none: it does not matter which.
    pub(super) fn expected(&self, live: Option<u64>) -> Option<u64> {
        match self {
            Self::None => None,
            // There is one, or there is none to match.
            Self::Any => Some(live.unwrap_or(u64::MAX)),
            // One that is not named stands for all of them: it is stale.
            Self::AnyOf(revisions) => {
                let matching = revisions.iter().find(|revision| live == Some(**revision));
                matching.or(revisions.first()).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_stands_for_all() {
        let expected = |field: &str, live| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, field.parse().unwrap())]);
            Condition::of(&headers).map(|condition| condition.expected(live)).ok()
        };
        assert_eq!(expected("\"7\"", Some(7)), Some(Some(7)));
        assert_eq!(expected("\"6\", \"7\"", Some(7)), Some(Some(7)));
        assert_eq!(expected("\"6\"", Some(7)), Some(Some(6)));
        assert_eq!(expected("W/\"7\"", Some(7)), Some(Some(0)));
        assert_eq!(expected("*", Some(7)), Some(Some(7)));
        assert_eq!(expected("*", None), Some(Some(u64::MAX)));
        assert_eq!(expected("7", Some(7)), None);
        assert_eq!(Condition::of(&HeaderMap::new()).unwrap().expected(Some(7)), None);
    }
}
