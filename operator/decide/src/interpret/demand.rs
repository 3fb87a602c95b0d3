//! What a workload asks for: replicas, and what one of them needs.

use serde_json::{Map, Value};

use super::quantity;
use crate::cluster::Resources;

/// Replicas of a template and the needs of one (karmada-api 2.15.2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// How many in all.
    pub replicas: i32,
    /// Requests of one replica: CPU in thousandths, everything else in whole
    /// units. Empty when it asks for nothing.
    pub requests: Resources,
    /// Which nodes would take a replica, in the shape of
    /// `replicaRequirements.nodeClaim`: `nodeSelector`, `hardNodeAffinity`,
    /// `tolerations`, each only when stated.
    pub node_claim: Option<Value>,
}

impl Demand {
    /// For `replicas` pods of this spec.
    pub(super) fn of_pods(replicas: i32, pod: &Value) -> Self {
        Self { replicas, requests: pod_requests(pod), node_claim: node_claim(pod) }
    }
}

/// What the scheduler reserves for one pod of this spec: its containers and
/// sidecars together, or an init container with the sidecars before it when
/// that is more, and the pod's overhead. A container without a request asks for
/// its limit. Requests of the pod as a whole stand above those of its parts.
pub fn pod_requests(pod: &Value) -> Resources {
    let mut sum = Resources::new();
    for container in list(&pod["containers"]) {
        add(&mut sum, &requests(&container["resources"]));
    }
    let mut sidecars = Resources::new();
    let mut peak = Resources::new();
    for container in list(&pod["initContainers"]) {
        let own = requests(&container["resources"]);
        let mut meanwhile = sidecars.clone();
        add(&mut meanwhile, &own);
        if container["restartPolicy"] == "Always" {
            add(&mut sidecars, &own);
            add(&mut sum, &own);
        }
        raise(&mut peak, &meanwhile);
    }
    raise(&mut sum, &peak);
    sum.extend(amounts(&pod["resources"]["requests"]));
    add(&mut sum, &amounts(&pod["overhead"]));
    sum
}

fn requests(resources: &Value) -> Resources {
    let mut requests = amounts(&resources["limits"]);
    requests.extend(amounts(&resources["requests"]));
    requests
}

fn amounts(quantities: &Value) -> Resources {
    let entries = quantities.as_object().into_iter().flatten();
    entries.filter_map(|(name, text)| Some((name.clone(), quantity::amount_of(name, text)?))).collect()
}

fn add(sum: &mut Resources, more: &Resources) {
    for (name, amount) in more {
        let total = sum.entry(name.clone()).or_default();
        *total = total.saturating_add(*amount);
    }
}

fn raise(floor: &mut Resources, to: &Resources) {
    for (name, amount) in to {
        let level = floor.entry(name.clone()).or_default();
        *level = (*level).max(*amount);
    }
}

fn node_claim(pod: &Value) -> Option<Value> {
    let affinity = &pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let parts =
        [("nodeSelector", &pod["nodeSelector"]), ("hardNodeAffinity", affinity), ("tolerations", &pod["tolerations"])];
    let stated = parts.into_iter().filter(|(_, part)| !is_empty(part));
    let claim: Map<String, Value> = stated.map(|(name, part)| (name.to_owned(), part.clone())).collect();
    (!claim.is_empty()).then_some(Value::Object(claim))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(cpu: &str, memory: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}})
    }

    fn expect(pod: &Value, wanted: &[(&str, i64)]) {
        let wanted: Resources = wanted.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
        assert_eq!(pod_requests(pod), wanted);
    }

    #[test]
    fn containers_add_up_and_overhead_comes_on_top() {
        let pod = json!({
            "containers": [container("250m", "64Mi"), container("0.5", "64Mi")],
            "overhead": {"cpu": "10m"},
        });
        expect(&pod, &[("cpu", 760), ("memory", 128 << 20)]);
    }

    #[test]
    fn a_limit_stands_in_for_a_request_that_is_not_stated() {
        let pod = json!({"containers": [{"resources": {
            "limits": {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": 1},
            "requests": {"cpu": "1"},
        }}]});
        expect(&pod, &[("cpu", 1000), ("memory", 1 << 30), ("nvidia.com/gpu", 1)]);
    }

    #[test]
    fn the_largest_init_container_counts_when_it_is_more_than_the_containers() {
        let pod = json!({
            "containers": [container("100m", "10")],
            "initContainers": [container("50m", "100"), container("80m", "70")],
        });
        expect(&pod, &[("cpu", 100), ("memory", 100)]);
    }

    #[test]
    fn a_sidecar_runs_beside_the_containers_and_beside_later_init_containers() {
        let mut sidecar = container("100m", "100");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({
            "containers": [container("100m", "10")],
            "initContainers": [sidecar, container("150m", "1")],
        });
        expect(&pod, &[("cpu", 250), ("memory", 110)]);
    }

    #[test]
    fn requests_of_the_pod_as_a_whole_win() {
        let pod = json!({"containers": [container("100m", "10")], "resources": {"requests": {"cpu": "1"}}});
        expect(&pod, &[("cpu", 1000), ("memory", 10)]);
    }

    #[test]
    fn a_pod_that_states_nothing_claims_nothing() {
        let demand = Demand::of_pods(2, &json!({"containers": [{"name": "app"}], "nodeSelector": {}}));
        assert_eq!(demand, Demand { replicas: 2, ..Demand::default() });
    }

    #[test]
    fn the_node_claim_holds_what_is_required_of_a_node() {
        let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]});
        let pod = json!({
            "nodeSelector": {"disk": "ssd"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        });
        let claim = json!({
            "nodeSelector": {"disk": "ssd"},
            "hardNodeAffinity": terms,
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        });
        assert_eq!(Demand::of_pods(1, &pod).node_claim, Some(claim));
    }
}
