//! Rules of `MultiClusterService` and `MultiClusterIngress` (karmada-api 1.16).
//!
//! Left to the operator: the sequences that a path may not contain, whose
//! search in text of any length has no bound.

use super::quota::LONGEST_CLUSTER_NAME;
use super::{
    LABEL, LABEL_OR_NOTHING, PATH_SEGMENT, Rule, SERVICE_LABEL, bound, cel, max_items, pattern, saying, words,
};

pub(super) const SERVICE_RULES: &[Rule] = &[
    max_items("spec.types", 16),
    cel("spec.types", "self == oldSelf", "types cannot change"),
    saying("spec.types", "self.all(t, t == self[0])", "'types must name one way alone, not %s'.format([self])"),
    max_items("spec.ports", 256),
    bound("spec.ports[].name", "maxLength", 63),
    pattern("spec.ports[].name", LABEL_OR_NOTHING),
    bound("spec.ports[].port", "minimum", 1),
    bound("spec.ports[].port", "maximum", HIGHEST_PORT),
    saying(
        "spec.ports",
        "self.all(a, !has(a.name) || a.name == '' || self.exists_one(b, has(b.name) && b.name == a.name))",
        "'names of ports must be unique, not %s'.format([self.filter(a, has(a.name)).map(a, a.name)])",
    ),
    bound("spec.providerClusters[].name", "maxLength", LONGEST_CLUSTER_NAME),
    pattern("spec.providerClusters[].name", LABEL),
    bound("spec.consumerClusters[].name", "maxLength", LONGEST_CLUSTER_NAME),
    pattern("spec.consumerClusters[].name", LABEL),
];

const HIGHEST_PORT: i64 = 65_535;

/// A host, with or without a wildcard before it, or nothing.
const HOST: &str = r"^((\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$";
const SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const SUBDOMAIN_OR_NOTHING: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$";
const ONE_BACKEND: &str = "has(self.service) != has(self.resource)";
const ONE_BACKEND_MESSAGE: &str = "exactly one of service and resource must be set";
// Go clients leave out a zero and an empty text, and write the port all the same.
const ONE_PORT: &str = "has(self.port) && (has(self.port.name) && self.port.name != '') != \
                        (has(self.port.number) && self.port.number != 0)";
const ONE_PORT_MESSAGE: &str = "exactly one of port.name and port.number must be set";

pub(super) const INGRESS_RULES: &[Rule] = &[
    cel(
        "",
        "has(self.spec) && (has(self.spec.defaultBackend) || (has(self.spec.rules) && size(self.spec.rules) > 0))",
        "spec must have a defaultBackend or rules",
    ),
    pattern("spec.ingressClassName", SUBDOMAIN),
    bound("spec.ingressClassName", "maxLength", 253),
    cel("spec.defaultBackend", ONE_BACKEND, ONE_BACKEND_MESSAGE),
    cel("spec.defaultBackend.service", ONE_PORT, ONE_PORT_MESSAGE),
    pattern("spec.defaultBackend.service.name", SERVICE_LABEL),
    bound("spec.defaultBackend.service.name", "maxLength", 63),
    bound("spec.defaultBackend.service.port.name", "maxLength", 15),
    bound("spec.defaultBackend.service.port.number", "minimum", 0),
    bound("spec.defaultBackend.service.port.number", "maximum", HIGHEST_PORT),
    pattern("spec.defaultBackend.resource.kind", PATH_SEGMENT),
    pattern("spec.defaultBackend.resource.name", PATH_SEGMENT),
    max_items("spec.rules", 1024),
    pattern("spec.rules[].host", HOST),
    bound("spec.rules[].host", "maxLength", 253),
    saying(
        "spec.rules[].host",
        "!self.matches('^([0-9]+[.]){3}[0-9]+$')",
        "'host must be a name and no address, not %s'.format([self])",
    ),
    bound("spec.rules[].http.paths", "minItems", 1),
    max_items("spec.rules[].http.paths", 256),
    words("spec.rules[].http.paths[].pathType", &["Exact", "Prefix", "ImplementationSpecific"]),
    pattern("spec.rules[].http.paths[].path", "^(/.*)?$"),
    saying(
        "spec.rules[].http.paths[]",
        "self.pathType == 'ImplementationSpecific' || (has(self.path) && self.path != '')",
        "'path must be set where pathType is %s'.format([self.pathType])",
    ),
    cel("spec.rules[].http.paths[].backend", ONE_BACKEND, ONE_BACKEND_MESSAGE),
    cel("spec.rules[].http.paths[].backend.service", ONE_PORT, ONE_PORT_MESSAGE),
    pattern("spec.rules[].http.paths[].backend.service.name", SERVICE_LABEL),
    bound("spec.rules[].http.paths[].backend.service.name", "maxLength", 63),
    bound("spec.rules[].http.paths[].backend.service.port.name", "maxLength", 15),
    bound("spec.rules[].http.paths[].backend.service.port.number", "minimum", 0),
    bound("spec.rules[].http.paths[].backend.service.port.number", "maximum", HIGHEST_PORT),
    pattern("spec.rules[].http.paths[].backend.resource.kind", PATH_SEGMENT),
    pattern("spec.rules[].http.paths[].backend.resource.name", PATH_SEGMENT),
    pattern("spec.tls[].hosts[]", HOST),
    bound("spec.tls[].hosts[]", "maxLength", 253),
    pattern("spec.tls[].secretName", SUBDOMAIN_OR_NOTHING),
    bound("spec.tls[].secretName", "maxLength", 253),
];
