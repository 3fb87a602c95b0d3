//! Cluster taints and the tolerations of a placement.

use serde::{Deserialize, Serialize};

use crate::time::Wall;

/// What an untolerated taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// No new placement.
    NoSchedule,
    /// Avoided, never refused.
    PreferNoSchedule,
    /// No new placement, and what runs there moves.
    NoExecute,
}

/// A taint of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// Taint key.
    pub key: String,
    /// Taint value, empty when absent.
    pub value: String,
    /// What it does.
    pub effect: Effect,
    /// When a `NoExecute` taint was added.
    pub added: Option<Wall>,
}

/// What a toleration compares.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tolerated {
    /// Any value of the key; an empty key means every taint.
    Exists,
    /// Exactly this value.
    Equal(String),
}

/// A toleration of a placement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Toleration {
    /// Taint key; empty with [`Tolerated::Exists`] tolerates every key.
    pub key: String,
    /// What is compared.
    pub value: Tolerated,
    /// None tolerates every effect.
    pub effect: Option<Effect>,
    /// For `NoExecute`: how many seconds; none means for ever.
    pub seconds: Option<i64>,
}

impl Toleration {
    /// Whether this toleration covers `taint` (its seconds are not looked at).
    pub fn tolerates(&self, taint: &Taint) -> bool {
        if self.effect.is_some_and(|effect| effect != taint.effect) {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        match &self.value {
            Tolerated::Exists => true,
            Tolerated::Equal(value) => !self.key.is_empty() && *value == taint.value,
        }
    }
}
