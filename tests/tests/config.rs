//! `gatepost check` and the config files: everything wrong is told at once, with file and line.

use gatepost_tests::Server;

/// Goal: three mistakes are three lines, each with its line in the file, its key, and what would be right; exit 78.
/// Method: an unknown key, a size without a unit, a bad address; `serve` refuses as `check` does.
#[test]
fn three_mistakes_are_told_at_once() {
    let site = Server::builder().site();
    let text = "[server]\nhostnam = \"mx.test\"\nstate_dir = \".\"\n\n[[listener]]\nname = \"mx\"\n\
                address = \"127.0.0.1\"\nmessage_size_max = 25\n";
    site.write("gatepost.toml", text.as_bytes());
    for verb in ["check", "serve", "status", "reload"] {
        let done = site.gatepost(&[verb]).exits(78);
        let told = done.stderr;
        let lines: Vec<&str> = told.lines().filter(|line| line.contains("gatepost.toml:")).collect();
        assert_eq!(lines.len(), 3, "{verb}: {told}");
        let expected = [
            ("gatepost.toml:2: ", "hostnam", "hostname"),
            ("gatepost.toml:7: ", "address", "127.0.0.1"),
            ("gatepost.toml:8: ", "message_size_max", ""),
        ];
        for (at, key, hint) in expected {
            let found =
                lines.iter().any(|line| line.contains(at) && line.contains(key) && line.contains(hint));
            assert!(found, "{verb}: {at}{key} with {hint:?} is not in {told}");
        }
    }
}

/// Goal: what cannot be found or read is said, with a code of its own, and not a panic.
#[test]
fn a_config_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let done =
        gatepost_tests::binary::gatepost(folder.path(), &["check", "--config", "nosuch.toml"], b"").exits(78);
    assert!(done.stderr.contains("nosuch.toml"), "{}", done.stderr);
    std::fs::write(folder.path().join("gatepost.toml"), "this is = not = toml").unwrap();
    let done = gatepost_tests::binary::gatepost(folder.path(), &["check"], b"").exits(78);
    assert!(done.stderr.contains("gatepost.toml:1"), "{}", done.stderr);
}

/// Goal: a secret stands in no config, and is never printed.
#[test]
fn secrets_are_read_and_never_shown() {
    let builder = Server::builder().section("admin", "token = \"file:token\"");
    let site = builder.file("token", b"s3cret-of-the-host\n").site();
    let done = site.gatepost(&["check", "--dump"]).exits(0);
    assert!(!done.text().contains("s3cret"), "{}", done.text());
    let config = std::fs::read_to_string(site.path().join("gatepost.toml")).unwrap();
    site.write("gatepost.toml", config.replace("file:token", "s3cret-in-the-file").as_bytes());
    let done = site.gatepost(&["check"]).exits(78);
    assert!(!done.stderr.contains("s3cret") && done.stderr.contains("token"), "{}", done.stderr);
}

/// Goal: what `check --dump` prints is a config that means the same.
/// Method: the dump, all that is printed, put into another folder, checked and dumped again, is the same text.
#[test]
fn a_dump_loads_again() {
    let site = Server::builder()
        .mx("recipients_max = 7\ncommand_timeout = \"90s\"\nbare_newlines = \"keep\"")
        .listener("second", "message_size_max = \"1MiB\"")
        .section("limits", "cpu_per_message = \"250ms\"\n[limits.max]\nmemory_per_instance = \"128MiB\"")
        .site();
    let first = site.gatepost(&["check", "--dump"]).exits(0).text();
    for part in ["recipients_max = 7", "\"90s\"", "\"250ms\"", "\"128MiB\"", "\"second\""] {
        assert!(first.contains(part), "{part} is not in {first}");
    }
    site.write("elsewhere/again.toml", first.as_bytes());
    let second = site.gatepost(&["check", "--dump", "--config", "elsewhere/again.toml"]).exits(0).text();
    assert_eq!(first, second);
    assert!(
        site.gatepost(&["check", "--config", "elsewhere/again.toml"])
            .exits(0)
            .text()
            .contains("tenant acme: ")
    );
    // With a tenant that is refused it is the config all the same, and the refusal stands beside it.
    site.write("catalog/tenants/acme.toml", b"nonsense = 1");
    let third = site.gatepost(&["check", "--dump"]).exits(78);
    assert!(third.stderr.contains("acme.toml:1"), "{}", third.stderr);
    assert_eq!(third.text(), first);
}

