//! Writes the webhook configurations, where they differ.

use std::fmt::Debug;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::serde::{Serialize, de::DeserializeOwned};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource};
use thiserror::Error;

use super::configuration::{Configurations, NAME};

/// Owner of the fields we write.
const MANAGER: &str = "atoll";

/// The configurations could not be written.
#[derive(Debug, Error)]
#[error("{action} {kind} {NAME:?}: {source}; admission stays as it was, policies are checked when they are read")]
pub struct Error {
    action: &'static str,
    kind: String,
    source: kube::Error,
}

/// Puts both configurations in place. Returns how many had to be written: none
/// when the API server holds them as they are.
pub async fn apply_configurations(client: &Client, configurations: &Configurations) -> Result<usize, Error> {
    let (mutating, validating) = configurations;
    let same_mutating = |held: &MutatingWebhookConfiguration| held.webhooks == mutating.webhooks;
    let same_validating = |held: &ValidatingWebhookConfiguration| held.webhooks == validating.webhooks;
    let written = [apply(client, mutating, same_mutating).await?, apply(client, validating, same_validating).await?];
    Ok(written.into_iter().filter(|written| *written).count())
}

async fn apply<K>(client: &Client, wanted: &K, same: impl Fn(&K) -> bool) -> Result<bool, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let api: Api<K> = Api::all(client.clone());
    let failed = |action| move |source| Error { action, kind: K::kind(&()).into_owned(), source };
    let held = api.get_opt(NAME).await.map_err(failed("read"))?;
    if held.is_some_and(|held| same(&held)) {
        return Ok(false);
    }
    let parameters = PatchParams::apply(MANAGER).force();
    api.patch(NAME, &parameters, &Patch::Apply(wanted)).await.map_err(failed("apply"))?;
    Ok(true)
}
