use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ids::ClusterName;
use crate::render::marks;

const NOW: &str = "2026-05-01T10:00:00Z";
const LATER: &str = "2026-05-01T11:00:00Z";

fn gvk(api_version: &str, kind: &str) -> Gvk {
    Gvk::from_api_version(api_version, kind)
}

fn deployment() -> Gvk {
    gvk("apps/v1", "Deployment")
}

fn job() -> Gvk {
    gvk("batch/v1", "Job")
}

/// Aggregates statuses of clusters named m0, m1, ...
fn aggregated(gvk: &Gvk, template: &Value, statuses: &[Option<Value>], now: &str) -> Option<Value> {
    let names: Vec<ClusterName> = (0..statuses.len()).map(|at| ClusterName::new(format!("m{at}"))).collect();
    let items: Vec<StatusItem<'_>> =
        names.iter().zip(statuses).map(|(cluster, status)| StatusItem { cluster, status: status.as_ref() }).collect();
    aggregate(gvk, template, &items, now)
}

/// A member's Deployment of which `ready` of `replicas` are available.
fn live_deployment(replicas: i64, ready: i64) -> Value {
    json!({
        "metadata": {"generation": 2, "annotations": {marks::TEMPLATE_GENERATION: "5"}},
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": 2,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": replicas - ready,
            "conditions": [{"type": "Available", "status": "True"}],
        },
    })
}

fn template(replicas: i64) -> Value {
    json!({"metadata": {"generation": 5}, "spec": {"replicas": replicas}})
}

fn with_status(mut template: Value, status: Value) -> Value {
    template["status"] = status;
    template
}

fn condition<'s>(status: &'s Value, kind: &str) -> &'s Value {
    let mut conditions = status["conditions"].as_array().unwrap().iter();
    conditions.find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

#[test]
fn a_replication_controller_is_divided_and_judged_like_a_replica_set() {
    let kind = gvk("v1", "ReplicationController");
    assert_eq!(demand(&kind, &template(3), None).map(|demand| demand.replicas), Some(3));
    let live = |available: i64| {
        json!({
            "metadata": {"generation": 2},
            "spec": {"replicas": 3},
            "status": {"observedGeneration": 2, "replicas": 3, "availableReplicas": available},
        })
    };
    assert_eq!((health(&kind, &live(3)), health(&kind, &live(2))), (Health::Healthy, Health::Unhealthy));
    assert!(aggregates(&kind));
}

#[test]
fn replicas_are_read_where_each_kind_keeps_them() {
    let replicas = |gvk: &Gvk, template: &Value, scale| demand(gvk, template, scale).map(|demand| demand.replicas);
    for kind in ["Deployment", "StatefulSet", "ReplicaSet"] {
        assert_eq!(replicas(&gvk("apps/v1", kind), &template(3), None), Some(3));
    }
    assert_eq!(replicas(&job(), &json!({"spec": {"parallelism": 5, "completions": 3}}), None), Some(3));
    assert_eq!(replicas(&job(), &json!({"spec": {"parallelism": 5}}), None), Some(5));
    assert_eq!(replicas(&gvk("v1", "Pod"), &json!({"spec": {}}), None), Some(1));
    let custom = gvk("example.io/v1", "Cache");
    let cache = json!({"spec": {"size": 4}});
    assert_eq!(replicas(&custom, &cache, Some("/spec/size")), Some(4));
    assert_eq!(replicas(&custom, &cache, Some("/spec/replicas")), None);
    assert_eq!(replicas(&custom, &cache, None), None);
    assert_eq!(replicas(&gvk("v1", "ConfigMap"), &json!({"data": {}}), None), None);
    assert_eq!(replicas(&gvk("apps/v1", "DaemonSet"), &template(3), None), None);
}

#[test]
fn requests_come_from_the_pod_template() {
    let mut template = template(2);
    template["spec"]["template"]["spec"]["containers"] = json!([{"resources": {"requests": {"cpu": "100m"}}}]);
    let requests = demand(&deployment(), &template, None).unwrap().requests;
    assert_eq!(requests.get("cpu"), Some(&100));
    let custom = demand(&gvk("example.io/v1", "Cache"), &template, Some("/spec/replicas")).unwrap();
    assert_eq!(custom.requests, requests);
}

#[test]
fn a_field_that_is_not_there_is_not_made_up() {
    let mut object = json!({"spec": {}});
    revise(&deployment(), &mut object, 3, None);
    revise_completions(&job(), &mut object, 3);
    revise(&gvk("v1", "Pod"), &mut object, 3, None);
    assert_eq!(object, json!({"spec": {}}));
}

