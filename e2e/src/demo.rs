//! The demo: Atoll's main job, told to a person who watches.
//!
//! In: how many members, and what to leave behind. Out: a story on standard output, the figures it measured, and
//! whether it went as it should. Everything shown happens on real clusters; every time is that of a watch event.
//!
//! ```text
//! story    clusters → placement → drift → isolation → recovery      play      what all chapters share
//! watched  what matters of the objects they speak of                narrator  how it looks
//! ```

mod answers;
mod clusters;
mod drift;
mod figures;
mod isolation;
mod keepsakes;
mod narrator;
mod news;
mod placement;
mod play;
mod recovery;
mod watched;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use figures::Figures;

use self::narrator::Narrator;
use self::play::Play;

/// What is asked of the demo.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Number of members, at least two.
    pub members: usize,
    /// Where to write the figures.
    pub json: Option<PathBuf>,
    /// Leave clusters and operator running.
    pub keep: bool,
    /// Folder of the fleet; a temporary one when unset.
    pub dir: Option<PathBuf>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All went as it should.
    Shown,
    /// Something did not; it was told what.
    Failed,
    /// Somebody had seen enough.
    Interrupted,
}

/// Performs the demo until its end, or until `interrupt` resolves. Whatever happens: nothing is left behind unless
/// that was asked for, and the figures are written.
pub async fn run(settings: &Settings, interrupt: impl Future<Output = ()>) -> Result<Outcome> {
    let narrator = Narrator::for_stdout();
    let mut figures = Figures::default();
    let outcome = {
        let mut performance = Box::pin(perform(settings, &narrator, &mut figures));
        let ended = tokio::select! {
            ended = &mut performance => Some(ended),
            () = interrupt => None,
        };
        match ended {
            Some(Ok(())) => Outcome::Shown,
            Some(Err(error)) => {
                narrator.failed(&error);
                Outcome::Failed
            }
            None => {
                narrator.say("interrupted: ending the operator and all clusters");
                Outcome::Interrupted
            }
        }
    };
    figures.ok = outcome == Outcome::Shown;
    if let Some(path) = &settings.json {
        write(path, &figures)?;
    }
    Ok(outcome)
}

async fn perform(settings: &Settings, narrator: &Narrator, figures: &mut Figures) -> Result<()> {
    let mut play = Play::start(settings, narrator, figures).await?;
    let told = Box::pin(tell(&mut play)).await;
    match (&told, settings.keep) {
        (_, true) => keepsakes::leave(play)?,
        (Ok(()), false) => play.end().await?,
        (Err(_), false) => {
            let logs = play.stage.save_logs()?;
            narrator.say(&format!("all logs were saved in {}", logs.display()));
        }
    }
    told
}

/// The story, chapter by chapter.
async fn tell(play: &mut Play<'_>) -> Result<()> {
    clusters::show(play).await?;
    placement::show(play).await?;
    drift::show(play).await?;
    isolation::show(play).await?;
    recovery::show(play).await?;
    play.narrator.chapter("What was measured");
    play.narrator.table(figures::table(play.figures));
    Ok(())
}

fn write(path: &Path, figures: &Figures) -> Result<()> {
    let text = serde_json::to_string_pretty(figures).context("rendering the figures")?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}
