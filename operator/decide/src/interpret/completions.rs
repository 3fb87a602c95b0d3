//! Dividing a Job's completions over its clusters (karmada-api 2.3).

use crate::placement::Target;
use crate::webster::{self, NameOrder};

/// Shares of `completions`, one for each target in the order given, by
/// Webster's method with the assigned replicas as votes. Ties go to the target
/// with fewer shares, then to the smaller name. Targets without replicas get
/// nothing; without any replicas nothing is divided.
pub fn divide_completions(completions: i32, targets: &[Target]) -> Vec<i32> {
    let names: Vec<&str> = targets.iter().map(|target| target.cluster.as_str()).collect();
    let votes: Vec<i64> = targets.iter().map(|target| i64::from(target.replicas.unwrap_or(0).max(0))).collect();
    let shares = webster::apportion(&names, &votes, i64::from(completions.max(0)), NameOrder::Ascending);
    shares.into_iter().map(|share| i32::try_from(share).unwrap_or(i32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClusterName;

    fn targets(replicas: &[i32]) -> Vec<Target> {
        let target = |(at, replicas): (usize, &i32)| Target {
            cluster: ClusterName::new(format!("m{at}")),
            replicas: Some(*replicas),
        };
        replicas.iter().enumerate().map(target).collect()
    }

    #[test]
    fn completions_follow_the_replicas() {
        assert_eq!(divide_completions(10, &targets(&[3, 2])), [6, 4]);
        assert_eq!(divide_completions(7, &targets(&[5, 3, 1])), [4, 2, 1]);
    }

    #[test]
    fn a_tie_goes_to_the_smaller_name() {
        assert_eq!(divide_completions(3, &targets(&[2, 2])), [2, 1]);
    }

    #[test]
    fn a_target_without_replicas_completes_nothing() {
        assert_eq!(divide_completions(4, &targets(&[0, 1])), [0, 4]);
        assert_eq!(divide_completions(4, &targets(&[0, 0])), [0, 0]);
        assert_eq!(divide_completions(4, &[]), [0; 0]);
    }

    #[test]
    fn a_huge_job_is_divided_at_once() {
        assert_eq!(divide_completions(2_000_000_000, &targets(&[1, 1])), [1_000_000_000, 1_000_000_000]);
    }
}
