//! The maps that are compared.
//!
//! A view is kept: a decision is taken on it, while others write. A map that changes in place gives one by a copy of
//! everything, under its lock. A map whose iteration shows no single moment has a gate besides: writers pass it together,
//! and whoever makes a copy closes it.

mod chosen;
mod gated;
mod layered;
mod locked;
mod swapped;

use std::sync::Arc;

use super::candidate::Candidate;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `atoll-map`: the fleet map, on `imbl` behind `arc-swap`, published in batches.
    Chosen,
    /// The same parts without batches: every write makes a new map.
    Swapped,
    /// A part that is read without a lock, and a locked part for what is new, promoted when readers miss often enough.
    Layered,
    /// One lock around one `HashMap`.
    Locked,
    /// 64 of those; a view holds all of them.
    Sharded,
    /// `papaya`, gated.
    Papaya,
    /// `scc`, gated.
    Scc,
    /// `dashmap`, gated.
    Dashmap,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Chosen,
        Self::Swapped,
        Self::Layered,
        Self::Locked,
        Self::Sharded,
        Self::Papaya,
        Self::Scc,
        Self::Dashmap,
    ];

    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chosen => "atoll-map",
            Self::Swapped => "arc-swap + imbl",
            Self::Layered => "layered",
            Self::Locked => "RwLock<HashMap>",
            Self::Sharded => "64 shards",
            Self::Papaya => "papaya",
            Self::Scc => "scc",
            Self::Dashmap => "dashmap",
        }
    }

    /// An empty one.
    pub fn build(self) -> Arc<dyn Candidate> {
        match self {
            Self::Chosen => Arc::new(chosen::Chosen::default()),
            Self::Swapped => Arc::new(swapped::Swapped::default()),
            Self::Layered => Arc::new(layered::Layered::default()),
            Self::Locked => Arc::new(locked::Locked::default()),
            Self::Sharded => Arc::new(locked::Sharded::default()),
            Self::Papaya => Arc::new(gated::Gated::<gated::Papaya>::default()),
            Self::Scc => Arc::new(gated::Gated::<gated::Scc>::default()),
            Self::Dashmap => Arc::new(gated::Gated::<gated::Dashmap>::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_is_a_map_whose_views_have_every_entry_once() {
        for kind in Kind::ALL {
            let (map, mut expected) = (kind.build(), BTreeMap::new());
            for (key, value) in (0..500).map(|number| (number % 200, number)) {
                let (key, value) = (format!("key-{key}"), format!("value-{value}"));
                map.put(&key.as_str().into(), &value.as_str().into());
                expected.insert(key, value);
            }
            map.settle();
            let mut seen = Vec::new();
            map.view(&mut |key, value| seen.push((key.to_owned(), value.to_owned())));
            assert_eq!(seen.len(), expected.len(), "{}", kind.name());
            assert_eq!(BTreeMap::from_iter(seen), expected, "{}", kind.name());
            assert_eq!(map.get("key-7").as_deref(), Some("value-407"), "{}", kind.name());
            assert_eq!(map.get("key-x"), None, "{}", kind.name());
        }
    }
}
