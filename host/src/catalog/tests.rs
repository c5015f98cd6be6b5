//! The catalog as a whole, with natives and a sandbox that do nothing.

mod change;
mod checkers;
mod reconfigured;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::chain::meter::CpuMeter;
use crate::chain::{
    Content, Flow, Processor, ProcessorFactory, RecipientCheck, Stage, StageContext, StageEnd,
};
use crate::mail::{Envelope, Mailbox};
use crate::sink::{Delivery, Sink, SinkError};

struct Fake(String, Content, Content);

#[async_trait]
impl Stage for Fake {
    async fn write(&mut self, _chunk: &Bytes, _cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        Ok(Flow::Pass)
    }
}

impl Processor for Fake {
    fn id(&self) -> &str {
        &self.0
    }
    fn takes(&self) -> Content {
        self.1
    }
    fn gives(&self) -> Content {
        self.2
    }
    fn stage(&self) -> Box<dyn Stage> {
        Box::new(Self(self.0.clone(), self.1, self.2))
    }
}

struct FakeSink {
    takes: Content,
    can_quarantine: bool,
    is_final: bool,
}

#[async_trait]
impl Sink for FakeSink {
    fn name(&self) -> &str {
        "fake"
    }
    fn takes(&self) -> Content {
        self.takes
    }
    fn can_quarantine(&self) -> bool {
        self.can_quarantine
    }
    fn is_final(&self) -> bool {
        self.is_final
    }
    async fn open(&self, _envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        Err(SinkError::new("opening a fake", "it is one"))
    }
}

/// Takes components that begin with `wasm`, and notes what it was asked for.
#[derive(Default)]
struct FakeLoader(Mutex<Vec<String>>);

impl ComponentLoader for FakeLoader {
    fn inspect(&self, _upload: ComponentUpload<'_>) -> Result<Inspection, LoadRefusal> {
        Err(LoadRefusal::Refused("not asked for".to_owned()))
    }

    fn load(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn Processor>, String> {
        let ms = stage.limits.cpu_per_message.as_millis();
        if stage.kv.is_some() {
            // For the smoke corpus, with half of its time.
            if stage.bytes.ends_with(b"slow") {
                return Err(format!("used its {ms} ms of CPU time"));
            }
            return Ok(Arc::new(Fake(stage.id.to_owned(), Content::Message, Content::Message)));
        }
        self.0.lock().unwrap().push(format!("{} {} {} {ms}", stage.tenant, stage.id, stage.config));
        if !stage.bytes.starts_with(b"wasm") {
            return Err("not a component".to_owned());
        }
        Ok(Arc::new(Fake(stage.id.to_owned(), Content::Message, Content::Message)))
    }

    fn load_checker(&self, stage: ComponentStage<'_>) -> Result<Arc<dyn RecipientCheck>, String> {
        if !stage.bytes.starts_with(b"wasm") {
            return Err("not a component".to_owned());
        }
        Ok(Arc::new(Fake(stage.id.to_owned(), Content::Any, Content::Any)))
    }
}

#[async_trait]
impl RecipientCheck for Fake {
    fn id(&self) -> &str {
        &self.0
    }

    async fn check(
        &self,
        _address: &Mailbox,
        _envelope: &mut Envelope,
        _meter: &Arc<CpuMeter>,
    ) -> Result<(), StageEnd> {
        Ok(())
    }
}

fn registry() -> Registry {
    let native = |name: &'static str, takes, gives| -> ProcessorFactory {
        Arc::new(move |_scope, settings| match settings.keys().next() {
            Some(key) => Err(format!("unknown key `{key}`")),
            None => Ok(Arc::new(Fake(name.to_owned(), takes, gives))),
        })
    };
    let sink = |takes, can_quarantine, is_final| -> SinkFactory {
        Arc::new(move |_scope, _settings| Ok(Arc::new(FakeSink { takes, can_quarantine, is_final })))
    };
    Registry::new()
        .with_processor("header", native("header", Content::Message, Content::Message))
        .with_processor("compress", native("compress", Content::Any, Content::Bytes))
        .with_sink("maildir", sink(Content::Message, true, false))
        .with_sink("null", sink(Content::Any, false, false))
        .with_sink("relay", sink(Content::Message, false, true))
}

