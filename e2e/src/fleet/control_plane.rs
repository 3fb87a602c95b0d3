//! The control plane's binary, from the Go module beside this crate.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::progress::Progress;
pub use crate::go_program::cache_folder;
pub(super) use crate::go_program::last_lines;
use crate::go_program::{GoProgram, Module};

const CONTROL_PLANE: GoProgram = GoProgram {
    name: "control-plane",
    folder: "control-plane",
    sources: &["main.go", "go.mod", "go.sum"],
    package: ".",
    stamps: version,
    takes: "about 6 minutes on two cores",
};

/// Returns the binary, building it first if this is the first call with these
/// sources on this machine (about six minutes on two cores; seconds when only Go's cache is warm).
pub fn ensure_built(progress: Progress) -> Result<PathBuf> {
    CONTROL_PLANE.ensure_built(progress)
}

/// True when Go is there, so a missing control plane could be built, or it is built already.
pub fn is_available() -> bool {
    CONTROL_PLANE.is_available()
}

/// Stamps the version: without it the server calls itself `v0.0.0-master`, and clients that
/// compare versions refuse it.
fn version(module: &Module) -> Result<String> {
    let version = module.pinned("k8s.io/kubernetes").context("go.mod does not pin k8s.io/kubernetes")?;
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let stamp = |field: &str, value: &str| format!("-X k8s.io/component-base/version.{field}={value}");
    Ok([stamp("gitVersion", version), stamp("gitMajor", major), stamp("gitMinor", minor)].join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamped_version_is_the_pinned_one() {
        let stamps = version(&CONTROL_PLANE.open().unwrap()).unwrap();
        assert!(stamps.contains("version.gitVersion=v1."), "{stamps}");
        assert!(stamps.contains("version.gitMinor="), "{stamps}");
    }
}
