//! Failed requests as sentences: what failed, on which cluster, and what to do.

use std::error::Error;
use std::io::ErrorKind;

use anyhow::anyhow;

use crate::connect::Side;

/// Says of a failed request what it was for.
pub trait On<T> {
    /// `action` as in "reading namespace kube-system".
    fn on(self, side: &Side, action: impl AsRef<str>) -> anyhow::Result<T>;
}

impl<T> On<T> for Result<T, kube::Error> {
    fn on(self, side: &Side, action: impl AsRef<str>) -> anyhow::Result<T> {
        self.map_err(|error| anyhow!(sentence(&side.name, &side.url(), action.as_ref(), &error)))
    }
}

/// The whole sentence.
fn sentence(side: &str, url: &str, action: &str, error: &kube::Error) -> String {
    let (cause, advice) = match error {
        kube::Error::Api(status) => (status.message.clone(), advice(status.code).to_owned()),
        other => (root_cause(other), format!("check that {url} answers from here and is the right address")),
    };
    let advice = if advice.is_empty() { advice } else { format!("; {advice}") };
    format!("{side}: {action} failed: {cause}{advice}")
}

fn advice(code: u16) -> &'static str {
    match code {
        401 => "its kubeconfig's credentials are not accepted there: take other ones, or another context",
        403 => "use a kubeconfig of somebody who may do that; who makes roles must hold every right that they give",
        409 => "somebody changed it meanwhile: run the command again",
        500.. => "the cluster is in trouble: look at it, then run the command again",
        _ => "",
    }
}

/// The innermost source: what the operating system or the TLS layer said.
fn root_cause(error: &kube::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(ErrorKind::TimedOut) => "no answer in time".to_owned(),
        _ => cause.to_string(),
    }
}

/// Whether the cluster answered that it does not have the thing.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether the cluster answered that the user may not do this.
pub fn is_forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn api(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "").with_code(code).boxed())
    }

    #[test]
    fn a_refusal_names_cluster_action_the_clusters_word_and_what_to_do() {
        let text = sentence("member m1", "https://a", "applying namespace x", &api(403, "not you"));
        assert!(text.starts_with("member m1: applying namespace x failed: not you; use a kubeconfig of"), "{text}");
    }

    #[test]
    fn silence_names_the_address() {
        let error = kube::Error::ReadEvents(ErrorKind::TimedOut.into());
        let text = sentence("hub", "https://10.0.0.1:6443", "reading", &error);
        assert!(text.starts_with("hub: reading failed: no answer in time; check that https://10.0.0.1:6443"), "{text}");
    }

    #[test]
    fn a_refused_object_needs_no_advice_beyond_the_clusters_own_word() {
        assert_eq!(
            sentence("hub", "", "creating cluster m1", &api(422, "bad")),
            "hub: creating cluster m1 failed: bad"
        );
    }
}
