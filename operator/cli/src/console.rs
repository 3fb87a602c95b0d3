//! What a person reads: results on standard output, everything else beside it.

use std::fmt::Display;

/// Where words go.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    verbose: bool,
}

impl Console {
    /// `verbose` shows details as well.
    pub fn new(verbose: bool) -> Self {
        Self { verbose }
    }

    /// A result.
    #[expect(clippy::unused_self, reason = "the console is the right to speak")]
    pub fn say(self, line: impl Display) {
        println!("{line}");
    }

    /// What should not be overlooked.
    #[expect(clippy::unused_self, reason = "the console is the right to speak")]
    pub fn warn(self, line: impl Display) {
        eprintln!("warning: {line}");
    }

    /// What only those who asked for it read.
    pub fn detail(self, line: impl Display) {
        if self.verbose {
            eprintln!("{line}");
        }
    }

    /// Why the command failed, with the causes that say more.
    #[expect(clippy::unused_self, reason = "the console is the right to speak")]
    pub fn error(self, error: &anyhow::Error) {
        eprintln!("error: {error:#}");
    }
}
