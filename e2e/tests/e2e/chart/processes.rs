//! What pods of the chart would run, as processes of this machine.
//!
//! The arguments are those that the API server holds; what is a path in the pod or an address in the cluster is put
//! where it is here.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};

/// Replacements, carried out in order.
pub struct Here(Vec<(String, String)>);

impl Here {
    pub fn new(replacements: &[(&str, &str)]) -> Self {
        Self(replacements.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect())
    }

    /// One text.
    pub fn put(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from.as_str(), to))
    }

    /// All arguments. Each replacement must have something to do in one of them, or the chart has changed.
    pub fn arguments(&self, arguments: &[String]) -> Result<Vec<String>> {
        for (from, _) in &self.0 {
            ensure!(
                arguments.iter().any(|one| one.contains(from.as_str())),
                "no argument speaks of {from}: {arguments:?}"
            );
        }
        Ok(arguments.iter().map(|argument| self.put(argument)).collect())
    }
}

/// A port of this machine that is free now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr().context("reading the port")?.port())
}

/// A process that ends with its handle.
pub struct Running {
    name: String,
    child: Child,
    log: std::path::PathBuf,
}

impl Running {
    pub fn start(
        name: &str,
        folder: &Path,
        program: &Path,
        arguments: &[String],
        env: &[(&str, &str)],
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).context("making a log")?;
        let child = Command::new(program)
            .args(arguments)
            .envs(env.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("sharing a log")?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// The end of its log, for whoever waits in vain.
    pub fn told(&mut self) -> String {
        let ended = self.child.try_wait().ok().flatten().map_or_else(String::new, |status| format!(" ({status})"));
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}{ended} said last:\n{}", self.name, lines[lines.len().saturating_sub(15)..].join("\n"))
    }

    /// Kills it.
    pub async fn end(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("ending {}", self.name))
    }
}

/// Runs a program to its end, which must be a good one.
pub async fn run(program: &Path, arguments: &[String], env: &[(&str, &str)]) -> Result<String> {
    let output = Command::new(program).args(arguments).envs(env.iter().copied()).stdin(Stdio::null()).output();
    let output = output.await.with_context(|| format!("starting {}", program.display()))?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{} {arguments:?} failed: {told}", program.display());
    Ok(told)
}
