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
        "the hub is at resourceVersion {here}, the member was served at {marked}: the hub came back older; deletes and \
         placement changes wait for approval"
    )]
    OlderHub {
        /// What was acted on at the member.
        marked: u64,
        /// Where this hub is now.
        here: u64,
    },
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
                Epoch::Pause(Pause::OlderHub { marked: marked.resource_version, here: here.resource_version })
            }
            Some(_) | None => Epoch::Proceed,
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
        let older = Pause::OlderHub { marked: 101, here: 100 };
        assert_eq!(HubMark::compare(Some(&mark("hub", 101)), &here), Epoch::Pause(older));
        let other = Pause::OtherHub { marked: "old".into(), here: "hub".into() };
        assert_eq!(HubMark::compare(Some(&mark("old", 1)), &here), Epoch::Pause(other));
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
