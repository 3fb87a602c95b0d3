//! Every `NoSchedule` and `NoExecute` taint must be tolerated. What a
//! `NoExecute` taint does to present targets is for failover to decide.

use super::{Filter, Targets};
use crate::schedule::Reason;
use crate::taint::Effect;

pub(super) const FILTER: Filter = Filter {
    name: "taint",
    check: |request, _, cluster| {
        let tolerations = &request.placement.tolerations;
        let untolerated = cluster.taints.iter().find(|taint| {
            taint.effect != Effect::PreferNoSchedule
                && !tolerations.iter().any(|toleration| toleration.tolerates(taint))
        });
        untolerated.map_or(Ok(()), |taint| {
            Err(Reason::Taint { key: taint.key.clone(), value: taint.value.clone(), effect: taint.effect })
        })
    },
    targets: Targets::Stay,
};
