//! The kinds of tasks there are, and what each one's end means: one table.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

use crate::telemetry::metrics::labels::ClosedLabel;

/// What a task that ends without being cancelled means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExit {
    /// It is done; a panic is logged and counted, and that is all.
    Report,
    /// It is made anew, after a wait that doubles: all it holds itself is made
    /// again from the stores.
    Restart,
    /// What it leaves behind cannot be trusted, or cannot be made anew: the
    /// whole process stops.
    EndProcess,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $on_exit:ident;)+) => {
        /// A kind of task.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TaskKind { $($(#[$doc])* $kind,)+ }

        impl TaskKind {
            /// Its name, in logs and as a label.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// What its end means.
            pub fn on_exit(self) -> OnExit {
                match self { $(Self::$kind => OnExit::$on_exit,)+ }
            }
        }

        impl ClosedLabel for TaskKind {
            const KEY: &'static str = "task";
            const ALL: &'static [Self] = &[$(Self::$kind,)+];
        }
    };
}

// Why each is as it is stands above it. Restart is for loops whose memory is a
// queue, a store or the API server's; what a panic may have left half-changed
// in memory that others decide from ends the process.
kinds! {
    /// Holds the Lease and what it promised about it.
    LeaderElection = "leader_election", EndProcess;
    /// Publishes the map that every decision looks at.
    FleetMap = "fleet_map", EndProcess;
    /// Serves health and metrics: without it nobody sees how the process is.
    Health = "health", EndProcess;
    /// Serves admission: its port goes with it.
    Admission = "admission", EndProcess;
    /// Serves debug endpoints: only questions end with it.
    Debug = "debug", Report;
    /// Sends spans. Nothing waits for them.
    TraceExport = "trace_export", Restart;
    /// Registers the webhook; compares with what is there each time.
    WebhookConfigurations = "webhook_configurations", Restart;
    /// Appends moves to snapshots; the bindings say the same as what is lost.
    Moves = "moves", Restart;
    /// Writes Events; the conditions say the same as what is lost.
    Events = "events", Restart;
    /// A watch on a collection of the hub; lists anew.
    HubWatch = "hub_watch", Restart;
    /// Keeps the wanted kinds watched; its watches end with it and begin anew.
    TemplateWatches = "template_watches", Restart;
    /// A watch on templates of one kind; lists anew.
    TemplateWatch = "template_watch", Restart;
    /// Makes and ends units of members; its work comes from a queue.
    Members = "members", Restart;
    /// Judges the fleet. Made anew it trusts only its own probes, like a new
    /// leader, before anything costly.
    Verdicts = "verdicts", Restart;
    /// A worker on templates; its work comes from a queue.
    Pipeline = "pipeline", Restart;
    /// A worker on statuses; its work comes from a queue.
    Status = "status", Restart;
    /// A worker on policies' statuses; its work comes from a queue.
    PolicyStatus = "policy_status", Restart;
    /// A worker on policies' ids; its work comes from a queue.
    PolicyIdentity = "policy_identity", Restart;
    /// A worker of a member's lane; its work comes from a queue.
    Lane = "lane", Restart;
    /// Probes a member's API. Probes that are not sent are no silence.
    ApiProbe = "api_probe", Restart;
    /// Probes a member's nodes; as above.
    DataProbe = "data_probe", Restart;
    /// A watch on a member's nodes; lists anew.
    NodeWatch = "node_watch", Restart;
    /// A watch on a member's pods; lists anew.
    PodWatch = "pod_watch", Restart;
    /// A watch on our copies of one kind; lists anew.
    CopyWatch = "copy_watch", Restart;
    /// Asks a member for its APIs; the last answer stands.
    Discovery = "discovery", Restart;
    /// Writes a member's facts; compares with what is there each time.
    Facts = "facts", Restart;
    /// Brings namespaces to a member; its work comes from a queue.
    Namespaces = "namespaces", Restart;
    /// Looks for orphans, each time anew.
    Orphans = "orphans", Restart;
    /// Withdraws approvals that were used, each time anew.
    Approvals = "approvals", Restart;
    /// Reads and raises the hub's mark; what it knows is the member's.
    HubMark = "hub_mark", Restart;
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl EncodeLabelValue for TaskKind {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        fmt::Write::write_str(encoder, self.name())
    }
}