struct World {
    folder: tempfile::TempDir,
    loader: Arc<FakeLoader>,
    catalog: Catalog,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (loader, catalog) = Self::start(folder.path(), "");
        Self { folder, loader, catalog }
    }

    fn config(folder: &Path, more: &str) -> Arc<Config> {
        let toml = folder.join("gatepost.toml");
        let text = "[server]\nhostname = \"mx.example\"\nstate_dir = \".\"\n";
        let listener = "[[listener]]\nname = \"mx\"\naddress = \"127.0.0.1:0\"\n";
        fs::write(&toml, format!("{text}{more}{listener}")).unwrap();
        Arc::new(crate::config::load(&toml).unwrap())
    }

    /// The host's config changes, and is reloaded.
    fn reconfigure(&self, more: &str) -> Vec<String> {
        self.catalog.set_config(Self::config(self.folder.path(), more));
        self.reload()
    }

    fn start(folder: &Path, more: &str) -> (Arc<FakeLoader>, Catalog) {
        let config = Self::config(folder, more);
        let loader = Arc::new(FakeLoader::default());
        let catalog = Catalog::open(config, registry(), loader.clone(), Telemetry::default());
        catalog.store().make_folders().unwrap();
        (loader, catalog)
    }

    /// The same folder, as a host finds it that starts anew.
    fn restart(&mut self, more: &str) -> ReloadReport {
        (self.loader, self.catalog) = Self::start(self.folder.path(), more);
        self.catalog.reload()
    }

    fn tenant(&self, name: &str, domain: &str, rest: &str) {
        let text = format!("domains = [\"{domain}\"]\n{rest}");
        fs::write(self.catalog.store().tenant_path(name), text).unwrap();
    }

    fn component(&self, owner: &str, name: &str, version: &str, bytes: &str) {
        let path = self.catalog.store().processor_path(owner, name, &version.parse().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What a reload says: one word and its detail for each tenant.
    fn reload(&self) -> Vec<String> {
        say(&self.catalog.reload())
    }

    /// Who takes a recipient.
    fn owner(&self, address: &str) -> String {
        let (local, domain) = address.split_once('@').unwrap_or((address, ""));
        match self.catalog.current().resolve(&Mailbox::from_parts(local, domain)) {
            Resolution::Tenant(tenant) => format!("{}#{}", tenant.name, tenant.revision),
            Resolution::Broken(name) => format!("451 {name}"),
            Resolution::Unknown => "550".to_owned(),
        }
    }

    /// The problems of one tenant with this chain and these tables.
    fn refusal(&self, rest: &str) -> String {
        self.tenant("acme", "acme.example", rest);
        let report = self.catalog.reload();
        let problems = report.refused.iter().flat_map(|refused| &refused.problems);
        problems.map(|problem| problem.text.clone()).collect::<Vec<_>>().join("; ")
    }
}

fn say(report: &ReloadReport) -> Vec<String> {
    let changed = report.changed.iter().map(|c| format!("changed {}#{}", c.tenant, c.revision));
    let refused = report.refused.iter().map(|r| {
        assert!(!r.problems.is_empty());
        format!("refused {} serving {:?}", r.tenant, r.serving)
    });
    let unchanged = report.unchanged.iter().map(|name| format!("unchanged {name}"));
    let removed = report.removed.iter().map(|name| format!("removed {name}"));
    changed.chain(refused).chain(unchanged).chain(removed).collect()
}

const PLAIN: &str = "chain = \"header | maildir\"\n";

#[test]
fn a_hand_edit_becomes_a_revision() {
    let mut world = World::new();
    world.tenant("acme", "acme.example", PLAIN);
    assert_eq!(world.reload(), ["changed acme#1"]);
    let before = world.catalog.current().tenants["acme"].clone();
    assert_eq!(world.reload(), ["unchanged acme"]);
    assert!(
        Arc::ptr_eq(&before, &world.catalog.current().tenants["acme"]),
        "the same tenant, not a like one"
    );
    world.tenant("acme", "acme.example", "chain = \"maildir\"\n");
    assert_eq!(world.reload(), ["changed acme#2"]);
    assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1, 2]);
    assert!(world.catalog.store().read_revision("acme", 1).unwrap().text.contains("header | maildir"));
    assert!(Arc::ptr_eq(&before.quota, &world.catalog.current().tenants["acme"].quota));
    assert_eq!(say(&world.restart("")), ["changed acme#2"]);
    assert_eq!(world.owner("a@acme.example"), "acme#2");
}

