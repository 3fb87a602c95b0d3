//! The driver of verdicts: judge all, brake, snapshot, mark.
//!
//! Enters: the detectors of all members. Leaves: conditions, taints and labels
//! on Cluster objects, an IsolationSnapshot before anything may move, and the
//! fleet map's view of each cluster's health. What moves then is decided
//! binding by binding, in the pipeline, from the taints written here.

pub mod moves;
pub mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atoll_crds::Cluster;
use atoll_crds::cluster::{ApiPlane, DataPlane, DataState as RawData, Verdict as StoredVerdict};
use atoll_decide::health::brake::{Brake, Member as Braked};
use atoll_decide::health::marks::{self, Change, Evidence};
use atoll_decide::health::verdict::{ApiState, DataState};
use atoll_decide::health::{Stored, Timing, Verdict};
use atoll_decide::ids::ClusterName;
use atoll_decide::time::{Mono, Wall};
use kube::ResourceExt;

use crate::app::App;
use crate::clock;
use crate::hub::cluster_write::{self, Written};
use crate::members::member::Member;
use crate::validate;

/// Without news all verdicts are looked at again after this.
const JUDGE_AT_LEAST_EVERY: Duration = Duration::from_millis(500);

/// A write on the hub takes at most this: judging must go on.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// The verdicts of the whole fleet.
pub struct Watchkeeper {
    app: Arc<App>,
    timing: Timing,
    started: Mono,
    /// One pair of clock readings: a jump of the wall clock must not part what
    /// turned bad together.
    clocks: (Mono, Wall),
    brake: Brake,
    braked: BTreeMap<ClusterName, Braked>,
}

impl Watchkeeper {
    /// With nothing judged yet.
    pub fn new(app: Arc<App>) -> Self {
        let timing = app.settings.timing();
        let started = clock::mono();
        let clocks = (started, clock::wall());
        Self { app, timing, started, clocks, brake: Brake::default(), braked: BTreeMap::new() }
    }

