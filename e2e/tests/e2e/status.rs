//! What comes back from the members: health, the binding's status, the template's own status, and what a person sees.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::harness::trial;
use crate::kinds::{CONFIG_MAP, DAEMON_SET, DEPLOYMENT, JOB, POD, POLICY, SERVICE, STATEFUL_SET};
use crate::scene::{MEMBERS, Scene, condition, is_everywhere, item, on, policy};
use crate::workloads::{deployment, pods};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_deployment_on_the_hub_becomes_current_for_kstatus_and_again_after_a_change", deployment_is_current),
        trial("a_workload_that_does_not_start_is_unhealthy_and_its_template_stays_in_progress", unhealthy),
        trial("a_job_on_the_hub_completes_when_it_has_completed_everywhere", job_completes),
        trial("a_stateful_set_and_a_daemon_set_show_the_sums_of_all_members", sums),
        trial("a_service_shows_the_load_balancers_of_all_members_and_a_pod_its_phase", service_and_pod),
        trial("a_binding_says_per_cluster_what_is_applied_and_healthy", binding_status),
        trial("kubectl_get_shows_what_a_person_asks_for", columns),
    ]
}

/// Divides evenly over all members.
fn evenly() -> Value {
    let weights = json!([{"targetCluster": {"clusterNames": MEMBERS}, "weight": 1}]);
    json!({"placement": {"replicaScheduling": {
        "replicaSchedulingType": "Divided", "replicaDivisionPreference": "Weighted",
        "weightPreference": {"staticWeightList": weights},
    }}})
}

/// The rules of kstatus for a Deployment: why it is not Current yet.
fn in_progress(deployment: &Value) -> Option<&'static str> {
    let status = &deployment["status"];
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let count = |counter: &str| status[counter].as_i64().unwrap_or(0);
    let progressing = condition(deployment, "Progressing");
    let checks = [
        (status["observedGeneration"] == deployment["metadata"]["generation"], "observedGeneration is behind"),
        (progressing["status"] == "True" && progressing["reason"] == "NewReplicaSetAvailable", "it is progressing"),
        (count("replicas") >= wanted, "replicas are missing"),
        (count("updatedReplicas") >= wanted, "replicas are not updated"),
        (count("replicas") <= count("updatedReplicas"), "old replicas remain"),
        (count("availableReplicas") >= count("updatedReplicas"), "replicas are not available"),
        (count("readyReplicas") >= wanted, "replicas are not ready"),
        (condition(deployment, "Available")["status"] == "True", "it is not Available"),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map(|(_, why)| why)
}

async fn deployment_is_current() -> Result<()> {
    let scene = Scene::open("current").await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", evenly())).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(6)).await?;
    let current = |deployment: &Value| in_progress(deployment).is_none();
    let first = scene.hub(DEPLOYMENT).until("web", "it is Current", current).await?;
    ensure!(first["status"]["replicas"] == 6 && first["status"]["readyReplicas"] == 6, "{first}");
    let mut newer = deployment(6);
    newer["spec"]["template"] = pods("registry.example/web:1.1");
    let changed = scene.hub(DEPLOYMENT).apply("web", newer).await?;
    ensure!(in_progress(&changed).is_some(), "a changed Deployment is not Current before anybody has seen it");
    let second = scene.hub(DEPLOYMENT).until("web", "it is Current again", current).await?;
    ensure!(second["metadata"]["generation"].as_i64() > first["metadata"]["generation"].as_i64());
    for member in MEMBERS {
        let copy = scene.member(member, DEPLOYMENT).get("web").await?;
        let image = &copy["spec"]["template"]["spec"]["containers"][0]["image"];
        ensure!(image == "registry.example/web:1.1" && copy["status"]["availableReplicas"] == 2, "{member}: {copy}");
    }
    Ok(())
}