#[test]
fn a_broken_file_leaves_what_served_and_others_alone() {
    let mut world = World::new();
    world.tenant("acme", "acme.example", PLAIN);
    world.tenant("bolt", "bolt.example", PLAIN);
    world.reload();
    world.tenant("acme", "acme.example", "chain = \"heder | maildir\"\n");
    world.tenant("bolt", "bolt.example", "chain = \"maildir\"\n");
    world.tenant("new", "new.example", "chain = ");
    assert_eq!(
        world.reload(),
        ["changed bolt#2", "refused acme serving Some(1)", "refused new serving None"]
    );
    let owners =
        ["a@acme.example", "a@bolt.example", "a@new.example", "a@other.example"].map(|a| world.owner(a));
    assert_eq!(owners, ["acme#1", "bolt#2", "451 new", "550"]);
    // What went live last serves again after a start, though the file is broken.
    assert_eq!(
        say(&world.restart("")),
        ["changed bolt#2", "refused acme serving Some(1)", "refused new serving None"]
    );
    assert_eq!(world.owner("a@acme.example"), "acme#1");
    assert_eq!(world.catalog.store().revisions("acme").unwrap(), [1]);
    world.tenant("acme", "acme.example", PLAIN);
    fs::remove_file(world.catalog.store().tenant_path("new")).unwrap();
    assert_eq!(world.reload(), ["unchanged acme", "unchanged bolt", "removed new"]);
    assert_eq!(world.owner("a@new.example"), "550");
}

#[test]
fn a_domain_stays_with_who_has_it() {
    let mut world = World::new();
    world.tenant("zoo", "x.example", PLAIN);
    world.reload();
    world.tenant("ant", "x.example", PLAIN);
    assert_eq!(world.reload(), ["refused ant serving None", "unchanged zoo"]);
    assert_eq!(world.owner("a@x.example"), "zoo#1");
    assert_eq!(say(&world.restart("")), ["changed zoo#1", "refused ant serving None"]);
    assert_eq!(world.owner("a@x.example"), "zoo#1");
    // The owner lets go and the other takes it, in one reload.
    world.tenant("zoo", "z.example", PLAIN);
    assert_eq!(world.reload(), ["changed ant#1", "changed zoo#2"]);
    assert_eq!((world.owner("a@x.example"), world.owner("a@z.example")), ("ant#1".into(), "zoo#2".into()));
}

/// Goal: who is refused a domain goes on with the old ones, also where another has asked for those by then.
/// Method: `b` wants what `c` has, and `a` wants what `b` would leave.
#[test]
fn a_refused_move_refuses_the_move_behind_it() {
    let world = World::new();
    world.tenant("a", "a.example", PLAIN);
    world.tenant("b", "b.example", PLAIN);
    world.tenant("c", "c.example", PLAIN);
    world.reload();
    world.tenant("b", "c.example", PLAIN);
    world.tenant("a", "b.example", PLAIN);
    assert_eq!(world.reload(), ["refused a serving Some(1)", "refused b serving Some(1)", "unchanged c"]);
    let owners = ["x@a.example", "x@b.example", "x@c.example"].map(|address| world.owner(address));
    assert_eq!(owners, ["a#1", "b#1", "c#1"]);
    assert_eq!(world.catalog.store().revisions("a").unwrap(), [1]);
}

