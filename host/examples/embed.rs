//! A mail host inside a program of yours, with a stage and a sink of its own.
//!
//! ```text
//! cargo run --package gatepost --example embed
//! ```
//!
//! Starts a server whose one tenant has the chain `header | buffer | shout | mailbox`: `shout` is a stage, `mailbox` a sink,
//! both defined here; `buffer` keeps for the sink what the message was before `shout`. Sends it a message over SMTP,
//! prints the events it heard of and what the sink holds, and drains, which calls their `shutdown`.

#![allow(clippy::print_stdout)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use async_trait::async_trait;
use bytes::Bytes;
use gatepost::Server;
use gatepost::chain::{Content, Flow, Keys, Processor, ProcessorFactory, Stage, StageContext, StageEnd};
use gatepost::mail::{ContentCopy, Envelope, Verdict};
use gatepost::sink::{Delivery, Placement, Sink, SinkError, SinkFactory};
use gatepost::telemetry::{Event, Telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("gatepost-embed-{}", std::process::id()));
    let config = write_config(&folder)?;
    let mailbox = Mailbox::default();

    // The server: a config, what is ours, and go.
    let telemetry = Telemetry::silent();
    let mut events = telemetry.subscribe();
    let server = Server::builder(config)
        .processor("shout", shout())
        .sink("mailbox", mailbox.factory())
        .telemetry(telemetry)
        .start()
        .await?;

    let (_, address) = server.listeners()[0];
    let conversation = tokio::task::spawn_blocking(move || send(address)).await??;
    ensure!(conversation.contains("queued as"), "the message was not taken:\n{conversation}");

    // What was heard meanwhile, up to the message's own record.
    loop {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await??;
        println!("event: {}", serde_json::to_string(&*event)?);
        if let Event::Message(record) = &*event {
            ensure!(record.verdict == "accept", "verdict {}", record.verdict);
            break;
        }
    }
    for Mail { content, before } in mailbox.lock().iter() {
        println!("the mailbox holds:\n{}", String::from_utf8_lossy(content));
        println!("which was, before `shout`:\n{}", String::from_utf8_lossy(before));
    }
    ensure!(server.drain().await, "a message was cut off");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A config file and a catalog with one tenant; a program may as well fill in a `Config` itself.
fn write_config(folder: &Path) -> anyhow::Result<gatepost::config::Config> {
    let tenants = folder.join("state/catalog/tenants");
    std::fs::create_dir_all(&tenants)?;
    let tenant = "domains = [\"home.example\"]\nchain = \"header | buffer | shout | mailbox\"\nstage.shout.mark = \"!!\"\n";
    std::fs::write(tenants.join("home.toml"), tenant)?;
    let config = "server = { hostname = \"mx.home.example\", state_dir = \"state\" }\n\
                  listener = [{ name = \"mx\", address = \"127.0.0.1:0\" }]\n\
                  admin.address = \"127.0.0.1:0\"\n";
    let path = folder.join("gatepost.toml");
    std::fs::write(&path, config)?;
    gatepost::config::load(&path).map_err(|problems| anyhow::anyhow!("{problems:?}"))
}

/// Speaks just enough SMTP; the server's side of the conversation.
fn send(server: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut answers = String::new();
    let content = "Subject: dinner\r\n\r\nat eight\r\n";
    let lines = [
        "EHLO me.example\r\n",
        "MAIL FROM:<me@me.example>\r\n",
        "RCPT TO:<you@home.example>\r\n",
        "DATA\r\n",
    ];
    for line in lines {
        read_reply(&mut stream, &mut answers)?;
        stream.write_all(line.as_bytes())?;
    }
    read_reply(&mut stream, &mut answers)?;
    stream.write_all(format!("{content}.\r\nQUIT\r\n").as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_string(&mut answers)?;
    Ok(answers)
}

/// Reads up to the end of a reply: a line whose fourth character is no hyphen.
fn read_reply(stream: &mut TcpStream, answers: &mut String) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        ensure!(stream.read(&mut byte)? == 1, "the server hung up:\n{answers}");
        line.push(byte[0]);
        if byte[0] == b'\n' {
            answers.push_str(&String::from_utf8_lossy(&line));
            if line.get(3) != Some(&b'-') {
                return Ok(());
            }
            line.clear();
        }
    }
}

