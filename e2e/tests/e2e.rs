//! What must be true of fleets and of what runs on them, one module per behaviour.
//!
//! A binary without the usual harness: without root it enters a user namespace before its first thread, so that
//! the fleet's addresses answer. Filters and options are those of any test. Another behaviour is a module under
//! `e2e/` and its line in [`main`].

#[path = "e2e/admission.rs"]
mod admission;
#[path = "e2e/brake.rs"]
mod brake;
#[path = "e2e/bulkhead.rs"]
mod bulkhead;
#[path = "e2e/cluster_lifecycle.rs"]
mod cluster_lifecycle;
#[path = "e2e/credentials.rs"]
mod credentials;
#[path = "e2e/delete_budget.rs"]
mod delete_budget;
#[path = "e2e/deletion.rs"]
mod deletion;
#[path = "e2e/drift.rs"]
mod drift;
#[path = "e2e/fencing.rs"]
mod fencing;
#[path = "e2e/fleet_lifecycle.rs"]
mod fleet_lifecycle;
#[path = "e2e/fleet_network.rs"]
mod fleet_network;
#[path = "e2e/harness.rs"]
mod harness;
#[path = "e2e/isolation.rs"]
mod isolation;
#[path = "e2e/kinds.rs"]
mod kinds;
#[path = "e2e/kubelet.rs"]
mod kubelet;
#[path = "e2e/namespaces.rs"]
mod namespaces;
#[path = "e2e/overrides.rs"]
mod overrides;
#[path = "e2e/own_stage.rs"]
mod own_stage;
#[path = "e2e/placement.rs"]
mod placement;
#[path = "e2e/propagation.rs"]
mod propagation;
#[path = "e2e/restart.rs"]
mod restart;
#[path = "e2e/scene.rs"]
mod scene;
#[path = "e2e/scenery.rs"]
mod scenery;
#[path = "e2e/status.rs"]
mod status;
#[path = "e2e/workloads.rs"]
mod workloads;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Tests that run side by side: what they wait for is the work of control planes, one for each cluster of each fleet.
const AT_ONCE: usize = 4;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads = arguments.test_threads.or(Some(cores.min(AT_ONCE)));
    harness::prepare();
    let mut trials = stage_trials();
    trials.extend(fleet_lifecycle::trials());
    trials.extend(fleet_network::trials());
    trials.extend(brake::trials());
    trials.extend(bulkhead::trials());
    trials.extend(cluster_lifecycle::trials());
    trials.extend(credentials::trials());
    trials.extend(delete_budget::trials());
    trials.extend(fencing::trials());
    trials.extend(isolation::trials());
    trials.extend(kubelet::trials());
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
    ];
    all.into_iter().flat_map(|trials| trials()).collect()
}
