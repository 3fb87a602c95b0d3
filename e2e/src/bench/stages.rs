//! Clusters of a bench's own, with the operator of these sources on them.

use anyhow::{Context, Result};

use super::site::Site;
use crate::fleet::Progress;
use crate::stage::{Stage, StageBuilder};

/// The settings of an operator nobody gave settings, which stages otherwise choose for tests.
const AS_A_USER: [&str; 2] = ["--failover-unconfirmed-after", "30s"];

/// A stage without faults whose operator runs as a user starts it.
pub fn as_a_user(members: &[String], progress: Progress) -> StageBuilder {
    let builder = Stage::builder().fleet(|fleet| fleet.members(members).faults(false).progress(progress));
    builder.operator_args(AS_A_USER)
}

/// The stage as a bench sees it, with these of its members.
pub async fn site_of(stage: &Stage, members: &[String]) -> Result<Site> {
    let fleet = stage.fleet();
    let mut kubeconfigs = Vec::with_capacity(members.len());
    for name in members {
        kubeconfigs.push((name.clone(), fleet.member_kubeconfig(name)?));
    }
    let operator = stage.operator().id().context("the operator does not run")?;
    Site::open(fleet.hub_kubeconfig(), &kubeconfigs, vec![operator]).await
}
