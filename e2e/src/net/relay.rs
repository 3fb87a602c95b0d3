//! Moves packets between the ends of the fleet in user space and lets faults happen to them.
//!
//! In: the TUN device of every end and the table of faults. Out: the same packets at the end their destination names,
//! unless a fault says otherwise. What happens to a packet is decided in [`verdict`]; here it is done. One thread does
//! all of it: a packet costs two system calls and no hand-over.

mod holding;
mod refusal;
mod verdict;

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::Context;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tun_rs::{AsyncDevice, SyncDevice};

use self::holding::Holding;
use self::verdict::Verdict;
use super::addresses::{AddressPlan, EndIndex, path_of};
use super::fault::{Faults, Rule, Table, Way};

/// Any number would do; a fixed one makes the losses of two runs alike.
const SEED: u64 = 19_818;
/// The largest IPv4 packet.
const LARGEST_PACKET: usize = 65_535;

/// The running relay. Dropping it ends its thread and closes every device.
#[derive(Debug)]
pub(super) struct Relay {
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts to move packets. `devices` has the hub's first and then the members' in the order of the plan.
    pub fn start(plan: AddressPlan, devices: Vec<SyncDevice>, faults: Faults) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (report, reported) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("net-relay".to_owned())
            .spawn(move || serve(plan, devices, faults, &report, stopped))
            .context("start the relay's thread")?;
        let relay = Self { stop: Some(stop), thread: Some(thread) };
        reported.recv().context("start the relay: its thread ended")??;
        Ok(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the relay panicked");
        }
    }
}

fn serve(
    plan: AddressPlan,
    devices: Vec<SyncDevice>,
    faults: Faults,
    report: &SyncSender<anyhow::Result<()>>,
    stopped: oneshot::Receiver<Infallible>,
) {
    let started = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        let _context = runtime.enter();
        let devices = devices.into_iter().map(AsyncDevice::new).collect::<Result<Vec<_>, _>>()?;
        Ok((runtime, Exchange::new(plan, devices, faults)))
    });
    let (outcome, started) = match started {
        Ok(started) => (Ok(()), Some(started)),
        Err(error) => (Err(error).context("start the relay"), None),
    };
    if let (Ok(()), Some((runtime, exchange))) = (report.send(outcome), started) {
        runtime.block_on(exchange.run(stopped));
        // Devices deregister from the runtime, so it has to be the last to go.
        drop(exchange);
        drop(runtime);
    }
}

/// What the relay's tasks share. They run on one thread and hold no borrow across an await.
struct Exchange {
    plan: AddressPlan,
    devices: Vec<AsyncDevice>,
    table: watch::Receiver<Table>,
    faults: Faults,
    counts: RefCell<HashMap<Way, u64>>,
    holding: RefCell<Holding>,
    earlier: Notify,
}

impl Exchange {
    fn new(plan: AddressPlan, devices: Vec<AsyncDevice>, faults: Faults) -> Self {
        let table = faults.reader();
        Self {
            plan,
            devices,
            table,
            faults,
            counts: RefCell::default(),
            holding: RefCell::default(),
            earlier: Notify::new(),
        }
    }

    async fn run(&self, stopped: oneshot::Receiver<Infallible>) {
        let mut pumps: FuturesUnordered<_> = (0..self.devices.len()).map(|end| self.pump(end)).collect();
        tokio::select! {
            _ = stopped => {}
            () = self.release() => {}
            () = async { while pumps.next().await.is_some() {} } => {}
        }
    }

    /// Takes in what one end sends, until its device is gone.
    async fn pump(&self, from: EndIndex) {
        let mut buffer = vec![0; LARGEST_PACKET];
        loop {
            match self.devices[from].recv(&mut buffer).await {
                Ok(length) => self.dispatch(from, &buffer[..length]),
                Err(error) => return tracing::warn!(from, %error, "an end of the fleet's network is gone"),
            }
        }
    }

    fn dispatch(&self, from: EndIndex, packet: &[u8]) {
        let Some((source, destination)) = addresses(packet) else { return };
        let Some(to) = self.plan.locate(destination).filter(|to| *to != from) else { return };
        let way = Way { from, to, path: path_of(source, destination) };
        match self.decide(way) {
            Verdict::Forward => self.send(to, packet),
            Verdict::Drop => {}
            Verdict::Refuse => {
                if let Some(answer) = refusal::refuse(packet) {
                    self.send(from, &answer);
                }
            }
            Verdict::Hold(delay) => match self.holding.borrow_mut().hold(Instant::now() + delay, way, packet) {
                holding::Held::First => self.earlier.notify_one(),
                holding::Held::Behind => {}
                holding::Held::Full => self.faults.count_overflow(),
            },
        }
    }

    fn rule(&self, way: Way) -> Option<Rule> {
        self.table.borrow().get(&way).copied()
    }

    fn decide(&self, way: Way) -> Verdict {
        let Some(rule) = self.rule(way) else { return Verdict::Forward };
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(way).or_default();
        *count += 1;
        verdict::decide(&rule, verdict::draw(SEED, way, *count))
    }

    /// Sends what was held back when it is due. A way that was cut meanwhile delivers nothing any more.
    async fn release(&self) {
        loop {
            let next = self.holding.borrow().next_due();
            match next {
                None => self.earlier.notified().await,
                Some(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = self.earlier.notified() => {}
                },
            }
            while let Some((way, packet)) = self.holding.borrow_mut().pop_due(Instant::now()) {
                if !self.rule(way).is_some_and(|rule| rule.cut) {
                    self.send(way.to, &packet);
                }
            }
        }
    }

    /// Hands a packet to an end. The kernel takes it or, like a full cable, drops it.
    fn send(&self, to: EndIndex, packet: &[u8]) {
        if let Err(error) = self.devices[to].try_send(packet) {
            tracing::debug!(to, %error, "packet dropped");
        }
    }
}

/// Source and destination of an IPv4 packet; `None` for everything else, IPv6 neighbour chatter above all.
fn addresses(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    if packet.first()? >> 4 != 4 {
        return None;
    }
    let address = |at: usize| packet.get(at..)?.first_chunk::<4>().copied().map(Ipv4Addr::from);
    Some((address(12)?, address(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_destination_are_read_from_ipv4_packets_alone() {
        let (from, to) = ([198, 18, 0, 1], [198, 19, 0, 7]);
        let builder = etherparse::PacketBuilder::ipv4(from, to, 64).udp(1, 2);
        let mut packet = Vec::new();
        builder.write(&mut packet, b"x").expect("written");
        assert_eq!(addresses(&packet), Some((from.into(), to.into())));
        assert_eq!(addresses(&packet[..19]), None);
        packet[0] = 0x60;
        assert_eq!(addresses(&packet), None);
        assert_eq!(addresses(&[]), None);
    }
}
