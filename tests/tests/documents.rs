//! What the documents tell people to do works: the example config, the tutorial, the links.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_tests::binary::{self, gatepost};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The first code block of a language.
fn code_block(document: &str, language: &str) -> String {
    let opening = format!("\n```{language}\n");
    let start = document.find(&opening).unwrap_or_else(|| panic!("no {language} block")) + opening.len();
    let end = document[start..].find("\n```").expect("the block ends") + 1;
    document[start..start + end].to_owned()
}

/// Goal: `examples/gatepost.toml` and its tenants are accepted as they stand.
/// Method: in a copy, because `check` makes the catalog's folders.
#[test]
fn the_example_config_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let examples = workspace().join("examples");
    fs::create_dir_all(folder.path().join("catalog/tenants")).unwrap();
    for file in ["gatepost.toml", "catalog/tenants/acme.toml", "catalog/tenants/globex.toml"] {
        fs::copy(examples.join(file), folder.path().join(file)).unwrap();
    }
    let text = gatepost(folder.path(), &["check"], b"").exits(0).text();
    assert!(text.contains("2 tenants"), "{text}");
    assert!(text.contains("compress"), "{text}");
}

/// All code blocks of a language, in order.
fn code_blocks(document: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    let blocks = document.split(&opening).skip(1);
    blocks.map(|rest| format!("{}\n", rest.split("\n```").next().unwrap())).collect()
}

/// Goal: what the tutorial has people type gives what it says.
/// Method: its commands, up to the server's part, in one shell; its source takes the place of the example's.
#[test]
fn the_tutorial_holds() {
    let document = fs::read_to_string(workspace().join("docs/writing-a-processor.md")).unwrap();
    let (document, _) =
        document.split_once("## Into a tenant's chain").expect("the server's part comes last");
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("shouting");
    // TARGET/debug/deps/TEST -> TARGET/tutorial: so the next run finds what this one has built.
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("tutorial");
    let path = std::env::join_paths(
        std::iter::once(binary::path().parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let shell = |script: &str, folder: &Path| {
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).current_dir(folder).env("CARGO_TARGET_DIR", &target).env("PATH", &path);
        binary::run(&mut shell, b"").exits(0)
    };
    let commands = code_blocks(document, "sh");
    let (first, rest) = commands.split_first().expect("it begins with a command");
    shell(first, folder.path());
    fs::write(made.join("src/lib.rs"), code_block(document, "rust")).unwrap();
    let done = shell(&rest.concat(), &made).text();
    for line in [
        "test result: ok",
        "expected.eml written",
        "1 passed, 0 failed",
        "name     shouting 1.0.0",
        "takes    message",
        "imports  gatepost:processor/next@0.1.0",
    ] {
        assert!(done.contains(line), "no `{line}` in:\n{done}");
    }
    assert!(!done.contains("processor/envelope"), "it imports what it uses only:\n{done}");
    assert!(done.ends_with("Subject: hi\r\nX-Shouting: checked\r\n\r\nNow!!! Or never!\r\n"), "{done}");

    let run = |config: &str| {
        let stage = format!("shouting={{\"config\":{config}}}");
        let chain = ["run", "--processor", "shouting=shouting.wasm", "--chain", "header | shouting"];
        let message = ["--message", "cases/loud/message.eml", "--stage", &stage];
        gatepost(&made, &[&chain[..], &message].concat(), b"")
    };
    let loud = run("{}").exits(0);
    assert!(loud.stderr.contains("verdict: quarantine: shouting"), "{}", loud.stderr);
    let calm = run("{\"limit\":9}").exits(0);
    assert!(calm.stderr.contains("verdict: accept"), "{}", calm.stderr);
    let wrong = run("{\"limit\":0}").exits(78);
    assert!(wrong.stderr.contains("limit: must be at least 1"), "{}", wrong.stderr);
}

/// Goal: no link between our documents leads nowhere.
#[test]
fn links_lead_somewhere() {
    let mut documents = vec![workspace().join("README.md"), workspace().join("ARCHITECTURE.md")];
    for folder in ["docs", "docs/reference"] {
        documents.extend(fs::read_dir(workspace().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    let mut links = 0;
    for document in
        documents.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let text = fs::read_to_string(document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            // Elsewhere, or no link but a pattern in a code span.
            if file.contains("://") || link.contains(['[', '{', ' ']) {
                continue;
            }
            links += 1;
            let target =
                if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: `{link}` leads nowhere", document.display());
            if !anchor.is_empty() {
                let there = fs::read_to_string(&target).unwrap();
                let found =
                    there.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(found, "{}: `{link}` names no heading", document.display());
            }
        }
    }
    assert!(links > 10, "only {links} links found");
}

/// A heading's anchor, as code hosts make it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
