//! Native processors, sinks and checkers of recipients by name. Their names are reserved: a component of that name is never found.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{
    CheckerFactory, FilesRead, OwnAddresses, Processor, ProcessorFactory, RecipientCheck, Settings,
    StageScope,
};
use crate::native;
use crate::sink::{self, Sink, SinkFactory};

/// All natives that chains may name.
#[derive(Clone, Default)]
pub struct Registry {
    processors: BTreeMap<String, ProcessorFactory>,
    sinks: BTreeMap<String, SinkFactory>,
    checkers: BTreeMap<String, CheckerFactory>,
    own: OwnAddresses,
    files: FilesRead,
}

impl Registry {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that Gatepost brings.
    pub fn builtin() -> Self {
        let processors = native::all().into_iter().map(|(name, factory)| (name.to_owned(), factory));
        let sinks = sink::all().into_iter().map(|(name, factory)| (name.to_owned(), factory));
        let checkers = native::checkers().into_iter().map(|(name, factory)| (name.to_owned(), factory));
        Self {
            processors: processors.collect(),
            sinks: sinks.collect(),
            checkers: checkers.collect(),
            own: OwnAddresses::default(),
            files: FilesRead::default(),
        }
    }

    /// Where the server listens for whom it makes stages and sinks: filled once it has bound.
    pub fn own_addresses(&self) -> &OwnAddresses {
        &self.own
    }

    /// What those that it makes have read.
    pub fn files_read(&self) -> &FilesRead {
        &self.files
    }

    /// Adds a processor; one that has the name already is replaced.
    #[must_use]
    pub fn with_processor(mut self, name: &str, factory: ProcessorFactory) -> Self {
        self.processors.insert(name.to_owned(), factory);
        self
    }

    /// Adds a sink; one that has the name already is replaced.
    #[must_use]
    pub fn with_sink(mut self, name: &str, factory: SinkFactory) -> Self {
        self.sinks.insert(name.to_owned(), factory);
        self
    }

    /// Adds a checker of recipients; one that has the name already is replaced. A sink or processor may have the same name.
    #[must_use]
    pub fn with_checker(mut self, name: &str, factory: CheckerFactory) -> Self {
        self.checkers.insert(name.to_owned(), factory);
        self
    }

    /// Whether no component may have this name.
    pub fn is_reserved(&self, name: &str) -> bool {
        self.has_processor(name) || self.has_sink(name) || self.has_checker(name)
    }

    /// Whether there is such a processor.
    pub fn has_processor(&self, name: &str) -> bool {
        self.processors.contains_key(name)
    }

    /// Whether there is such a sink.
    pub fn has_sink(&self, name: &str) -> bool {
        self.sinks.contains_key(name)
    }

    /// Whether there is such a checker.
    pub fn has_checker(&self, name: &str) -> bool {
        self.checkers.contains_key(name)
    }

    /// Names of the processors.
    pub fn processors(&self) -> impl Iterator<Item = &str> {
        self.processors.keys().map(String::as_str)
    }

    /// Names of the sinks.
    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        self.sinks.keys().map(String::as_str)
    }

    /// Names of the checkers.
    pub fn checkers(&self) -> impl Iterator<Item = &str> {
        self.checkers.keys().map(String::as_str)
    }

    /// Makes a processor.
    ///
    /// # Errors
    /// What is wrong with its settings, or that there is none of that name.
    pub fn processor(
        &self,
        name: &str,
        scope: &StageScope,
        settings: Settings,
    ) -> Result<Arc<dyn Processor>, String> {
        let make = self.processors.get(name).ok_or_else(|| format!("there is no processor `{name}`"))?;
        make(scope, settings)
    }

    /// Makes a sink.
    ///
    /// # Errors
    /// What is wrong with its settings, or that there is none of that name.
    pub fn sink(&self, name: &str, scope: &StageScope, settings: Settings) -> Result<Arc<dyn Sink>, String> {
        let make = self.sinks.get(name).ok_or_else(|| format!("there is no sink `{name}`"))?;
        make(scope, settings)
    }

    /// Makes a checker.
    ///
    /// # Errors
    /// What is wrong with its settings, or that there is none of that name.
    pub fn checker(
        &self,
        name: &str,
        scope: &StageScope,
        settings: Settings,
    ) -> Result<Arc<dyn RecipientCheck>, String> {
        let make = self.checkers.get(name).ok_or_else(|| format!("there is no checker `{name}`"))?;
        make(scope, settings)
    }
}
