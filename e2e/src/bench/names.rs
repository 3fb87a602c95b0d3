//! Names of what the benches make.

/// API group of the raw client's bindings, and the prefix of every label and annotation here.
pub const GROUP: &str = "bench.atoll.dev";
/// On every template: which load it belongs to, by which policies and watches find it.
pub const LOAD_LABEL: &str = "bench.atoll.dev/load";
/// Owner of the raw client's fields.
pub const MANAGER: &str = "atoll-bench";
/// Whoever changes on members what is not theirs.
pub const INTRUDER: &str = "atoll-bench-intruder";

/// Templates that go ahead of a measurement, the raw client's and the operator's alike: enough to have every connection
/// open and every path of the API servers taken once.
pub const WARM_UP: usize = 50;

/// The part of a bench that templates belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The few that go ahead until everything is warm.
    WarmUp,
    /// As many as the hub takes, at once.
    Burst,
    /// A few a second.
    Paced,
    /// The raw client's.
    Raw,
    /// The few with which the raw client warms up.
    RawWarmUp,
}

impl Load {
    /// Value of [`LOAD_LABEL`], and the start of the templates' names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WarmUp => "warm-up",
            Self::Burst => "burst",
            Self::Paced => "paced",
            Self::Raw => "raw",
            Self::RawWarmUp => "raw-warm-up",
        }
    }

    /// The selector that finds this load and no other.
    pub fn selector(self) -> String {
        format!("{LOAD_LABEL}={}", self.as_str())
    }

    /// Name of one of its templates.
    pub fn name(self, index: usize) -> String {
        format!("{}-{index:06}", self.as_str())
    }

    /// Names of `count` templates.
    pub fn names(self, count: usize) -> Vec<String> {
        (0..count).map(|index| self.name(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_they_were_made() {
        let names = Load::Burst.names(2_000);
        assert_eq!(names[1_999], "burst-001999");
        assert!(names.is_sorted());
    }
}
