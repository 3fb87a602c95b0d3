//! A cluster that is being deleted is left.

use super::{Filter, Targets};
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "deletion",
    check: |_, _, cluster| if cluster.deleting { Err(Reason::Deleting) } else { Ok(()) },
    targets: Targets::Leave,
};
