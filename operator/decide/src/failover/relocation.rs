//! The new targets and tasks of a binding whose targets are vacated.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::failover::eviction::Due;
use crate::failover::task::{PurgeMode, Reason, TAINT_MANAGER, Task};
use crate::ids::ClusterName;
use crate::invariants;
use crate::placement::Target;
use crate::time::Wall;

/// `message` of a task holds at most so many characters (karmada-api 1.7).
const MESSAGE_LIMIT: usize = 1024;

/// A binding as it is.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// `spec.clusters`
    pub targets: &'a [Target],
    /// `spec.gracefulEvictionTasks`
    pub tasks: &'a [Task],
    /// Replicas are divided over the targets, so one target's replicas may
    /// move onto another target. Otherwise a replacement is a further cluster.
    pub divided: bool,
    /// The policy's `gracePeriodSeconds`.
    pub grace: Option<Duration>,
}

/// A binding as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// `spec.clusters`; never empty if it was not.
    pub clusters: Vec<Target>,
    /// `spec.gracefulEvictionTasks`
    pub tasks: Vec<Task>,
    /// Targets that are lost and stay, with the reason (D17).
    pub lost: BTreeMap<ClusterName, String>,
    /// Targets that were not to be vacated and that the schedule gave up all
    /// the same; `removal` decides over their copies.
    pub dropped: Vec<Target>,
}

impl Plan {
    /// Whether the binding must be written.
    pub fn changes(&self, current: Current<'_>) -> bool {
        self.clusters != current.targets || self.tasks != current.tasks
    }
}

/// Plans the move. `schedule` gets the clusters that must not be chosen and the
/// targets that remain (the replicas of the others are lost to it) and returns
/// the full set of targets, or why there is none.
///
/// A target without a feasible replacement stays (I1, D17).
pub fn plan(
    current: Current<'_>,
    due: &[Due],
    now: Wall,
    schedule: impl FnOnce(&BTreeSet<ClusterName>, &[Target]) -> Result<Vec<Target>, String>,
) -> Plan {
    let plan = relocate(current, due, now, schedule);
    debug_assert_eq!(invariants::i1_plan(current, &plan), Ok(()));
    plan
}

fn relocate(
    current: Current<'_>,
    due: &[Due],
    now: Wall,
    schedule: impl FnOnce(&BTreeSet<ClusterName>, &[Target]) -> Result<Vec<Target>, String>,
) -> Plan {
    let vacated: BTreeMap<&ClusterName, &Due> = due.iter().map(|due| (&due.cluster, due)).collect();
    let (lost, remaining): (Vec<Target>, Vec<Target>) =
        current.targets.iter().cloned().partition(|target| vacated.contains_key(&target.cluster));
    if lost.is_empty() {
        return unchanged(current, BTreeMap::new());
    }
    let mut evicting: BTreeSet<ClusterName> = current.tasks.iter().map(|task| task.from.clone()).collect();
    evicting.extend(lost.iter().map(|target| target.cluster.clone()));
    let chosen = match schedule(&evicting, &remaining) {
        Ok(chosen) => chosen,
        Err(why) => return unchanged(current, reasons(&lost, &why)),
    };
    if let Some(wrong) = chosen.iter().find(|target| evicting.contains(&target.cluster)) {
        let why = format!("the schedule chose {}, which is being vacated", wrong.cluster);
        return unchanged(current, reasons(&lost, &why));
    }
    match replaced(current, &lost, &remaining, &chosen) {
        Ok((gone, stay)) => moved(current, &vacated, (gone, stay), (remaining, chosen), now),
        Err(why) => unchanged(current, reasons(&lost, &why)),
    }
}

/// Which of `lost` have a replacement in `chosen`, and which have not.
fn replaced(
    current: Current<'_>,
    lost: &[Target],
    remaining: &[Target],
    chosen: &[Target],
) -> Result<(Vec<Target>, Vec<Target>), String> {
    if chosen.is_empty() {
        return Err("no cluster is left that could take it".into());
    }
    if current.divided {
        let sum = |targets: &[Target]| targets.iter().filter_map(|target| target.replicas).map(i64::from).sum::<i64>();
        let (before, after) = (sum(current.targets), sum(chosen));
        return if after >= before {
            Ok((lost.to_vec(), Vec::new()))
        } else {
            Err(format!("only {after} of {before} replicas found room elsewhere"))
        };
    }
    // Every copy is whole: each lost one needs a further cluster, and clusters
    // the schedule gives up count against it.
    let extra = chosen.len().saturating_sub(remaining.len()).min(lost.len());
    let (gone, stay) = lost.split_at(extra);
    if gone.is_empty() {
        return Err("every other cluster that could take it runs it already".into());
    }
    Ok((gone.to_vec(), stay.to_vec()))
}

