//! How the story looks: headings, times, tables; colours on a terminal alone.

use std::env;
use std::io::{IsTerminal, Write, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use comfy_table::{Table, presets};

/// What a line says beyond its text.
#[derive(Clone, Copy)]
enum Tone {
    Strong,
    Quiet,
    Good,
    Bad,
}

/// Writes to standard output. Whoever closed it early misses the rest and disturbs nothing.
pub struct Narrator {
    out: Mutex<Box<dyn Write + Send>>,
    colours: bool,
}

impl Narrator {
    /// With colours on a terminal, unless `NO_COLOR` is set.
    pub fn for_stdout() -> Self {
        let colours = stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { out: Mutex::new(Box::new(stdout())), colours }
    }

    /// A heading.
    pub fn chapter(&self, title: &str) {
        self.line("");
        self.line(&self.toned(Tone::Strong, &format!("== {title}")));
    }

    /// A sentence.
    pub fn say(&self, text: &str) {
        self.line(&format!("   {text}"));
    }

    /// A sentence beside the story.
    pub fn aside(&self, text: &str) {
        self.line(&self.toned(Tone::Quiet, &format!("   {text}")));
    }

    /// Something that came true.
    pub fn done(&self, text: &str) {
        self.line(&format!(" {} {text}", self.toned(Tone::Good, "✓")));
    }

    /// Something that happened, and how long after the act before it.
    pub fn at(&self, after: Duration, text: &str) {
        let time = format!("{:>+8.2} s", after.as_secs_f64());
        self.line(&format!("{} {text}", self.toned(Tone::Strong, &time)));
    }

    /// Something that is done to the clusters.
    pub fn act(&self, text: &str) {
        self.line(&format!(" {} {text}", self.toned(Tone::Strong, ">")));
    }

    /// A command and what it printed.
    pub fn command(&self, command: &str, output: &str) {
        self.line(&self.toned(Tone::Quiet, &format!("   $ {command}")));
        for line in output.lines() {
            self.line(&format!("     {line}"));
        }
    }

    /// A table.
    #[expect(clippy::needless_pass_by_value, reason = "a table is made to be shown once")]
    pub fn table(&self, table: Table) {
        for line in table.to_string().lines() {
            self.line(format!("  {line}").trim_end());
        }
    }

    /// Why it ends here.
    pub fn failed(&self, error: &anyhow::Error) {
        self.line("");
        self.line(&self.toned(Tone::Bad, &format!("the demo failed: {error:#}")));
    }

    fn toned(&self, tone: Tone, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Strong => "1",
            Tone::Quiet => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Written at once, so that a log shows how far it is.
    fn line(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

/// A table without frames, which stays readable in a log.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(colours: bool) -> String {
        let page = Page::default();
        let narrator = Narrator { out: Mutex::new(Box::new(page.clone())), colours };
        narrator.chapter("Title");
        narrator.at(Duration::from_millis(420), "verdict Suspect");
        narrator.done("up");
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn without_colours_the_story_is_plain_text() {
        assert_eq!(told(false), "\n== Title\n   +0.42 s verdict Suspect\n ✓ up\n");
    }

    #[test]
    fn colours_end_where_they_began() {
        let text = told(true);
        assert_eq!(text.matches("\u{1b}[").count(), 2 * text.matches("\u{1b}[0m").count());
        assert!(text.contains("\u{1b}[0m"));
    }
}