#[test]
fn a_bare_name_is_native_then_own_then_the_hosts() {
    let world = World::new();
    for (owner, version) in [("acme", "1.0.0"), ("acme", "1.2.0"), ("acme", "2.0.0"), ("host", "9.0.0")] {
        world.component(owner, "strip", version, "wasm");
    }
    world.component("host", "tag", "1.0.0", "wasm");
    world.component("acme", "header", "1.0.0", "wasm");
    let chain = "chain = \"header | strip@1 | host/strip | tag | maildir\"\n";
    let table = "[stage.strip]\ncpu_per_message = \"20ms\"\nconfig = { a = 1 }\n";
    world.tenant("acme", "acme.example", &format!("{chain}{table}"));
    assert_eq!(world.reload(), ["changed acme#1"]);
    let loads = world.loader.0.lock().unwrap().clone();
    let hash = &blake3::hash(b"wasm").to_hex()[..16];
    let expect = [
        format!("acme acme/strip@1.2.0#{hash} {{\"a\":1}} 20"),
        format!("acme host/strip@9.0.0#{hash} {{}} 100"),
        format!("acme host/tag@1.0.0#{hash} {{}} 100"),
    ];
    assert_eq!(loads, expect);
    let tenant = world.catalog.current().tenants["acme"].clone();
    let labels: Vec<&str> = tenant.line_up.stages.iter().map(|stage| stage.label.as_str()).collect();
    assert_eq!(labels, ["header", "strip", "host/strip", "tag"]);
    assert_eq!(tenant.flowing, [Content::Message; 5]);
    // A newer version that the pin allows goes live with the next change.
    world.component("acme", "strip", "1.3.0", "wasm");
    assert_eq!(world.reload(), ["unchanged acme"]);
    world.tenant("acme", "acme.example", &format!("{chain}# again\n{table}"));
    assert_eq!(world.reload(), ["changed acme#2"]);
    world.component("acme", "strip", "1.3.1", "text");
    world.tenant("acme", "acme.example", &format!("{chain}{table}"));
    assert_eq!(world.reload(), ["refused acme serving Some(2)"]);
}

/// Goal: what one tenant owns is never named to another, not even in a hint.
#[test]
fn tenants_cannot_name_each_others_processors() {
    let world = World::new();
    world.component("bolt", "secret-filter", "1.0.0", "wasm");
    world.component("acme", "strip", "1.0.0", "wasm");
    let own = world.refusal("chain = \"stripe | maildir\"\n");
    assert_eq!(own, "unknown processor `stripe` in the chain of `acme`; did you mean `strip`?");
    let there = world.refusal("chain = \"bolt/secret-filter | maildir\"\n");
    let not_there = world.refusal("chain = \"bolt/no-such-thing | maildir\"\n");
    assert_eq!(there, "unknown processor `bolt/secret-filter` in the chain of `acme`");
    assert_eq!(there.replace("secret-filter", "no-such-thing"), not_there);
    assert!(!world.refusal("chain = \"secret-filte | maildir\"\n").contains("secret-filter"));
    assert_eq!(
        world.refusal("chain = \"strip@2 | maildir\"\n"),
        "`strip` has no version @2; there are 1.0.0"
    );
}

#[test]
fn a_chain_that_does_not_fit_is_refused_with_the_reason() {
    let world = World::new();
    world.component("acme", "strip", "1.0.0", "wasm");
    let ends = "a chain ends in sinks, for example `maildir`";
    let cases = [
        (
            "chain = \"compress | header | null\"\n",
            "`compress` gives bytes, but `header` takes message; put `decompress` between them".to_owned(),
        ),
        (
            "chain = \"compress | maildir\"\n",
            "`compress` gives bytes, but `maildir` takes message; put `decompress` between them".to_owned(),
        ),
        ("chain = \"header\"\n", format!("`header` is a processor: {ends}")),
        ("chain = \"maildir + strip\"\n", format!("`strip` is a processor: {ends}")),
        ("chain = \"null | maildir\"\n", "`null` is a sink: sinks stand last, joined by `+`".to_owned()),
        (
            "chain = \"header@1 | null\"\n",
            "`header` is built in and has no versions, but `@1` asks for one".to_owned(),
        ),
        (
            "chain = \"relay + r2:relay\"\n",
            "`relay` and `r2` cannot be undone once done; a chain may have one such sink".to_owned(),
        ),
        (
            "chain = \"header | null\"\non_failure = \"quarantine\"\n",
            "`header` may quarantine, but no sink of the chain can keep a message apart".to_owned(),
        ),
        ("chain = \"header | null\"\n[stage.header]\ncolour = 1\n", "unknown key `colour`".to_owned()),
        (
            "chain = \"header | null\"\n[stage.header]\nconfig = {}\n",
            "does not apply: `header` is built in".to_owned(),
        ),
        (
            "chain = \"null\"\n[stage.null]\non_failure = \"reject\"\n",
            "does not apply: `null` is a sink".to_owned(),
        ),
        (
            "chain = \"strip | null\"\n[stage.strip]\ncolour = 1\n",
            "unknown key; the settings of a component stand in `config`".to_owned(),
        ),
        ("chain = \"header | null\"\n[limits]\nstages_max = 1\n", "has 2 stages, stages_max is 1".to_owned()),
    ];
    for (rest, expect) in cases {
        assert_eq!(world.refusal(rest), expect, "{rest}");
    }
    for good in [
        "chain = \"header | null + relay\"\n[limits]\nstages_max = 3\n",
        "chain = \"compress | null\"\n",
        "chain = \"header | null + maildir\"\non_failure = \"quarantine\"\n",
        "chain = \"maildir\"\n",
    ] {
        assert_eq!(world.refusal(good), "", "{good}");
    }
}

