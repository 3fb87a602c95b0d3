//! The faults a person or a test can put on the fleet's network.
//!
//! In: names of ends and what is to go wrong between them. Out: a table that the relay looks at for each packet. This
//! module moves no packet and decides nothing about one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::addresses::{EndIndex, HUB};

/// What goes wrong with packets that travel one way between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Packets vanish and nobody is told, like on a pulled cable.
    Cut,
    /// The sender is told at once that nobody is there: a TCP reset, or an ICMP error for everything else.
    Refuse,
    /// Packets arrive later by so many milliseconds, in order.
    Delay { ms: u32 },
    /// So many packets of a hundred vanish. 100 and more is all of them.
    Loss { percent: u8 },
    /// Some packets are held back for a few milliseconds, so that others overtake them.
    Reorder,
}

/// Which of the two ways between a pair of ends, told apart by the addresses used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// Traffic to and from control planes.
    Api,
    /// Traffic of nodes and pods.
    Data,
}

impl Path {
    pub const ALL: [Self; 2] = [Self::Api, Self::Data];
}

/// Who sends or gets packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    Hub,
    Member(String),
}

impl From<&str> for End {
    fn from(name: &str) -> Self {
        if name == "hub" { Self::Hub } else { Self::Member(name.to_owned()) }
    }
}

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if let Self::Member(name) = self { name } else { "hub" })
    }
}

/// One fault that is in force, as [`Faults::list`] reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveFault {
    pub from: End,
    pub to: End,
    pub path: Path,
    pub fault: Fault,
}

/// A fault names an end that this fleet does not have.
#[derive(Debug, thiserror::Error)]
#[error("set a fault: this fleet has no end named {name}; it has hub, {}", known.join(", "))]
pub struct UnknownEnd {
    pub name: String,
    pub known: Vec<String>,
}

/// One direction of one path between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Way {
    pub from: EndIndex,
    pub to: EndIndex,
    pub path: Path,
}

/// All faults on one way. Several can be in force together, one of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub cut: bool,
    pub refuse: bool,
    pub delay: Duration,
    pub loss_percent: u8,
    pub reorder: bool,
}

impl Rule {
    fn with(mut self, fault: Fault) -> Self {
        match fault {
            Fault::Cut => self.cut = true,
            Fault::Refuse => self.refuse = true,
            Fault::Delay { ms } => self.delay = Duration::from_millis(ms.into()),
            Fault::Loss { percent } => self.loss_percent = percent.min(100),
            Fault::Reorder => self.reorder = true,
        }
        self
    }

    fn faults(self) -> impl Iterator<Item = Fault> {
        let ms = u32::try_from(self.delay.as_millis()).unwrap_or(u32::MAX);
        let percent = self.loss_percent;
        [
            self.cut.then_some(Fault::Cut),
            self.refuse.then_some(Fault::Refuse),
            (ms > 0).then_some(Fault::Delay { ms }),
            (percent > 0).then_some(Fault::Loss { percent }),
            self.reorder.then_some(Fault::Reorder),
        ]
        .into_iter()
        .flatten()
    }
}

pub(super) type Table = BTreeMap<Way, Rule>;

/// The handle by which faults are set, healed and listed. Clones share the same network.
///
/// A call takes effect at once: the next packet the relay reads meets the new state. Packets that a delay holds back
/// are dropped when their way is cut before they are due.
#[derive(Clone, Debug)]
pub struct Faults {
    table: watch::Sender<Table>,
    members: Arc<[String]>,
    overflowed: Arc<AtomicU64>,
}

impl Faults {
    pub(super) fn new(members: Vec<String>) -> Self {
        Self { table: watch::Sender::default(), members: members.into(), overflowed: Arc::default() }
    }

    pub(super) fn reader(&self) -> watch::Receiver<Table> {
        self.table.subscribe()
    }

