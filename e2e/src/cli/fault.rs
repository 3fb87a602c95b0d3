//! `fleet fault`: spoils the network or a process, and mends it again.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use atoll_e2e::fleet::{
    Answer, ComponentAction, ComponentKind, FleetDescription, Layout, NetworkAction, Request, Way, request, ways,
};
use atoll_e2e::net::{ActiveFault, Fault as NetworkFault, Path};
use clap::{Args, Subcommand, ValueEnum};

#[derive(Args)]
pub struct Fault {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Packets vanish, as on a pulled cable
    Cut(Between),
    /// Connections are refused at once
    Refuse(Between),
    /// Packets arrive late
    Delay {
        /// By so many milliseconds, each way
        #[arg(long, value_name = "MILLISECONDS")]
        ms: u32,
        #[command(flatten)]
        between: Between,
    },
    /// Some packets vanish
    Loss {
        /// So many of a hundred
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
        #[command(flatten)]
        between: Between,
    },
    /// Some packets overtake others
    Reorder(Between),
    /// Mend the network: one cluster's, or all of it
    Heal(HealTarget),
    /// Tell which faults the network has
    List(ListTarget),
    /// Stop a process without ending it: connections open, nothing answers
    Freeze(Target),
    /// Let a frozen process go on
    Thaw(Target),
    /// Kill a process: connections are refused
    Kill(Target),
    /// Start a killed process again
    Restart(Target),
}

/// Which packets.
#[derive(Args)]
struct Between {
    #[command(flatten)]
    place: super::Place,
    /// Between this cluster and everybody else, both ways
    #[arg(long, value_name = "NAME", required_unless_present = "from", conflicts_with_all = ["from", "to"])]
    member: Option<String>,
    /// Only between the member and this cluster
    #[arg(long, value_name = "NAME", requires = "member")]
    peer: Option<String>,
    /// Only packets sent by this cluster
    #[arg(long, value_name = "NAME", requires = "to")]
    from: Option<String>,
    /// Only packets sent to this cluster
    #[arg(long, value_name = "NAME", requires = "from")]
    to: Option<String>,
    /// To and from API servers, or to and from nodes and pods
    #[arg(long, value_enum, default_value = "both")]
    path: PathChoice,
}

#[derive(Args)]
struct HealTarget {
    #[command(flatten)]
    place: super::Place,
    /// Only what touches this cluster
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Only one path of it
    #[arg(long, value_enum, default_value = "both", requires = "member")]
    path: PathChoice,
}

#[derive(Args)]
struct ListTarget {
    #[command(flatten)]
    place: super::Place,
}

#[derive(Args)]
struct Target {
    #[command(flatten)]
    place: super::Place,
    /// `hub` or the name of a member
    #[arg(long, visible_alias = "cluster", value_name = "NAME")]
    member: String,
    /// Which process
    #[arg(long, value_enum, default_value = "apiserver")]
    component: ComponentKind,
}

#[derive(Clone, Copy, ValueEnum)]
enum PathChoice {
    Api,
    Data,
    Both,
}

impl PathChoice {
    fn paths(self) -> &'static [Path] {
        match self {
            Self::Api => &[Path::Api],
            Self::Data => &[Path::Data],
            Self::Both => &Path::ALL,
        }
    }
}

impl Fault {
    pub async fn run(self) -> Result<ExitCode> {
        match self.kind {
            Kind::Cut(between) => between.set(NetworkFault::Cut).await,
            Kind::Refuse(between) => between.set(NetworkFault::Refuse).await,
            Kind::Delay { ms, between } => between.set(NetworkFault::Delay { ms }).await,
            Kind::Loss { percent, between } => between.set(NetworkFault::Loss { percent }).await,
            Kind::Reorder(between) => between.set(NetworkFault::Reorder).await,
            Kind::Heal(target) => target.heal().await,
            Kind::List(target) => target.list().await,
            Kind::Freeze(target) => target.change(ComponentAction::Freeze).await,
            Kind::Thaw(target) => target.change(ComponentAction::Thaw).await,
            Kind::Kill(target) => target.change(ComponentAction::Kill).await,
            Kind::Restart(target) => target.change(ComponentAction::Restart).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Between {
    async fn set(self, fault: NetworkFault) -> Result<()> {
        let layout = Layout::new(&self.place.dir)?;
        let ways = self.ways(&FleetDescription::fetch(&layout)?)?;
        let active = |way: Way| ActiveFault { from: way.from, to: way.to, path: way.path, fault };
        let actions = ways.into_iter().map(|way| NetworkAction::Set(active(way))).collect();
        request(&layout, &Request::Network { actions }).await.map(drop)
    }

    fn ways(&self, fleet: &FleetDescription) -> Result<Vec<Way>> {
        let paths = self.path.paths();
        if let Some(member) = &self.member {
            return ways(fleet, member, self.peer.as_deref(), paths);
        }
        let (Some(from), Some(to)) = (&self.from, &self.to) else {
            bail!("name the packets: --member NAME, or --from NAME --to NAME");
        };
        ensure!(from != to, "packets from {from} to itself pass no relay");
        for name in [from, to] {
            fleet.cluster(name)?;
        }
        let way = |&path| Way { from: from.as_str().into(), to: to.as_str().into(), path };
        Ok(paths.iter().map(way).collect())
    }
}

impl HealTarget {
    async fn heal(self) -> Result<()> {
        let layout = Layout::new(&self.place.dir)?;
        let actions = match &self.member {
            None => vec![NetworkAction::HealAll],
            Some(name) => {
                let ways = ways(&FleetDescription::fetch(&layout)?, name, None, self.path.paths())?;
                ways.into_iter().map(NetworkAction::Heal).collect()
            }
        };
        request(&layout, &Request::Network { actions }).await.map(drop)
    }
}

impl ListTarget {
    async fn list(self) -> Result<()> {
        let layout = Layout::new(&self.place.dir)?;
        let Answer::Faults { active } = request(&layout, &Request::Faults).await? else {
            bail!("the fleet answered something else than its faults");
        };
        for fault in active {
            let path = format!("{:?}", fault.path).to_lowercase();
            println!("{} -> {} ({path}): {}", fault.from, fault.to, describe(fault.fault));
        }
        Ok(())
    }
}

impl Target {
    async fn change(self, action: ComponentAction) -> Result<()> {
        let layout = Layout::new(&self.place.dir)?;
        let question = Request::Component { cluster: self.member, component: self.component, action };
        request(&layout, &question).await.map(drop)
    }
}

fn describe(fault: NetworkFault) -> String {
    match fault {
        NetworkFault::Cut => "cut".to_owned(),
        NetworkFault::Refuse => "refuse".to_owned(),
        NetworkFault::Delay { ms } => format!("delay {ms} ms"),
        NetworkFault::Loss { percent } => format!("loss {percent} %"),
        NetworkFault::Reorder => "reorder".to_owned(),
    }
}
