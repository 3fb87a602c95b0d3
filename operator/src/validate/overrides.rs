//! Override policies (karmada-api 1.5 and 2.22).

use atoll_crds::policy::override_policy as raw;
use atoll_decide::matching::Scope;
use atoll_decide::overrides::{
    Edit, EntriesOverrider, FieldOverrider, Format, ImageOverrider, ImagePart, ListEdit, OverridePolicy, Overriders,
    PatchOperation, Rule, WordsOverrider,
};
use kube::ResourceExt;
use serde_json::Value;

use super::{Invalid, Problems, affinity, policy};

/// Checks an override policy as the API server holds it.
pub fn policy<P: raw::Overrides + ResourceExt>(object: &P) -> Result<OverridePolicy, Vec<Invalid>> {
    let mut problems = Problems::default();
    let spec = object.overrides();
    let scope = object.namespace().map_or(Scope::Cluster, |namespace| Scope::Namespaced(namespace.into()));
    let own = object.namespace();
    let selectors = spec.resource_selectors.iter().enumerate().map(|(index, selector)| {
        let mut selector = selector.clone();
        if selector.namespace.as_deref().unwrap_or_default().is_empty() {
            selector.namespace.clone_from(&own);
        }
        policy::resource_selector(&format!("spec.resourceSelectors[{index}]"), &selector, &mut problems)
    });
    let selectors = selectors.collect();
    let rules = rules(spec, &mut problems);
    problems.or(OverridePolicy { name: object.name_any().into(), scope, selectors, rules })
}

fn rules(spec: &raw::OverrideSpec, problems: &mut Problems) -> Vec<Rule> {
    let deprecated = spec.target_cluster.is_some() || spec.overriders.is_some();
    if deprecated && !spec.override_rules.is_empty() {
        let problem = "overrideRules cannot stand together with the deprecated targetCluster and overriders";
        problems.add("spec.overrideRules", problem);
    }
    if deprecated {
        let target = spec.target_cluster.as_ref();
        let target = target.map(|target| affinity::cluster_affinity("spec.targetCluster", target, problems));
        let overriders = spec.overriders.clone().unwrap_or_default();
        return vec![Rule { target, overriders: self::overriders("spec.overriders", &overriders, problems) }];
    }
    let rule = |(index, rule): (usize, &raw::RuleWithCluster)| {
        let at = format!("spec.overrideRules[{index}]");
        let target = rule.target_cluster.as_ref();
        let target = target.map(|target| affinity::cluster_affinity(&format!("{at}.targetCluster"), target, problems));
        Rule { target, overriders: overriders(&format!("{at}.overriders"), &rule.overriders, problems) }
    };
    spec.override_rules.iter().enumerate().map(rule).collect()
}

fn overriders(field: &str, raw: &raw::Overriders, problems: &mut Problems) -> Overriders {
    let at = |name: &str, index: usize| format!("{field}.{name}[{index}]");
    let mut checked = Overriders::default();
    for (index, one) in raw.image_overrider.iter().enumerate() {
        checked.images.extend(image(&at("imageOverrider", index), one, problems));
    }
    checked.commands = raw.command_overrider.iter().map(words).collect();
    checked.args = raw.args_overrider.iter().map(words).collect();
    checked.labels = raw.labels_overrider.iter().map(entries).collect();
    checked.annotations = raw.annotations_overrider.iter().map(entries).collect();
    for (index, one) in raw.field_overrider.iter().enumerate() {
        checked.fields.extend(self::field(&at("fieldOverrider", index), one, problems));
    }
    for (index, one) in raw.plaintext.iter().enumerate() {
        let at = at("plaintext", index);
        let edit = edit(&format!("{at}.value"), one.operator, one.value.as_ref(), problems);
        checked.plaintext.extend(edit.map(|edit| PatchOperation { path: pointer(&at, &one.path, problems), edit }));
    }
    checked
}

fn image(field: &str, raw: &raw::ImageOverrider, problems: &mut Problems) -> Option<ImageOverrider> {
    let part = match raw.component {
        raw::ImageComponent::Registry => ImagePart::Registry,
        raw::ImageComponent::Repository => ImagePart::Repository,
        raw::ImageComponent::Tag => ImagePart::Tag,
    };
    let path =
        raw.predicate.as_ref().map(|predicate| pointer(&format!("{field}.predicate"), &predicate.path, problems));
    let value = raw.value.clone().filter(|value| !value.is_empty());
    let edit = match (raw.operator, value) {
        (raw::OverriderOperator::Remove, _) => Edit::Remove,
        (raw::OverriderOperator::Add, Some(value)) => Edit::Add(value),
        (raw::OverriderOperator::Replace, Some(value)) => Edit::Replace(value),
        (raw::OverriderOperator::Add | raw::OverriderOperator::Replace, None) => {
            problems.add(format!("{field}.value"), "add and replace need a value");
            return None;
        }
    };
    Some(ImageOverrider { path, part, edit })
}

fn words(raw: &raw::CommandArgsOverrider) -> WordsOverrider {
    let edit = match raw.operator {
        raw::ListOperator::Add => ListEdit::Add(raw.value.clone()),
        raw::ListOperator::Remove => ListEdit::Remove(raw.value.clone()),
    };
    WordsOverrider { container: raw.container_name.clone(), edit }
}

fn entries(raw: &raw::LabelAnnotationOverrider) -> EntriesOverrider {
    match raw.operator {
        raw::OverriderOperator::Add => EntriesOverrider::Add(raw.value.clone()),
        raw::OverriderOperator::Remove => EntriesOverrider::Remove(raw.value.keys().cloned().collect()),
        raw::OverriderOperator::Replace => EntriesOverrider::Replace(raw.value.clone()),
    }
}

fn field(field: &str, raw: &raw::FieldOverrider, problems: &mut Problems) -> Option<FieldOverrider> {
    let (format, name, operations) = match (raw.json.is_empty(), raw.yaml.is_empty()) {
        (false, true) => (Format::Json, "json", &raw.json),
        (true, false) => (Format::Yaml, "yaml", &raw.yaml),
        _ => {
            problems.add(field, "exactly one of json and yaml is needed");
            return None;
        }
    };
    let mut checked = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let at = format!("{field}.{name}[{index}]");
        let edit = edit(&format!("{at}.value"), operation.operator, operation.value.as_ref(), problems);
        let path = pointer(&at, &operation.sub_path, problems);
        checked.extend(edit.map(|edit| PatchOperation { path, edit }));
    }
    Some(FieldOverrider { path: pointer(field, &raw.field_path, problems), format, operations: checked })
}

fn edit(
    field: &str,
    operator: raw::OverriderOperator,
    value: Option<&Value>,
    problems: &mut Problems,
) -> Option<Edit<Value>> {
    match (operator, value) {
        (raw::OverriderOperator::Remove, _) => Some(Edit::Remove),
        (raw::OverriderOperator::Add, Some(value)) => Some(Edit::Add(value.clone())),
        (raw::OverriderOperator::Replace, Some(value)) => Some(Edit::Replace(value.clone())),
        (raw::OverriderOperator::Add | raw::OverriderOperator::Replace, None) => {
            problems.add(field, "add and replace need a value");
            None
        }
    }
}

fn pointer(field: &str, path: &str, problems: &mut Problems) -> String {
    if !path.starts_with('/') {
        problems.add(field, format!("{path:?} is no JSON pointer; it starts with /, such as /spec/replicas"));
    }
    path.to_owned()
}
