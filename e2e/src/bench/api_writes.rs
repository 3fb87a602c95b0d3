//! Writes that an API server has accepted, from its own metrics.
//!
//! In: the text of `/metrics`, before and after. Out: how many writes of what there were between. Reading them takes
//! an administrator; a hub that does not let us see them leaves the count unknown.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::Client;
use tokio::time::{Instant, sleep};

/// The series that counts requests.
const REQUESTS: &str = "apiserver_request_total{";
/// Verbs that change something, as the API server names them.
const WRITES: [&str; 6] = ["APPLY", "DELETE", "DELETECOLLECTION", "PATCH", "POST", "PUT"];
/// Kinds whose objects are questions: nothing is stored.
const QUESTIONS: [&str; 6] = [
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "tokenreviews",
];
/// Leases are renewed by the clock, not by the load.
const LEASES: &str = "leases";
const EVENTS: &str = "events";

/// Statuses of new bindings come up to 500 ms, later ones up to a second after the fact; a hub
/// without a write for this long has had all of them.
const QUIET: Duration = Duration::from_secs(3);
const QUIET_POLL: Duration = Duration::from_millis(500);

/// Accepted writes by verb, resource and subresource, such as `PATCH resourcebindings/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes(BTreeMap<String, u64>);

impl Writes {
    /// What the API server counts now.
    pub async fn fetch(client: &Client) -> Result<Self> {
        let request = http::Request::get("/metrics").body(Vec::new()).context("building a request")?;
        let text = client.request_text(request).await.context("reading the metrics of the hub's API server")?;
        Ok(Self::read(&text))
    }

    /// Waits until nothing has been written for a moment, at most `deadline`; what is counted then.
    pub async fn fetch_settled(client: &Client, deadline: Duration) -> Result<Self> {
        let end = Instant::now() + deadline;
        let mut known = Self::fetch(client).await?;
        let mut since = Instant::now();
        while since.elapsed() < QUIET && Instant::now() < end {
            sleep(QUIET_POLL).await;
            let now = Self::fetch(client).await?;
            if now.without_events() != known.without_events() {
                since = Instant::now();
            }
            known = now;
        }
        Ok(known)
    }

    fn read(text: &str) -> Self {
        let mut writes = BTreeMap::new();
        for series in text.lines().filter_map(|line| line.strip_prefix(REQUESTS)).filter_map(Series::read) {
            if series.is_accepted_write() {
                *writes.entry(series.name()).or_default() += series.count;
            }
        }
        Self(writes)
    }

    /// What came since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let grown = |(name, count): (&String, &u64)| {
            let grown = count.saturating_sub(before.0.get(name).copied().unwrap_or(0));
            (grown > 0).then(|| (name.clone(), grown))
        };
        Self(self.0.iter().filter_map(grown).collect())
    }

    /// Without so many creates of `resource`, which are the bench's own.
    pub fn without_creates(mut self, resource: &str, count: u64) -> Self {
        if let Some(creates) = self.0.get_mut(&format!("POST {resource}")) {
            *creates = creates.saturating_sub(count);
        }
        self.0.retain(|_, count| *count > 0);
        self
    }

    /// Without events, which are told apart.
    pub fn without_events(&self) -> Self {
        self.only(|name| !is_event(name))
    }

    /// How many of them are events.
    pub fn events(&self) -> u64 {
        self.only(is_event).total()
    }

    /// What grows with the objects: neither events nor the statuses of policies, which come by the clock.
    pub fn of_objects(&self) -> Self {
        self.only(|name| !is_event(name) && !is_policy_status(name))
    }

    /// How many of them are statuses of propagation policies.
    pub fn policy_statuses(&self) -> u64 {
        self.only(is_policy_status).total()
    }

    fn only(&self, wanted: fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| wanted(name)).map(|(name, count)| (name.clone(), *count)).collect())
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// By what they wrote.
    pub fn by_kind(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

fn is_event(name: &str) -> bool {
    name.split_once(' ').is_some_and(|(_, resource)| resource == EVENTS)
}

fn is_policy_status(name: &str) -> bool {
    name.split_once(' ').is_some_and(|(_, resource)| {
        ["propagationpolicies/status", "clusterpropagationpolicies/status"].contains(&resource)
    })
}

/// One line of the metrics.
struct Series<'a> {
    labels: BTreeMap<&'a str, &'a str>,
    count: u64,
}

