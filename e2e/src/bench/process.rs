//! Memory and processor time of processes on this machine, from `/proc`.

use std::fs;
use std::ops::Add;

use anyhow::{Context, Result};

/// Ticks of processor time in a second, as `/proc` counts them: fixed by the kernel's interface, whatever its own clock is.
const TICKS_PER_SECOND: f64 = 100.0;
const KIB_PER_MB: f64 = 1024.0;

/// What one or several processes use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Memory held now, MiB.
    pub rss_mb: f64,
    /// Most memory held at any time, MiB.
    pub peak_rss_mb: f64,
    /// Processor time since its start, user and system, seconds.
    pub cpu_s: f64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rss_mb: self.rss_mb + other.rss_mb,
            peak_rss_mb: self.peak_rss_mb + other.peak_rss_mb,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }
}

/// The sum over these processes; `None` when there is none to look at.
pub fn fetch(processes: &[u32]) -> Result<Option<Usage>> {
    let usages: Vec<Usage> = processes.iter().map(|&id| fetch_one(id)).collect::<Result<_>>()?;
    Ok(usages.into_iter().reduce(Add::add))
}

fn fetch_one(process: u32) -> Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        fs::read_to_string(&path).with_context(|| format!("reading {path}: does the operator {process} still run?"))
    };
    let (status, stat) = (read("status")?, read("stat")?);
    let memory =
        |field: &str| read_kib(&status, field).with_context(|| format!("/proc/{process}/status has no {field}"));
    Ok(Usage {
        rss_mb: memory("VmRSS")? / KIB_PER_MB,
        peak_rss_mb: memory("VmHWM")? / KIB_PER_MB,
        cpu_s: read_ticks(&stat).with_context(|| format!("/proc/{process}/stat has no times"))? / TICKS_PER_SECOND,
    })
}

/// A field of `status`, in KiB.
fn read_kib(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time of `stat`, in ticks. The program's name stands in parentheses before them and may itself
/// hold spaces and parentheses.
fn read_ticks(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    // `stat` counts from 1, and its third field is the first after the name: utime is 14, stime 15.
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_by_its_field_alone() {
        let status = "Name:\tatoll\nVmPeak:\t  999 kB\nVmHWM:\t   61440 kB\nVmRSS:\t   30720 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(read_kib(status, "VmRSS"), Some(30_720.0));
        assert_eq!(read_kib(status, "VmHWM"), Some(61_440.0));
        assert_eq!(read_kib(status, "Vm"), None);
    }

    #[test]
    fn times_are_found_after_a_name_with_spaces_and_parentheses() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 9 0 1234";
        assert_eq!(read_ticks(stat), Some(300.0));
    }

    #[test]
    fn the_process_that_asks_is_found() {
        let usage = fetch(&[std::process::id()]).unwrap().unwrap();
        assert!(usage.rss_mb > 0.0 && usage.peak_rss_mb >= usage.rss_mb, "{usage:?}");
        assert_eq!(fetch(&[]).unwrap(), None);
    }
}