fn moved(
    current: Current<'_>,
    vacated: &BTreeMap<&ClusterName, &Due>,
    (gone, stay): (Vec<Target>, Vec<Target>),
    (remaining, chosen): (Vec<Target>, Vec<Target>),
    now: Wall,
) -> Plan {
    let lost = reasons(&stay, "every other cluster that could take it runs it already");
    let kept: BTreeSet<&ClusterName> = chosen.iter().map(|target| &target.cluster).collect();
    let dropped = remaining.iter().filter(|target| !kept.contains(&target.cluster)).cloned().collect();
    let leaving: BTreeSet<&ClusterName> = gone.iter().map(|target| &target.cluster).collect();
    let mut tasks: Vec<Task> = current.tasks.iter().filter(|task| !leaving.contains(&task.from)).cloned().collect();
    tasks.extend(gone.iter().filter_map(|target| {
        let due = vacated.get(&target.cluster)?;
        Some(build_task(current, target, due, now))
    }));
    let clusters = chosen.into_iter().chain(stay).collect();
    Plan { clusters, tasks, lost, dropped }
}

fn build_task(current: Current<'_>, target: &Target, due: &Due, now: Wall) -> Task {
    Task {
        from: target.cluster.clone(),
        purge: due.purge,
        replicas: target.replicas,
        reason: Reason::TaintUntolerated,
        message: due.message.chars().take(MESSAGE_LIMIT).collect(),
        producer: TAINT_MANAGER.into(),
        grace: current.grace.filter(|_| due.purge == PurgeMode::Gracefully),
        suppress_deletion: (due.purge == PurgeMode::Never).then_some(true),
        preserved_labels: BTreeMap::new(),
        created: Some(now),
        clusters_before: current.targets.iter().map(|target| target.cluster.clone()).collect(),
    }
}

fn unchanged(current: Current<'_>, lost: BTreeMap<ClusterName, String>) -> Plan {
    Plan { clusters: current.targets.to_vec(), tasks: current.tasks.to_vec(), lost, dropped: Vec::new() }
}