#[test]
fn replicas_are_taken_out_for_who_scales_in_the_member() {
    let mut object = template(3);
    drop_replicas(&deployment(), &mut object, None);
    assert_eq!(object["spec"], json!({}));
    let mut cache = json!({"spec": {"size": 4, "other": 1}});
    drop_replicas(&gvk("example.io/v1", "Cache"), &mut cache, Some("/spec/size"));
    assert_eq!(cache, json!({"spec": {"other": 1}}));
}

proptest! {
    #[test]
    fn revised_replicas_are_what_is_then_demanded(replicas in 0..10_000_i32, before in 0..10_000_i32) {
        for (gvk, mut object, scale) in [
            (deployment(), json!({"spec": {"replicas": before}}), None),
            (job(), json!({"spec": {"parallelism": before}}), None),
            (self::gvk("example.io/v1", "Cache"), json!({"spec": {"size": before}}), Some("/spec/size")),
        ] {
            revise(&gvk, &mut object, replicas, scale);
            prop_assert_eq!(demand(&gvk, &object, scale).unwrap().replicas, replicas);
        }
    }
}

#[test]
fn a_deployment_is_healthy_when_it_is_rolled_out() {
    assert_eq!(health(&deployment(), &live_deployment(2, 2)), Health::Healthy);
    assert_eq!(health(&deployment(), &live_deployment(2, 1)), Health::Unhealthy);
    let mut stale = live_deployment(2, 2);
    stale["metadata"]["generation"] = json!(3);
    assert_eq!(health(&deployment(), &stale), Health::Unhealthy);
    assert_eq!(health(&deployment(), &Value::Null), Health::Unknown);
}

#[test]
fn health_follows_the_table_of_kinds() {
    let healthy = Health::Healthy;
    let unhealthy = Health::Unhealthy;
    for (api_version, kind, live, expected) in [
        ("v1", "Pod", json!({"status": {"phase": "Succeeded"}}), healthy),
        ("v1", "Pod", json!({"status": {"phase": "Running"}}), unhealthy),
        (
            "v1",
            "Pod",
            json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}),
            healthy,
        ),
        ("v1", "Service", json!({"spec": {"type": "ClusterIP"}}), healthy),
        ("v1", "Service", json!({"spec": {"type": "LoadBalancer"}}), unhealthy),
        (
            "v1",
            "Service",
            json!({"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}),
            healthy,
        ),
        ("networking.k8s.io/v1", "Ingress", json!({"status": {"loadBalancer": {}}}), unhealthy),
        ("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Bound"}}), healthy),
        ("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Pending"}}), unhealthy),
        ("policy/v1", "PodDisruptionBudget", json!({"status": {"currentHealthy": 1, "desiredHealthy": 2}}), unhealthy),
        ("apps/v1", "DaemonSet", json!({"metadata": {"generation": 1}, "status": {}}), unhealthy),
        ("v1", "ConfigMap", json!({"data": {}}), healthy),
        ("example.io/v1", "Cache", json!({"status": {"phase": "Broken"}}), healthy),
    ] {
        assert_eq!(health(&gvk(api_version, kind), &live), expected, "{kind} {live}");
    }
}

#[test]
fn a_stateful_set_reflects_the_generation_it_has_observed() {
    // D2: without it the template's observedGeneration would never advance.
    let mut live = live_deployment(1, 1);
    live["status"]["currentReplicas"] = json!(1);
    live["status"]["updateRevision"] = json!("db-6c9f");
    let status = reflect(&gvk("apps/v1", "StatefulSet"), &live).unwrap();
    let expected = json!({
        "observedGeneration": 2, "generation": 2, "resourceTemplateGeneration": 5,
        "replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
    });
    assert_eq!(status, expected);
}

#[test]
fn only_a_load_balancer_has_a_status_that_travels() {
    let service = |kind: &str| json!({"spec": {"type": kind}, "status": {"loadBalancer": {}, "conditions": []}});
    assert_eq!(reflect(&gvk("v1", "Service"), &service("ClusterIP")), None);
    assert_eq!(reflect(&gvk("v1", "Service"), &service("LoadBalancer")), Some(json!({"loadBalancer": {}})));
}

#[test]
fn a_rolled_out_deployment_is_current_for_tools_that_wait() {
    let statuses = [live_deployment(2, 2), live_deployment(1, 1)].map(|live| reflect(&deployment(), &live));
    let status = aggregated(&deployment(), &template(3), &statuses, NOW).unwrap();
    for counter in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
        assert_eq!(status[counter], 3, "{counter}");
    }
    assert_eq!(status["unavailableReplicas"], 0);
    assert_eq!(status["observedGeneration"], 5);
    assert_eq!(condition(&status, "Available")["status"], "True");
    assert_eq!(condition(&status, "Progressing")["status"], "True");
    assert_eq!(condition(&status, "Progressing")["reason"], "NewReplicaSetAvailable");
    assert_eq!(condition(&status, "Progressing")["lastTransitionTime"], NOW);
}

