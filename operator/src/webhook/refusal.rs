//! Why a request is refused, as the API server passes it on to the user.

use kube::core::Status;
use kube::core::admission::AdmissionResponse;
use kube::core::response::{StatusCause, StatusDetails};

use super::admit::Request;
use crate::validate::{Invalid, sentence};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Fields are wrong.
    Invalid(Vec<Invalid>),
    /// The object does not have the shape of its kind.
    Unreadable(String),
    /// The object must not be deleted; why.
    Protected(String),
}

impl Refusal {
    /// The object does not have the shape of its kind.
    pub fn unreadable(why: &str) -> Self {
        Self::Unreadable(why.to_owned())
    }

    /// `response`, refused.
    pub fn on(self, request: &Request, mut response: AdmissionResponse) -> AdmissionResponse {
        response.allowed = false;
        response.result = self.status(request);
        response
    }

    fn status(self, request: &Request) -> Status {
        let object = object_of(request);
        match self {
            Self::Invalid(problems) => {
                let message = format!("{object} is invalid: {}", sentence(&problems));
                let causes = problems.into_iter().map(cause).collect();
                Status::failure(&message, "Invalid").with_code(422).with_details(details(request, causes))
            }
            Self::Unreadable(why) => {
                let message = format!("{object} cannot be read: {why}");
                Status::failure(&message, "BadRequest").with_code(400)
            }
            Self::Protected(why) => Status::failure(&format!("{object} {why}"), "Forbidden").with_code(403),
        }
    }
}

/// Kind, namespace and name, as in `PropagationPolicy shop/web`.
fn object_of(request: &Request) -> String {
    let kind = &request.kind.kind;
    let name = name_of(request);
    match request.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// The name; for one that the server has still to make, how it begins.
fn name_of(request: &Request) -> String {
    let begins = || request.object.as_ref().and_then(|object| object.metadata.generate_name.clone());
    if request.name.is_empty() { begins().unwrap_or_default() } else { request.name.clone() }
}

fn details(request: &Request, causes: Vec<StatusCause>) -> StatusDetails {
    StatusDetails {
        name: name_of(request),
        group: request.kind.group.clone(),
        kind: request.kind.kind.clone(),
        uid: String::new(),
        causes,
        retry_after_seconds: 0,
    }
}

fn cause(problem: Invalid) -> StatusCause {
    StatusCause { reason: "FieldValueInvalid".to_owned(), message: problem.problem, field: problem.field }
}
