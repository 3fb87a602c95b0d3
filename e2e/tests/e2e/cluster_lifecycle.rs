//! Members join, are known, and leave.

use anyhow::{Context, Result, bail, ensure};
use atoll_crds::Cluster;
use atoll_crds::cluster::Grade;
use atoll_e2e::fleet::ComponentKind;
use atoll_e2e::stage::Stage;
use k8s_openapi::api::core::v1::{ServiceAccount, Taint};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;
use serde_json::json;

use crate::harness::trial;
use crate::own_stage::{MEMBERS, on_stage};
use crate::scenery::{
    PATIENCE, Template, all_healthy, at_home, clusters, condition, gone, judged, moved, namespace, replace_cluster,
    replace_cluster_status, report, settled, stays, told, trusted, watch_binding, watch_cluster,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("the_list_of_apis_follows_a_kind_that_comes_and_goes", || async { on_stage(apis_follow).await }),
        trial("nodes_and_resources_of_a_member_are_counted", || async { on_stage(facts).await }),
        trial("what_another_client_wrote_on_a_cluster_is_never_undone", || async { on_stage(foreign_updates).await }),
        trial("a_kind_that_was_not_granted_says_so_and_grant_mends_it", || async { on_stage(least_privilege).await }),
        trial("a_member_leaves_only_after_its_copies_have_healthy_replacements", || async { on_stage(unjoin).await }),
        trial("a_silent_member_leaves_with_its_objects_and_the_hub_says_so", || async {
            on_stage(unjoin_silent).await
        }),
        trial("a_member_that_was_leaving_when_the_operator_stopped_leaves_without_our_objects", || async {
            on_stage(unjoin_over_a_restart).await
        }),
        trial("a_member_may_keep_its_objects_when_it_leaves", || async { on_stage(unjoin_keeping).await }),
    ]
}

async fn apis_follow(stage: &Stage) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.member("m1").await?);
    let version = "fleet-test.example.dev/v1";
    let lists = |cluster: &Cluster| {
        let known = cluster.status.as_ref().map(|status| status.api_enablements.as_slice()).unwrap_or_default();
        let found = known.iter().find(|known| known.group_version == version);
        found.is_some_and(|found| found.resources.iter().any(|api| api.kind == "Widget" && api.name == "widgets"))
    };
    definitions.create(&PostParams::default(), &widgets()?).await?;
    let wanted = |there: bool| {
        move |cluster: &Cluster| {
            if lists(cluster) == there { Ok(()) } else { Err(format!("listed: {}", !there)) }
        }
    };
    watch_cluster(stage, "m1", "it lists the new kind", wanted(true)).await?;
    ensure!(!lists(&clusters(stage).get("m2").await?), "another member does not have the kind");
    definitions.delete("widgets.fleet-test.example.dev", &DeleteParams::default()).await?;
    watch_cluster(stage, "m1", "it lists the kind no more", wanted(false)).await
}

