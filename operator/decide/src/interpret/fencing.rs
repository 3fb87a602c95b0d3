//! Which workloads must not run in two clusters at once.

use serde_json::Value;

use super::rules;
use crate::ids::Gvk;

/// Why two copies of this template must never run at the same time, so that it
/// moves only when the old cluster is fenced; None: they may (architecture
/// section 7). A volume counts when the template itself says that one node or
/// pod may mount it; a claim it merely names is another object.
pub fn must_not_run_twice(gvk: &Gvk, template: &Value) -> Option<&'static str> {
    if let Some(reason) = rules::of(gvk).runs_once {
        return Some(reason);
    }
    let spec = &template["spec"];
    if spec["strategy"]["type"] == "Recreate" {
        return Some("its strategy Recreate says that old and new pods must not overlap");
    }
    let own_claims = list(&spec["volumeClaimTemplates"]);
    let volumes = list(&spec["template"]["spec"]["volumes"]);
    let ephemeral = volumes.map(|volume| &volume["ephemeral"]["volumeClaimTemplate"]);
    own_claims
        .chain(ephemeral)
        .any(mounts_once)
        .then_some("it has a volume that one node may mount at a time (ReadWriteOnce)")
}

fn mounts_once(claim: &Value) -> bool {
    let mut modes = list(&claim["spec"]["accessModes"]);
    modes.any(|mode| matches!(mode.as_str(), Some("ReadWriteOnce" | "ReadWriteOncePod")))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(api_version: &str, kind: &str, spec: &Value) -> Option<&'static str> {
        must_not_run_twice(&Gvk::from_api_version(api_version, kind), &json!({"spec": spec}))
    }

    #[test]
    fn workloads_with_identity_or_effects_run_once() {
        assert!(reason("apps/v1", "StatefulSet", &json!({})).is_some());
        assert!(reason("batch/v1", "Job", &json!({})).is_some());
        assert!(reason("v1", "Pod", &json!({})).is_some());
    }

    #[test]
    fn a_deployment_may_run_twice_unless_it_says_otherwise() {
        assert_eq!(reason("apps/v1", "Deployment", &json!({"strategy": {"type": "RollingUpdate"}})), None);
        assert!(reason("apps/v1", "Deployment", &json!({"strategy": {"type": "Recreate"}})).is_some());
    }

    #[test]
    fn a_volume_for_one_node_runs_once_whatever_the_kind() {
        let claim = |mode: &str| json!({"spec": {"accessModes": [mode]}});
        let ephemeral = |mode: &str| json!({"template": {"spec": {"volumes": [{"name": "a"}, {"ephemeral": {"volumeClaimTemplate": claim(mode)}}]}}});
        assert!(reason("apps/v1", "Deployment", &ephemeral("ReadWriteOncePod")).is_some());
        assert_eq!(reason("apps/v1", "Deployment", &ephemeral("ReadWriteMany")), None);
        let own = json!({"volumeClaimTemplates": [claim("ReadWriteOnce")]});
        assert!(reason("example.io/v1", "Database", &own).is_some());
    }
}
