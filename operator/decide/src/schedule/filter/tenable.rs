//! A new copy must not have to leave again at once: a taint that was tolerated
//! for a while, and is no more, still lets copies in by its own filter.

use super::{Filter, Targets};
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "tenable",
    check: |request, _, cluster| {
        if request.untenable.contains(&cluster.name) { Err(Reason::Untenable) } else { Ok(()) }
    },
    targets: Targets::Leave,
};
