//! The grammar of chains: no text panics the parser, and what it reads it writes so that it reads the same again.

#![no_main]

use gatepost::chain::spec::{ChainSpec, is_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<ChainSpec>() {
        Ok(chain) => {
            let written = chain.to_string();
            assert_eq!(written.parse(), Ok(chain.clone()), "{text:?} was written {written:?}");
            assert!(chain.len() > 0 && !chain.last.is_empty());
            for stage in chain.all() {
                let names = [&stage.alias, &stage.owner].into_iter().flatten().chain([&stage.name]);
                names.for_each(|name| assert!(is_name(name), "{name:?} in {text:?}"));
            }
        }
        Err(error) => {
            let end = text.chars().count() + 1;
            assert!((1..=end).contains(&error.position), "{error} in {text:?}");
            assert!(!error.text.is_empty());
        }
    }
});