async fn unhealthy() -> Result<()> {
    let scene = Scene::open("unhealthy").await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", on(&["m1"]))).await?;
    let mut broken = deployment(2);
    broken["spec"]["template"] = pods("fake/web:1.0");
    scene.hub(DEPLOYMENT).apply("web", broken).await?;
    let sick = |binding: &Value| item(binding, "m1")["health"] == "Unhealthy" && item(binding, "m1")["applied"] == true;
    let binding = scene.binding(DEPLOYMENT, "web", "it is unhealthy", sick).await?;
    ensure!(is_everywhere(&binding), "applied it is: {binding}");
    let seen = |deployment: &Value| deployment["status"]["unavailableReplicas"] == 2;
    let template = scene.hub(DEPLOYMENT).until("web", "its replicas are seen", seen).await?;
    ensure!(in_progress(&template).is_some() && condition(&template, "Available")["status"] == "False", "{template}");
    scene.hub(DEPLOYMENT).apply("web", deployment(2)).await?;
    let well = |binding: &Value| item(binding, "m1")["health"] == "Healthy" && binding["status"]["healthy"] == "1/1";
    scene.binding(DEPLOYMENT, "web", "it is healthy", well).await.map(drop)
}

async fn job_completes() -> Result<()> {
    let scene = Scene::open("job").await?;
    scene.hub(POLICY).apply("report", policy(JOB, "report", on(&["m1", "m2"]))).await?;
    let mut template = pods("registry.example/report:1.0");
    template["spec"]["restartPolicy"] = "Never".into();
    let body = json!({"spec": {"completions": 2, "parallelism": 2, "template": template}});
    scene.hub(JOB).apply("report", body).await?;
    let complete = |job: &Value| condition(job, "Complete")["status"] == "True";
    let job = scene.hub(JOB).until("report", "it is Complete", complete).await?;
    ensure!(job["status"]["succeeded"] == 4, "two on each of two members: {job}");
    ensure!(job["status"]["startTime"].is_string() && job["status"]["completionTime"].is_string(), "{job}");
    for member in ["m1", "m2"] {
        ensure!(complete(&scene.member(member, JOB).get("report").await?));
    }
    Ok(())
}

