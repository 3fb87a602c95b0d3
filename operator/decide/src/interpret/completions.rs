//! Dividing a Job's completions over its clusters (karmada-api 2.3).

use std::cmp::Ordering;

use crate::placement::Target;

/// Shares of `completions`, one for each target in the order given, by
/// Webster's method with the assigned replicas as votes. Ties go to the target
/// with fewer shares, then to the smaller name. Targets without replicas get
/// nothing; without any replicas nothing is divided.
pub fn divide_completions(completions: i32, targets: &[Target]) -> Vec<i32> {
    let votes: Vec<i64> = targets.iter().map(|target| i64::from(target.replicas.unwrap_or(0).max(0))).collect();
    let all = i64::from(completions.max(0));
    let mut shares = rounded_shares(&votes, all);
    while shares.iter().sum::<i64>() < all {
        let next = (0..targets.len()).filter(|at| votes[*at] > 0).max_by(|a, b| {
            stronger((votes[*a], shares[*a]), (votes[*b], shares[*b]))
                .then_with(|| shares[*b].cmp(&shares[*a]))
                .then_with(|| targets[*b].cluster.cmp(&targets[*a].cluster))
        });
        let Some(next) = next else { break };
        shares[next] += 1;
    }
    shares.into_iter().map(|share| i32::try_from(share).unwrap_or(i32::MAX)).collect()
}

/// Most of the shares at once, so that a Job of a billion completions takes no
/// longer than a small one. Rounding every quota of a total that is smaller by
/// one for each target hands out at most `all`, and is what Webster's method
/// itself would have handed out so far.
fn rounded_shares(votes: &[i64], all: i64) -> Vec<i64> {
    let total: i64 = votes.iter().sum();
    let certain = all - i64::try_from(votes.len()).unwrap_or(i64::MAX);
    if total == 0 || certain <= 0 {
        return vec![0; votes.len()];
    }
    let (total, certain) = (i128::from(total), i128::from(certain));
    let rounded = |votes: &i64| (2 * i128::from(*votes) * certain + total) / (2 * total);
    votes.iter().map(|votes| i64::try_from(rounded(votes)).unwrap_or(0)).collect()
}

/// Compares votes / (2·shares + 1) without rounding.
fn stronger((votes_a, shares_a): (i64, i64), (votes_b, shares_b): (i64, i64)) -> Ordering {
    let a = i128::from(votes_a) * i128::from(2 * shares_b + 1);
    let b = i128::from(votes_b) * i128::from(2 * shares_a + 1);
    a.cmp(&b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    /// The method as it is defined: one share at a time from none.
    fn one_by_one(completions: i32, votes: &[i32]) -> Vec<i32> {
        let mut shares = vec![0_i64; votes.len()];
        for _ in 0..completions {
            let next = (0..votes.len()).filter(|at| votes[*at] > 0).max_by(|a, b| {
                stronger((votes[*a].into(), shares[*a]), (votes[*b].into(), shares[*b]))
                    .then(shares[*b].cmp(&shares[*a]))
                    .then(b.cmp(a))
            });
            shares[next.unwrap()] += 1;
        }
        shares.into_iter().map(|share| i32::try_from(share).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn the_short_cut_gives_what_one_at_a_time_gives(
            completions in 0..200_i32,
            replicas in prop::collection::vec(1..50_i32, 1..9),
        ) {
            let shares = divide_completions(completions, &targets(&replicas));
            prop_assert_eq!(shares.iter().sum::<i32>(), completions);
            prop_assert_eq!(shares, one_by_one(completions, &replicas));
        }
    }
}
