//! The programs a stage starts: built, so that what is shown is what the sources say.
//!
//! In: where this program lies. Out: paths of the operator, of `kubectl atoll` and of the fleet's own program, in the same
//! profile and target folder. `ATOLL_BIN` and `ATOLL_CLI_BIN` name others, which are taken as they are.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::fleet::{Progress, Step};

const OPERATOR: &str = "atoll";
const CLI: &str = "kubectl-atoll";
/// The program of this package; it is the keeper of the operators.
const FLEET: &str = "fleet";
/// Variables by which cargo tells a program about itself. A cargo below it would take them for a change of its
/// surroundings and build crates anew that look at them.
const OF_THE_OUTER_CARGO: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_BIN_", "CARGO_PRIMARY_PACKAGE"];
/// The test that runs on stages. Naming it makes cargo choose the features that tests are built with, without which
/// it would build every dependency once more while the tests run.
const TEST: &str = "e2e";
/// Lines of cargo's that an error shows.
const SHOWN: usize = 40;

static BUILT: OnceCell<Programs> = OnceCell::const_new();

/// Where the programs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// `atoll`.
    pub operator: PathBuf,
    /// `kubectl-atoll`.
    pub cli: PathBuf,
    /// `fleet`, this package's own; built before any fleet starts.
    pub fleet: PathBuf,
}

impl Programs {
    /// Brings the programs up to date with their sources, once in the life of this process.
    pub async fn ensure_built(progress: Progress) -> Result<Self> {
        let build = async || spawn_blocking(move || find(progress)).await.context("building the operator")?;
        BUILT.get_or_try_init(build).await.cloned()
    }
}

fn find(progress: Progress) -> Result<Programs> {
    let named = |variable: &str| env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let this = env::current_exe().context("finding this program")?;
    let place = Place::of(&this)?;
    let (operator, cli) = (named("ATOLL_BIN"), named("ATOLL_CLI_BIN"));
    let missing: Vec<&str> = [(OPERATOR, &operator), (CLI, &cli)]
        .into_iter()
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| name)
        .collect();
    if !missing.is_empty() {
        place.build(&missing, progress)?;
    }
    let is_fleet = this.file_stem() == Some(OsStr::new(FLEET));
    Ok(Programs {
        operator: operator.unwrap_or_else(|| place.program(OPERATOR)),
        cli: cli.unwrap_or_else(|| place.program(CLI)),
        fleet: named("ATOLL_FLEET_BIN").unwrap_or_else(|| if is_fleet { this.clone() } else { place.program(FLEET) }),
    })
}

/// The folder of one profile, where cargo puts the programs.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    target: PathBuf,
    folder: PathBuf,
    /// This program is a test.
    is_test: bool,
}

impl Place {
    /// Where `program` lies; tests are in a folder below the programs.
    fn of(program: &Path) -> Result<Self> {
        let mut folder = program.parent().context("this program lies in no folder")?;
        let is_test = folder.file_name() == Some(OsStr::new("deps"));
        if is_test {
            folder = folder.parent().context("this program's folder lies in no other")?;
        }
        let target = folder.parent().with_context(|| format!("{} is no folder of cargo's", folder.display()))?;
        Ok(Self { target: target.to_owned(), folder: folder.to_owned(), is_test })
    }

    /// Cargo's name of the profile: the folder's but for one.
    fn profile(&self) -> &OsStr {
        match self.folder.file_name() {
            Some(name) if name != "debug" => name,
            _ => OsStr::new("dev"),
        }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The whole workspace is named, though little of it is built: it makes dependencies get the features of an
    /// ordinary build, so that they are those that are there.
    fn command(&self, programs: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--workspace", "--profile"]).arg(self.profile()).arg("--target-dir").arg(&self.target);
        for program in programs {
            command.args(["--bin", program]);
        }
        if self.is_test {
            command.args(["--test", TEST]);
        }
        for (name, _) in env::vars_os() {
            if OF_THE_OUTER_CARGO.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
                command.env_remove(name);
            }
        }
        command
    }

    fn build(&self, programs: &[&str], progress: Progress) -> Result<()> {
        let step = progress.start("building the operator and kubectl-atoll");
        let mut child = self
            .command(programs)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context(
                "starting cargo to build the operator; ATOLL_BIN and ATOLL_CLI_BIN name programs that are built",
            )?;
        let output = child.stderr.take().context("cargo's output was piped")?;
        let told = follow(output, &step, progress);
        let status = child.wait().context("waiting for cargo")?;
        ensure!(status.success(), "building {} failed:\n{told}", programs.join(" and "));
        step.finish("the operator and kubectl-atoll are built");
        Ok(())
    }
}

/// Shows which crate is being built, and returns the end of what cargo said.
fn follow(output: impl Read, step: &Step, progress: Progress) -> String {
    let mut told = Vec::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        match progress {
            // A line for each of two hundred crates is for a terminal, where it overwrites the last.
            Progress::Spinner => step.update(&format!("building the operator: {}", line.trim())),
            Progress::Lines | Progress::Silent => step.tick(),
        }
        told.push(line);
    }
    told[told.len().saturating_sub(SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_beside_this_one_and_above_tests() {
        let place = Place::of(Path::new("/t/debug/fleet")).unwrap();
        let test = Place::of(Path::new("/t/debug/deps/e2e-0123")).unwrap();
        assert_eq!((&test.target, &test.folder), (&place.target, &place.folder));
        assert!(test.is_test && !place.is_test);
        assert_eq!(place.program(OPERATOR), Path::new("/t/debug/atoll"));
        assert_eq!(place.target, Path::new("/t"));
    }

    #[test]
    fn the_profile_is_the_one_this_program_was_built_with() {
        let profile = |path: &str| Place::of(Path::new(path)).unwrap().profile().to_owned();
        assert_eq!(profile("/t/debug/fleet"), "dev");
        assert_eq!(profile("/t/release/fleet"), "release");
        assert_eq!(profile("/t/bench/deps/bench-0123"), "bench");
    }
}
