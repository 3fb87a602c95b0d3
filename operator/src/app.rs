//! What the parts of the operator share: the stores, the queues, the clients.
//!
//! Nothing here decides or writes; it lets the parts find each other. Each
//! store has one writer, named at its field.

mod delivered;
mod telling;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atoll_crds::names::annotation::{
    CLUSTER_PROPAGATION_POLICY_NAME, PROPAGATION_POLICY_NAME, PROPAGATION_POLICY_NAMESPACE,
};
use atoll_decide::cluster::Cluster;
use atoll_decide::failover::{Health, Source};
use atoll_decide::fleet::Fleet;
use atoll_decide::fleet::Standing;
use atoll_decide::health::verdict::ApiState;
use atoll_decide::health::{Timing, Verdict, marks};
use atoll_decide::ids::{ClusterName, Gvk, ObjectKey};
use atoll_decide::matching::{PolicyRef, Scope};
use atoll_decide::taint::Effect;
use kube::Client;
use kube::core::{ApiResource, GroupVersionKind};
use tokio::sync::{Notify, watch};

pub use self::delivered::Delivered;
use crate::events::Events;
use crate::failover::moves::Moves;
use crate::fleet::{Copies, Felt, FleetMap};
use crate::hub::bindings::{Binding, Bindings};
use crate::hub::clusters::Clusters;
use crate::hub::kinds::Kinds;
use crate::hub::namespaces::Namespaces;
use crate::hub::overrides::Overrides;
use crate::hub::policies::{Known, Policies};
use crate::hub::synced::Synced;
use crate::hub::template_watch;
use crate::hub::templates::{Template, Templates};
use crate::lease::{Leadership, WriteGuard};
use crate::members::Members;
use crate::members::intent::KindInfo;
use crate::members::member::Member;
use crate::pipeline::status::Statuses;
use crate::pipeline::{Retries, claim};
use crate::queue::{Lane, Queue};
use crate::tasks::Register;
use crate::telemetry::decisions::Decisions;
use crate::telemetry::{Cause, Metrics};
use crate::validate;
use crate::validate::policy::Policy;

/// Settings that the parts look at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--failover-unconfirmed-after`: how long a full isolation that only the
    /// hub sees must last.
    pub unconfirmed_after: Duration,
    /// `--failover-after`: for placements that say nothing of isolation.
    pub failover_after: Duration,
    /// Quick detection (the fast profile).
    pub fast: bool,
}

impl Settings {
    /// The detector's timing.
    pub fn timing(&self) -> Timing {
        let profile = if self.fast { Timing::fast() } else { Timing::standard() };
        profile.with_unconfirmed_after(self.unconfirmed_after)
    }
}

/// Everything shared.
pub struct App {
    /// The hub's client.
    pub hub: Client,
    /// Identity of the hub: the uid of its kube-system namespace.
    pub hub_uid: Arc<str>,
    /// Settings.
    pub settings: Settings,
    /// Kinds of the hub. Written by whoever asks first.
    pub kinds: Kinds,
    /// Written by the template watches and by the claim step.
    pub templates: Templates,
    /// Written by the policy watches.
    pub policies: Policies,
    /// Written by the override watches.
    pub overrides: Overrides,
    /// Written by the binding watches and the binding step.
    pub bindings: Bindings,
    /// Cluster objects. Written by the cluster watch and the cluster writers.
    pub clusters: Clusters,
    /// Namespaces of the hub. Written by the namespace watch.
    pub namespaces: Namespaces,
    /// Which lists are complete.
    pub synced: Synced,
    /// The fleet.
    pub fleet: FleetMap,
    /// The member units.
    pub members: Members,
    /// Templates to look at.
    pub reconcile: Queue<ObjectKey, Cause>,
    /// Bindings whose status is due.
    pub status: Queue<ObjectKey>,
    /// Policies whose status is due.
    pub policy_status: Queue<PolicyRef>,
    /// Policies whose identity or end is due.
    pub policy_identity: Queue<PolicyRef>,
    /// What the status driver remembers.
    pub statuses: Statuses,
    /// Failed looks.
    pub retries: Retries,
    /// Wakes the driver of verdicts.
    pub judge: Notify,
    /// The kinds to watch.
    pub wanted_kinds: watch::Sender<BTreeSet<Gvk>>,
    /// Kinds this hub would run itself (`HubRunsWorkloads`).
    pub refused_kinds: watch::Sender<Arc<BTreeSet<Gvk>>>,
    /// Whether we lead.
    pub leadership: watch::Receiver<Leadership>,
    /// Every write to a member begins here.
    pub write_guard: WriteGuard,
    /// Kubernetes Events.
    pub events: Events,
    /// News of moves.
    pub moves: Moves,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// What runs.
    pub tasks: Arc<Register>,
    /// What was decided of late.
    pub decisions: Decisions,
    /// What was last ordered, to see that nothing changed without rendering.
    pub delivered: Delivered,
    /// What was last told of a template, so that it is told once.
    pub told: Mutex<HashMap<ObjectKey, BTreeMap<String, String>>>,
}

