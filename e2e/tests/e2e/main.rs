//! What must be true of fleets and of what runs on them, one module per behaviour.
//!
//! A binary without the usual harness, for two reasons: without root it enters a user namespace before its first
//! thread, so that the fleet's addresses answer, and some tests start it again in another role. Filters and options
//! are those of any test. Another behaviour is a module beside this file and its line in [`main`].

mod admission;
mod brake;
mod bulkhead;
mod chart;
mod cluster_lifecycle;
mod credentials;
mod definitions;
mod delete_budget;
mod deletion;
mod drift;
mod fencing;
mod fleet_faults;
mod fleet_lifecycle;
mod harness;
mod hub_loss;
mod isolation;
mod kinds;
mod kubelet;
mod namespaces;
mod network;
mod operator_start;
mod overrides;
mod own_stage;
mod placement;
mod propagation;
mod restart;
mod scene;
mod scenery;
mod snapshot;
mod status;
mod why;
mod workloads;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Tests that run side by side: what they wait for is the work of control planes, one for each cluster of each fleet.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    if let Some(role) = network::role() {
        return role;
    }
    let mut arguments = Arguments::from_args();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads = arguments.test_threads.or(Some(cores.min(AT_ONCE)));
    harness::prepare();
    let mut trials = stage_trials();
    trials.extend(fleet_lifecycle::trials());
    trials.extend(fleet_faults::trials());
    trials.extend(brake::trials());
    trials.extend(bulkhead::trials());
    trials.extend(chart::trials());
    trials.extend(cluster_lifecycle::trials());
    trials.extend(credentials::trials());
    trials.extend(definitions::trials());
    trials.extend(delete_budget::trials());
    trials.extend(fencing::trials());
    trials.extend(hub_loss::trials());
    trials.extend(isolation::trials());
    trials.extend(kubelet::trials());
    trials.extend(operator_start::trials());
    trials.extend(network::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    harness::finish();
    conclusion.exit_code()
}

/// Those on the stage that tests share. They mostly wait, and go first, so that many of them run side by side.
fn stage_trials() -> Vec<Trial> {
    let all = [
        propagation::trials,
        placement::trials,
        overrides::trials,
        status::trials,
        drift::trials,
        deletion::trials,
        admission::trials,
        namespaces::trials,
        restart::trials,
        why::trials,
        snapshot::trials,
    ];
    all.into_iter().flat_map(|trials| trials()).collect()
}