#[test]
fn an_unchanged_status_is_not_written_again() {
    let statuses = [live_deployment(2, 2), live_deployment(1, 1)].map(|live| reflect(&deployment(), &live));
    let mut status = aggregated(&deployment(), &template(3), &statuses, NOW).unwrap();
    assert_eq!(aggregated(&deployment(), &with_status(template(3), status.clone()), &statuses, LATER), None);
    // The API server leaves zeros out of what it returns.
    status.as_object_mut().unwrap().remove("unavailableReplicas");
    assert_eq!(aggregated(&deployment(), &with_status(template(3), status), &statuses, LATER), None);
}

#[test]
fn transition_times_stay_while_the_counters_move() {
    let ready = |ready| [reflect(&deployment(), &live_deployment(3, ready))];
    let first = aggregated(&deployment(), &template(3), &ready(1), NOW).unwrap();
    assert_eq!(condition(&first, "Available")["status"], "False");
    let second = aggregated(&deployment(), &with_status(template(3), first), &ready(2), LATER).unwrap();
    assert_eq!(second["readyReplicas"], 2);
    assert_eq!(condition(&second, "Available")["lastTransitionTime"], NOW);
    let third = aggregated(&deployment(), &with_status(template(3), second), &ready(3), LATER).unwrap();
    assert_eq!(condition(&third, "Available")["lastTransitionTime"], LATER);
}

#[test]
fn a_silent_target_is_not_counted_as_zero_and_holds_the_generation_back() {
    let known = reflect(&deployment(), &live_deployment(2, 2));
    assert_eq!(aggregated(&deployment(), &template(3), &[None, None], NOW), None);
    assert_eq!(aggregated(&deployment(), &template(3), &[], NOW), None);
    let old = with_status(template(3), json!({"observedGeneration": 4, "replicas": 3}));
    let status = aggregated(&deployment(), &old, &[known, None], NOW).unwrap();
    assert_eq!(status["observedGeneration"], 4);
    assert_eq!(condition(&status, "Progressing")["reason"], "ReplicaSetUpdated");
}

#[test]
fn a_copy_of_an_older_template_holds_the_generation_back() {
    let mut live = live_deployment(3, 3);
    live["metadata"]["annotations"][marks::TEMPLATE_GENERATION] = json!("4");
    let status = aggregated(&deployment(), &template(3), &[reflect(&deployment(), &live)], NOW).unwrap();
    assert_eq!(status["observedGeneration"], Value::Null);
}

#[test]
fn fields_and_conditions_of_others_survive() {
    let theirs = json!({"collisionCount": 1, "conditions": [{"type": "Paused", "status": "True"}]});
    let statuses = [reflect(&deployment(), &live_deployment(1, 1))];
    let status = aggregated(&deployment(), &with_status(template(1), theirs), &statuses, NOW).unwrap();
    assert_eq!(status["collisionCount"], 1);
    assert_eq!(condition(&status, "Paused")["status"], "True");
}

#[test]
fn sets_sum_their_counters_and_take_over_the_generation() {
    let stateful = gvk("apps/v1", "StatefulSet");
    let mut live = live_deployment(1, 1);
    live["status"]["currentReplicas"] = json!(1);
    let statuses = [reflect(&stateful, &live), reflect(&stateful, &live)];
    let status = aggregated(&stateful, &template(2), &statuses, NOW).unwrap();
    let expected = json!({
        "observedGeneration": 5, "replicas": 2, "readyReplicas": 2, "currentReplicas": 2,
        "updatedReplicas": 2, "availableReplicas": 2,
    });
    assert_eq!(status, expected);

    let daemon = gvk("apps/v1", "DaemonSet");
    let live = json!({
        "metadata": {"generation": 1, "annotations": {marks::TEMPLATE_GENERATION: "5"}},
        "status": {
            "observedGeneration": 1, "currentNumberScheduled": 3, "desiredNumberScheduled": 3, "numberReady": 3,
            "numberAvailable": 3, "updatedNumberScheduled": 3, "numberMisscheduled": 0,
        },
    });
    let status = aggregated(&daemon, &template(0), &[reflect(&daemon, &live), reflect(&daemon, &live)], NOW).unwrap();
    assert_eq!((&status["desiredNumberScheduled"], &status["observedGeneration"]), (&json!(6), &json!(5)));
}

