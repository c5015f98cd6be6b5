//! `gatepost processor new|build|test|push|inspect`: from nothing to a component in a chain, and what a component is.

mod build;
mod inspect;
mod new;
mod push;
mod test;

use super::arguments::processor::ProcessorVerb;
use super::exit::Exit;
use super::reach::Reach;

pub(super) fn run(reach: &Reach, verb: &ProcessorVerb, json: bool) -> anyhow::Result<Exit> {
    match verb {
        ProcessorVerb::New(options) => new::run(options, json),
        ProcessorVerb::Build { dir, output } => build::run(dir, output.as_deref(), json),
        ProcessorVerb::Test(options) => test::run(reach.config.as_deref(), options, json),
        ProcessorVerb::Push(options) => push::run(reach, options, json),
        ProcessorVerb::Inspect { file } => inspect::run(file, json),
    }
}