    /// Judges until the task is cancelled.
    pub async fn run(mut self) {
        let mut led_before = false;
        loop {
            let wait = self.next_look();
            tokio::select! {
                () = self.app.judge.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
            let leads = self.app.leads();
            if leads && !led_before {
                // A new leader trusts only what it has seen as leader: a full
                // window of own probes precedes any costly act.
                self.started = clock::mono();
                self.take_over();
            }
            led_before = leads;
            self.look(leads).await;
        }
    }

    /// What an earlier leadership left in memory is the past: orders, budgets,
    /// what was delivered. Everything is looked at again.
    fn take_over(&self) {
        for member in self.app.members.all() {
            let cluster = self.app.clusters.get(&member.name);
            member.take_over(cluster.is_some_and(|cluster| validate::cluster::deletes_are_paused(&cluster)));
        }
        self.app.forget_delivered();
        self.app.reconcile_all();
    }

    fn next_look(&self) -> Duration {
        let trusted = self.brake.trusted_since(self.started);
        let now = clock::mono();
        let members = self.app.members.all();
        let checks = members.iter().filter_map(|member| member.health.judge(trusted).next_check);
        let soonest = checks.map(|at| at.since(now)).min().unwrap_or(JUDGE_AT_LEAST_EVERY);
        soonest.clamp(Duration::from_millis(5), JUDGE_AT_LEAST_EVERY)
    }

    async fn look(&mut self, leads: bool) {
        let members = self.app.members.all();
        let trusted = self.brake.trusted_since(self.started);
        let verdicts: Vec<(Arc<Member>, Verdict)> = members
            .into_iter()
            .map(|member| {
                let verdict = member.health.judge(trusted);
                (member, verdict)
            })
            .collect();
        self.update_brake(&verdicts);
        for (member, verdict) in &verdicts {
            self.app.publish_cluster(&member.name, Some(verdict));
        }
        if !leads {
            return;
        }
        let writes = verdicts.iter().map(|(member, verdict)| self.mark(member, verdict));
        futures::future::join_all(writes).await;
    }

    fn update_brake(&mut self, verdicts: &[(Arc<Member>, Verdict)]) {
        let was_on = self.brake.is_on();
        let copies = self.app.fleet.copies_by_cluster();
        let next = |(member, verdict): &(Arc<Member>, Verdict)| {
            let name = member.name.clone();
            let replicas = copies.get(&name).copied().unwrap_or_default();
            let (mono, wall) = self.clocks;
            let judged = (verdict.grade, wall + verdict.since.since(mono));
            let stored = member.health.stored();
            let before = self.braked.get(&name);
            (name.clone(), Braked::next(before, name, judged, (stored.grade, stored.since), replicas))
        };
        self.braked = verdicts.iter().map(next).collect();
        let members: Vec<Braked> = self.braked.values().cloned().collect();
        self.brake = std::mem::take(&mut self.brake).next(&members, self.timing.full_window, clock::mono());
        if self.app.fleet.put_brake(self.brake.clone()) {
            self.app.reconcile_all();
        }
        if let (false, Some(why)) = (was_on, self.brake.why()) {
            tracing::warn!(why, "brake on");
            for (member, _) in verdicts {
                self.app.tell_cluster(&member.name, "FailoverBraked", &why, true);
            }
        }
    }

    /// Brings the Cluster object to what the verdict says.
    async fn mark(&self, member: &Arc<Member>, verdict: &Verdict) {
        let Some(cluster) = self.app.clusters.get(&member.name) else { return };
        let decided = validate::cluster::cluster(&cluster);
        let conditions = validate::cluster::conditions(&cluster);
        let evidence = Evidence { verdict, brake: &self.brake, compared: member.compared(), now: clock::wall() };
        let plan = marks::plan(&decided, &conditions, evidence);
        if plan.anti_entropy_due || member.is_compare_due(verdict) {
            member.compare(&self.app);
        }
        let written = tokio::time::timeout(WRITE_WITHIN, self.write(member, &cluster, verdict, &plan.changes)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(cluster = %member.name, %error, "the Cluster object could not be updated"),
            Err(_) => tracing::warn!(cluster = %member.name, "the hub did not take the Cluster's update in time"),
        }
    }

    async fn write(
        &self,
        member: &Member,
        cluster: &Cluster,
        verdict: &Verdict,
        changes: &[Change],
    ) -> Result<(), kube::Error> {
        let isolates = changes.iter().any(|change| matches!(change, Change::SetIsolatedLabel));
        if isolates {
            // Before any eviction (architecture section 6): no taint without it.
            snapshot::write(&self.app, cluster, verdict).await?;
        }
        let stored = stored_verdict(&member.health.stored(), verdict);
        let written = cluster_write::status(&self.app, cluster, |status| {
            for change in changes {
                validate::cluster::apply_condition(status, change);
            }
            if status.verdict.as_ref().is_none_or(|held| is_judged(verdict, held) && !says_the_same(held, &stored)) {
                status.verdict = Some(stored.clone());
            }
        })
        .await?;
        let current = self.keep(written).unwrap_or_else(|| cluster.clone());
        let written = cluster_write::marks(&self.app, &current, |cluster| {
            for change in changes {
                apply_mark(cluster, change);
            }
        })
        .await?;
        self.keep(written);
        if isolates {
            self.app.tell_cluster(&member.name, "ClusterIsolated", &verdict.reason, true);
        }
        if changes.iter().any(|change| matches!(change, Change::RemoveIsolatedLabel)) {
            self.app.tell_cluster(&member.name, "ClusterRecovered", &verdict.reason, false);
        }
        Ok(())
    }

    /// Takes what was written into the store at once, so that the next look
    /// does not write it again.
    fn keep(&self, written: Written) -> Option<Cluster> {
        let Written::Now(cluster) = written else { return None };
        let name = cluster_write::name_of(&cluster);
        if self.app.clusters.put((*cluster).clone()) {
            self.app.members.cluster_changed(name);
        }
        Some(*cluster)
    }
}

fn apply_mark(cluster: &mut Cluster, change: &Change) {
    use k8s_openapi::api::core::v1::Taint;
    match change {
        Change::SetCondition(_) => {}
        Change::AddTaint(taint) => {
            let effect = format!("{:?}", taint.effect);
            if !cluster.spec.taints.iter().any(|held| held.key == taint.key && held.effect == effect) {
                cluster.spec.taints.push(Taint {
                    key: taint.key.clone(),
                    value: Some(taint.value.clone()).filter(|value| !value.is_empty()),
                    effect,
                    time_added: taint.added.map(clock::api_time_of),
                });
            }
        }
        Change::RemoveTaint(key, effect) => {
            let effect = format!("{effect:?}");
            cluster.spec.taints.retain(|held| held.key != *key || held.effect != effect);
        }
        Change::SetIsolatedLabel => {
            cluster.labels_mut().insert(marks::ISOLATED.to_owned(), "true".to_owned());
        }
        Change::RemoveIsolatedLabel => {
            cluster.labels_mut().remove(marks::ISOLATED);
        }
    }
}

/// After a start there is no judgement yet: what was stored stands until there
/// is one on both planes.
fn is_judged(verdict: &Verdict, held: &StoredVerdict) -> bool {
    let data_was_seen = held.data.state != RawData::Unknown;
    verdict.api != ApiState::Unknown && !(verdict.data == DataState::Unknown && data_was_seen)
}

/// Times move with each computation by fractions: what is stored changes only
/// when it says something else.
fn says_the_same(held: &StoredVerdict, now: &StoredVerdict) -> bool {
    held.grade == now.grade
        && held.api.state == now.api.state
        && held.data.state == now.data.state
        && held.confirmed == now.confirmed
        && held.message == now.message
        && held.api_seen == now.api_seen
        && held.answered == now.answered
}

fn stored_verdict(stored: &Stored, verdict: &Verdict) -> StoredVerdict {
    let since = clock::micro_time_of(stored.since);
    StoredVerdict {
        grade: validate::cluster::raw_grade(stored.grade),
        since: Some(since.clone()),
        api: ApiPlane { state: validate::cluster::api_state(verdict.api), since: Some(since.clone()) },
        data: DataPlane { state: validate::cluster::data_state(verdict.data), since: Some(since) },
        confirmed: verdict.confirmed,
        hold_down_seconds: i64::try_from(stored.hold_down.as_secs()).ok().filter(|seconds| *seconds > 0),
        last_loss: stored.last_loss.map(clock::micro_time_of),
        api_seen: stored.api_seen,
        answered: stored.answered.iter().map(|target| target.as_str().to_owned()).collect(),
        message: Some(verdict.reason.clone()).filter(|reason| !reason.is_empty()),
    }
}
