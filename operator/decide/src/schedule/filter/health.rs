//! A cluster whose API cannot be reached takes no new copies (table of
//! architecture section 6); what runs there stays until failover moves it.

use super::{Filter, Targets};
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "health",
    check: |_, _, cluster| {
        if cluster.health.admits_new_placements() { Ok(()) } else { Err(Reason::Health(cluster.health)) }
    },
    targets: Targets::Freeze,
};