/// What comes from outside: clients, settings, the election.
pub struct Outside {
    /// The hub's client.
    pub hub: Client,
    /// Identity of the hub.
    pub hub_uid: Arc<str>,
    /// Settings.
    pub settings: Settings,
    /// Whether we lead.
    pub leadership: watch::Receiver<Leadership>,
    /// Permits of writes.
    pub write_guard: WriteGuard,
    /// Kubernetes Events.
    pub events: Events,
    /// News of moves.
    pub moves: Moves,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// What runs.
    pub tasks: Arc<Register>,
}

impl App {
    /// With empty stores.
    pub fn new(outside: Outside) -> Self {
        Self {
            kinds: Kinds::new(outside.hub.clone()),
            hub: outside.hub,
            hub_uid: outside.hub_uid,
            settings: outside.settings,
            templates: Templates::default(),
            policies: Policies::default(),
            overrides: Overrides::default(),
            bindings: Bindings::default(),
            clusters: Clusters::default(),
            namespaces: Namespaces::default(),
            synced: Synced::default(),
            fleet: FleetMap::default(),
            members: Members::default(),
            reconcile: Queue::default(),
            status: Queue::default(),
            policy_status: Queue::default(),
            policy_identity: Queue::default(),
            statuses: Statuses::default(),
            retries: Retries::default(),
            judge: Notify::new(),
            wanted_kinds: watch::Sender::new(BTreeSet::new()),
            refused_kinds: watch::Sender::new(Arc::new(BTreeSet::new())),
            leadership: outside.leadership,
            write_guard: outside.write_guard,
            events: outside.events,
            moves: outside.moves,
            metrics: outside.metrics,
            tasks: outside.tasks,
            decisions: Decisions::default(),
            delivered: Delivered::default(),
            told: Mutex::default(),
        }
    }

    /// Whether this replica leads now.
    pub fn leads(&self) -> bool {
        self.leadership.borrow().is_leading_at(tokio::time::Instant::now())
    }

