//! The chart: what it renders, what a real API server takes of it, and that what it starts works with the rights it gives.
//!
//! The host cluster is a member of the shared fleet: its pods become Ready without running, so a trial runs what they
//! would run itself, with the arguments that the server holds.

mod cluster;
mod dedicated;
mod host;
mod processes;
mod rendering;

use libtest_mimic::Trial;

use crate::harness::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("it_lints_and_renders_in_every_mode", rendering::every_mode),
        trial("a_setting_that_is_wrong_is_refused_by_name", rendering::refusals),
        trial("what_is_switched_off_is_not_rendered", rendering::switches),
        trial("it_installs_where_pods_are_restricted_and_an_upgrade_changes_nothing", dedicated::installs),
        trial("the_hub_it_makes_works_with_no_more_rights_than_the_operator_needs", dedicated::works),
        trial("on_the_host_a_kind_that_is_not_listed_is_not_permitted", host::not_permitted),
    ]
}
