//! Which hub, and how far along, a member was last served by (I7): a hub that
//! came back older, empty or as another one must delete and place nothing
//! there until a person has looked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Mono;

/// A mark is written at most this often: it must not cost a write per delete.
const BETWEEN_WRITES: Duration = Duration::from_secs(10);

/// What every member holds of its hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubMark {
    /// Uid of the hub's `kube-system` namespace.
    pub uid: String,
    /// The highest hub resourceVersion acted on there.
    pub resource_version: u64,
}

/// Whether deletes and placement changes may go on at a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// They may.
    Proceed,
    /// They wait for a person.
    Pause(Pause),
}

/// Why they wait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pause {
    /// The member's mark is another hub's.
    #[error(
        "the member was served by hub {marked}, this is hub {here}: deletes and placement changes wait for approval"
    )]
    OtherHub {
        /// The hub the member knows.
        marked: String,
        /// This hub.
        here: String,
    },
    /// This hub is behind what it has done before: it was restored.
    #[error(
        "the hub came back older than resourceVersion {marked}, at which the member was served: deletes and placement \
         changes wait for approval"
    )]
    OlderHub {
        /// What was acted on at the member.
        marked: u64,
    },
}

impl Pause {
    /// What a person repeats to let this hub go on there. It names what was
    /// seen, so it is worth nothing for another hub or another mark; and it
    /// stays the same while this hub's own version grows.
    pub fn token(&self) -> String {
        format!("hub-{:08x}", xxhash_rust::xxh3::xxh3_64(self.to_string().as_bytes()) >> 32)
    }
}

impl HubMark {
    /// Compares the member's mark (None: the member is known to hold none, not
    /// merely unread) with this hub as it is now.
    pub fn compare(marked: Option<&Self>, here: &Self) -> Epoch {
        match marked {
            Some(marked) if marked.uid != here.uid => {
                Epoch::Pause(Pause::OtherHub { marked: marked.uid.clone(), here: here.uid.clone() })
            }
            Some(marked) if marked.resource_version > here.resource_version => {
                Epoch::Pause(Pause::OlderHub { marked: marked.resource_version })
            }
            Some(_) | None => Epoch::Proceed,
        }
    }

    /// The same where this hub was found to be an older one before: it stays
    /// so until a person has looked or the mark is another, however far its own
    /// version has grown since.
    pub fn compare_again(marked: Option<&Self>, here: &Self) -> Epoch {
        match marked {
            Some(marked) if marked.uid == here.uid => Epoch::Pause(Pause::OlderHub { marked: marked.resource_version }),
            Some(_) | None => Self::compare(marked, here),
        }
    }

    /// Whether the member's mark should be raised to `acted`: only after acting,
    /// never backwards, never onto another hub's mark, and not within 10 s of
    /// the last write. An approval is written without asking here.
    pub fn should_write(written: Option<(&Self, Mono)>, acted: &Self, now: Mono) -> bool {
        written.is_none_or(|(written, at)| {
            written.uid == acted.uid
                && acted.resource_version > written.resource_version
                && now.since(at) >= BETWEEN_WRITES
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(uid: &str, resource_version: u64) -> HubMark {
        HubMark { uid: uid.into(), resource_version }
    }

    #[test]
    fn an_older_or_another_hub_pauses() {
        let here = mark("hub", 100);
        assert_eq!(HubMark::compare(None, &here), Epoch::Proceed);
        assert_eq!(HubMark::compare(Some(&mark("hub", 100)), &here), Epoch::Proceed);
        assert_eq!(HubMark::compare(Some(&mark("hub", 99)), &here), Epoch::Proceed);
        let older = Pause::OlderHub { marked: 101 };
        assert_eq!(HubMark::compare(Some(&mark("hub", 101)), &here), Epoch::Pause(older));
        let other = Pause::OtherHub { marked: "old".into(), here: "hub".into() };
        assert_eq!(HubMark::compare(Some(&mark("old", 1)), &here), Epoch::Pause(other));
    }

    #[test]
    fn an_older_hub_that_has_grown_past_the_mark_is_still_an_older_one() {
        let marked = mark("hub", 101);
        let before = HubMark::compare(Some(&marked), &mark("hub", 100));
        assert_eq!(HubMark::compare_again(Some(&marked), &mark("hub", 5000)), before, "and its token holds");
        assert_eq!(HubMark::compare_again(None, &mark("hub", 100)), Epoch::Proceed);
        assert!(matches!(
            HubMark::compare_again(Some(&mark("other", 1)), &mark("hub", 100)),
            Epoch::Pause(Pause::OtherHub { .. })
        ));
    }

    #[test]
    fn the_mark_is_written_coarsely_and_only_forwards() {
        let at = Mono::from_millis(1000);
        let written = mark("hub", 100);
        let due = |acted: &HubMark, ms| HubMark::should_write(Some((&written, at)), acted, Mono::from_millis(ms));
        assert!(HubMark::should_write(None, &mark("hub", 1), at));
        assert!(!due(&mark("hub", 101), 10_999));
        assert!(due(&mark("hub", 101), 11_000));
        assert!(!due(&mark("hub", 100), 60_000), "nothing was done since");
        assert!(!due(&mark("hub", 99), 60_000));
        assert!(!due(&mark("other", 500), 60_000));
    }
}
