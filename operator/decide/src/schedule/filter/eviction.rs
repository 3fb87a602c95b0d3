//! A cluster that is being vacated gets nothing back before that has ended.

use super::{Filter, Targets};
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "eviction",
    check: |request, _, cluster| {
        if request.evicting.contains(&cluster.name) { Err(Reason::Evicting) } else { Ok(()) }
    },
    targets: Targets::Leave,
};
