//! A few templates a second, on a hub that has nothing else to do.
//!
//! In: a warm namespace and for how long. Out: for each pair the time from the hub's answer to the copy seen on the member.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::arrivals::Arrivals;
use super::names::Load;
use super::site::Site;
use super::templates;

/// Creates in a second.
const RATE: u32 = 5;
/// For the last pairs, after the last create.
const TAIL_DEADLINE: Duration = Duration::from_secs(30);

/// Creates templates for `time`; returns the latencies of all pairs in milliseconds, in no order.
pub async fn measure(site: &Site, space: &str, time: Duration) -> Result<Vec<f64>> {
    let count =
        usize::try_from(time.as_secs() * u64::from(RATE)).context("counting the templates of the paced part")?;
    let mut arrivals = Arrivals::watch(site, space, Load::Paced).await?;
    let names = Load::Paced.names(count);
    let answered = create_paced(site, space, &names).await?;
    arrivals.wait_for(&names, TAIL_DEADLINE).await.context("measuring at a few creates a second")?;
    let seen = arrivals.times();
    Ok(seen.into_iter().filter_map(|(name, _, at)| Some(latency_ms(*answered.get(&name)?, at))).collect())
}

/// Each create starts at its time, whether or not earlier ones were answered.
async fn create_paced(site: &Site, space: &str, names: &[String]) -> Result<HashMap<String, Instant>> {
    let api: Api<ConfigMap> = Api::namespaced(site.hub.clone(), space);
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut creates = JoinSet::new();
    for name in names {
        ticks.tick().await;
        let (api, name, space) = (api.clone(), name.clone(), space.to_owned());
        creates.spawn(async move {
            templates::create(&api, &templates::build(&space, &name, Load::Paced)).await?;
            Ok::<_, anyhow::Error>((name, Instant::now()))
        });
    }
    let mut answered = HashMap::with_capacity(names.len());
    while let Some(created) = creates.join_next().await {
        let (name, at) = created.context("a task of the bench ended")??;
        answered.insert(name, at);
    }
    Ok(answered)
}

/// A copy may be seen before this process gets to read the hub's answer: that is no time at all.
fn latency_ms(answered: Instant, seen: Instant) -> f64 {
    seen.saturating_duration_since(answered).as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_overtakes_the_answer_took_no_time() {
        let now = Instant::now();
        assert!((latency_ms(now, now + Duration::from_millis(40)) - 40.0).abs() < 1e-9);
        assert!(latency_ms(now + Duration::from_millis(1), now).abs() < 1e-9);
    }
}
