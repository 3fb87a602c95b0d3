//! The real Helm, built from its Go module, and this repository's chart.
//!
//! In: arguments. Out: what Helm said. It must not know what the chart holds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::fleet::Progress;
use crate::go_program::GoProgram;

/// The module pins Helm as a tool, so it has no source of ours.
const HELM: GoProgram = GoProgram {
    name: "helm",
    folder: "helm",
    sources: &["go.mod", "go.sum"],
    package: "helm.sh/helm/v4/cmd/helm",
    stamps: |_| Ok(String::new()),
    takes: "about 3 minutes on two cores",
};

/// Folder of the chart.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/atoll")
}

/// Helm, with nothing of the user's: no settings, no repositories, no plugins.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    home: PathBuf,
}

impl Helm {
    /// Builds it when it is not in the cache. `home` is a folder for its own files.
    pub fn ensure_built(home: &Path, progress: Progress) -> Result<Self> {
        Ok(Self { program: HELM.ensure_built(progress)?, home: home.to_owned() })
    }

    /// True when it could be built, or is.
    pub fn is_available() -> bool {
        HELM.is_available()
    }

    /// Runs it; an end other than well is told with what it wrote.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "helm {} failed ({}):\n{out}{err}", arguments.join(" "), output.status);
        Ok(out)
    }

    /// Runs it where it shall fail, and returns why it did.
    pub fn refuse(&self, arguments: &[&str]) -> Result<String> {
        let output = self.output(arguments)?;
        ensure!(!output.status.success(), "helm {} ended well", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn output(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        for (name, folder) in [("HELM_CONFIG_HOME", "config"), ("HELM_CACHE_HOME", "cache"), ("HELM_DATA_HOME", "data")]
        {
            command.env(name, self.home.join(folder));
        }
        command.env_remove("KUBECONFIG").args(arguments).output().context("starting helm")
    }
}
