//! Where a bench ran, as its figures mean little without.

use std::fs;
use std::thread::available_parallelism;

use serde::Serialize;

/// Where and how it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processors this process may use.
    pub processors: usize,
    /// Name of the processor.
    pub processor: Option<String>,
    /// Processes that ran or wanted to, on average over the minute before the bench.
    pub load_before: Option<f64>,
    /// The same at its end, the bench itself included.
    pub load_after: Option<f64>,
    /// Whether the programs were built to be fast.
    pub optimised: bool,
}

impl Machine {
    /// As it is now, before anything is measured.
    pub fn observe() -> Self {
        Self {
            processors: available_parallelism().map_or(1, usize::from),
            processor: fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| read_processor(&text)),
            load_before: fetch_load(),
            load_after: None,
            optimised: !cfg!(debug_assertions),
        }
    }

    /// Notes the load at the end.
    pub fn observe_end(&mut self) {
        self.load_after = fetch_load();
    }
}

fn fetch_load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn read_processor(text: &str) -> Option<String> {
    let (_, name) = text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == "model name"))?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_read_by_its_key() {
        assert_eq!(read_processor("vendor_id\t: X\nmodel name\t: A: b\n").as_deref(), Some("A: b"));
    }
}