#[test]
fn components_at_their_largest_and_one_past_it() {
    let world = World::new();
    let fits = format!("wasm{}", "x".repeat((1 << 10) - 4));
    let chain = "chain = \"big | null\"\n[limits]\ncomponent_size_max = \"1KiB\"\n";
    world.component("acme", "big", "1.0.0", &fits);
    assert_eq!(world.refusal(chain), "");
    world.component("acme", "big", "1.0.1", &format!("{fits}x"));
    let chain = &chain.replace("big", "big@1.0.1");
    assert_eq!(world.refusal(chain), "`acme/big@1.0.1` is larger than component_size_max, 1KiB");
}

#[test]
fn postmaster_is_always_taken() {
    let mut world = World::new();
    assert_eq!(world.owner("postmaster"), "550");
    world.tenant("acme", "acme.example", PLAIN);
    world.tenant("bolt", "bolt.example", PLAIN);
    world.reload();
    assert_eq!((world.owner("PostMaster"), world.owner("someone")), ("acme#1".into(), "550".into()));
    world.restart("postmaster = \"bolt\"\n");
    assert_eq!(world.owner("postmaster"), "bolt#1");
    world.restart("postmaster = \"gone\"\n");
    assert_eq!(world.owner("postmaster"), "451 gone");
}

#[test]
fn names_that_are_none_and_the_hosts_own_are_refused() {
    let world = World::new();
    world.tenant("host", "x.example", PLAIN);
    world.tenant("Upper", "y.example", PLAIN);
    assert_eq!(world.reload(), ["refused Upper serving None", "refused host serving None"]);
    assert_eq!(world.owner("a@x.example"), "550");
}

#[test]
fn check_writes_and_swaps_nothing() {
    let world = World::new();
    world.tenant("acme", "acme.example", PLAIN);
    let (generation, report) = world.catalog.check();
    assert_eq!(say(&report), ["changed acme#1"]);
    assert_eq!(generation.tenants.len(), 1);
    assert_eq!(world.catalog.store().revisions("acme").unwrap(), [0; 0]);
    assert_eq!(world.owner("a@acme.example"), "550");
}

#[test]
fn run_needs_no_sink() {
    let world = World::new();
    let resolve = |chain: &str| {
        let text = format!("domains = []\nchain = \"{chain}\"\n");
        let limits = crate::config::Limits::default();
        let file = tenant_file::read("--chain", &text, &limits, &limits).unwrap();
        world.catalog.with_resolver(|resolver| resolver.resolve("run", &file, false))
    };
    let resolved = resolve("header | compress").ok().unwrap();
    assert_eq!((resolved.line_up.stages.len(), resolved.line_up.sinks.len()), (2, 0));
    let resolved = resolve("header | maildir").ok().unwrap();
    assert_eq!((resolved.line_up.stages.len(), resolved.line_up.sinks.len()), (1, 1));
    assert!(resolve("maildir + header").is_err());
}
