//! What was last ordered of each template, to see that nothing changed without
//! rendering it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use atoll_decide::ids::{ClusterName, ObjectKey};
use atoll_decide::placement::Target;

use super::App;
use crate::members::member::Member;
use crate::pipeline::deliver::Inputs;

/// What was last ordered of each template.
#[derive(Default)]
pub struct Delivered {
    pub(super) by_template: Mutex<HashMap<ObjectKey, Ordered>>,
}

/// Inputs, and for each target the hash of what they rendered.
type Ordered = (Inputs, Vec<(Target, u64)>);

impl App {
    /// Whether the target holds, or is ordered to hold, what these inputs render.
    pub fn is_delivered(&self, key: &ObjectKey, target: &Target, member: &Member, inputs: &Inputs) -> bool {
        let delivered = self.delivered.by_template.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((known, hashes)) = delivered.get(key) else { return false };
        let of_target = hashes.iter().find(|(known, _)| known == target);
        let Some(&(_, hash)) = of_target.filter(|_| known == inputs) else { return false };
        match member.lane.pending(key) {
            Some(order) => order.applies(hash, inputs.on_foreign()),
            None => member.copies.get(key).is_some_and(|copy| copy.is_in_sync(hash)),
        }
    }

    /// The hash of what was last ordered of a template for a cluster.
    pub fn delivered_hash(&self, key: &ObjectKey, cluster: &ClusterName) -> Option<u64> {
        let delivered = self.delivered.by_template.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, hashes) = delivered.get(key)?;
        hashes.iter().find(|(target, _)| target.cluster == *cluster).map(|(_, hash)| *hash)
    }

    /// Nothing counts as ordered any more.
    pub fn forget_delivered(&self) {
        self.delivered.by_template.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Notes what was ordered.
    pub fn note_delivered(&self, key: &ObjectKey, target: &Target, hash: u64, inputs: &Inputs) {
        let mut delivered = self.delivered.by_template.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = delivered.entry(key.clone()).or_insert_with(|| (inputs.clone(), Vec::new()));
        if entry.0 != *inputs {
            *entry = (inputs.clone(), Vec::new());
        }
        entry.1.retain(|(known, _)| known.cluster != target.cluster);
        entry.1.push((target.clone(), hash));
    }
}