fn job_status(succeeded: i64, active: i64, conditions: &[&str], start: &str, end: Option<&str>) -> Value {
    let conditions: Vec<Value> = conditions.iter().map(|kind| json!({"type": kind, "status": "True"})).collect();
    json!({
        "succeeded": succeeded, "active": active, "conditions": conditions,
        "startTime": start, "completionTime": end,
    })
}

#[test]
fn a_job_is_healthy_once_it_runs_and_not_as_soon_as_it_is_there() {
    let conditions = |kind: &str| json!([{"type": kind, "status": "True"}]);
    for (why, suspend, status, healthy) in [
        ("no status yet", false, json!({}), false),
        ("its pods are not ready", false, json!({"active": 2, "ready": 0}), false),
        ("a pod is ready", false, json!({"active": 2, "ready": 1}), true),
        ("a pod is done", false, json!({"active": 1, "succeeded": 1}), true),
        ("complete", false, json!({"conditions": conditions("Complete")}), true),
        ("told to wait", true, json!({"conditions": conditions("Suspended")}), true),
        ("failed though some succeeded", false, json!({"succeeded": 3, "conditions": conditions("Failed")}), false),
        ("failed and suspended", true, json!({"conditions": conditions("Failed")}), false),
    ] {
        let live = json!({"spec": {"suspend": suspend}, "status": status});
        assert_eq!(health(&job(), &live), Health::from_bool(healthy), "{why}");
    }
}

#[test]
fn a_job_is_complete_when_it_is_in_every_cluster() {
    let done = |start, end| job_status(2, 0, &["SuccessCriteriaMet", "Complete"], start, Some(end));
    let one = done("2026-05-01T09:00:00Z", "2026-05-01T09:10:00Z");
    let running = job_status(0, 1, &[], "2026-05-01T09:05:00Z", None);
    let status = aggregated(&job(), &template(0), &[Some(one.clone()), Some(running)], NOW).unwrap();
    assert_eq!((&status["active"], &status["succeeded"]), (&json!(1), &json!(2)));
    assert_eq!(status["startTime"], "2026-05-01T09:00:00Z");
    assert_eq!(condition(&status, "Complete"), &Value::Null);
    assert_eq!(status["completionTime"], Value::Null);

    let two = done("2026-05-01T09:05:00Z", "2026-05-01T09:20:00Z");
    let status = aggregated(&job(), &with_status(template(0), status), &[Some(one.clone()), Some(two)], NOW).unwrap();
    assert_eq!(status["completionTime"], "2026-05-01T09:20:00Z");
    assert_eq!(condition(&status, "Complete")["status"], "True");
    assert_eq!(condition(&status, "SuccessCriteriaMet")["status"], "True");
    assert_eq!(aggregated(&job(), &with_status(template(0), status), &[Some(one)], LATER), None);
}

#[test]
fn a_job_fails_when_nothing_of_it_runs_any_more() {
    let failed = job_status(0, 0, &["FailureTarget", "Failed"], "2026-05-01T09:00:00Z", None);
    let running = job_status(0, 1, &[], "2026-05-01T09:05:00Z", None);
    let status = aggregated(&job(), &template(0), &[Some(failed.clone()), Some(running)], NOW).unwrap();
    assert_eq!(condition(&status, "Failed"), &Value::Null);
    assert_eq!(condition(&status, "FailureTarget")["message"], "the Job failed in m0");
    // The hub's API server wants a start time of a finished Job.
    let status = aggregated(&job(), &template(0), &[Some(failed), None], NOW).unwrap();
    assert_eq!(condition(&status, "Failed")["status"], "True");
    assert_eq!(status["startTime"], "2026-05-01T09:00:00Z");
}

#[test]
fn counters_of_a_job_never_go_back_and_its_start_never_moves() {
    let old = json!({"succeeded": 4, "failed": 1, "startTime": "2026-05-01T08:00:00Z"});
    let moved = job_status(0, 1, &[], "2026-05-01T09:00:00Z", None);
    let status = aggregated(&job(), &with_status(template(0), old), &[Some(moved)], NOW).unwrap();
    assert_eq!((&status["succeeded"], &status["failed"]), (&json!(4), &json!(1)));
    assert_eq!(status["startTime"], "2026-05-01T08:00:00Z");
}

