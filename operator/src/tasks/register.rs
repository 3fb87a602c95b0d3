//! What runs, by name, for whoever asks what the process does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atoll_decide::ids::ClusterName;
use atoll_decide::time::Mono;

use super::{OnExit, Task};
use crate::clock;

/// All tasks that run: those alike are counted, and the first of them tells
/// since when.
#[derive(Default)]
pub struct Register(Mutex<BTreeMap<String, Running>>);

/// Tasks of one name.
#[derive(Clone, Debug)]
pub struct Running {
    /// Their name: the kind, the member, what else it is about.
    pub name: String,
    /// Since when the oldest of them runs.
    pub since: Mono,
    /// What the end of one means.
    pub on_exit: OnExit,
    /// How many there are.
    pub alike: usize,
    /// How often one of them was made anew.
    pub restarts: u64,
}

/// One task, until it is dropped.
pub struct Entry {
    register: Arc<Register>,
    name: String,
}

impl Register {
    /// All that runs.
    pub fn running(&self) -> Vec<Running> {
        self.lock().values().cloned().collect()
    }

    /// The task runs from now on.
    pub fn begin(self: &Arc<Self>, task: &Task) -> Entry {
        let parts = [Some(task.kind.name()), task.cluster.as_ref().map(ClusterName::as_str), task.subject.as_deref()];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let on_exit = task.kind.on_exit();
        let new = || Running { name: name.clone(), since: clock::mono(), on_exit, alike: 0, restarts: 0 };
        self.lock().entry(name.clone()).or_insert_with(new).alike += 1;
        Entry { register: Arc::clone(self), name }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The task has ended and is made anew.
    pub fn made_anew(&self) {
        if let Some(running) = self.register.lock().get_mut(&self.name) {
            running.restarts += 1;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self.register.lock();
        let Some(alike) = running.get_mut(&self.name) else { return };
        alike.alike -= 1;
        if alike.alike == 0 {
            running.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TaskKind;
    use super::*;

    #[test]
    fn tasks_alike_are_one_line_until_the_last_of_them_ends() {
        let register = Arc::new(Register::default());
        let lane = Task::on(TaskKind::Lane, &ClusterName::from("m1"));
        let (one, two) = (register.begin(&lane), register.begin(&lane));
        one.made_anew();
        let running = register.running();
        assert_eq!((running.len(), running[0].alike, running[0].restarts), (1, 2, 1));
        assert_eq!(running[0].name, "lane m1");
        drop(one);
        assert_eq!(register.running()[0].alike, 1);
        drop(two);
        assert!(register.running().is_empty());
    }
}