impl<'a> Series<'a> {
    /// From what follows the opening brace. Values hold no quotes: they are verbs, codes and names of resources.
    fn read(line: &'a str) -> Option<Self> {
        let (labels, count) = line.rsplit_once('}')?;
        // A counter beyond a million is written as 1.234567e+06.
        let count: f64 = count.split_whitespace().next()?.parse().ok()?;
        let mut read = BTreeMap::new();
        for label in labels.split("\",") {
            let (name, value) = label.split_once("=\"")?;
            read.insert(name.trim(), value.trim_end_matches('"'));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
        Some(Self { labels: read, count: count as u64 })
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).copied().unwrap_or_default()
    }

    fn is_accepted_write(&self) -> bool {
        let resource = self.label("resource");
        WRITES.contains(&self.label("verb"))
            && self.label("code").starts_with('2')
            && self.label("dry_run").is_empty()
            && !resource.is_empty()
            && resource != LEASES
            && !QUESTIONS.contains(&resource)
    }

    fn name(&self) -> String {
        let (verb, resource, subresource) = (self.label("verb"), self.label("resource"), self.label("subresource"));
        if subresource.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}/{subresource}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"# HELP apiserver_request_total Counter of requests
apiserver_request_total{code="200",component="apiserver",dry_run="",group="work.karmada.io",resource="resourcebindings",scope="resource",subresource="status",verb="PATCH",version="v1alpha2"} 5
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 100
"#;
    const AFTER: &str = r#"
apiserver_request_total{code="200",component="apiserver",dry_run="",group="work.karmada.io",resource="resourcebindings",scope="resource",subresource="status",verb="PATCH",version="v1alpha2"} 1.000005e+06
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="POST",version="v1"} 150
apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="PATCH",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="All",group="",resource="configmaps",scope="resource",subresource="",verb="PATCH",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"} 9
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 9
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="events",scope="resource",subresource="",verb="POST",version="v1"} 3
apiserver_request_total{code="201",component="apiserver",dry_run="",group="authentication.k8s.io",resource="tokenreviews",scope="cluster",subresource="",verb="POST",version="v1"} 9
"#;

    fn between() -> Writes {
        Writes::read(AFTER).since(&Writes::read(BEFORE))
    }

    #[test]
    fn only_accepted_writes_of_stored_objects_count_and_leases_do_not() {
        let expected = [("PATCH resourcebindings/status", 1_000_000), ("POST configmaps", 50), ("POST events", 3)];
        assert_eq!(between().0, expected.map(|(name, count)| (name.to_owned(), count)).into());
    }

    #[test]
    fn what_comes_by_the_clock_is_told_apart_from_what_grows_with_the_objects() {
        let counted = [
            ("PATCH propagationpolicies", 1),
            ("PATCH propagationpolicies/status", 16),
            ("PATCH resourcebindings/status", 2_000),
            ("POST events", 3),
        ];
        let writes = Writes(counted.map(|(name, count)| (name.to_owned(), count)).into());
        assert_eq!(writes.policy_statuses(), 16);
        assert_eq!(writes.of_objects().total(), 2_001);
    }

    #[test]
    fn events_and_the_load_itself_are_told_apart() {
        let writes = between();
        assert_eq!(writes.events(), 3);
        let rest = writes.without_events().without_creates("configmaps", 50);
        assert_eq!(rest.by_kind().keys().collect::<Vec<_>>(), ["PATCH resourcebindings/status"]);
        assert_eq!(rest.total(), 1_000_000);
    }
}
