//! What a member should hold of one object: the latest wish, nothing older.

use std::sync::Arc;

use atoll_decide::first_write::OnForeign;
use atoll_decide::render::Manifest;
use kube::core::ApiResource;

/// How a kind is reached: its resource and scope, from the hub's discovery.
#[derive(Clone, Debug, PartialEq)]
pub struct KindInfo {
    /// Group, version, kind and plural.
    pub resource: ApiResource,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Where the replicas stand when the kind has a scale subresource, as a
    /// JSON pointer.
    pub scale: Option<String>,
}

/// What a lane is asked to bring about.
#[derive(Clone, Debug)]
pub enum Intent {
    /// The object is there as rendered.
    Apply {
        /// The rendered object and its hash.
        manifest: Arc<Manifest>,
        /// What to do about an object that is not ours.
        on_foreign: OnForeign,
    },
    /// Our copy is gone. Decided and recorded on the hub before (promise I2).
    Delete {
        /// The binding whose decision this is, as the copy's marks name it.
        binding: String,
    },
    /// The copy stays, our marks go (`preserveResourcesOnDeletion`).
    Release {
        /// As in [`Intent::Delete`].
        binding: String,
    },
}

/// An intent together with how to reach its kind.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is wanted.
    pub intent: Intent,
    /// How to reach the kind.
    pub kind: Arc<KindInfo>,
}

impl Order {
    /// Whether it applies a manifest of this hash, with this word on
    /// what is not ours.
    pub fn applies(&self, hash: u64, word: OnForeign) -> bool {
        match &self.intent {
            Intent::Apply { manifest, on_foreign } => *on_foreign == word && manifest.hash == hash,
            Intent::Delete { .. } | Intent::Release { .. } => false,
        }
    }
}
