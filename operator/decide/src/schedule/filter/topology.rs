//! A cluster must state the property a spread constraint groups by.

use super::{Filter, Targets};
use crate::placement::SpreadField;
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "topology",
    check: |request, _, cluster| {
        let missing = request.placement.spread.iter().map(|spread| spread.by).find(|by| match by {
            SpreadField::Cluster => false,
            SpreadField::Region => cluster.region.is_empty(),
            SpreadField::Zone => cluster.zones.is_empty(),
            SpreadField::Provider => cluster.provider.is_empty(),
        });
        missing.map_or(Ok(()), |by| Err(Reason::NoTopology(by)))
    },
    targets: Targets::Leave,
};
