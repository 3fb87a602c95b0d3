//! What lies where in a fleet's folder.
//!
//! Every path of a fleet is named here and nowhere else. A fleet takes only a
//! folder that is empty or was a fleet's before, which the marker tells: what
//! [`Layout::remove`] deletes there was never a user's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What the marker says, to be told from a file of the same name.
const MARKER: &str = "This folder is an Atoll fleet's: `cargo fleet down --dir` deletes what is in it.\n";

/// The folder one fleet lives in.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The fleet at `root`, which need not exist yet; made absolute, since the
    /// processes of the fleet run in other folders.
    pub fn new(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root).with_context(|| format!("resolving {}", root.display()))?;
        Ok(Self { root })
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Admin kubeconfig of `cluster` (`hub` or a member's name).
    pub fn kubeconfig(&self, cluster: &str) -> PathBuf {
        self.root.join(format!("{cluster}.kubeconfig"))
    }

    /// Admin kubeconfig of a member that reaches it past the relay, whatever is cut.
    pub fn observer_kubeconfig(&self, member: &str) -> PathBuf {
        self.root.join(format!("{member}.observer.kubeconfig"))
    }

    /// Script that runs kubectl against the fleet.
    pub fn kubectl(&self) -> PathBuf {
        self.root.join("kubectl")
    }

    /// Log file of one process.
    pub fn log(&self, cluster: &str, component: &str) -> PathBuf {
        self.logs().join(format!("{cluster}-{component}.log"))
    }

    /// Log file of the supervisor.
    pub fn supervisor_log(&self) -> PathBuf {
        self.logs().join("supervisor.log")
    }

    /// Folder of all log files.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// etcd's files, keys and the kubeconfigs of components. Memory of the
    /// supervisor's own mount namespace unless the data is to be kept.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// [`Layout::data`] of one cluster.
    pub fn cluster_data(&self, cluster: &str) -> PathBuf {
        self.data().join(cluster)
    }

    /// Socket the supervisor takes requests on.
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// What runs here (`FleetDescription` as JSON), written when the fleet is ready.
    pub fn description(&self) -> PathBuf {
        self.root.join("fleet.json")
    }

    /// Locked by the supervisor as long as it lives: the one proof of life, which
    /// a reused process id cannot fake.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Tells that the folder is a fleet's, also when whoever wrote it was killed.
    pub fn marker(&self) -> PathBuf {
        self.root.join(".atoll-fleet")
    }

    /// Whether the folder is, or was, a fleet's.
    pub fn is_marked(&self) -> bool {
        fs::read(self.marker()).is_ok_and(|text| text == MARKER.as_bytes())
    }

    /// Makes the folder a fleet's, unless somebody else has files in it.
    pub fn claim(&self) -> Result<()> {
        self.check_is_free()?;
        self.create()
    }

    /// Fails when the folder holds somebody else's files.
    pub fn check_is_free(&self) -> Result<()> {
        let root = self.root.display();
        ensure!(
            self.is_marked() || self.is_empty()?,
            "{root} holds files that are not a fleet's, and a fleet would delete some of them; \
             name a folder that is empty or not there yet"
        );
        Ok(())
    }

    /// Makes the folder and what tells that it is a fleet's, then those in it.
    pub fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.root).with_context(|| format!("creating {}", self.root.display()))?;
        if !self.is_marked() {
            fs::write(self.marker(), MARKER).with_context(|| format!("writing {}", self.marker().display()))?;
        }
        for folder in [self.logs(), self.data()] {
            fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        Ok(())
    }

    /// Deletes what a fleet puts there, except for the logs and the lock.
    pub fn clear(&self) -> Result<()> {
        remove_folder(&self.data())?;
        for path in [self.kubectl(), self.control_socket(), self.description()] {
            remove_file(&path)?;
        }
        self.kubeconfigs()?.iter().try_for_each(|path| remove_file(path))
    }

    /// Deletes everything a fleet puts there, logs and marker only if `with_logs`, and the folder itself when that
    /// leaves it empty. The lock goes last: while it is there the folder is taken.
    pub fn remove(&self, with_logs: bool) -> Result<()> {
        self.clear()?;
        if with_logs {
            remove_folder(&self.logs())?;
            remove_file(&self.marker())?;
        }
        remove_file(&self.lock())?;
        match fs::remove_dir(&self.root) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                Err(error).with_context(|| format!("removing {}", self.root.display()))
            }
            _ => Ok(()),
        }
    }

    /// Whether nobody has anything there; so is a folder that does not exist.
    fn is_empty(&self) -> Result<bool> {
        match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            entries => Ok(entries.with_context(|| format!("listing {}", self.root.display()))?.next().is_none()),
        }
    }

    fn kubeconfigs(&self) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(|| format!("listing {}", self.root.display()))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.with_context(|| format!("listing {}", self.root.display()))?.path();
            if path.extension().is_some_and(|extension| extension == "kubeconfig") {
                found.push(path);
            }
        }
        Ok(found)
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    absent_is_fine(fs::remove_dir_all(path)).with_context(|| format!("removing {}", path.display()))
}

fn remove_file(path: &Path) -> Result<()> {
    absent_is_fine(fs::remove_file(path)).with_context(|| format!("removing {}", path.display()))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fleet's folder in a new one.
    fn claimed(folder: &Path) -> Layout {
        let layout = Layout::new(&folder.join("fleet")).unwrap();
        layout.claim().unwrap();
        layout
    }

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn removing_a_fleet_leaves_the_files_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let layout = claimed(folder.path());
        for path in [layout.kubeconfig("hub"), layout.lock(), layout.root().join("notes.txt")] {
            fs::write(path, "content").unwrap();
        }
        layout.remove(true).unwrap();
        assert_eq!(names(layout.root()), ["notes.txt"]);
    }

    #[test]
    fn removing_a_fleet_removes_a_folder_that_was_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let layout = claimed(folder.path());
        layout.remove(true).unwrap();
        assert!(!layout.root().exists());
    }

    #[test]
    fn a_folder_with_files_of_others_is_refused_and_keeps_them() {
        for name in ["data/x", "logs/x", "other.kubeconfig", "fleet.json", "lock", "kubectl", ".atoll-fleet", "a/b"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "content").unwrap();
            let layout = Layout::new(folder.path()).unwrap();
            let error = layout.claim().unwrap_err().to_string();
            assert!(error.contains("not a fleet's"), "{name}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "content", "{name}");
            assert_eq!(names(folder.path()).len(), 1, "{name}: nothing was put beside it");
            assert!(!layout.is_marked(), "{name}");
        }
    }

    #[test]
    fn a_folder_whose_fleet_was_killed_or_failed_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let layout = claimed(folder.path());
        for path in [layout.kubeconfig("hub"), layout.lock(), layout.description(), layout.data().join("x")] {
            fs::write(path, "content").unwrap();
        }
        layout.claim().unwrap();
        fs::write(layout.supervisor_log(), "why it failed").unwrap();
        layout.remove(false).unwrap();
        assert!(layout.supervisor_log().exists());
        layout.claim().unwrap();
    }
}