/// Goal: a key that names a tenant which is not there is a problem with its file and line; a server says so and serves all the same.
#[test]
fn tenants_that_are_not_there_are_named() {
    let certificate = gatepost_tests::tls::Certificate::new();
    let site = Server::builder().section("server", "postmaster = \"acne\"").site();
    certificate.write(site.path());
    let lines = "tls = { cert = \"mx.pem\", key = \"mx.key\", mode = \"starttls\" }\nauth = \"offered\"\nsubmission = \"nix\"\n";
    site.write("conf.d/mx.toml", format!("[[listener]]\nname = \"mx\"\n{lines}").as_bytes());
    let told = site.gatepost(&["check"]).exits(78).stderr;
    for expect in [
        "conf.d/mx.toml:5: listener.mx.submission: there is no tenant `nix`\n",
        "server.postmaster: there is no tenant `acne`; did you mean `acme`?\n",
    ] {
        assert!(told.contains(expect), "{expect} is not in {told}");
    }
    let server = site.start();
    let warned = |n: usize| {
        let warned = || {
            let records = server.records("notice").into_iter();
            let texts =
                records.filter(|record| record["level"] == "warn").map(|record| record["text"].to_string());
            let texts = texts.filter(|text| text.contains("there is no tenant `"));
            Some(texts.collect::<Vec<_>>()).filter(|texts| texts.len() == n)
        };
        gatepost_tests::wait::until("the warnings", warned)
    };
    let first = warned(2);
    assert!(first[0].contains("server.postmaster: there is no tenant `acne`"), "{first:?}");
    assert!(first[1].contains("listener.mx.submission: there is no tenant `nix`; until"), "{first:?}");
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<postmaster>", 451);
    client.expect("RCPT TO:<jo@acme.example>", 250);
    assert_eq!(server.api("POST", "/v1/reload").status, 200);
    assert_eq!(warned(4)[2..], first);
}

/// Goal: `conf.d` is laid over the file in name order: keys replaced, listeners merged by name, new ones added.
#[test]
fn conf_d_is_laid_over_the_file() {
    let server = Server::builder()
        .mx("recipients_max = 1")
        .file("conf.d/10-first.toml", b"[server]\nhostname = \"first.test\"\n[[listener]]\nname = \"mx\"\nrecipients_max = 2\n")
        .file("conf.d/20-second.toml", b"[server]\nhostname = \"second.test\"\n[[listener]]\nname = \"more\"\naddress = \"127.0.0.1:0\"\n")
        .file("conf.d/30-not-read.txt", b"nonsense")
        .start();
    let mut client = gatepost_tests::Smtp::connect_unread(server.listener("more")).unwrap();
    assert_eq!(client.expect_reply(220).text(), "220 second.test ESMTP Gatepost");
    let mut client = server.smtp();
    client.expect("MAIL FROM:<a@client.test>", 250);
    client.expect("RCPT TO:<a@acme.example>", 250);
    client.expect("RCPT TO:<b@acme.example>", 250);
    client.expect("RCPT TO:<c@acme.example>", 452);
    server.site().write("conf.d/40-bad.toml", b"[server]\nnonsense = 1\n");
    let done = server.site().gatepost(&["check"]).exits(78);
    assert!(done.stderr.contains("40-bad.toml:2"), "{}", done.stderr);
}

