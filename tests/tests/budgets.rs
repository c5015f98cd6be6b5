//! Every budget from outside: the name that the config has for it, what the client hears, what the metrics and the log say.

use gatepost_tests::guest::Guest;
use gatepost_tests::{Server, Smtp};
use serde_json::Value;

/// A budget, and a guest that runs into it.
struct Case {
    /// Name of the limit in metrics and logs.
    limit: &'static str,
    /// A line of the tenant's `[limits]`; the stack is the host's alone, see [`server`].
    config: &'static str,
    guest: Guest,
    /// The stage fails by it: 451 4.3.2. Else the guest is told, and the message is taken.
    fails: bool,
    /// Fields of the stage's record with their values, as far as they are known to the byte.
    fields: &'static [(&'static str, u64)],
}

fn case(
    limit: &'static str,
    config: &'static str,
    fails: bool,
    fields: &'static [(&'static str, u64)],
    guest: Guest,
) -> Case {
    Case { limit, config, guest, fails, fields }
}

fn open(body: &str) -> Guest {
    Guest::new()
        .wit("import next;", "import next; import kv;")
        .items("(table $t 10 funcref) (func $deep (call $deep))")
        .open(&format!("{body} (global.get $ok)"))
}

/// A component with a resource of its own, of which it makes handles without end.
fn hoarder() -> Guest {
    let things = "[export]gatepost:processor/things@0.1.0";
    Guest::new()
        .wit("interface log {", "interface things { resource thing; }\ninterface log {")
        .wit("export processor;", "export processor; export things;")
        .wat(
            "(module\n",
            &format!(
                "(module (import \"{things}\" \"[resource-new]thing\" (func $new (param i32) (result i32)))\n"
            ),
        )
        .open("(loop $more (drop (call $new (i32.const 7))) (br $more)) unreachable")
}

fn cases() -> Vec<Case> {
    let get = "(call $kv_get @\"key\" (i32.const 128))";
    let set = "(call $kv_set @\"key\" @\"value\" (i32.const 0) (i64.const 0) (i32.const 128))";
    let write = "(drop (call $next (i32.const 65536) (i32.const 10)))";
    vec![
        case("cpu", "cpu_per_message = \"5ms\"", true, &[], open("(loop (br 0))")),
        case(
            "wall",
            "wall_per_message = \"50ms\"\ncpu_per_message = \"60s\"",
            true,
            &[],
            open("(loop (br 0))"),
        ),
        case(
            "memory",
            "memory_per_instance = \"1MiB\"",
            true,
            &[("memory_peak", 1 << 20)],
            open("(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))"),
        ),
        case(
            "table",
            "table_elements_max = 50",
            true,
            &[("table_peak", 50)],
            open(
                "(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1)) (i32.const -1)))) unreachable",
            ),
        ),
        case("stack", "", true, &[], open("(call $deep)")),
        // The message is one byte and a line's end.
        case("output", "output_base = \"7B\"\noutput_ratio_max = 1", true, &[], open(write)),
        case("host_calls", "host_calls_max = 20", true, &[("host_calls", 20)], open(&write.repeat(21))),
        case("handles", "handles_max = 50", true, &[], hoarder()),
        case(
            "log",
            "log_per_message = \"128B\"",
            false,
            &[("log_bytes", 128), ("host_calls", 4)],
            open(&"(call $emit (i32.const 1) @\"short\")".repeat(4)),
        ),
        case(
            "facts",
            "facts_max = 1",
            false,
            &[("facts", 1)],
            open("(drop (call $set_fact @\"x.a\" @\"1\")) (drop (call $set_fact @\"x.b\" @\"1\"))"),
        ),
        case(
            "kv_calls",
            "kv_calls_max = 2",
            false,
            &[("kv_calls", 2), ("kv_bytes", 6)],
            open(&get.repeat(3)),
        ),
        case(
            "kv_bytes",
            "kv_bytes_max = \"10B\"",
            false,
            &[("kv_calls", 2), ("kv_bytes", 8)],
            open(&set.repeat(2)),
        ),
        case("kv_size", "kv_size_max = \"71B\"", false, &[("kv_calls", 1)], open(set)),
    ]
}

/// A tenant for each case, of its own domain.
fn server(cases: &[Case]) -> Server {
    let mut builder = Server::builder().section("server", "guest_stack = \"64KiB\"");
    for case in cases {
        let name = case.limit.replace('_', "-");
        let text = format!(
            "domains = [\"{name}.example\"]\nchain = \"guest | maildir\"\n[stage.guest]\ngrants = [\"kv\"]\n\
             [host]\ngrants_allowed = [\"kv\"]\n[limits]\n{}\n",
            case.config
        );
        builder = builder
            .file(&format!("catalog/processors/{name}/guest/1.0.0.wasm"), &case.guest.component())
            .tenant(&name, &text);
    }
    // How far a tenant may go; a loop is to end by the clock on the wall.
    builder.section("limits", "[limits.max]\ncpu_per_message = \"60s\"").start()
}

