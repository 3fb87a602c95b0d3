//! Programs that come from Go modules beside this crate, built when they are not in the cache.
//!
//! In: a module's sources. Out: the path of an executable whose cache key is the
//! hash of exactly those sources and the flags, so a changed pin builds anew and two
//! checkouts share one build. The cache lies outside the checkout and survives
//! a fresh clone.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xxhash_rust::xxh3::Xxh3;

use crate::fleet::{Progress, Step};

/// Go answers and links without a terminal; its end is looked for this often.
const BUILD_POLL: Duration = Duration::from_millis(200);

/// What is built from which module.
#[derive(Debug)]
pub struct GoProgram {
    /// Name of the executable and of its folder in the cache.
    pub name: &'static str,
    /// Folder of the module, beside this crate's sources.
    pub folder: &'static str,
    /// The files the key is made of: all that the build reads from this repository.
    pub sources: &'static [&'static str],
    /// The package to build.
    pub package: &'static str,
    /// Flags of the linker, from the module's sources.
    pub stamps: fn(&Module) -> Result<String>,
    /// How long the first build takes, for people who wait.
    pub takes: &'static str,
}

impl GoProgram {
    /// Returns the executable, building it first if this is the first call with these sources on this machine.
    pub fn ensure_built(&self, progress: Progress) -> Result<PathBuf> {
        let module = self.open()?;
        let binary = self.cached(&module)?;
        if binary.is_file() {
            return Ok(binary);
        }
        let folder = binary.parent().context("a program in the cache lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("creating the cache folder {}", folder.display()))?;
        let lock = File::create(folder.join("lock")).context("opening the build lock")?;
        let step = progress.start(&format!("building {} (once per version, {})", self.name, self.takes));
        lock.lock().with_context(|| format!("waiting for another build of {}", self.name))?;
        if !binary.is_file() {
            self.build(&module, &binary, &step)?;
        }
        step.finish(&format!("{} built", self.name));
        Ok(binary)
    }

    /// True when it is built already, or Go is there, so that it could be.
    pub fn is_available(&self) -> bool {
        let cached = self.open().and_then(|module| self.cached(&module)).is_ok_and(|binary| binary.is_file());
        cached || Command::new("go").arg("version").output().is_ok_and(|output| output.status.success())
    }

    /// Reads the module.
    pub fn open(&self) -> Result<Module> {
        Module::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder), self.sources)
    }

    fn cached(&self, module: &Module) -> Result<PathBuf> {
        Ok(cache_folder()?.join(self.name).join(self.key(module)).join(self.name))
    }

    fn key(&self, module: &Module) -> String {
        let mut hash = Xxh3::new();
        for (name, text) in &module.sources {
            hash.update(name.as_bytes());
            hash.update(&text.len().to_le_bytes());
            hash.update(text.as_bytes());
        }
        for flag in self.flags(module).unwrap_or_default() {
            hash.update(flag.as_bytes());
        }
        format!("{:032x}", hash.digest128())
    }

    fn flags(&self, module: &Module) -> Result<Vec<String>> {
        // Git may distrust the checkout (another user's, a mount), and the commit is no part of the cache's key.
        let fixed = ["-trimpath", "-buildvcs=false", "-ldflags"].map(str::to_owned);
        Ok(fixed.into_iter().chain([format!("-s -w {}", (self.stamps)(module)?)]).collect())
    }

    fn build(&self, module: &Module, binary: &Path, step: &Step) -> Result<()> {
        module.check_toolchain(self.name)?;
        let partial = binary.with_extension("partial");
        let child = Command::new("go")
            .arg("build")
            .args(self.flags(module)?)
            .arg("-o")
            .arg(&partial)
            .arg(self.package)
            .current_dir(&module.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting `go build`")?;
        let output = wait_with_progress(child, step)?;
        ensure!(
            output.status.success(),
            "`go build` of {} failed ({}):\n{}",
            module.folder.display(),
            output.status,
            last_lines(&String::from_utf8_lossy(&output.stderr), 20)
        );
        fs::rename(&partial, binary).with_context(|| format!("moving the build to {}", binary.display()))
    }
}

/// `$ATOLL_CACHE`, else `$XDG_CACHE_HOME/atoll`, else `~/.cache/atoll`.
pub fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ATOLL_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("atoll")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/atoll")))
        .context("no place for the build cache: set ATOLL_CACHE to a folder")
}

/// A Go module, read.
#[derive(Debug)]
pub struct Module {
    folder: PathBuf,
    sources: Vec<(&'static str, String)>,
}

impl Module {
    fn open(folder: &Path, sources: &[&'static str]) -> Result<Self> {
        let read = |name: &&'static str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            Ok((*name, text))
        };
        let sources = sources.iter().map(read).collect::<Result<_>>()?;
        Ok(Self { folder: folder.to_owned(), sources })
    }

    /// The second word of the line of go.mod that starts with `name`.
    pub fn pinned(&self, name: &str) -> Option<&str> {
        let (_, go_mod) = self.sources.iter().find(|(file, _)| *file == "go.mod")?;
        go_mod.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(' ')?.split_whitespace().next())
    }

    /// Asks inside the module, so that Go's own toolchain switching counts.
    fn check_toolchain(&self, program: &str) -> Result<()> {
        let needed = self.pinned("go").context("go.mod names no Go version")?;
        let output = match Command::new("go").args(["env", "GOVERSION"]).current_dir(&self.folder).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("Go is not installed: {program} is built from Go modules (Go {needed} or newer)")
            }
            output => output.context("running `go env GOVERSION`")?,
        };
        let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(
            output.status.success() && version_numbers(&found) >= version_numbers(needed),
            "Go {needed} or newer is needed, found {found:?} {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

fn wait_with_progress(mut child: Child, step: &Step) -> Result<Output> {
    while child.try_wait().context("waiting for `go build`")?.is_none() {
        step.tick();
        thread::sleep(BUILD_POLL);
    }
    child.wait_with_output().context("reading the output of `go build`")
}

/// `go1.26.8` or `1.26.0` as numbers; what is no number counts as 0.
fn version_numbers(version: &str) -> Vec<u32> {
    version.trim_start_matches("go").split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// The end of a log, which is where the reason stands.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_MOD: &str = "module m\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n";
    const PROGRAM: GoProgram = GoProgram {
        name: "program",
        folder: "nowhere",
        sources: &["main.go", "go.mod", "go.sum"],
        package: ".",
        stamps: |module| Ok(format!("-X version={}", module.pinned("k8s.io/kubernetes").unwrap_or_default())),
        takes: "a moment",
    };

    fn module(go_mod: &str) -> Module {
        let sources =
            vec![("main.go", "package main".to_owned()), ("go.mod", go_mod.to_owned()), ("go.sum", String::new())];
        Module { folder: PathBuf::new(), sources }
    }

    #[test]
    fn another_pin_is_another_cache_key() {
        assert_eq!(PROGRAM.key(&module(GO_MOD)), PROGRAM.key(&module(GO_MOD)));
        assert_ne!(PROGRAM.key(&module(GO_MOD)), PROGRAM.key(&module(&GO_MOD.replace("1.37.2", "1.37.3"))));
    }

    #[test]
    fn go_versions_compare_by_number_and_not_by_letter() {
        assert!(version_numbers("go1.26.8") >= version_numbers("1.26.0"));
        assert!(version_numbers("go1.9.1") < version_numbers("1.26.0"));
    }

    #[test]
    fn a_missing_module_names_the_file() {
        let error = PROGRAM.open().err().unwrap();
        assert!(format!("{error:#}").contains("nowhere/main.go"), "{error:#}");
    }
}