/// `shout`: a stage that writes bodies in capitals. Its setting: `mark`, put at the message's end.
struct Shout {
    mark: String,
}

fn shout() -> ProcessorFactory {
    Arc::new(|_scope, settings| {
        let mut keys = Keys::new(settings);
        let mark = keys.take("mark").unwrap_or_default();
        keys.finish()?;
        Ok(Arc::new(Shout { mark }))
    })
}

#[async_trait]
impl Processor for Shout {
    fn id(&self) -> &str {
        "shout"
    }

    fn takes(&self) -> Content {
        Content::Message
    }

    fn gives(&self) -> Content {
        Content::Message
    }

    fn stage(&self) -> Box<dyn Stage> {
        Box::new(ShoutStage { mark: self.mark.clone(), in_body: false })
    }

    async fn shutdown(&self) {
        println!("shutdown of shout");
    }
}

/// One message going through `shout`.
struct ShoutStage {
    mark: String,
    in_body: bool,
}

#[async_trait]
impl Stage for ShoutStage {
    async fn write(&mut self, chunk: &Bytes, cx: &mut StageContext<'_>) -> Result<Flow, StageEnd> {
        // A stage that takes messages sees the whole header section as its first chunk.
        if !std::mem::replace(&mut self.in_body, true) {
            return Ok(Flow::Pass);
        }
        cx.output.push(chunk.to_ascii_uppercase());
        Ok(Flow::Replaced)
    }

    async fn close(&mut self, cx: &mut StageContext<'_>) -> Result<Verdict, StageEnd> {
        cx.output.push(format!("{}\r\n", self.mark));
        Ok(Verdict::Accept)
    }
}

/// `mailbox`: a sink that keeps messages in memory. A real one makes them durable in `prepare`.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Vec<Mail>>>);

/// A message, and the begin of what it was where the chain had its `buffer`.
struct Mail {
    content: Vec<u8>,
    before: Bytes,
}

impl Mailbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Mail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn factory(&self) -> SinkFactory {
        let mailbox = self.clone();
        Arc::new(move |_scope, settings| {
            Keys::new(settings).finish()?;
            Ok(Arc::new(mailbox.clone()))
        })
    }
}

#[async_trait]
impl Sink for Mailbox {
    fn name(&self) -> &str {
        "mailbox"
    }

    fn takes(&self) -> Content {
        Content::Message
    }

    async fn open(&self, envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        let before = envelope.copy("buffer").cloned();
        Ok(Box::new(Arriving { mailbox: self.clone(), content: Vec::new(), before }))
    }

    async fn shutdown(&self) {
        println!("shutdown of mailbox, {} held", self.lock().len());
    }
}

/// One message on its way in: seen by nobody before `commit`.
struct Arriving {
    mailbox: Mailbox,
    content: Vec<u8>,
    /// Filled by the time of `prepare`.
    before: Option<ContentCopy>,
}

#[async_trait]
impl Delivery for Arriving {
    async fn write(&mut self, chunk: Bytes) -> Result<(), SinkError> {
        self.content.extend_from_slice(&chunk);
        Ok(())
    }

    async fn prepare(&mut self, _placement: Placement) -> Result<(), SinkError> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), SinkError> {
        let copied = self.before.as_ref().and_then(|before| before.get());
        let before = copied.map(|copied| copied.bytes.clone()).unwrap_or_default();
        self.mailbox.lock().push(Mail { content: self.content, before });
        Ok(())
    }
}