fn reasons(lost: &[Target], why: &str) -> BTreeMap<ClusterName, String> {
    lost.iter().map(|target| (target.cluster.clone(), why.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(cluster: &str, replicas: Option<i32>) -> Target {
        Target { cluster: cluster.into(), replicas }
    }

    fn due(cluster: &str, purge: PurgeMode) -> Due {
        Due {
            cluster: cluster.into(),
            taint: "atoll.dev/isolated".into(),
            by_hand: false,
            purge,
            message: "cut off".into(),
        }
    }

    fn binding(targets: &[Target], divided: bool) -> Current<'_> {
        Current { targets, tasks: &[], divided, grace: Some(Duration::from_mins(10)) }
    }

    fn gracefully(clusters: &[&str]) -> Vec<Due> {
        clusters.iter().map(|cluster| due(cluster, PurgeMode::Gracefully)).collect()
    }

    #[test]
    fn the_replacement_takes_the_place_and_the_old_copy_gets_a_task() {
        let targets = [target("a", Some(3)), target("b", Some(2))];
        let current = binding(&targets, true);
        let plan = plan(current, &gracefully(&["a"]), Wall(7), |evicting, remaining| {
            assert_eq!(evicting, &BTreeSet::from(["a".into()]));
            assert_eq!(remaining, [target("b", Some(2))], "the lost replicas are not counted");
            Ok(vec![target("b", Some(2)), target("c", Some(3))])
        });
        assert_eq!(plan.clusters, [target("b", Some(2)), target("c", Some(3))]);
        assert!(plan.changes(current) && plan.lost.is_empty() && plan.dropped.is_empty());
        let expected = Task {
            from: "a".into(),
            purge: PurgeMode::Gracefully,
            replicas: Some(3),
            reason: Reason::TaintUntolerated,
            message: "cut off".into(),
            producer: "TaintManager".into(),
            grace: Some(Duration::from_mins(10)),
            suppress_deletion: None,
            preserved_labels: BTreeMap::new(),
            created: Some(Wall(7)),
            clusters_before: vec!["a".into(), "b".into()],
        };
        assert_eq!(plan.tasks, [expected]);
    }

    #[test]
    fn divided_replicas_may_move_onto_a_target_that_is_already_there() {
        let targets = [target("a", Some(3)), target("b", Some(2))];
        let plan = plan(binding(&targets, true), &gracefully(&["a"]), Wall(0), |_, _| Ok(vec![target("b", Some(5))]));
        assert_eq!(plan.clusters, [target("b", Some(5))]);
        assert_eq!(plan.tasks.len(), 1);
    }

    #[test]
    fn without_a_feasible_replacement_the_target_stays_and_is_marked_lost() {
        let targets = [target("a", Some(3)), target("b", Some(2))];
        let current = binding(&targets, true);
        let results =
            [Err("no capacity".to_owned()), Ok(vec![]), Ok(vec![target("b", Some(4))]), Ok(vec![target("a", Some(5))])];
        for result in results {
            let plan = plan(current, &gracefully(&["a"]), Wall(0), |_, _| result);
            assert!(!plan.changes(current));
            assert!(plan.lost.contains_key("a"));
        }
    }

    #[test]
    fn a_workload_scaled_to_zero_is_not_left_without_a_target() {
        let targets = [target("a", Some(0))];
        let current = binding(&targets, true);
        let plan = plan(current, &gracefully(&["a"]), Wall(0), |_, _| Ok(vec![]));
        assert!(!plan.changes(current) && plan.lost.contains_key("a"));
    }

    #[test]
    fn a_duplicated_workload_that_is_already_everywhere_has_nowhere_to_go() {
        let targets = [target("a", Some(2)), target("b", Some(2))];
        let current = binding(&targets, false);
        let plan = plan(current, &gracefully(&["a"]), Wall(0), |_, remaining| Ok(remaining.to_vec()));
        assert_eq!(plan.clusters, targets);
        assert!(plan.tasks.is_empty() && plan.lost.contains_key("a"));
    }

    #[test]
    fn of_two_lost_copies_and_one_free_cluster_one_moves_and_one_stays() {
        let targets = [target("a", None), target("b", None), target("c", None)];
        let plan = plan(binding(&targets, false), &gracefully(&["a", "b"]), Wall(0), |_, _| {
            Ok(vec![target("c", None), target("d", None)])
        });
        let names: Vec<&str> = plan.clusters.iter().map(|target| target.cluster.as_str()).collect();
        assert_eq!(names, ["c", "d", "b"]);
        assert_eq!(plan.tasks.iter().map(|task| task.from.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(plan.lost.keys().map(ClusterName::as_str).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn clusters_already_being_vacated_are_not_chosen_again() {
        let targets = [target("b", Some(5))];
        let plan_first = plan(binding(&[target("a", Some(5))], true), &gracefully(&["a"]), Wall(0), |_, _| {
            Ok(vec![target("b", Some(5))])
        });
        let current = Current { tasks: &plan_first.tasks, ..binding(&targets, true) };
        let second = plan(current, &gracefully(&["b"]), Wall(0), |evicting, _| {
            assert_eq!(evicting, &BTreeSet::from(["a".into(), "b".into()]));
            Err("nothing left".into())
        });
        assert_eq!(second.clusters, targets);
        assert_eq!(second.tasks, plan_first.tasks);
    }

    #[test]
    fn a_target_the_schedule_gives_up_is_handed_to_removal() {
        let targets = [target("a", Some(1)), target("b", Some(1))];
        let plan = plan(binding(&targets, true), &gracefully(&["a"]), Wall(0), |_, _| Ok(vec![target("c", Some(2))]));
        assert_eq!(plan.dropped, [target("b", Some(1))]);
        assert_eq!(plan.tasks.len(), 1);
    }

    #[test]
    fn never_suppresses_the_deletion_and_directly_has_no_grace() {
        let targets = [target("a", None)];
        for (purge, suppress) in [(PurgeMode::Never, Some(true)), (PurgeMode::Directly, None)] {
            let plan = plan(binding(&targets, false), &[due("a", purge)], Wall(0), |_, _| Ok(vec![target("b", None)]));
            assert_eq!((plan.tasks[0].suppress_deletion, plan.tasks[0].grace), (suppress, None));
        }
    }
}
