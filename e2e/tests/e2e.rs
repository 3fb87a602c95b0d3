//! What must be true of fleets and of what runs on them, one module per behaviour.
//!
//! A binary without the usual harness: without root it enters a user namespace before its first thread, so that
//! the fleet's addresses answer. Filters and options are those of any test. Another behaviour is a module under
//! `e2e/` and its line in [`main`].

#[path = "e2e/fleet_lifecycle.rs"]
mod fleet_lifecycle;
#[path = "e2e/fleet_network.rs"]
mod fleet_network;
#[path = "e2e/harness.rs"]
mod harness;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    harness::prepare();
    let mut trials = fleet_lifecycle::trials();
    trials.extend(fleet_network::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    harness::finish();
    conclusion.exit_code()
}
