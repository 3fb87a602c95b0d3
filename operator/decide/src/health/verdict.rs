//! What the evidence amounts to, as values one can print and compare.

use std::fmt;

use crate::cluster::Grade;
use crate::health::observation::{BadAnswer, Level, TargetId};
use crate::health::plane::Phase;
use crate::ids::ClusterName;
use crate::time::Mono;

/// The API plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApiState {
    /// Not judged, or never seen.
    Unknown,
    /// Answers.
    Reachable,
    /// Silent for a while.
    Suspect,
    /// Silent for long.
    Unreachable,
    /// Answers again, not yet trusted.
    Returning,
}

/// The data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataState {
    /// Not judged, or never seen: never the same as dark.
    Unknown,
    /// Something of it answers.
    Serving,
    /// All of it is silent for a while.
    Suspect,
    /// All of it is silent for long.
    Dark,
    /// Answers again, not yet trusted.
    Returning,
}

impl From<Phase> for ApiState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Unknown { .. } => Self::Unknown,
            Phase::Answering { .. } => Self::Reachable,
            Phase::Suspect { .. } => Self::Suspect,
            Phase::Silent { .. } => Self::Unreachable,
            Phase::Returning { .. } => Self::Returning,
        }
    }
}

impl From<Phase> for DataState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Unknown { .. } => Self::Unknown,
            Phase::Answering { .. } => Self::Serving,
            Phase::Suspect { .. } => Self::Suspect,
            Phase::Silent { .. } => Self::Dark,
            Phase::Returning { .. } => Self::Returning,
        }
    }
}

/// The sum of both planes (the diagram of architecture section 6). `troubled`:
/// something is wrong that is no silence of a plane.
pub fn grade(api: ApiState, data: DataState, troubled: bool) -> Grade {
    use {ApiState as A, DataState as D};
    match (api, data) {
        (A::Unreachable, D::Dark) => Grade::IsolatedFull,
        (A::Unreachable, _) => Grade::IsolatedApi,
        (_, D::Dark) => Grade::IsolatedData,
        (A::Suspect, _) | (_, D::Suspect) => Grade::Suspect,
        (A::Returning, _) | (_, D::Returning) => Grade::Recovering,
        (A::Unknown, _) => Grade::Unknown,
        (A::Reachable, D::Unknown | D::Serving) if troubled => Grade::Degraded,
        (A::Reachable, D::Unknown | D::Serving) => Grade::Healthy,
    }
}

/// Something wrong that is no silence of a whole plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A level of the API answers, but not well.
    WrongAnswer {
        /// Which level.
        level: Level,
        /// What it says.
        detail: BadAnswer,
        /// It has said so for as long as silence would need to count.
        lasting: bool,
    },
    /// A level of the API is silent while a cheaper one answers.
    LevelSilent(Level),
    /// Some data-plane targets are silent while others answer.
    TargetsSilent(Vec<TargetId>),
    /// Fewer than half of the nodes are Ready.
    NodesNotReady {
        /// Ready ones.
        ready: u32,
        /// All.
        total: u32,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongAnswer { level, detail, .. } => write!(f, "the API answers {} with: {detail}", what(*level)),
            Self::LevelSilent(level) => write!(f, "the API is silent to {} but answers otherwise", what(*level)),
            Self::TargetsSilent(targets) => {
                write!(f, "silent while others answer:")?;
                targets.iter().try_for_each(|target| write!(f, " {target}"))
            }
            Self::NodesNotReady { ready, total } => write!(f, "{ready} of {total} nodes are Ready"),
        }
    }
}

fn what(level: Level) -> &'static str {
    match level {
        Level::Connect => "a connection",
        Level::Ready => "/readyz",
        Level::Serve => "an authenticated read",
        Level::Use => "real use",
    }
}

/// Why moving off an isolated cluster waits or does not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arming {
    /// The cluster is not isolated in a way that moves anything.
    NotCalledFor,
    /// Its API answers and nothing else agrees that its data plane is dark.
    Contradicted,
    /// These witnesses still see it serve.
    Vetoed(Vec<ClusterName>),
    /// Silence must last until then.
    At(Mono),
    /// The last evidence is too old to act on.
    Stale,
    /// Costly acts are called for.
    Armed,
}

/// The verdict over one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The API plane.
    pub api: ApiState,
    /// The data plane.
    pub data: DataState,
    /// Their sum.
    pub grade: Grade,
    /// When the grade last changed, as this process saw it.
    pub since: Mono,
    /// An independent observer agrees and none disagrees.
    pub confirmed: bool,
    /// Whether replicas may move off it.
    pub arming: Arming,
    /// What is wrong without being silent.
    pub trouble: Option<Trouble>,
    /// Since when both planes have been answering (an unknown data plane
    /// aside); None while one does not.
    pub back_since: Option<Mono>,
    /// The API has never answered, this long already enough to be a loss.
    pub never_answered: bool,
    /// Nothing has been learned about the API for so long that the hub itself
    /// must be blind.
    pub blind: bool,
    /// When to judge again if nothing is observed until then.
    pub next_check: Option<Mono>,
    /// One sentence for conditions and events; it names
    /// no running time, so it changes only when the verdict does.
    pub reason: String,
}

impl Verdict {
    /// Whether replicas may move off this cluster.
    pub fn is_armed(&self) -> bool {
        self.arming == Arming::Armed
    }
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The API plane.
    Api(ApiState, ApiState),
    /// The data plane.
    Data(DataState, DataState),
    /// The sum.
    Grade(Grade, Grade),
}

/// A change, for events and logs: from, to, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// From what to what.
    pub change: Change,
    /// When it was seen.
    pub at: Mono,
    /// The evidence.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grade_is_the_sum_of_both_planes() {
        use {ApiState as A, DataState as D};
        for (api, data, expected) in [
            (A::Reachable, D::Serving, Grade::Healthy),
            (A::Reachable, D::Unknown, Grade::Healthy),
            (A::Unknown, D::Unknown, Grade::Unknown),
            (A::Unknown, D::Serving, Grade::Unknown),
            (A::Suspect, D::Serving, Grade::Suspect),
            (A::Reachable, D::Suspect, Grade::Suspect),
            (A::Unreachable, D::Serving, Grade::IsolatedApi),
            (A::Unreachable, D::Unknown, Grade::IsolatedApi),
            (A::Unreachable, D::Suspect, Grade::IsolatedApi),
            (A::Unreachable, D::Dark, Grade::IsolatedFull),
            (A::Reachable, D::Dark, Grade::IsolatedData),
            (A::Suspect, D::Dark, Grade::IsolatedData),
            (A::Returning, D::Serving, Grade::Recovering),
            (A::Reachable, D::Returning, Grade::Recovering),
            (A::Returning, D::Suspect, Grade::Suspect),
        ] {
            assert_eq!(grade(api, data, false), expected, "{api:?} {data:?}");
        }
        assert_eq!(grade(A::Reachable, D::Serving, true), Grade::Degraded);
        assert_eq!(grade(A::Suspect, D::Serving, true), Grade::Suspect);
    }
}
