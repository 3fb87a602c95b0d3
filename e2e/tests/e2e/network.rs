//! The fleet's network on the real kernel: who reaches whom, what faults do to real connections, what is left behind.
//!
//! No control plane runs here, so these tests need no fleet and take seconds.

mod faults;
mod leftovers;
mod privileges;
mod reach;
mod traffic;

use std::process::ExitCode;

use atoll_e2e::net::{Network, NetworkPlan};
use libtest_mimic::{Failed, Trial};

use crate::harness;

/// What a test does, under the sentence that says what must be true.
type Behaviour = (&'static str, fn());
/// A behaviour of networks with a relay (`true`) and without one.
type BehaviourOfBoth = (&'static str, fn(bool));

/// Plays the part of a process that a test of this module started, if this is one.
pub fn role() -> Option<ExitCode> {
    leftovers::role()
}

pub fn trials() -> Vec<Trial> {
    let missing = harness::namespace_missing().map(str::to_owned);
    let relay_missing = missing.clone().or_else(privileges::relay_missing);
    let mut trials = trials_of(reach::PAIRS, missing.as_deref());
    trials.extend(trials_of_both(missing.as_deref(), relay_missing.as_deref()));
    trials.extend(trials_of(faults::ALL, relay_missing.as_deref()));
    trials.extend(trials_of(leftovers::MIXED, relay_missing.as_deref()));
    trials.extend(trials_of(privileges::ALL, None));
    trials
}

fn trials_of_both(pairs_missing: Option<&str>, relay_missing: Option<&str>) -> Vec<Trial> {
    let named = |kind: &str, faults: bool, missing: Option<&str>| -> Vec<Trial> {
        let kind = kind.to_owned();
        let missing = missing.map(str::to_owned);
        let both = reach::BOTH.iter().chain(leftovers::BOTH);
        both.map(|(name, behaviour)| trial(format!("{name}_{kind}"), missing.clone(), move || behaviour(faults)))
            .collect()
    };
    let mut trials = named("with_a_relay", true, relay_missing);
    trials.extend(named("without_a_relay", false, pairs_missing));
    trials
}

fn trials_of(behaviours: &[Behaviour], missing: Option<&str>) -> Vec<Trial> {
    let missing = missing.map(str::to_owned);
    behaviours.iter().map(|(name, behaviour)| trial((*name).to_owned(), missing.clone(), *behaviour)).collect()
}

fn trial(name: String, missing: Option<String>, behaviour: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(format!("network::{name}"), move || match missing {
        None => {
            behaviour();
            Ok(())
        }
        Some(reason) => skip(&name, &reason),
    })
}

/// A test whose part is missing on this machine says so; in CI that is a failure.
fn skip(name: &str, reason: &str) -> Result<(), Failed> {
    if harness::is_ci() {
        return Err(Failed::from(reason));
    }
    println!("skipped: {name}: {reason}");
    Ok(())
}

/// A network with the members `one` and `two`.
fn network(faults: bool) -> Network {
    Network::start(plan(faults)).expect("the network starts")
}

fn plan(faults: bool) -> NetworkPlan {
    NetworkPlan { members: ["one", "two"].map(str::to_owned).to_vec(), faults }
}
