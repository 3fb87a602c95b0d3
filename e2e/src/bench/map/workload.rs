//! What is called how often.

/// One call of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Read the key of this index.
    Read(usize),
    /// Write the next one of one's own keys.
    Write,
    /// Look at all keys, as of one moment.
    View,
}

/// A mix of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// 5 writes in a hundred calls.
    ReadMostly,
    /// As many writes as reads.
    Mixed,
    /// 90 writes in a hundred calls.
    WriteHeavy,
    /// Two views of everything in a hundred calls, so that they decide the slowest hundredth; else half writes, half reads.
    Snapshots,
    /// Nothing but reads, to count what they allocate.
    Reads,
}

impl Workload {
    /// Those that are measured.
    pub const ALL: [Self; 4] = [Self::ReadMostly, Self::Mixed, Self::WriteHeavy, Self::Snapshots];

    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadMostly => "read-mostly",
            Self::Mixed => "mixed",
            Self::WriteHeavy => "write-heavy",
            Self::Snapshots => "full snapshots",
            Self::Reads => "reads",
        }
    }

    /// The next call, among so many keys.
    pub fn next(self, chance: &mut fastrand::Rng, keys: usize) -> Call {
        let percent = chance.u8(..100);
        let (views, writes) = match self {
            Self::ReadMostly => (0, 5),
            Self::Mixed => (0, 50),
            Self::WriteHeavy => (0, 90),
            Self::Snapshots => (2, 49),
            Self::Reads => (0, 0),
        };
        if percent < views {
            Call::View
        } else if percent < views + writes {
            Call::Write
        } else {
            Call::Read(chance.usize(..keys))
        }
    }

    /// Calls due in a second, of those that a plan asks for: a view costs as much as thousands of reads.
    pub fn arrivals_per_s(self, asked: u32) -> u32 {
        if self == Self::Snapshots { asked.div_ceil(10) } else { asked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_as_named_and_the_same_seed_makes_the_same_calls() {
        let calls = |workload: Workload| {
            let mut chance = fastrand::Rng::with_seed(4);
            (0..10_000).map(|_| workload.next(&mut chance, 9)).collect::<Vec<_>>()
        };
        let writes = |workload| calls(workload).iter().filter(|call| **call == Call::Write).count();
        assert!((400..600).contains(&writes(Workload::ReadMostly)));
        assert!((4_700..5_300).contains(&writes(Workload::Mixed)));
        assert!((8_700..9_300).contains(&writes(Workload::WriteHeavy)));
        let views = calls(Workload::Snapshots).iter().filter(|call| **call == Call::View).count();
        assert!((140..260).contains(&views), "{views}");
        assert_eq!(calls(Workload::Mixed), calls(Workload::Mixed));
    }
}
