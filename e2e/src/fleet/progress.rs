//! Tells a person what takes time: a spinner on a terminal, plain lines elsewhere.
//!
//! Writes to standard error only, so that output meant for programs stays clean.

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

/// How often a plain log repeats that a step still runs.
const REMINDER: Duration = Duration::from_secs(30);

/// Where steps are shown.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// A spinner with the time gone by.
    Spinner,
    /// One line when a step starts, every half minute, and when it ends.
    Lines,
    /// Nothing: tests and benches.
    Silent,
}

impl Progress {
    /// What fits standard error.
    pub fn for_stderr() -> Self {
        if stderr().is_terminal() { Self::Spinner } else { Self::Lines }
    }

    /// Shows that `what` begins.
    pub fn start(self, what: &str) -> Step {
        let bar = match self {
            Self::Spinner => {
                let bar = ProgressBar::new_spinner().with_message(what.to_owned());
                // The template is a constant; a broken one shows the default style.
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                    bar.set_style(style);
                }
                bar.enable_steady_tick(Duration::from_millis(100));
                Some(bar)
            }
            Self::Lines => {
                eprintln!("{what} ...");
                None
            }
            Self::Silent => None,
        };
        let now = Instant::now();
        let plain = matches!(self, Self::Lines);
        Step { bar, plain, what: what.to_owned(), started: now, reminded: Mutex::new(now) }
    }
}

/// A step that runs; dropping it unfinished clears its spinner.
pub struct Step {
    bar: Option<ProgressBar>,
    plain: bool,
    what: String,
    started: Instant,
    reminded: Mutex<Instant>,
}

impl Step {
    /// Says again that the step runs, if a plain log has been silent for long.
    pub fn tick(&self) {
        let Ok(mut reminded) = self.reminded.lock() else { return };
        if self.plain && reminded.elapsed() >= REMINDER {
            *reminded = Instant::now();
            eprintln!("{}: still at it after {}", self.what, HumanDuration(self.started.elapsed()));
        }
    }

    /// Replaces the text beside the spinner.
    pub fn update(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None if self.plain => eprintln!("  {what}"),
            None => {}
        }
    }

    /// Ends the step with a line that stays.
    pub fn finish(&self, result: &str) {
        let line = format!("{result} ({:.1} s)", self.started.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => {
                bar.finish_and_clear();
                eprintln!("{line}");
            }
            None if self.plain => eprintln!("{line}"),
            None => {}
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