fn widgets() -> Result<CustomResourceDefinition> {
    let definition = json!({
        "metadata": {"name": "widgets.fleet-test.example.dev"},
        "spec": {
            "group": "fleet-test.example.dev",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    });
    Ok(serde_json::from_value(definition)?)
}

async fn facts(stage: &Stage) -> Result<()> {
    let web = Template::deployment("facts", "web");
    stage.apply_yaml(&(namespace("facts") + &web.workload("") + &web.policy(&at_home("m1", "")))).await?;
    settled(stage, web, &["m1"]).await?;
    watch_cluster(stage, "m1", "nodes and resources are counted", |cluster| {
        let status = cluster.status.as_ref().ok_or("no status")?;
        let nodes = status.node_summary.map(|nodes| (nodes.total_num, nodes.ready_num));
        let resources = status.resource_summary.clone().unwrap_or_default();
        let has = |name: &str| resources.allocatable.get(name).is_some_and(|amount| amount.0 != "0");
        let pods = resources.allocated.get("pods").and_then(|pods| pods.0.parse::<i64>().ok()).unwrap_or_default();
        let is_known = status.kubernetes_version.as_ref().is_some_and(|version| version.starts_with('v'));
        if nodes == Some((1, 1)) && has("cpu") && has("memory") && has("pods") && pods >= 2 && is_known {
            return Ok(());
        }
        Err(format!("{nodes:?}, {resources:?}, {:?}", status.kubernetes_version))
    })
    .await
}

async fn foreign_updates(stage: &Stage) -> Result<()> {
    let key = "example.dev/foreign";
    let taint = Taint { key: key.to_owned(), effect: "PreferNoSchedule".to_owned(), ..Taint::default() };
    replace_cluster(stage, "m2", |cluster| {
        cluster.labels_mut().insert(key.to_owned(), "yes".to_owned());
        cluster.spec.region = Some("north".to_owned());
        cluster.spec.taints.push(taint.clone());
    })
    .await?;
    replace_cluster_status(stage, "m2", |cluster| {
        let conditions = &mut cluster.status.get_or_insert_default().conditions;
        conditions.push(Condition {
            type_: "Foreign".to_owned(),
            status: "True".to_owned(),
            reason: String::new(),
            message: String::new(),
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH),
            observed_generation: None,
        });
    })
    .await?;
    let is_there = |cluster: Option<&Cluster>| {
        let cluster = cluster.ok_or("there is no Cluster")?;
        let there = cluster.labels().contains_key(key)
            && cluster.spec.region.as_deref() == Some("north")
            && cluster.spec.taints.iter().any(|held| held.key == key)
            && condition(cluster, "Foreign").is_some_and(|held| held.status == "True");
        if there { Ok(()) } else { Err(format!("{:?} {:?} {:?}", cluster.metadata, cluster.spec, cluster.status)) }
    };
    // The operator writes conditions and taints of its own on it, and takes them away again.
    let busy = async {
        stage.fleet().freeze("m2", ComponentKind::Apiserver).await?;
        judged(stage, "m2", Grade::IsolatedApi).await?;
        stage.fleet().thaw("m2", ComponentKind::Apiserver).await?;
        judged(stage, "m2", Grade::Healthy).await
    };
    let watched = stays("another client's fields", PATIENCE, (clusters(stage), "m2"), is_there);
    tokio::select! {
        done = busy => drop(done?),
        lost = watched => {
            lost?;
            bail!("the operator wrote nothing on it in {PATIENCE:?}");
        }
    }
    let cluster = clusters(stage).get("m2").await?;
    is_there(Some(&cluster)).map_err(anyhow::Error::msg)?;
    ensure!(cluster.spec.taints.len() == 1, "the operator's own taints are gone: {:?}", cluster.spec.taints);
    replace_cluster(stage, "m2", |cluster| {
        cluster.labels_mut().remove(key);
        cluster.spec.taints.retain(|held| held.key != key);
    })
    .await
}

async fn least_privilege(stage: &Stage) -> Result<()> {
    let limits = Template { api: "v1", kind: "LimitRange", namespace: "least-privilege", name: "limits" };
    let manifest = "
apiVersion: v1
kind: LimitRange
metadata: {name: limits, namespace: least-privilege}
spec: {limits: [{type: Container, default: {cpu: 100m}}]}
---";
    let placement = "{clusterAffinity: {clusterNames: [m3]}}";
    stage.apply_yaml(&(namespace(limits.namespace) + manifest + &limits.policy(placement))).await?;
    watch_binding(stage, "m3 says that it was not granted", limits, |binding| {
        let said = report(binding, "m3").and_then(|item| item.applied_message.clone()).unwrap_or_default();
        let is_exact =
            said.starts_with("MemberForbidden") && said.contains("kubectl atoll grant m3 --allow limitranges");
        if is_exact { Ok(()) } else { Err(said) }
    })
    .await?;
    told(stage, "limits", "SyncFailed", "MemberForbidden").await?;
    let member = stage.fleet().member_kubeconfig("m3")?.to_string_lossy().into_owned();
    stage.cli(&["grant", "m3", "--allow", "limitranges", "--cluster-kubeconfig", &member]).await?;
    watch_binding(stage, "it is applied on m3", limits, all_healthy).await?;
    // It may run on m3 alone, and would hold m3 back when that leaves.
    limits.copies(stage.hub()).delete(limits.name, &DeleteParams::default()).await?;
    let copy = (limits.copies(stage.member("m3").await?), limits.name);
    gone(stage, "the copy goes with its template", copy).await
}