/// A tenant file is refused with these words, at this line.
#[track_caller]
fn refused(tenant: &str, line: usize, words: &[&str]) {
    let site = Server::builder().tenant("acme", tenant).site();
    let done = site.gatepost(&["check"]).exits(78);
    let at = format!("acme.toml:{line}: ");
    let found =
        done.stderr.lines().any(|told| told.contains(&at) && words.iter().all(|word| told.contains(word)));
    assert!(found, "{at} with {words:?} is not in {}", done.stderr);
}

/// Goal: an unknown processor names the chain, the stage and the nearest known name.
#[test]
fn an_unknown_processor_names_the_nearest() {
    refused(
        "domains = [\"a.example\"]\nchain = \"heder | maildir\"\n",
        2,
        &["`heder`", "`acme`", "`header`"],
    );
    refused(
        "domains = [\"a.example\"]\nchain = \"x:decompres | maildir\"\n",
        2,
        &["decompres", "`decompress`"],
    );
    refused("domains = [\"a.example\"]\nchain = \"header | mildir\"\n", 2, &["`mildir`", "`maildir`"]);
}

/// Goal: stages that do not fit are refused by both names, with what one gives and the other takes.
#[test]
fn a_misfit_names_both_stages() {
    refused(
        "domains = [\"a.example\"]\n\nchain = \"compress | header | maildir\"\n",
        3,
        &["`compress` gives bytes", "`header` takes message"],
    );
    refused(
        "domains = [\"a.example\"]\nchain = \"debug | decompress | maildir\"\n",
        2,
        &["`decompress` takes bytes"],
    );
    refused(
        "domains = [\"a.example\"]\nchain = \"compress | debug | maildir\"\n",
        2,
        &["`debug`", "`maildir` takes message"],
    );
}

/// Goal: other mistakes of a tenant file are found at check, too.
#[test]
fn mistakes_of_a_tenant_file_are_found_at_check() {
    let head = "domains = [\"a.example\"]\n";
    refused(&format!("{head}chain = \"header | header | maildir\"\n"), 2, &["header"]);
    refused(&format!("{head}chain = \"header\"\n"), 2, &["sink"]);
    refused(&format!("{head}chain = \"\"\n"), 2, &["chain"]);
    refused(&format!("{head}chain = \"maildir\"\n[stage.nosuch]\nx = 1\n"), 3, &["nosuch"]);
    refused(
        &format!("{head}chain = \"compress | null\"\n[stage.compress]\ncompress_level = 99\n"),
        3,
        &["compress_level"],
    );
    refused(&format!("{head}chain = \"header | null\"\non_failure = \"quarantine\"\n"), 3, &["quarantine"]);
    refused(&format!("{head}chain = \"maildir\"\nnosuch = 1\n"), 3, &["nosuch"]);
    refused("domains = [\"a..example\"]\nchain = \"maildir\"\n", 1, &["a..example"]);
}

/// Goal: one domain in two tenants is refused, naming the domain and the file that comes second; whose it is stays untold.
#[test]
fn a_domain_in_two_tenants_is_refused() {
    let builder =
        Server::builder().chain("acme", "same.example", "maildir").chain("other", "SAME.example", "maildir");
    let done = builder.site().gatepost(&["check"]).exits(78);
    for word in ["`same.example`", "other.toml"] {
        assert!(done.stderr.contains(word), "{word} is not in {}", done.stderr);
    }
}

/// Goal: `check` shows what each stage takes and gives, as text and as JSON, and touches nothing.
#[test]
fn check_shows_the_chains() {
    let site = Server::builder()
        .chain("acme", "acme.example", "header | gz:compress | decompress | maildir + null")
        .site();
    let text = site.gatepost(&["check"]).exits(0).text();
    for word in ["acme", "header", "gz", "compress", "message", "bytes", "maildir", "null"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    let json = site.gatepost(&["check", "--json"]).exits(0).text();
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["ok"], true);
    assert_eq!(shown["tenants"][0]["stages"][1]["name"], "gz");
    assert_eq!(shown["tenants"][0]["stages"][1]["gives"], "bytes");
    assert!(!site.path().join("mail").exists() && !site.path().join("catalog/history/acme").exists());
}