    /// Waits until it does.
    pub async fn wait_to_lead(&self) {
        let mut leadership = self.leadership.clone();
        while !self.leads() {
            if leadership.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The kind of a template or copy. Only resolved kinds are watched, so a
    /// key that came from a watch has one.
    pub fn kind(&self, key: &ObjectKey) -> Arc<KindInfo> {
        self.kinds.known(&key.gvk).unwrap_or_else(|| {
            let gvk = GroupVersionKind::gvk(&key.gvk.group, &key.gvk.version, &key.gvk.kind);
            let resource = ApiResource::from_gvk(&gvk);
            Arc::new(KindInfo { resource, namespaced: key.namespace.is_some(), scale: None })
        })
    }

    /// Kinds that members should watch: those of templates.
    pub fn watched_kinds(&self) -> Vec<Arc<KindInfo>> {
        self.wanted_kinds.borrow().iter().filter_map(|gvk| self.kinds.known(gvk)).collect()
    }

    /// Policies or bindings changed: the kinds to watch may have.
    pub fn update_watched_kinds(&self) {
        if !self.synced.is_complete() {
            return;
        }
        let wanted = template_watch::wanted(self);
        self.wanted_kinds.send_if_modified(|kinds| {
            let changed = *kinds != wanted;
            *kinds = wanted;
            changed
        });
    }

    /// Every template is looked at again, after what users do.
    pub fn reconcile_all(&self) {
        for key in self.templates.keys_where(|_| true) {
            self.reconcile.add_for(key, Lane::CatchUp, Cause::Fleet);
        }
        // A binding that is going has no template any more.
        for (key, _) in self.bindings.all().into_iter().filter(|(_, binding)| binding.deleting) {
            self.reconcile.add_for(key, Lane::CatchUp, Cause::Fleet);
        }
    }

    /// Templates whose placement asks for free resources are looked at again:
    /// members report theirs all the time.
    fn reconcile_by_capacity(&self) {
        let feels = |template: &Template| {
            let policy = claim::recorded(template).and_then(|claim| self.policies.get(&claim.policy));
            matches!(policy, Some(Known::Valid(policy)) if policy.placement.feels_capacity())
        };
        for key in self.templates.keys_where(feels) {
            self.reconcile.add_for(key, Lane::CatchUp, Cause::Capacity);
        }
    }

    /// Templates that a cluster's change concerns are looked at again: those
    /// that may go there or might have gone, those whose bindings name it, and
    /// those with a copy there. To all others a sick cluster costs nothing
    /// (promise I3).
    fn reconcile_by_cluster(&self, before: Option<&Cluster>, after: &Cluster) {
        let member = self.members.get(&after.name);
        let is_candidate = |template: &Template| {
            let policy = claim::recorded(template).and_then(|claim| self.policies.get(&claim.policy));
            match policy {
                Some(Known::Valid(policy)) => policy.placement.feels(before, after),
                // Not usable now, or not claimed yet: looking costs less than being wrong.
                Some(Known::Invalid { .. }) | None => true,
            }
        };
        let holds_one = |key: &ObjectKey| {
            self.bindings.get(key).is_some_and(|binding| binding.named_clusters().any(|name| name == after.name))
                || member.as_ref().is_some_and(|member| member.copies.get(key).is_some())
        };
        let concerned = |template: &Template| is_candidate(template) || holds_one(&template.key);
        for key in self.templates.keys_where(concerned) {
            self.reconcile.add_for(key, Lane::CatchUp, Cause::Fleet);
        }
        for (key, _) in self.bindings.all().into_iter().filter(|(_, binding)| binding.deleting) {
            self.reconcile.add_for(key, Lane::CatchUp, Cause::Fleet);
        }
    }

    /// The status of a binding may have changed.
    pub fn status_due(&self, key: &ObjectKey) {
        self.status.add(key.clone(), Lane::User);
    }

    /// A copy's health changed: open moves and removals may go on.
    pub fn health_changed(&self, key: &ObjectKey) {
        let moves = self.bindings.get(key).is_some_and(|binding| !binding.spec.graceful_eviction_tasks.is_empty());
        let named: Vec<ClusterName> =
            self.bindings.get(key).iter().flat_map(|binding| binding.named_clusters()).collect();
        let dropped =
            self.members.all().iter().any(|member| !named.contains(&member.name) && member.copies.get(key).is_some());
        if moves || dropped {
            self.reconcile.add_for(key.clone(), Lane::User, Cause::CopyHealth);
        }
    }

    /// Health of a copy for a decision over moves and removals. Until the last
    /// order is carried out and seen by this process, what the copy says is
    /// about something else than what is wanted (promise I1).
    pub fn copy_health(&self, key: &ObjectKey, cluster: &ClusterName, copies: &Copies, fleet: &Fleet) -> Health {
        let as_wanted = self.members.get(cluster).is_some_and(|member| {
            !member.lane.is_applying(key) && member.copies.get(key).is_some_and(|copy| !copy.is_unverified())
        });
        if as_wanted { copies.failover_health(cluster, fleet) } else { Health::Unknown }
    }

    /// Puts a cluster into the fleet's view, from its object and, where there
    /// is one, a verdict.
    pub fn publish_cluster(&self, name: &ClusterName, verdict: Option<&Verdict>) {
        let Some(raw) = self.clusters.get(name) else { return };
        let mut cluster = validate::cluster::cluster(&raw);
        let member = self.members.get(name);
        if let Some(apis) = member.as_ref().and_then(|member| member.apis.borrow().clone()) {
            cluster.apis = Some(Arc::new(apis.kinds()));
        }
        let standing = member.as_ref().and_then(|member| {
            let known = self.fleet.view().standings.get(name).map(|standing| standing.verdict.clone());
            let verdict = verdict.cloned().or(known)?;
            cluster.health = verdict.grade;
            let seen = cluster.taints.iter().filter(|taint| taint.effect == Effect::NoExecute);
            let taints_seen = member.taints_seen(seen.map(|taint| taint.key.clone()));
            let source = source(member, &verdict, marks::is_marked_isolated(&cluster));
            Some(Standing { verdict, taints_seen, source })
        });
        let was_lost = self.is_lost(name);
        let before = self.fleet.view().cluster(name).cloned();
        match self.fleet.put_cluster(cluster.clone(), standing) {
            Felt::Nothing => {}
            Felt::Capacity => self.reconcile_by_capacity(),
            Felt::All => self.reconcile_by_cluster(before.as_ref(), &cluster),
        }
        if was_lost != self.is_lost(name) {
            for key in self.bindings.naming(name) {
                self.status.add(key, Lane::CatchUp);
            }
        }
    }

    fn is_lost(&self, name: &ClusterName) -> bool {
        let fleet = self.fleet.view();
        fleet.standings.get(name).is_some_and(|standing| standing.verdict.api == ApiState::Unreachable)
    }

    /// The cluster left.
    pub fn forget_cluster(&self, name: &ClusterName) {
        self.fleet.remove_cluster(name);
    }

    /// A member's APIs changed.
    pub fn member_apis_changed(&self, name: &ClusterName) {
        self.publish_cluster(name, None);
    }

    /// The first override that a policy depends on and that is not there.
    pub fn missing_override(&self, policy: &Policy) -> Option<String> {
        let reference = |name: &str| match &policy.matching.reference.scope {
            Scope::Namespaced(namespace) => PolicyRef::namespaced(namespace.clone(), name),
            Scope::Cluster => PolicyRef::cluster(name),
        };
        policy.spec.dependent_overrides.iter().find(|name| !self.overrides.contains(&reference(name))).cloned()
    }

    /// The policy a binding names.
    pub fn policy_of(binding: &Binding) -> Option<PolicyRef> {
        let annotation = |key: &str| binding.annotations.get(key);
        if let (Some(namespace), Some(name)) =
            (annotation(PROPAGATION_POLICY_NAMESPACE), annotation(PROPAGATION_POLICY_NAME))
        {
            return Some(PolicyRef::namespaced(namespace.as_str(), name));
        }
        annotation(CLUSTER_PROPAGATION_POLICY_NAME).map(|name| PolicyRef::cluster(name))
    }

    /// The status of every policy that selects a kind is due.
    pub fn policy_status_of_kind(&self, gvk: &Gvk) {
        for (reference, known) in self.policies.all() {
            let selects = matches!(&known, Known::Valid(policy) if policy.matching.selectors.iter().any(|selector| selector.gvk == *gvk));
            if selects {
                self.policy_status.add(reference, Lane::CatchUp);
            }
        }
    }

    /// Whether this process wrote the schedule of the binding as it is.
    pub fn scheduled_now(&self, binding: &Binding) -> bool {
        self.statuses.scheduled_generation(&binding.template()) == Some(binding.generation)
    }
}

fn source(member: &Member, verdict: &Verdict, marked: bool) -> Source {
    if verdict.api != ApiState::Reachable {
        return Source::Silent;
    }
    let compared = match (verdict.back_since, member.compared()) {
        (Some(back), Some(compared)) => compared >= back,
        _ => false,
    };
    let stale = member.is_stale() || (marked && !compared);
    if stale { Source::NotCompared } else { Source::Known }
}
