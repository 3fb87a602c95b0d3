//! The hooks: which question is asked at which path.

/// Which propagation policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `PropagationPolicy`, `OverridePolicy`
    Namespaced,
    /// `ClusterPropagationPolicy`, `ClusterOverridePolicy`
    Cluster,
}

/// One question of the API server (karmada-api 2.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Defaults, permanent id and finalizer of a propagation policy.
    MutatePropagation(Scope),
    /// Namespaces of an override policy's selectors.
    MutateOverride,
    /// The rules of a propagation policy.
    ValidatePropagation(Scope),
    /// The rules of an override policy.
    ValidateOverride(Scope),
    /// Whether an object may be deleted.
    ValidateDeletion,
}

impl Hook {
    /// Every hook, in the order of the configurations.
    pub const ALL: [Self; 8] = [
        Self::MutatePropagation(Scope::Namespaced),
        Self::MutatePropagation(Scope::Cluster),
        Self::MutateOverride,
        Self::ValidatePropagation(Scope::Namespaced),
        Self::ValidatePropagation(Scope::Cluster),
        Self::ValidateOverride(Scope::Namespaced),
        Self::ValidateOverride(Scope::Cluster),
        Self::ValidateDeletion,
    ];

    /// The hook at a path.
    pub fn at(path: &str) -> Option<Self> {
        let name = path.strip_prefix('/')?;
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// Its path without the slash, as Karmada names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MutatePropagation(Scope::Namespaced) => "mutate-propagationpolicy",
            Self::MutatePropagation(Scope::Cluster) => "mutate-clusterpropagationpolicy",
            Self::MutateOverride => "mutate-overridepolicy",
            Self::ValidatePropagation(Scope::Namespaced) => "validate-propagationpolicy",
            Self::ValidatePropagation(Scope::Cluster) => "validate-clusterpropagationpolicy",
            Self::ValidateOverride(Scope::Namespaced) => "validate-overridepolicy",
            Self::ValidateOverride(Scope::Cluster) => "validate-clusteroverridepolicy",
            Self::ValidateDeletion => "validate-resourcedeletionprotection",
        }
    }

    /// The resource of `policy.karmada.io` it is asked about. None: any
    /// resource of any group.
    pub fn resource(self) -> Option<&'static str> {
        match self {
            Self::MutatePropagation(Scope::Namespaced) | Self::ValidatePropagation(Scope::Namespaced) => {
                Some("propagationpolicies")
            }
            Self::MutatePropagation(Scope::Cluster) | Self::ValidatePropagation(Scope::Cluster) => {
                Some("clusterpropagationpolicies")
            }
            Self::MutateOverride | Self::ValidateOverride(Scope::Namespaced) => Some("overridepolicies"),
            Self::ValidateOverride(Scope::Cluster) => Some("clusteroverridepolicies"),
            Self::ValidateDeletion => None,
        }
    }

    /// Whether it may change the object.
    pub fn mutates(self) -> bool {
        matches!(self, Self::MutatePropagation(_) | Self::MutateOverride)
    }
}
