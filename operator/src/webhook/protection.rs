//! Objects that must not be deleted, whoever asks.

use atoll_crds::names::label;
use kube::ResourceExt;
use kube::core::admission::Operation;

use super::admit::Request;
use super::refusal::Refusal;

/// Refuses the deletion of an object whose label says so.
pub(super) fn check(request: &Request) -> Result<(), Refusal> {
    let protected = request.old_object.as_ref().is_some_and(|object| {
        object.labels().get(label::DELETION_PROTECTED).is_some_and(|value| value == label::ALWAYS)
    });
    if request.operation != Operation::Delete || !protected {
        return Ok(());
    }
    let why = format!(
        "is protected against deletion; remove its label {}={} first",
        label::DELETION_PROTECTED,
        label::ALWAYS
    );
    Err(Refusal::Protected(why))
}
