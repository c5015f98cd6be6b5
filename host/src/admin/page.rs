//! The web page: its files as they are in `host/web`, embedded in the binary, with the headers that keep it shut.
//!
//! Knows nothing of sessions: the files say the same to everybody, and what they show they ask of `/v1`.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::problem::Problem;

/// Scripts, styles and pictures of our own only, no markup from strings, no frame around the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";

/// What every file is sent with. A browser asks each time whether it has the newest: after an update of the host, old
/// scripts never meet a new API.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("cache-control", "no-cache"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// A file of the page.
struct File {
    name: &'static str,
    content: &'static [u8],
    /// Its hash, in quotes.
    tag: HeaderValue,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../web/", $name)).as_slice())),*]
    };
}

/// All of `host/web`.
static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let files = files![
        "index.html",
        "base.css",
        "chain.css",
        "charts.css",
        "controls.css",
        "editor.css",
        "frame.css",
        "parts.css",
        "records.css",
        "tables.css",
        "api.js",
        "chain-check.js",
        "chain-picture.js",
        "chain-spec.js",
        "chart.js",
        "diff.js",
        "dom.js",
        "drafts.js",
        "figures.js",
        "frame.js",
        "icons.js",
        "live.js",
        "main.js",
        "parts.js",
        "router.js",
        "session.js",
        "stage-list.js",
        "stage-outcomes.js",
        "tab-chain.js",
        "tab-history.js",
        "tab-messages.js",
        "tab-overview.js",
        "tab-processors.js",
        "tab-tokens.js",
        "tab-try.js",
        "text.js",
        "theme.js",
        "tiles.js",
        "try-result.js",
        "view-messages.js",
        "view-overview.js",
        "view-signin.js",
        "view-tenant.js",
        "view-tenants.js",
        "wasm-upload.js",
        "favicon.svg",
    ];
    files
        .into_iter()
        .map(|(name, content)| {
            let tag = format!("\"{}\"", &blake3::hash(content).to_hex()[..32]);
            File { name, content, tag: HeaderValue::from_str(&tag).expect("hex digits are a header value") }
        })
        .collect()
});

/// The routes of the page. They ask for no token.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(|headers: HeaderMap| async move { send("index.html", &headers) })).route(
        "/page/{file}",
        get(|Path(name): Path<String>, headers: HeaderMap| async move { send(&name, &headers) }),
    )
}

fn send(name: &str, asked: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return Problem::new(StatusCode::NOT_FOUND, "there is nothing here").into_response();
    };
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|tags| names(tags, &file.tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind(file.name))], file.content).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, file.tag.clone());
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Whether the list of `If-None-Match` names `tag` (RFC 9110 §13.1.2: compared weakly).
fn names(list: &HeaderValue, tag: &HeaderValue) -> bool {
    let (list, tag) = (list.to_str().unwrap_or_default(), tag.to_str().unwrap_or_default());
    list.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn folder() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
    }

    fn ask(name: &str, tag: Option<&HeaderValue>) -> Response {
        let headers = tag.map(|tag| (header::IF_NONE_MATCH, tag.clone()));
        send(name, &headers.into_iter().collect())
    }

    /// Goal: no file of the page is forgotten in the binary.
    #[test]
    fn all_files_are_embedded() {
        let there: BTreeSet<String> = std::fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(embedded, there);
    }

    /// Goal: the page runs under its policy, and asks for nothing of another host.
    /// Method: what the policy would refuse is looked for in the files.
    #[test]
    fn nothing_inline_and_nothing_from_elsewhere() {
        for file in FILES.iter() {
            let text = std::str::from_utf8(file.content).unwrap();
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            for banned in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                " style=",
                " onclick=",
            ] {
                assert!(!code.contains(banned), "{}: {banned}", file.name);
            }
            let urls = code.match_indices("http").map(|(at, _)| &code[at..]);
            for url in urls.filter(|url| url.starts_with("http://") || url.starts_with("https://")) {
                // The name of SVG, and a link in the message that may be tried.
                let known = ["http://www.w3.org/2000/svg", "https://t.example/"];
                assert!(known.iter().any(|known| url.starts_with(known)), "{}: {url:.40}", file.name);
            }
        }
        let page = std::str::from_utf8(FILES[0].content).unwrap();
        let with_file =
            page.matches("<script src=").count() + page.matches("<script type=\"module\" src=").count();
        assert_eq!(page.matches("<script").count(), with_file, "a script stands in the page itself");
        assert!(!page.contains("<style"), "a style stands in the page itself");
    }

    #[test]
    fn sent_with_its_policy_and_again_only_when_changed() {
        for file in FILES.iter() {
            let response = ask(file.name, None);
            assert_eq!(response.status(), StatusCode::OK, "{}", file.name);
            for (name, value) in HEADERS {
                assert_eq!(response.headers()[name], value, "{}", file.name);
            }
            assert_ne!(response.headers()[header::CONTENT_TYPE], "application/octet-stream", "{}", file.name);
            let tag = &response.headers()[header::ETAG];
            assert_eq!(ask(file.name, Some(tag)).status(), StatusCode::NOT_MODIFIED, "{}", file.name);
            let other = HeaderValue::from_static("\"other\"");
            assert_eq!(ask(file.name, Some(&other)).status(), StatusCode::OK, "{}", file.name);
        }
        for name in ["", "none.js", "../src/lib.rs"] {
            assert_eq!(ask(name, None).status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
}
