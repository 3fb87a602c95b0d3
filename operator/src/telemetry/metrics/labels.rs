//! The values a label can have.

use std::fmt::{self, Debug, Write as _};
use std::hash::Hash;

use atoll_decide::cluster::Grade;
use atoll_decide::ids::ClusterName;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A label whose values are all known.
pub trait ClosedLabel: Copy + Eq + Hash + Debug + Send + Sync + EncodeLabelValue + 'static {
    /// The label's name.
    const KEY: &'static str;
    /// Every value.
    const ALL: &'static [Self];
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident($key:literal) { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl ClosedLabel for $name {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }

        impl $name {
            /// As it stands in a series.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl prometheus_client::encoding::EncodeLabelValue for $name {
            fn encode(
                &self,
                encoder: &mut prometheus_client::encoding::LabelValueEncoder,
            ) -> Result<(), std::fmt::Error> {
                std::fmt::Write::write_str(encoder, self.text())
            }
        }
    };
}
pub(crate) use label;

label!(
    /// How a look at a template ended.
    OutcomeLabel("outcome") {
        /// All is decided, written and ordered.
        Done = "done",
        /// It failed and is tried again.
        Failed = "failed",
    }
);
label!(
    /// A step of a look.
    StepLabel("step") {
        /// Policy and claim.
        Match = "match",
        /// Where the copies should be, and its record.
        Schedule = "schedule",
        /// Manifests and orders.
        Render = "render",
    }
);
label!(
    /// What was let go untold.
    DropLabel("kind") {
        /// An Event.
        Event = "event",
        /// News of a move, for the snapshot.
        Move = "move",
    }
);
label!(
    /// What became of a span that has ended.
    SpanLabel("outcome") {
        /// The collector has it.
        Exported = "exported",
        /// The collector refused it or did not answer.
        Failed = "failed",
        /// Too many waited.
        Dropped = "dropped",
    }
);
label!(
    /// What a watch watches.
    WatchLabel("of") {
        /// Policies, overrides, bindings, clusters, namespaces on the hub.
        Hub = "hub",
        /// Templates on the hub.
        Template = "template",
        /// Nodes of a member.
        Node = "node",
        /// Pods of a member.
        Pod = "pod",
        /// Copies on a member.
        Copy = "copy",
    }
);
label!(
    /// A work queue.
    QueueLabel("queue") {
        /// Templates to look at.
        Reconcile = "reconcile",
        /// Bindings whose status is due.
        Status = "status",
        /// Policies whose status is due.
        PolicyStatus = "policy_status",
        /// Policies whose id or end is due.
        PolicyIdentity = "policy_identity",
        /// Clusters whose unit is due.
        Members = "members",
    }
);
label!(
    /// Where a key of a queue is.
    LineLabel("line") {
        /// It waits after what a user or a member did.
        User = "user",
        /// It waits for a re-check.
        CatchUp = "catch_up",
        /// It is worked on.
        Running = "running",
        /// Its time has not come.
        Delayed = "delayed",
    }
);
label!(
    /// What was written on the hub.
    HubWriteLabel("kind") {
        /// The claim on a template.
        Claim = "claim",
        /// A new binding.
        BindingCreate = "binding_create",
        /// A binding's spec or metadata.
        BindingUpdate = "binding_update",
        /// A binding's status.
        BindingStatus = "binding_status",
        /// A template's status.
        TemplateStatus = "template_status",
        /// A policy's permanent id and finalizer.
        Policy = "policy",
        /// A policy's status.
        PolicyStatus = "policy_status",
        /// A Cluster: status, taints, marks.
        Cluster = "cluster",
        /// An Event.
        Event = "event",
        /// A binding's finalizer, once its copies are gone.
        BindingFinalizer = "binding_finalizer",
        /// A snapshot of an isolation, and how far its moves have come.
        Snapshot = "snapshot",
    }
);
label!(
    /// How an apply on a member ended.
    ApplyLabel("outcome") {
        /// Something was written.
        Applied = "applied",
        /// The copy was right already.
        Unchanged = "unchanged",
        /// No answer.
        Silent = "silent",
        /// The member asks to come back later.
        Busy = "busy",
        /// Credentials or role do not allow it.
        Denied = "denied",
        /// The member lacks the kind or the namespace, or is removing it.
        Missing = "missing",
        /// The member refuses the object.
        Rejected = "rejected",
        /// Something that is not ours stands there.
        Foreign = "foreign",
        /// The object changed between look and write.
        Raced = "raced",
        /// It panicked.
        Defect = "defect",
    }
);
label!(
    /// How a delete on a member ended.
    DeleteLabel("outcome") {
        /// The copy is gone.
        Deleted = "deleted",
        /// The copy stays and is no longer marked as ours.
        Released = "released",
        /// It failed or is held back, and is tried again.
        Failed = "failed",
    }
);
label!(
    /// What had drifted.
    DriftLabel("kind") {
        /// A field of ours had another value.
        FieldEdited = "field_edited",
        /// The object was gone.
        ObjectDeleted = "object_deleted",
        /// Our marks were gone.
        LabelStripped = "label_stripped",
    }
);
label!(
    /// State of a member's breaker.
    BreakerLabel("state") {
        /// Requests flow.
        Closed = "closed",
        /// None does.
        Open = "open",
    }
);
label!(
    /// A plane of a member.
    PlaneLabel("plane") {
        /// Its API server.
        Api = "api",
        /// Its nodes and targets.
        Data = "data",
    }
);
label!(
    /// What a probe met.
    ProbeLabel("outcome") {
        /// The right answer.
        Good = "good",
        /// Another answer.
        Bad = "bad",
        /// None.
        Silence = "silence",
    }
);
label!(
    /// A grade, as in [`Grade`].
    GradeLabel("grade") {
        /// See [`Grade::Healthy`].
        Healthy = "healthy",
        /// See [`Grade::Degraded`].
        Degraded = "degraded",
        /// See [`Grade::Recovering`].
        Recovering = "recovering",
        /// See [`Grade::Unknown`].
        Unknown = "unknown",
        /// See [`Grade::Suspect`].
        Suspect = "suspect",
        /// See [`Grade::IsolatedApi`].
        IsolatedApi = "isolated_api",
        /// See [`Grade::IsolatedData`].
        IsolatedData = "isolated_data",
        /// See [`Grade::IsolatedFull`].
        IsolatedFull = "isolated_full",
    }
);
label!(
    /// How far a move has come (architecture section 7).
    MoveLabel("stage") {
        /// Decided and recorded.
        Planned = "planned",
        /// The replacement is healthy.
        Replaced = "replaced",
        /// The old copy is removed.
        Finished = "finished",
        /// Called off; the old copy stays.
        Cancelled = "cancelled",
        /// No cluster can take it; the last good placement stays.
        NoPlace = "no_place",
    }
);

impl From<Grade> for GradeLabel {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Healthy => Self::Healthy,
            Grade::Degraded => Self::Degraded,
            Grade::Recovering => Self::Recovering,
            Grade::Unknown => Self::Unknown,
            Grade::Suspect => Self::Suspect,
            Grade::IsolatedApi => Self::IsolatedApi,
            Grade::IsolatedData => Self::IsolatedData,
            Grade::IsolatedFull => Self::IsolatedFull,
        }
    }
}

/// A member's name as a label value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterLabel(pub ClusterName);

impl EncodeLabelValue for ClusterLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        encoder.write_str(self.0.as_str())
    }
}

/// Labels of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterProbe {
    /// Which member.
    pub cluster: ClusterLabel,
    /// Which plane.
    pub plane: PlaneLabel,
    /// What it met.
    pub outcome: ProbeLabel,
}
