//! Secrets of certificates: read, and written where they are not right.
//!
//! Each write is an apply that names its object, so that a role can name it too,
//! for what is made as well.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams};

/// Owner of the fields.
const MANAGER: &str = "atoll-pki";
/// On a Secret: what its certificates were made for.
const MADE_FOR: &str = "atoll.dev/made-for";
/// On a Secret: when its certificates are made anew.
const RENEW_AFTER: &str = "atoll.dev/renew-after";

/// The texts of a Secret by key.
pub type Texts = BTreeMap<String, String>;

/// The Secrets of one namespace whose names begin alike.
pub struct Secrets {
    api: Api<Secret>,
    prefix: String,
}

/// What is known of a Secret that is not for ever.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// All that its content is made from.
    pub made_for: &'a str,
    /// When it is made anew.
    pub renew_after: Timestamp,
}

impl Secrets {
    /// Those called `prefix-…`.
    pub fn new(api: Api<Secret>, prefix: &str) -> Self {
        Self { api, prefix: prefix.to_owned() }
    }

    /// The whole name of `suffix`.
    pub fn name(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.prefix)
    }

    /// What is never made a second time: the texts that are there, or those that
    /// `make` gives. The API server refuses every later change of them, so of two
    /// that make them at once both go on with the same.
    pub async fn keep(&self, suffix: &str, make: impl FnOnce() -> Result<Texts>) -> Result<Texts> {
        let name = self.name(suffix);
        if let Some(held) = self.fetch(&name).await? {
            return Ok(texts(held));
        }
        let mut secret = build(&name, make()?);
        secret.immutable = Some(true);
        match self.api.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(&secret)).await {
            Ok(written) => {
                tracing::info!(secret = name, "made");
                Ok(texts(written))
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 409 | 422) => {
                let Some(held) = self.fetch(&name).await? else { bail!("making Secret {name}: {status}") };
                Ok(texts(held))
            }
            Err(error) => Err(error).with_context(|| format!("making Secret {name}")),
        }
    }

    /// What is made anew when it is for something else or ends soon. Whether it was.
    pub async fn renew(
        &self,
        suffix: &str,
        purpose: Purpose<'_>,
        now: Timestamp,
        make: impl FnOnce() -> Result<Texts>,
    ) -> Result<bool> {
        let name = self.name(suffix);
        let held = self.fetch(&name).await?;
        let Some(why) = reason(held.as_ref(), purpose, now) else { return Ok(false) };
        let mut secret = build(&name, make()?);
        secret.metadata.annotations.get_or_insert_default().extend([
            (MADE_FOR.to_owned(), purpose.made_for.to_owned()),
            (RENEW_AFTER.to_owned(), purpose.renew_after.to_string()),
        ]);
        let written = self.api.patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(&secret)).await;
        written.with_context(|| format!("writing Secret {name}"))?;
        tracing::info!(secret = name, why, "made");
        Ok(true)
    }

    async fn fetch(&self, name: &str) -> Result<Option<Secret>> {
        self.api.get_opt(name).await.with_context(|| format!("reading Secret {name}"))
    }
}

/// Why a Secret is to be made (anew), if so.
fn reason(held: Option<&Secret>, purpose: Purpose<'_>, now: Timestamp) -> Option<&'static str> {
    let Some(held) = held else { return Some("missing") };
    let annotation = |key| held.metadata.annotations.as_ref()?.get(key).map(String::as_str);
    if annotation(MADE_FOR) != Some(purpose.made_for) {
        return Some("made for something else");
    }
    match annotation(RENEW_AFTER).and_then(|at| at.parse::<Timestamp>().ok()) {
        Some(at) if now < at => None,
        Some(_) => Some("ends soon"),
        None => Some("of unknown age"),
    }
}

fn build(name: &str, texts: Texts) -> Secret {
    let labels = [("app.kubernetes.io/part-of", "atoll"), ("app.kubernetes.io/managed-by", "atoll")];
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            ..ObjectMeta::default()
        },
        data: Some(texts.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes()))).collect()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

fn texts(secret: Secret) -> Texts {
    let data = secret.data.unwrap_or_default();
    data.into_iter().map(|(key, bytes)| (key, String::from_utf8_lossy(&bytes.0).into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn held(made_for: &str, renew_after: &str) -> Secret {
        let mut secret = build("a", Texts::new());
        secret.metadata.annotations =
            Some([(MADE_FOR, made_for), (RENEW_AFTER, renew_after)].map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        secret
    }

    #[test]
    fn a_certificate_is_made_anew_when_it_is_missing_for_something_else_or_old() {
        let purpose = Purpose { made_for: "names=a", renew_after: at("2027-01-01T00:00:00Z") };
        let now = at("2026-06-01T00:00:00Z");
        let fresh = held("names=a", "2026-06-02T00:00:00Z");
        assert_eq!(reason(None, purpose, now), Some("missing"));
        assert_eq!(reason(Some(&fresh), purpose, now), None);
        assert_eq!(reason(Some(&fresh), purpose, at("2026-06-02T00:00:00Z")), Some("ends soon"));
        assert_eq!(
            reason(Some(&held("names=b", "2026-06-02T00:00:00Z")), purpose, now),
            Some("made for something else")
        );
        assert_eq!(reason(Some(&held("names=a", "soon")), purpose, now), Some("of unknown age"));
    }
}