#[test]
fn the_worst_phase_stands_for_all_pods() {
    let pod = gvk("v1", "Pod");
    let phase = |phases: &[Option<&str>]| {
        let statuses: Vec<_> = phases.iter().map(|phase| phase.map(|phase| json!({"phase": phase}))).collect();
        aggregated(&pod, &json!({}), &statuses, NOW).unwrap()["phase"].as_str().unwrap().to_owned()
    };
    assert_eq!(phase(&[Some("Running"), Some("Failed"), None]), "Failed");
    assert_eq!(phase(&[Some("Running"), None]), "Pending");
    assert_eq!(phase(&[Some("Succeeded"), Some("Running")]), "Running");
    assert_eq!(phase(&[Some("Succeeded")]), "Succeeded");
    let status = json!({"phase": "Running", "containerStatuses": [
        {"name": "app", "ready": true, "image": "nginx", "state": {"running": {}}},
    ]});
    let status = aggregated(&pod, &json!({}), &[Some(status)], NOW).unwrap();
    assert_eq!(status["containerStatuses"], json!([{"ready": true, "state": {"running": {}}}]));
}

#[test]
fn volumes_report_what_a_person_must_know_first() {
    let phase = |kind: &str, phases: &[Option<&str>]| {
        let statuses: Vec<_> = phases.iter().map(|phase| phase.map(|phase| json!({"phase": phase}))).collect();
        aggregated(&gvk("v1", kind), &json!({}), &statuses, NOW).unwrap()["phase"].as_str().unwrap().to_owned()
    };
    let claim = "PersistentVolumeClaim";
    assert_eq!(phase(claim, &[Some("Bound"), Some("Lost"), Some("Pending")]), "Lost");
    assert_eq!(phase(claim, &[Some("Bound"), Some("Pending")]), "Pending");
    assert_eq!(phase(claim, &[Some("Bound"), None]), "Pending");
    assert_eq!(phase(claim, &[Some("Bound"), Some("Bound")]), "Bound");
    let volume = "PersistentVolume";
    assert_eq!(phase(volume, &[Some("Bound"), Some("Available")]), "Available");
    assert_eq!(phase(volume, &[Some("Bound"), None]), "Pending");
    assert_eq!(phase(volume, &[Some("Released")]), "Released");
}

#[test]
fn load_balancers_report_the_addresses_of_all_clusters_once() {
    let status = |ips: &[&str]| {
        let entries: Vec<_> = ips.iter().map(|ip| json!({"ip": ip})).collect();
        Some(json!({"loadBalancer": {"ingress": entries}}))
    };
    let statuses = [status(&["10.0.0.2", "10.0.0.1"]), status(&["10.0.0.1"]), None];
    let expected = json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}});
    let ingress = gvk("networking.k8s.io/v1", "Ingress");
    assert_eq!(aggregated(&ingress, &json!({}), &statuses, NOW), Some(expected.clone()));
    let service = gvk("v1", "Service");
    let template = |kind: &str| json!({"spec": {"type": kind}});
    assert_eq!(aggregated(&service, &template("LoadBalancer"), &statuses, NOW), Some(expected));
    assert_eq!(aggregated(&service, &template("ClusterIP"), &statuses, NOW), None);
}

#[test]
fn the_remaining_kinds_add_up() {
    let autoscaler = gvk("autoscaling/v2", "HorizontalPodAutoscaler");
    let statuses = [Some(json!({"currentReplicas": 1, "desiredReplicas": 2})), Some(json!({"currentReplicas": 1}))];
    let status = aggregated(&autoscaler, &json!({}), &statuses, NOW);
    assert_eq!(status, Some(json!({"currentReplicas": 2, "desiredReplicas": 2})));

    let budget = gvk("policy/v1", "PodDisruptionBudget");
    let one = Some(json!({"currentHealthy": 2, "disruptedPods": {"web-0": NOW}}));
    let status = aggregated(&budget, &json!({}), &[one.clone(), one], NOW).unwrap();
    assert_eq!(status["currentHealthy"], 4);
    assert_eq!(status["disruptedPods"], json!({"m0/web-0": NOW, "m1/web-0": NOW}));

    let cron = gvk("batch/v1", "CronJob");
    let at = |time: &str| Some(json!({"active": [{"name": time}], "lastScheduleTime": time}));
    let status = aggregated(&cron, &json!({}), &[at(NOW), at(LATER)], NOW).unwrap();
    assert_eq!(status["lastScheduleTime"], LATER);
    assert_eq!(status["active"].as_array().unwrap().len(), 2);
}

#[test]
fn a_kind_nobody_knows_reflects_all_and_aggregates_nothing() {
    let custom = gvk("example.io/v1", "Cache");
    assert_eq!(reflect(&custom, &json!({"status": {"phase": "Up"}})), Some(json!({"phase": "Up"})));
    assert_eq!(aggregated(&custom, &json!({}), &[Some(json!({"phase": "Up"}))], NOW), None);
}
