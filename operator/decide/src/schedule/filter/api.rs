//! The cluster must serve the kind. Not known yet is no reason to leave it,
//! and none to go there.

use super::{Filter, Targets};
use crate::schedule::Reason;

pub(super) const FILTER: Filter = Filter {
    name: "api",
    check: |request, _, cluster| match &cluster.apis {
        None => Err(Reason::ApisUnknown),
        Some(apis) if apis.contains(request.gvk) => Ok(()),
        Some(_) => Err(Reason::ApiMissing(request.gvk.clone())),
    },
    targets: Targets::Stay,
};