/// Goal: each budget has a name in the config, a metric, a field in the log, and a reply that says nothing of it.
/// Method: a tenant for each, whose guest runs into that one.
#[test]
fn each_has_a_name_a_metric_a_field_and_a_mute_reply() {
    let cases = cases();
    let server = server(&cases);
    for case in &cases {
        let (limit, tenant) = (case.limit, case.limit.replace('_', "-"));
        let to = format!("a@{tenant}.example");
        let reply = Smtp::one_message(server.mx(), "a@client.test", &[&to], b"m\r\n").unwrap().text();
        let start =
            if case.fails { "451 4.3.2 Message processing ran out of resources" } else { "250 2.0.0 Ok" };
        assert!(reply.starts_with(start), "{limit}: {reply}");
        assert!(!reply.contains("guest") && !reply.contains(limit), "{limit}: {reply}");
        assert_eq!(server.maildir(&tenant).count(), usize::from(!case.fails), "{limit}");
    }
    let records = server.wait_records("message", cases.len());
    let failures = server.records("stage_failed");
    for case in &cases {
        let (limit, tenant) = (case.limit, case.limit.replace('_', "-"));
        let of_tenant = |record: &&Value| record["tenant"] == tenant.as_str();
        let record = records.iter().find(of_tenant).unwrap();
        let stage = &record["stages"][0];
        assert_eq!(stage["limits"], serde_json::json!([limit]), "{record}");
        for (field, value) in case.fields {
            assert_eq!(stage[field], *value, "{limit}, {field}: {record}");
        }
        for field in ["cpu_us", "wall_us", "bytes_in", "bytes_out", "memory_peak"] {
            assert!(stage[field].is_u64(), "{limit}: `{field}` always stands there: {record}");
        }
        let reasons: Vec<_> = failures.iter().filter(of_tenant).map(|failure| &failure["reason"]).collect();
        assert_eq!(reasons, if case.fails { vec![limit] } else { vec![] }, "{limit}");
        let labels = format!("{{tenant=\"{tenant}\",stage=\"guest\"");
        let hits = format!("gatepost_stage_limit_hits_total{labels},limit=\"{limit}\"}}");
        assert_eq!(server.metric(&hits), 1.0, "{hits}");
        for (field, value) in case.fields.iter().filter(|(field, _)| !field.ends_with("_peak")) {
            let used = format!("gatepost_stage_{field}_total{labels}}}");
            assert_eq!(server.metric(&used), f64::from(u32::try_from(*value).unwrap()), "{used}");
        }
    }
}

/// Goal: what was spent while the stage was cut off by the wall clock is told.
#[test]
fn time_on_the_wall_is_told_of_a_call_that_was_cut_off() {
    let cases: Vec<_> = cases().into_iter().filter(|case| case.limit == "wall").collect();
    let server = server(&cases);
    Smtp::one_message(server.mx(), "a@client.test", &["a@wall.example"], b"m\r\n").unwrap();
    let record = &server.wait_records("message", 1)[0];
    assert!(record["stages"][0]["wall_us"].as_u64().unwrap() >= 50_000, "{record}");
}

/// Goal: how full the pool is, and whose instances live, stands in the metrics.
/// Method: a message whose content stops half-way holds its instance.
#[test]
fn pool_and_living_instances() {
    let guest = Guest::new().component();
    let server = Server::builder()
        .file("catalog/processors/host/guest/1.0.0.wasm", &guest)
        .chain("acme", "acme.example", "guest | null")
        .start();
    let [size, used] = ["size", "used"].map(|what| format!("gatepost_pool_{what}{{kind=\"memories\"}}"));
    assert!(server.metric(&size) >= 64.0);
    let mut client = server.smtp();
    client.expect_data("a@client.test", "a@acme.example");
    client.write(&b"a line of content\r\n".repeat(8000)).unwrap();
    let living = "gatepost_tenant_instances_live{tenant=\"acme\"}";
    gatepost_tests::wait::until("a living instance", || (server.metric(living) == 1.0).then_some(()));
    assert_eq!(server.metric(&used), 1.0);
    client.write(b".\r\n").unwrap();
    client.expect_reply(250);
    assert_eq!((server.metric(living), server.metric(&used)), (0.0, 0.0));
}

/// Goal: `guest_stack` has its bounds, and one past either is refused by name.
#[test]
fn guest_stack_has_its_bounds() {
    let check = |value: &str| {
        let site = Server::builder().section("server", &format!("guest_stack = \"{value}\"")).site();
        site.gatepost(&["check"])
    };
    for good in ["64KiB", "8MiB"] {
        check(good).exits(0);
    }
    for bad in ["65535B", "8388609B"] {
        let told = check(bad).exits(78);
        assert!((told.text() + &told.stderr).contains("server.guest_stack"), "{bad}");
    }
}
