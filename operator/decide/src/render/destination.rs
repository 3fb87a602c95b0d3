//! Where one manifest goes.

use crate::cluster::Cluster;

/// One target of a binding.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its replicas; None leaves what the template says.
    pub replicas: Option<i32>,
    /// What its copy of a divided Job has to complete; None leaves what the
    /// template says.
    pub completions: Option<i32>,
}
