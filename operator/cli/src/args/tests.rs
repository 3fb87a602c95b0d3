use clap::CommandFactory;
use clap::error::ErrorKind;

use super::values::{parse_duration, parse_endpoint};
use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn refusal(line: &str) -> ErrorKind {
    parse(line).unwrap_err().kind()
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn policies_are_listed_under_every_name_that_users_have_for_them() {
    for name in ["propagatedpolicy", "propagationpolicy", "propagationpolicies", "pp", "cpp", "policies"] {
        let listed = parse(&format!("kubectl-atoll get {name}")).unwrap();
        assert!(matches!(&listed.task, Task::Get(get) if get.what == What::Policies), "{name}");
    }
}

#[test]
fn names_are_dns_labels_of_at_most_48_characters() {
    for good in ["m", "member-1", "1a", &"c".repeat(48)] {
        assert!(good.parse::<ClusterName>().is_ok(), "{good}");
    }
    for bad in ["", "-a", "a-", "Member", "a.b", "a_b", &"c".repeat(49)] {
        assert!(bad.parse::<ClusterName>().is_err(), "{bad}");
    }
}

#[test]
fn kinds_and_labels_are_joined_by_commas_and_may_be_repeated() {
    let line = "kubectl-atoll join m1 --cluster-kubeconfig f --allow a,b --allow c --labels x=1,y=";
    let Task::Join(join) = parse(line).unwrap().task else { panic!("no join") };
    assert_eq!(join.allow, ["a", "b", "c"]);
    assert_eq!(join.labels[1], Label { key: "y".into(), value: String::new() });
}

#[test]
fn flags_of_the_hub_stand_before_or_after_the_command() {
    let after = parse("kubectl-atoll approve-deletes m1 t --context hub -v").unwrap();
    assert_eq!(after.global.context.as_deref(), Some("hub"));
    assert!(after.global.verbose);
    assert!(parse("kubectl-atoll --kubeconfig f approve-deletes m1 t").unwrap().global.kubeconfig.is_some());
}

#[test]
fn everything_and_a_list_of_kinds_exclude_each_other() {
    let line = "kubectl-atoll join m1 --cluster-kubeconfig f --cluster-admin --allow pods";
    assert_eq!(refusal(line), ErrorKind::ArgumentConflict);
}

#[test]
fn an_account_cannot_be_removed_before_the_member_has_left() {
    let line = "kubectl-atoll unjoin m1 --no-wait --cluster-kubeconfig f";
    assert_eq!(refusal(line), ErrorKind::ArgumentConflict);
}

#[test]
fn a_grant_names_kinds() {
    assert_eq!(refusal("kubectl-atoll grant m1 --cluster-kubeconfig f"), ErrorKind::MissingRequiredArgument);
}

#[test]
fn endpoints_are_plain_addresses() {
    for good in ["https://10.0.0.1:6443", "https://api.example.com/k8s/clusters/c-1", "https://[fd00::1]:6443"] {
        assert!(parse_endpoint(good).is_ok(), "{good}");
    }
    for bad in ["10.0.0.1:6443", "https://", "ftp://a", "https://u:p@a", "https://a/?q=1", "https://a/#f"] {
        assert!(parse_endpoint(bad).is_err(), "{bad}");
    }
}

#[test]
fn durations_have_a_unit_and_are_not_empty() {
    assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_mins(90));
    assert_eq!(parse_duration("90s").unwrap(), Duration::from_secs(90));
    for bad in ["90", "0s", "-5s", "soon"] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}
