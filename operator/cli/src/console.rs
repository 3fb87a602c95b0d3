//! What a person reads: results on standard output, everything else beside it.

use std::fmt::Display;
use std::io::{self, Write};

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
        write_line(io::stdout().lock(), line);
    }

    /// What should not be overlooked.
    #[expect(clippy::unused_self, reason = "the console is the right to speak")]
    pub fn warn(self, line: impl Display) {
        write_line(io::stderr().lock(), format_args!("warning: {line}"));
    }

    /// What only those who asked for it read.
    pub fn detail(self, line: impl Display) {
        if self.verbose {
            write_line(io::stderr().lock(), line);
        }
    }

    /// Why the command failed, with the causes that say more.
    #[expect(clippy::unused_self, reason = "the console is the right to speak")]
    pub fn error(self, error: &anyhow::Error) {
        write_line(io::stderr().lock(), format_args!("error: {error:#}"));
    }
}

/// A reader that has left must not end the work half done: `println!` would
/// panic on its closed pipe.
fn write_line(mut to: impl Write, line: impl Display) {
    let _ = writeln!(to, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_does_not_end_the_work() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        write_line(&writer, "nobody reads this");
    }

    #[test]
    fn a_line_ends_with_a_newline() {
        let mut written = Vec::new();
        write_line(&mut written, format_args!("{}: {}", "hub", 1));
        assert_eq!(written, b"hub: 1\n");
    }
}