async fn sums() -> Result<()> {
    let scene = Scene::open("sums").await?;
    scene.hub(POLICY).apply("store", policy(STATEFUL_SET, "store", evenly())).await?;
    scene.hub(POLICY).apply("agent", policy(DAEMON_SET, "agent", json!({}))).await?;
    let mut store = deployment(3);
    store["spec"]["serviceName"] = "store".into();
    scene.hub(STATEFUL_SET).apply("store", store).await?;
    let agent =
        json!({"spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pods("registry.example/a:1")}});
    scene.hub(DAEMON_SET).apply("agent", agent).await?;
    let observed = |object: &Value| object["status"]["observedGeneration"] == object["metadata"]["generation"];
    let ready = |set: &Value| observed(set) && set["status"]["readyReplicas"] == 3 && set["status"]["replicas"] == 3;
    scene.hub(STATEFUL_SET).until("store", "its three replicas are ready", ready).await?;
    let everywhere = |set: &Value| {
        let is_three = |counter: &str| set["status"][counter] == 3;
        let counters = ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable"];
        observed(set) && counters.into_iter().all(is_three)
    };
    scene.hub(DAEMON_SET).until("agent", "it runs on the node of each member", everywhere).await.map(drop)
}

async fn service_and_pod() -> Result<()> {
    let scene = Scene::open("service-and-pod").await?;
    scene.hub(POLICY).apply("web", policy(SERVICE, "web", on(&["m1", "m2"]))).await?;
    scene.hub(POLICY).apply("one", policy(POD, "one", on(&["m3"]))).await?;
    let ports = json!([{"port": 80, "targetPort": 8080}]);
    let body = json!({"spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": ports}});
    scene.hub(SERVICE).apply("web", body).await?;
    scene.hub(POD).apply("one", pods("registry.example/one:1.0")).await?;
    for (member, ip) in [("m1", "192.0.2.1"), ("m2", "192.0.2.2")] {
        let copy = scene.member(member, SERVICE);
        copy.there("web").await?;
        copy.edit_status("web", json!({"loadBalancer": {"ingress": [{"ip": ip}]}})).await?;
    }
    let both = |service: &Value| {
        let ingress = service["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten();
        ingress.filter_map(|one| one["ip"].as_str()).eq(["192.0.2.1", "192.0.2.2"])
    };
    scene.hub(SERVICE).until("web", "it shows both addresses", both).await?;
    let hub = scene.hub(SERVICE).get("web").await?;
    let copy = scene.member("m1", SERVICE).get("web").await?;
    ensure!(hub["spec"]["clusterIP"].is_string() && copy["spec"]["clusterIP"].is_string());
    ensure!(hub["spec"]["ports"][0]["nodePort"] == copy["spec"]["ports"][0]["nodePort"], "one node port everywhere");
    scene.hub(POD).until("one", "it runs", |pod| pod["status"]["phase"] == "Running").await.map(drop)
}

async fn binding_status() -> Result<()> {
    let scene = Scene::open("binding-status").await?;
    scene.hub(POLICY).apply("web", policy(DEPLOYMENT, "web", evenly())).await?;
    scene.hub(DEPLOYMENT).apply("web", deployment(3)).await?;
    let healthy = |binding: &Value| binding["status"]["healthy"] == "3/3";
    let binding = scene.binding(DEPLOYMENT, "web", "it is healthy on all three", healthy).await?;
    let items = binding["status"]["aggregatedStatus"].as_array().context("a list of clusters")?;
    ensure!(items.iter().filter_map(|item| item["clusterName"].as_str()).eq(MEMBERS), "sorted by cluster: {binding}");
    for one in items {
        ensure!(one["applied"] == true && one["health"] == "Healthy", "{one}");
        ensure!(one["status"]["replicas"] == 1 && one["status"]["availableReplicas"] == 1, "{one}");
    }
    let (scheduled, applied) = (condition(&binding, "Scheduled"), condition(&binding, "FullyApplied"));
    ensure!(scheduled["status"] == "True" && scheduled["reason"] == "Success", "{binding}");
    ensure!(applied["status"] == "True" && applied["reason"] == "FullyAppliedSuccess", "{binding}");
    ensure!(binding["status"]["lastScheduledTime"].is_string(), "{binding}");
    ensure!(binding["status"]["schedulerObservedGeneration"] == binding["metadata"]["generation"], "{binding}");
    let template = scene.hub(DEPLOYMENT).get("web").await?;
    ensure!(binding["spec"]["resource"]["uid"] == template["metadata"]["uid"], "{binding}");
    ensure!(binding["spec"]["replicas"] == 3, "{binding}");
    Ok(())
}

/// The words of a row of `kubectl get`, by the words of its header.
async fn row(scene: &Scene, what: &str) -> Result<Vec<(String, String)>> {
    let text = scene.kubectl(&["get", what]).await?;
    let mut lines = text.lines().map(|line| line.split("  ").map(str::trim).filter(|word| !word.is_empty()));
    let (header, row) = (lines.next().context("a header")?, lines.next().context("a row")?);
    Ok(header.map(str::to_owned).zip(row.map(str::to_owned)).collect())
}

async fn columns() -> Result<()> {
    let scene = Scene::open("columns").await?;
    scene.hub(POLICY).apply("settings", policy(CONFIG_MAP, "settings", json!({}))).await?;
    scene.hub(CONFIG_MAP).apply("settings", json!({"data": {"a": "b"}})).await?;
    let applied = |policy: &Value| policy["status"]["reason"] == "Success";
    scene.hub(POLICY).until("settings", "it is applied", applied).await?;
    let shows = |row: &[(String, String)], column: &str, wanted: &str| {
        row.iter().any(|(name, value)| name == column && value == wanted)
    };
    let seen = row(&scene, "propagationpolicy/settings").await?;
    for (column, wanted) in
        [("STATUS", "Applied"), ("REASON", "Success"), ("CLUSTERS-MATCHED", "3"), ("CLUSTERS-FAILED", "0")]
    {
        ensure!(shows(&seen, column, wanted), "{column} should be {wanted}: {seen:?}");
    }
    let seen = row(&scene, "resourcebinding/settings-configmap").await?;
    for (column, wanted) in [("SCHEDULED", "True"), ("FULLYAPPLIED", "True"), ("HEALTHY", "3/3")] {
        ensure!(shows(&seen, column, wanted), "{column} should be {wanted}: {seen:?}");
    }
    ensure!(
        seen.iter().any(|(name, value)| name == "CLUSTERS" && MEMBERS.iter().all(|m| value.contains(m))),
        "{seen:?}"
    );
    let seen = row(&scene, "cluster/m1").await?;
    ensure!(shows(&seen, "READY", "True") && shows(&seen, "MODE", "Push"), "{seen:?}");
    Ok(())
}
