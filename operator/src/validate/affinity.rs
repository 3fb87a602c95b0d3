//! Cluster affinities and label selectors.

use std::collections::BTreeSet;

use atoll_crds::policy::selector as raw;
use atoll_decide::affinity::{ClusterAffinity, ClusterField, FieldRequirement, LabelSelector, Operator, Requirement};
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::Problems;

/// Reads a cluster affinity that stands at `field`.
pub fn cluster_affinity(field: &str, affinity: &raw::ClusterAffinity, problems: &mut Problems) -> ClusterAffinity {
    let labels = affinity
        .label_selector
        .as_ref()
        .map(|selector| label_selector(&format!("{field}.labelSelector"), selector, problems));
    let expressions = affinity.field_selector.iter().flat_map(|selector| &selector.match_expressions);
    let fields = expressions
        .enumerate()
        .filter_map(|(index, expression)| {
            let at = format!("{field}.fieldSelector.matchExpressions[{index}]");
            field_requirement(&at, expression, problems)
        })
        .collect();
    ClusterAffinity {
        labels,
        fields,
        names: affinity.cluster_names.iter().map(|name| name.as_str().into()).collect(),
        exclude: affinity.exclude.iter().map(|name| name.as_str().into()).collect(),
    }
}

fn field_requirement(field: &str, raw: &raw::FieldRequirement, problems: &mut Problems) -> Option<FieldRequirement> {
    let key = match raw.key.as_str() {
        "provider" => ClusterField::Provider,
        "region" => ClusterField::Region,
        "zone" => ClusterField::Zone,
        other => {
            problems
                .add(format!("{field}.key"), format!("{other:?} is no cluster field; use provider, region or zone"));
            return None;
        }
    };
    let values: BTreeSet<String> = raw.values.iter().cloned().collect();
    let operator = match raw.operator.as_str() {
        "In" => Operator::In(values),
        "NotIn" => Operator::NotIn(values),
        other => {
            problems.add(format!("{field}.operator"), format!("{other:?} is not supported; use In or NotIn"));
            return None;
        }
    };
    Some(FieldRequirement { field: key, operator })
}

/// Reads a label selector that stands at `field`.
pub fn label_selector(field: &str, selector: &meta::LabelSelector, problems: &mut Problems) -> LabelSelector {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .map(|(key, value)| Requirement { key: key.clone(), operator: Operator::In(BTreeSet::from([value.clone()])) });
    let mut requirements: Vec<Requirement> = equal.collect();
    for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let at = format!("{field}.matchExpressions[{index}]");
        let values: BTreeSet<String> = expression.values.iter().flatten().cloned().collect();
        let operator = match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                problems.add(format!("{at}.values"), format!("{} needs at least one value", expression.operator));
                continue;
            }
            "In" => Operator::In(values),
            "NotIn" => Operator::NotIn(values),
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => {
                let problem = format!("{other:?} is no operator; use In, NotIn, Exists or DoesNotExist");
                problems.add(format!("{at}.operator"), problem);
                continue;
            }
        };
        requirements.push(Requirement { key: expression.key.clone(), operator });
    }
    LabelSelector { requirements }
}
