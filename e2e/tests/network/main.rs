//! The fleet's network on the real kernel: who reaches whom, what faults do to real connections, what is left behind.
//!
//! A binary without the usual harness, for two reasons: without root it has to enter a user namespace before its first
//! thread, and as root it starts itself again, as a process that is killed and as one without root. Filters and
//! options are those of any test.

mod faults;
mod leftovers;
mod privileges;
mod reach;
mod traffic;

use std::process::ExitCode;

use atoll_e2e::net::{Network, NetworkPlan, enter_user_namespace};
use libtest_mimic::{Arguments, Failed, Trial};

/// One network at a time: with two, a connection to a cut member was now and then refused instead of unanswered, for a
/// reason that is not known yet.
const AT_ONCE: usize = 1;

/// What a test does, under the sentence that says what must be true.
type Behaviour = (&'static str, fn());
/// A behaviour of networks with a relay (`true`) and without one.
type BehaviourOfBoth = (&'static str, fn(bool));

fn main() -> ExitCode {
    if let Some(role) = leftovers::role() {
        return role;
    }
    let entered = if nix::unistd::geteuid().is_root() { Ok(()) } else { enter_user_namespace() };
    let missing = entered.err().map(|error| format!("{error:#}"));
    let relay_missing = missing.clone().or_else(privileges::relay_missing);
    let mut trials = trials_of(reach::PAIRS, missing.as_deref());
    trials.extend(trials_of_both(missing.as_deref(), relay_missing.as_deref()));
    trials.extend(trials_of(faults::ALL, relay_missing.as_deref()));
    trials.extend(trials_of(privileges::ALL, None));
    libtest_mimic::run(&arguments(), trials).exit_code()
}

fn arguments() -> Arguments {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    arguments
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
    let shown = name.clone();
    Trial::test(name, move || match missing {
        None => {
            behaviour();
            Ok(())
        }
        Some(reason) => skip(&shown, &reason),
    })
}

/// A test whose part is missing on this machine says so; in CI that is a failure.
fn skip(name: &str, reason: &str) -> Result<(), Failed> {
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(Failed::from(reason));
    }
    println!("skipped: {name}: {reason}");
    Ok(())
}

/// A network with the members `one` and `two`.
fn network(faults: bool) -> Network {
    let members = ["one", "two"].map(str::to_owned).to_vec();
    Network::start(NetworkPlan { members, faults }).expect("the network starts")
}
