//! Names on the wire that two crates know: the deciders, which depend on no API
//! crate, and the API crate. They must be the same.

use atoll_crds::names::{annotation, label};
use atoll_decide::render::marks;

#[test]
fn deciders_and_api_types_use_the_same_keys() {
    let both = [
        (marks::MANAGED, label::MANAGED),
        (marks::BINDING_ID, label::BINDING_ID),
        (marks::CLUSTER_BINDING_ID, label::CLUSTER_BINDING_ID),
        (marks::RETAIN_REPLICAS, label::RETAIN_REPLICAS),
        (marks::CLAIMED_BY, label::CLAIMED_BY),
        (marks::BINDING_NAMESPACE, annotation::BINDING_NAMESPACE),
        (marks::BINDING_NAME, annotation::BINDING_NAME),
        (marks::CLUSTER_BINDING_NAME, annotation::CLUSTER_BINDING_NAME),
        (marks::TEMPLATE_UID, annotation::TEMPLATE_UID),
        (marks::TEMPLATE_GENERATION, annotation::TEMPLATE_GENERATION),
        (marks::HUB_UID, annotation::HUB_UID),
        (marks::MANIFEST_HASH, annotation::MANIFEST_HASH),
    ];
    for (decided, typed) in both {
        assert_eq!(decided, typed);
    }
}
