//! The control plane's binary: built from the Go module beside this crate when
//! it is not in the cache.
//!
//! In: the module's sources. Out: the path of an executable whose cache key is the
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

use super::progress::Progress;

/// The files the key is made of: all that the build reads from this repository.
const SOURCES: [&str; 3] = ["main.go", "go.mod", "go.sum"];
const BINARY: &str = "control-plane";
/// Go answers and links without a terminal; its end is looked for this often.
const BUILD_POLL: Duration = Duration::from_millis(200);

/// Returns the binary, building it first if this is the first call with these
/// sources on this machine (about six minutes on two cores; seconds when only Go's cache is warm).
pub fn ensure_built(progress: Progress) -> Result<PathBuf> {
    let module = Module::open(&module_folder())?;
    let folder = cache_folder()?.join("control-plane").join(module.key());
    let binary = folder.join(BINARY);
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&folder).with_context(|| format!("creating the cache folder {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("opening the build lock")?;
    let step = progress.start("building the control plane (once per version, about 6 minutes on two cores)");
    lock.lock().context("waiting for another build of the control plane")?;
    if !binary.is_file() {
        module.build(&binary, &step)?;
    }
    step.finish("control plane built");
    Ok(binary)
}

/// True when Go is there, so a missing control plane could be built, or it is built already.
pub fn is_available() -> bool {
    let cached = Module::open(&module_folder())
        .and_then(|module| Ok(cache_folder()?.join("control-plane").join(module.key()).join(BINARY)))
        .is_ok_and(|binary| binary.is_file());
    cached || Command::new("go").arg("version").output().is_ok_and(|output| output.status.success())
}

/// `$ATOLL_CACHE`, else `$XDG_CACHE_HOME/atoll`, else `~/.cache/atoll`.
pub fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ATOLL_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("atoll")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/atoll")))
        .context("no place for the build cache: set ATOLL_CACHE to a folder")
}

fn module_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane")
}

/// The Go module, read.
struct Module {
    folder: PathBuf,
    sources: Vec<(&'static str, String)>,
}

impl Module {
    fn open(folder: &Path) -> Result<Self> {
        let read = |name: &'static str| {
            let path = folder.join(name);
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            Ok((name, text))
        };
        let sources = SOURCES.into_iter().map(read).collect::<Result<_>>()?;
        Ok(Self { folder: folder.to_owned(), sources })
    }

    fn key(&self) -> String {
        let mut hash = Xxh3::new();
        for (name, text) in &self.sources {
            hash.update(name.as_bytes());
            hash.update(&text.len().to_le_bytes());
            hash.update(text.as_bytes());
        }
        for flag in self.build_flags().unwrap_or_default() {
            hash.update(flag.as_bytes());
        }
        format!("{:032x}", hash.digest128())
    }

    /// The second word of the line of go.mod that starts with `name`.
    fn pinned(&self, name: &str) -> Option<&str> {
        let (_, go_mod) = self.sources.iter().find(|(file, _)| *file == "go.mod")?;
        go_mod.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(' ')?.split_whitespace().next())
    }

    /// Stamps the version: without it the server calls itself `v0.0.0-master`, and clients that
    /// compare versions refuse it.
    fn build_flags(&self) -> Result<Vec<String>> {
        let version = self.pinned("k8s.io/kubernetes").context("go.mod does not pin k8s.io/kubernetes")?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        let stamp = |field: &str, value: &str| format!("-X k8s.io/component-base/version.{field}={value}");
        let stamps = [stamp("gitVersion", version), stamp("gitMajor", major), stamp("gitMinor", minor)].join(" ");
        // Git may distrust the checkout (another user's, a mount), and the commit is no part of the cache's key.
        let fixed = ["-trimpath", "-buildvcs=false", "-ldflags"].map(str::to_owned);
        Ok(fixed.into_iter().chain([format!("-s -w {stamps}")]).collect())
    }

    fn build(&self, binary: &Path, step: &super::progress::Step) -> Result<()> {
        self.check_toolchain()?;
        let partial = binary.with_extension("partial");
        let child = Command::new("go")
            .arg("build")
            .args(self.build_flags()?)
            .arg("-o")
            .arg(&partial)
            .arg(".")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting `go build`")?;
        let output = wait_with_progress(child, step)?;
        ensure!(
            output.status.success(),
            "`go build` of {} failed ({}):\n{}",
            self.folder.display(),
            output.status,
            last_lines(&String::from_utf8_lossy(&output.stderr), 20)
        );
        fs::rename(&partial, binary).with_context(|| format!("moving the build to {}", binary.display()))
    }

    /// Asks inside the module, so that Go's own toolchain switching counts.
    fn check_toolchain(&self) -> Result<()> {
        let needed = self.pinned("go").context("go.mod names no Go version")?;
        let output = match Command::new("go").args(["env", "GOVERSION"]).current_dir(&self.folder).output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("Go is not installed: the fleet's control plane is built from Go modules (Go {needed} or newer)")
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

fn wait_with_progress(mut child: Child, step: &super::progress::Step) -> Result<Output> {
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
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(go_mod: &str) -> Module {
        let sources =
            vec![("main.go", "package main".to_owned()), ("go.mod", go_mod.to_owned()), ("go.sum", String::new())];
        Module { folder: PathBuf::new(), sources }
    }

    const GO_MOD: &str = "module m\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n";

    #[test]
    fn the_stamped_version_is_the_pinned_one() {
        let flags = module(GO_MOD).build_flags().unwrap().join(" ");
        assert!(flags.contains("version.gitVersion=v1.37.2 "), "{flags}");
        assert!(flags.contains("version.gitMinor=37"), "{flags}");
    }

    #[test]
    fn another_pin_is_another_cache_key() {
        assert_eq!(module(GO_MOD).key(), module(GO_MOD).key());
        assert_ne!(module(GO_MOD).key(), module(&GO_MOD.replace("1.37.2", "1.37.3")).key());
    }

    #[test]
    fn go_versions_compare_by_number_and_not_by_letter() {
        assert!(version_numbers("go1.26.8") >= version_numbers("1.26.0"));
        assert!(version_numbers("go1.9.1") < version_numbers("1.26.0"));
    }

    #[test]
    fn a_missing_module_names_the_file() {
        let error = Module::open(Path::new("/nonexistent")).err().unwrap();
        assert!(format!("{error:#}").contains("/nonexistent/main.go"), "{error:#}");
    }
}