    pub(super) fn count_overflow(&self) {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many packets the relay dropped without a fault asking for it, because too many were held back.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    /// Puts a fault on one direction of one path. It joins the faults of other kinds there and replaces its own kind.
    pub fn set(&self, from: &End, to: &End, path: Path, fault: Fault) -> Result<(), UnknownEnd> {
        let way = Way { from: self.index(from)?, to: self.index(to)?, path };
        self.table.send_modify(|table| {
            let rule = table.entry(way).or_default();
            *rule = rule.with(fault);
            if *rule == Rule::default() {
                table.remove(&way);
            }
        });
        Ok(())
    }

    /// [`Self::set`] in both directions.
    pub fn set_both(&self, one: &End, other: &End, path: Path, fault: Fault) -> Result<(), UnknownEnd> {
        self.set(one, other, path, fault)?;
        self.set(other, one, path, fault)
    }

    /// Pulls the cable between two ends: both paths, both directions.
    pub fn cut_both(&self, one: &End, other: &End) -> Result<(), UnknownEnd> {
        Path::ALL.iter().try_for_each(|path| self.set_both(one, other, *path, Fault::Cut))
    }

    /// Cuts an end off from all others.
    pub fn isolate(&self, end: &End) -> Result<(), UnknownEnd> {
        self.ends().filter(|other| other != end).try_for_each(|other| self.cut_both(end, &other))
    }

    /// Removes every fault from one direction of one path.
    pub fn heal(&self, from: &End, to: &End, path: Path) -> Result<(), UnknownEnd> {
        let way = Way { from: self.index(from)?, to: self.index(to)?, path };
        self.table.send_if_modified(|table| table.remove(&way).is_some());
        Ok(())
    }

    /// Removes every fault between two ends: both paths, both directions.
    pub fn heal_both(&self, one: &End, other: &End) -> Result<(), UnknownEnd> {
        Path::ALL.iter().try_for_each(|path| {
            self.heal(one, other, *path)?;
            self.heal(other, one, *path)
        })
    }

    /// Removes every fault.
    pub fn heal_all(&self) {
        self.table.send_modify(BTreeMap::clear);
    }

    /// The faults in force, ordered by sender, receiver and path.
    pub fn list(&self) -> Vec<ActiveFault> {
        let active = |(way, rule): (&Way, &Rule)| {
            let (from, to, path) = (self.end(way.from), self.end(way.to), way.path);
            rule.faults().map(move |fault| ActiveFault { from: from.clone(), to: to.clone(), path, fault })
        };
        self.table.borrow().iter().flat_map(active).collect()
    }

    fn ends(&self) -> impl Iterator<Item = End> {
        (0..=self.members.len()).map(|index| self.end(index))
    }

    fn end(&self, index: EndIndex) -> End {
        match index.checked_sub(1) {
            None => End::Hub,
            Some(place) => End::Member(self.members[place].clone()),
        }
    }

    fn index(&self, end: &End) -> Result<EndIndex, UnknownEnd> {
        let End::Member(name) = end else { return Ok(HUB) };
        let place = self.members.iter().position(|member| member == name);
        place.map(|place| place + 1).ok_or_else(|| UnknownEnd { name: name.clone(), known: self.members.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Faults {
        Faults::new(vec!["one".to_owned(), "two".to_owned()])
    }

    #[test]
    fn a_fault_joins_other_kinds_and_replaces_its_own() {
        let (faults, hub, one) = (faults(), End::Hub, End::from("one"));
        for fault in [Fault::Delay { ms: 5 }, Fault::Loss { percent: 200 }, Fault::Delay { ms: 7 }] {
            faults.set(&hub, &one, Path::Api, fault).expect("known ends");
        }
        let active = |fault| ActiveFault { from: End::Hub, to: End::from("one"), path: Path::Api, fault };
        assert_eq!(faults.list(), [active(Fault::Delay { ms: 7 }), active(Fault::Loss { percent: 100 })]);
    }

    #[test]
    fn an_isolated_member_is_cut_from_the_hub_and_from_every_other_member_both_ways() {
        let faults = faults();
        faults.isolate(&End::from("one")).expect("known end");
        let listed = faults.list();
        assert_eq!(listed.len(), 8, "{listed:?}");
        let one = End::from("one");
        assert!(listed.iter().all(|cut| cut.fault == Fault::Cut && (cut.from == one) != (cut.to == one)));
    }

    #[test]
    fn heal_removes_what_it_names_and_nothing_else() {
        let (faults, one, two) = (faults(), End::from("one"), End::from("two"));
        faults.cut_both(&End::Hub, &one).expect("known ends");
        faults.cut_both(&End::Hub, &two).expect("known ends");
        faults.heal(&End::Hub, &one, Path::Data).expect("known ends");
        assert_eq!(faults.list().len(), 7);
        faults.heal_both(&two, &End::Hub).expect("known ends");
        assert!(faults.list().iter().all(|cut| cut.from == one || cut.to == one));
        faults.heal_all();
        assert_eq!(faults.list(), []);
    }

    #[test]
    fn a_delay_of_zero_leaves_no_fault_behind() {
        let (faults, one) = (faults(), End::from("one"));
        faults.set(&one, &End::Hub, Path::Data, Fault::Delay { ms: 0 }).expect("known ends");
        assert_eq!(faults.list(), []);
    }

    #[test]
    fn a_name_the_fleet_does_not_have_is_an_error_that_says_which_there_are() {
        let error = faults().isolate(&End::from("three")).expect_err("unknown end");
        assert_eq!((error.name.as_str(), error.known.as_slice()), ("three", &["one".to_owned(), "two".to_owned()][..]));
    }

    #[test]
    fn faults_keep_their_shape_on_the_wire() {
        let active =
            ActiveFault { from: End::Hub, to: End::from("one"), path: Path::Api, fault: Fault::Delay { ms: 20 } };
        let json = serde_json::to_value(&active).expect("serialises");
        let expected = serde_json::json!({
            "from": "hub", "to": {"member": "one"}, "path": "api", "fault": {"delay": {"ms": 20}}
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<ActiveFault>(json).expect("parses"), active);
    }
}
