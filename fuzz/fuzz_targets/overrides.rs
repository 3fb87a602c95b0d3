//! Override policies of any content on objects of any content; and image
//! references: a part that is replaced twice is replaced once.
#![no_main]

use arbitrary::Arbitrary;
use atoll_crds::{ClusterOverridePolicy, OverridePolicy};
use atoll_decide::overrides;
use atoll_fuzz::json::Json;
use atoll_fuzz::validate::overrides::policy;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    object: Json,
    image: &'a str,
    component: u8,
    value: &'a str,
    written: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    if let Some(raw) = atoll_fuzz::read::<OverridePolicy>(input.written) {
        apply_all(policy(&raw).ok().as_ref(), &input.object.0);
    }
    if let Some(raw) = atoll_fuzz::read::<ClusterOverridePolicy>(input.written) {
        apply_all(policy(&raw).ok().as_ref(), &input.object.0);
    }
    replace_image(&input);
});

fn apply_all(policy: Option<&overrides::OverridePolicy>, object: &Value) {
    for rule in policy.into_iter().flat_map(|policy| &policy.rules) {
        let _ = overrides::apply(&mut object.clone(), &rule.overriders);
    }
}

/// A registry is told from the first part of a path by its full stop or port,
/// so one without either would not be found again.
fn replace_image(input: &Input<'_>) {
    let component = ["Registry", "Repository", "Tag"][usize::from(input.component) % 3];
    let letters: String = input.value.chars().filter(char::is_ascii_alphanumeric).collect();
    let value = if component == "Registry" { format!("{letters}.example.com") } else { format!("v{letters}") };
    let spec = json!({ "overrideRules": [{ "overriders": { "imageOverrider": [
        { "component": component, "operator": "replace", "value": value },
    ]}}]});
    let raw = json!({ "apiVersion": "v1", "kind": "OverridePolicy", "metadata": { "name": "a" }, "spec": spec });
    let raw: OverridePolicy = serde_json::from_value(raw).expect("it is a policy");
    let Ok(checked) = policy(&raw) else { return };
    let containers = json!([{ "name": "a", "image": input.image }]);
    let mut once = json!({ "apiVersion": "v1", "kind": "Pod", "spec": { "containers": containers } });
    let overriders = &checked.rules[0].overriders;
    if overrides::apply(&mut once, overriders).is_err() {
        return;
    }
    let mut twice = once.clone();
    if overrides::apply(&mut twice, overriders).is_ok() {
        assert_eq!(twice, once, "{component} of {:?}", input.image);
    }
}
