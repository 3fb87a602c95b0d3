//! Is the process ready for work? Named checks, each with its reason.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers at once, from memory: Ok, or what is missing.
pub type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The checks. Clones share them.
#[derive(Clone, Default)]
pub struct Readiness {
    checks: Arc<Mutex<BTreeMap<&'static str, Check>>>,
}

impl Readiness {
    /// Adds a check, or replaces the one of that name.
    pub fn add(&self, name: &'static str, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.lock().insert(name, Arc::new(check));
    }

    /// Asks every check. Without any check nothing is ready: a process that
    /// has not been wired up yet must not be sent work.
    pub fn report(&self) -> Report {
        // Asked outside of the lock, so that a check may add another.
        let checks: Vec<_> = self.lock().iter().map(|(name, check)| (*name, Arc::clone(check))).collect();
        Report(checks.into_iter().map(|(name, check)| (name, check())).collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Check>> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answers, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<(&'static str, Result<(), String>)>);

impl Report {
    /// Whether all are well.
    pub fn is_ready(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(_, answer)| answer.is_ok())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("starting\n");
        }
        self.0.iter().try_for_each(|(name, answer)| match answer {
            Ok(()) => writeln!(f, "ok      {name}"),
            Err(reason) => writeln!(f, "waiting {name}: {reason}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failing_check_is_enough_and_says_why() {
        let readiness = Readiness::default();
        assert!(!readiness.report().is_ready());
        readiness.add("hub", || Ok(()));
        assert!(readiness.report().is_ready());
        readiness.add("caches", || Err("2 of 5 kinds are listed".to_owned()));
        assert!(!readiness.report().is_ready());
        assert_eq!(readiness.report().to_string(), "waiting caches: 2 of 5 kinds are listed\nok      hub\n");
        readiness.add("caches", || Ok(()));
        assert!(readiness.report().is_ready());
    }
}
