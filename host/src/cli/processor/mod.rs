//! `gatepost processor`: from nothing to a component in a chain, what a component is, and which there are.

mod build;
mod inspect;
mod new;
mod push;
mod shelf;
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
        ProcessorVerb::List { tenant, host } => shelf::list(reach, tenant.clone(), *host, json),
        ProcessorVerb::Remove { processor, tenant, .. } => {
            shelf::remove(reach, processor, tenant.as_deref(), json)
        }
        ProcessorVerb::Inspect { file } => inspect::run(file, json),
    }
}
