//! Rules of `IsolationSnapshot`.

use super::{Rule, cel};

pub(super) const RULES: &[Rule] = &[
    cel("spec", "self == oldSelf", "spec is a record and cannot change"),
    cel("spec", "self.part <= self.parts", "part must not exceed parts"),
];