async fn unjoin(stage: &Stage) -> Result<()> {
    let web = Template::deployment("unjoin", "web");
    stage.apply_yaml(&(namespace("unjoin") + &web.workload(""))).await?;
    stage.apply_yaml(&(web.sick_on("{exclude: [m3]}") + &web.policy(&at_home("m3", "")))).await?;
    settled(stage, web, &["m3"]).await?;
    let member = stage.member("m3").await?;
    let old = web.fetch_copy_uid(member.clone()).await?;

    let hasty = stage.cli(&["unjoin", "m3", "--timeout", "6s"]).await;
    let said = format!("{:#}", hasty.err().context("it left although nothing healthy replaces its copy")?);
    ensure!(said.contains("has not left within"), "{said}");
    ensure!(web.fetch_copy_uid(member.clone()).await? == old, "the last good copy is gone");

    let overrides: Api<atoll_crds::OverridePolicy> = Api::namespaced(stage.hub(), "unjoin");
    overrides.delete("web", &DeleteParams::default()).await?;
    leave(stage, "m3", &[]).await?;
    ensure!(web.fetch_copy_uid(member.clone()).await?.is_none(), "the copy stayed on a member that left");
    moved(stage, web, "m3").await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(member, "karmada-cluster");
    ensure!(accounts.get_opt("karmada-m3").await?.is_none(), "the operator's account stayed on a member that left");
    join_again(stage, "m3").await
}

async fn unjoin_over_a_restart(stage: &Stage) -> Result<()> {
    let web = Template::deployment("unjoin-restart", "web");
    stage.apply_yaml(&(namespace(web.namespace) + &web.workload("") + &web.policy(&at_home("m3", "")))).await?;
    settled(stage, web, &["m3"]).await?;
    let member = stage.member("m3").await?;
    stage.operator().stop().await?;
    clusters(stage).delete("m3", &DeleteParams::default()).await?;
    stage.operator().start().await?;
    gone(stage, "the Cluster is gone", (clusters(stage), "m3")).await?;
    ensure!(web.fetch_copy_uid(member).await?.is_none(), "the copy stayed on a member that answers");
    moved(stage, web, "m3").await?;
    join_again(stage, "m3").await
}

async fn unjoin_silent(stage: &Stage) -> Result<()> {
    let web = Template::deployment("unjoin-silent", "web");
    stage.apply_yaml(&(namespace(web.namespace) + &web.workload("") + &web.policy(&at_home("m3", "")))).await?;
    settled(stage, web, &["m3"]).await?;
    let member = stage.member("m3").await?;
    let old = web.fetch_copy_uid(member.clone()).await?.context("the copy on m3")?;
    stage.fleet().freeze("m3", ComponentKind::Apiserver).await?;
    judged(stage, "m3", Grade::IsolatedApi).await?;
    let said = stage.cli(&["unjoin", "m3"]).await?;
    ensure!(said.contains("stays there") || said.contains("stay there"), "{said}");
    told(stage, "m3", "ObjectsLeftBehind", "its objects stay there").await?;
    moved(stage, web, "m3").await?;
    stage.fleet().thaw("m3", ComponentKind::Apiserver).await?;
    let left = stage.wait_for("m3 answers again", PATIENCE, async || {
        web.fetch_copy_uid(member.clone()).await.map_err(|error| format!("{error:#}"))
    });
    ensure!(left.await?.as_ref() == Some(&old), "its object was removed");
    join_again(stage, "m3").await
}

async fn unjoin_keeping(stage: &Stage) -> Result<()> {
    let web = Template::deployment("unjoin-keeping", "web");
    stage.apply_yaml(&(namespace(web.namespace) + &web.workload("") + &web.policy(&at_home("m3", "")))).await?;
    settled(stage, web, &["m3"]).await?;
    let member = stage.member("m3").await?;
    let old = web.fetch_copy_uid(member.clone()).await?.context("the copy on m3")?;
    leave(stage, "m3", &["--keep-objects"]).await?;
    let kept = web.copies(member).get("web").await.context("the kept object")?;
    ensure!(kept.uid().as_ref() == Some(&old), "another object: {:?}", kept.metadata);
    ensure!(!kept.labels().contains_key("karmada.io/managed"), "it still bears our marks: {:?}", kept.metadata);
    join_again(stage, "m3").await
}

async fn leave(stage: &Stage, name: &str, more: &[&str]) -> Result<()> {
    let member = stage.fleet().member_kubeconfig(name)?.to_string_lossy().into_owned();
    let command = [&["unjoin", name, "--cluster-kubeconfig", &member], more].concat();
    stage.cli(&command).await?;
    gone(stage, "the Cluster is gone", (clusters(stage), name)).await
}

async fn join_again(stage: &Stage, name: &str) -> Result<()> {
    stage.join(name).await?;
    stage.wait_until_ready(&MEMBERS.map(str::to_owned)).await?;
    trusted(stage, name).await?;
    let cluster = clusters(stage).get(name).await?;
    ensure!(cluster.metadata.deletion_timestamp.is_none(), "{name} is leaving");
    Ok(())
}
