//! `fleet bench propagation`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use atoll_e2e::bench::{Measured, Plan, Site, measure, measure_on_stages};
use atoll_e2e::fleet::{Progress, numbered_names};
use clap::Args;

use super::file::Figures;

#[derive(Args)]
pub struct Propagation {
    /// Number of members of the fleet to start
    #[arg(long, default_value_t = 3, conflicts_with = "kubeconfig", value_parser = clap::value_parser!(u8).range(1..=50))]
    members: u8,
    /// Number of templates of a burst
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    objects: u32,
    /// How often; figures are medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    runs: u8,
    /// How long templates come at five a second, in the last run; 0 leaves it out
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(0..=3600))]
    paced_seconds: u16,
    /// Give a burst up after this
    #[arg(long, default_value_t = 600, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    deadline_seconds: u16,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure this hub, with whatever operator serves it, instead of a fleet of our own; its members by --member
    #[arg(long, value_name = "FILE", requires = "member")]
    kubeconfig: Option<PathBuf>,
    /// A member of that hub
    #[arg(long, value_name = "NAME=KUBECONFIG", requires = "kubeconfig", value_parser = parse_member)]
    member: Vec<(String, PathBuf)>,
    /// A process of that hub's operator on this machine; may be given several times
    #[arg(long, value_name = "PID", requires = "kubeconfig")]
    operator_pid: Vec<u32>,
}

impl Propagation {
    /// Whether it needs to make networks, as `fleet up` does.
    pub fn starts_a_fleet(&self) -> bool {
        self.kubeconfig.is_none()
    }

    pub async fn run(self) -> Result<()> {
        let file = Figures::open(self.json.as_deref())?;
        let Measured { report, failure } = self.measure().await?;
        if let Some(error) = failure {
            if !report.runs.is_empty() {
                file.show(&report)?;
            }
            return Err(error);
        }
        file.show(&report)
    }

    async fn measure(&self) -> Result<Measured> {
        let plan = Plan {
            objects: self.objects.try_into().context("counting the objects")?,
            runs: self.runs.into(),
            paced: Some(Duration::from_secs(self.paced_seconds.into())).filter(|time| !time.is_zero()),
            deadline: Duration::from_secs(self.deadline_seconds.into()),
            progress: Progress::for_stderr(),
        };
        match &self.kubeconfig {
            Some(hub) => {
                let site = Site::open(hub, &self.member, self.operator_pid.clone()).await?;
                Ok(measure(&site, &plan).await)
            }
            None => Ok(measure_on_stages(&numbered_names(self.members.into()), &plan).await),
        }
    }
}

fn parse_member(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("write NAME=KUBECONFIG".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_a_name_and_a_file() {
        assert_eq!(parse_member("m1=/k/a=b"), Ok(("m1".to_owned(), "/k/a=b".into())));
        assert!(parse_member("m1").is_err());
        assert!(parse_member("=file").is_err());
    }
}
