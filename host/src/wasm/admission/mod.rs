//! Admission: what a component is made of is counted and held against limits before anything is compiled.
//!
//! One pass over the bytes, without recursion: nested modules and components lie on a stack of frames, nested types on one of
//! their own (`types`). What is made at the start is multiplied out by arithmetic (`component`), never by doing it.
//! Nothing is validated: that is the compiler's part, in the jail. Memory is bounded by the limits, not by what a file says
//! of itself.

mod census;
mod component;
mod module;
#[cfg(test)]
mod tests;
mod types;

pub use census::{Census, TooMany};

use wasmparser::{BinaryReader, Encoding, Parser, Payload};

use component::ComponentFrame;
use module::ModuleFrame;

/// Why a file is refused before it is compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is something else.
    #[error("not a component: {0}")]
    NotAComponent(&'static str),
    /// It begins like a component and does not go on like one.
    #[error("the component is cut short or damaged: {0}")]
    Damaged(String),
    /// It uses what the sandbox does not have.
    #[error("uses {0}, which is not on offer")]
    NotOnOffer(String),
    /// It is made of too much.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

impl From<wasmparser::BinaryReaderError> for Refusal {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Damaged(crate::telemetry::causes::one_line(&error.to_string()))
    }
}

fn not_on_offer(what: impl Into<String>) -> Refusal {
    Refusal::NotOnOffer(what.into())
}

/// Counts what a component is made of.
///
/// # Errors
/// It is no component, uses what is not on offer, or is made of more than `limits` allow.
pub fn admit(bytes: &[u8], limits: &Census) -> Result<Census, Refusal> {
    looks_like_a_component(bytes)?;
    let mut walk =
        Walk { bytes, limits, census: Census::zero(), defined: Defined::default(), frames: vec![] };
    walk.census.size = bytes.len() as u64;
    walk.check()?;
    let mut root = None;
    for payload in Parser::new(0).parse_all(bytes) {
        if let Some(frame) = walk.take(payload?)? {
            root = Some(frame);
        }
        walk.check()?;
    }
    let root: ComponentFrame =
        root.ok_or_else(|| Refusal::Damaged("it ends within a nested component".to_owned()))?;
    let (cost, defined) = (root.cost, walk.defined);
    walk.census = Census {
        instances: cost.instances.max(walk.census.instances),
        memories: cost.memories.max(defined.memories),
        tables: cost.tables.max(defined.tables),
        starts: cost.starts.max(defined.starts),
        memory: cost.memory,
        table_elements: cost.table_elements,
        ..walk.census
    };
    walk.check()?;
    Ok(walk.census)
}

/// Tells the kinds of file that people confuse with a component apart, before anything is parsed.
fn looks_like_a_component(bytes: &[u8]) -> Result<(), Refusal> {
    let refuse = |what| Err(Refusal::NotAComponent(what));
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            refuse("this is a core module; `gatepost processor build` makes a component of it")
        }
        [0x7f, b'E', b'L', b'F', ..] => refuse("this is precompiled or native code, which is never loaded"),
        _ => refuse("it does not begin like a WebAssembly component"),
    }
}

/// What modules define, whether it is instantiated or not.
#[derive(Debug, Clone, Copy, Default)]
struct Defined {
    memories: u64,
    tables: u64,
    starts: u64,
}

/// A module or component that is not at its end yet.
enum Frame {
    Module(ModuleFrame),
    Component(ComponentFrame),
}

/// The walk over one file.
struct Walk<'a> {
    bytes: &'a [u8],
    limits: &'a Census,
    census: Census,
    defined: Defined,
    frames: Vec<Frame>,
}

impl<'a> Walk<'a> {
    fn check(&self) -> Result<(), Refusal> {
        Ok(self.census.within(self.limits)?)
    }

    /// A reader of the section that `range` spans, its count first.
    fn section(&self, range: &std::ops::Range<usize>) -> Result<BinaryReader<'a>, Refusal> {
        let section = self.bytes.get(range.clone());
        let section = section.ok_or_else(|| Refusal::Damaged("a section ends past the file".to_owned()))?;
        Ok(BinaryReader::new(section, range.start))
    }

    /// Takes the next piece of the file. Gives the root at its end.
    fn take(&mut self, payload: Payload<'a>) -> Result<Option<ComponentFrame>, Refusal> {
        match payload {
            Payload::Version { encoding, .. } => {
                // All but the root.
                self.census.modules += self.frames.len().min(1) as u64;
                self.frames.push(match encoding {
                    Encoding::Module => Frame::Module(ModuleFrame::default()),
                    Encoding::Component => Frame::Component(ComponentFrame::default()),
                });
            }
            Payload::End(_) => return Ok(self.end()),
            // The nested parser's own `Version` follows. It takes the end of the file for its own end, wherever that is.
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                self.section(&unchecked_range)?;
            }
            Payload::CustomSection(_) => {}
            Payload::UnknownSection { .. } => {
                return Err(Refusal::Damaged("a section of an unknown kind".to_owned()));
            }
            payload => match self.frames.pop() {
                Some(Frame::Module(mut module)) => {
                    self.module_section(&mut module, payload)?;
                    self.frames.push(Frame::Module(module));
                }
                Some(Frame::Component(mut component)) => {
                    self.component_section(&mut component, payload)?;
                    self.frames.push(Frame::Component(component));
                }
                None => return Err(Refusal::Damaged("a section outside of everything".to_owned())),
            },
        }
        Ok(None)
    }

    /// A module or component is at its end: what it takes is known to the one around it.
    fn end(&mut self) -> Option<ComponentFrame> {
        let ended = self.frames.pop()?;
        match (ended, self.frames.last_mut()) {
            (Frame::Module(module), Some(Frame::Component(around))) => around.modules.push(module.cost),
            (Frame::Component(component), Some(Frame::Component(around))) => {
                around.components.push(component.cost);
            }
            (Frame::Component(root), None) => return Some(root),
            // A module holds nothing, and the root is a component: the parser sees to that.
            _ => {}
        }
        None
    }

    /// Counts types, one section or group at a time, before they are read.
    fn count_types(&mut self, more: u64) -> Result<(), Refusal> {
        self.census.types = self.census.types.saturating_add(more);
        self.check()
    }
}
