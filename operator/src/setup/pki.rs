//! `atoll hub pki`: every key and certificate of a hub and of the webhook.
//!
//! Four things are made once and kept: the authorities of the hub, of its front
//! proxy and of its etcd, and the key of its tokens. Everything else is made from
//! them, and anew when its names change or its time is near.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::Api;

use super::args::Pki;
use super::certificates::{Authority, Pair, Subject, renew_after, signing_key};
use super::connect;
use super::kubeconfig::{self, User};
use super::secrets::{Purpose, Secrets, Texts};
use crate::clock;

/// The operator, to the hub. The chart gives this user its rights.
const OPERATOR: &str = "atoll";
/// Of everybody who may do everything on the hub.
const ADMINISTRATORS: &str = "system:masters";
/// Names of every API server and of whatever is forwarded to this machine.
const LOCAL_NAMES: [&str; 2] = ["localhost", "127.0.0.1"];
const API_NAMES: [&str; 3] = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];

/// Makes what is missing.
pub async fn run(settings: &Pki) -> Result<()> {
    let client = connect::client(connect::config(settings.kubeconfig.as_deref(), None).await?)?;
    let api: Api<Secret> = Api::namespaced(client, &settings.namespace);
    let maker = Maker { secrets: Secrets::new(api, &settings.prefix), now: clock::api_time().0 };
    let mut made = 0;
    if let Some(server) = &settings.hub_server {
        made += maker.hub(server, settings).await?;
    }
    if !settings.webhook_names.is_empty() {
        made += maker.webhook(&settings.webhook_names).await?;
    }
    tracing::info!(made, "certificates are in place");
    Ok(())
}

struct Maker {
    secrets: Secrets,
    now: Timestamp,
}

/// What the hub's certificates come from.
struct Roots {
    hub: Authority,
    front_proxy: Authority,
    etcd: Authority,
    tokens: Pair,
}

impl Maker {
    async fn hub(&self, server: &str, settings: &Pki) -> Result<usize> {
        let roots = Roots {
            hub: self.authority("hub-ca", "Atoll hub").await?,
            front_proxy: self.authority("hub-front-proxy-ca", "Atoll hub front proxy").await?,
            etcd: self.authority("hub-etcd-ca", "Atoll hub etcd").await?,
            tokens: self.signing_key("hub-service-account").await?,
        };
        let names = |own: &[String], more: &[&str]| -> Vec<String> {
            own.iter().cloned().chain(LOCAL_NAMES.iter().chain(more).map(|name| (*name).to_owned())).collect()
        };
        let (etcd, api) = (names(&settings.etcd_names, &[]), names(&settings.hub_names, &API_NAMES));
        let by = |authority: &Authority| format!("authority={}", authority.id());
        let at = |authority: &Authority, names: &[String]| format!("{}; names={}", by(authority), names.join(","));
        let of = |user: &str| format!("{}; user={user}; server={server}", by(&roots.hub));
        let made = [
            self.renew("hub-etcd", &at(&roots.etcd, &etcd), || self.etcd(&roots, &etcd)).await?,
            self.renew("hub-apiserver", &at(&roots.hub, &api), || self.apiserver(&roots, &api)).await?,
            self.renew("hub-controller-manager", &of("controller-manager"), || self.manager(&roots, server)).await?,
            self.renew("hub-admin", &of("admin"), || self.user(&roots, server, "atoll-admin", Some(ADMINISTRATORS)))
                .await?,
            self.renew("hub-operator", &of("operator"), || self.user(&roots, server, OPERATOR, None)).await?,
        ];
        Ok(made.into_iter().filter(|made| *made).count())
    }

    async fn webhook(&self, names: &[String]) -> Result<usize> {
        let authority = self.authority("webhook-ca", "Atoll webhook").await?;
        let made_for = format!("authority={}; names={}", authority.id(), names.join(","));
        let make = || {
            let pair = authority.issue(&server("Atoll webhook", names), self.now)?;
            Ok(serving(pair, &authority))
        };
        Ok(usize::from(self.renew("webhook", &made_for, make).await?))
    }

    async fn authority(&self, suffix: &str, name: &str) -> Result<Authority> {
        let make = || Ok(pair_texts(Authority::make(name, self.now)?.pair().clone(), "tls"));
        let held = self.secrets.keep(suffix, make).await?;
        let pair =
            Pair { certificate: self.take(&held, suffix, "tls.crt")?, key: self.take(&held, suffix, "tls.key")? };
        Authority::of(name, pair, self.now).with_context(|| format!("using Secret {}", self.secrets.name(suffix)))
    }

    async fn signing_key(&self, suffix: &str) -> Result<Pair> {
        let make = || {
            let pair = signing_key()?;
            Ok(Texts::from([("sa.pub".to_owned(), pair.certificate), ("sa.key".to_owned(), pair.key)]))
        };
        let held = self.secrets.keep(suffix, make).await?;
        Ok(Pair { certificate: self.take(&held, suffix, "sa.pub")?, key: self.take(&held, suffix, "sa.key")? })
    }

    fn take(&self, held: &Texts, suffix: &str, key: &str) -> Result<String> {
        held.get(key).cloned().with_context(|| {
            format!(
                "Secret {} has no key {key}; it is never made anew by itself: put it back from a backup, or delete the \
                 Secret, and with it everything that trusts it",
                self.secrets.name(suffix)
            )
        })
    }

    async fn renew(&self, suffix: &str, made_for: &str, make: impl FnOnce() -> Result<Texts>) -> Result<bool> {
        let purpose = Purpose { made_for, renew_after: renew_after(self.now)? };
        self.secrets.renew(suffix, purpose, self.now, make).await
    }

    /// One certificate for clients and peers: there is one etcd.
    fn etcd(&self, roots: &Roots, names: &[String]) -> Result<Texts> {
        let subject = Subject { both: true, ..server("etcd", names) };
        Ok(serving(roots.etcd.issue(&subject, self.now)?, &roots.etcd))
    }

    fn apiserver(&self, roots: &Roots, names: &[String]) -> Result<Texts> {
        let client = |name| Subject { name, ..Subject::default() };
        let mut texts = serving(roots.hub.issue(&server("kube-apiserver", names), self.now)?, &roots.hub);
        let proxy = roots.front_proxy.issue(&client("front-proxy-client"), self.now)?;
        texts.extend(pair_texts(proxy, "front-proxy-client"));
        texts.extend(pair_texts(roots.etcd.issue(&client("kube-apiserver"), self.now)?, "etcd-client"));
        texts.insert("front-proxy-ca.crt".to_owned(), roots.front_proxy.pair().certificate.clone());
        texts.insert("etcd-ca.crt".to_owned(), roots.etcd.pair().certificate.clone());
        texts.insert("sa.pub".to_owned(), roots.tokens.certificate.clone());
        texts.insert("sa.key".to_owned(), roots.tokens.key.clone());
        Ok(texts)
    }

    fn manager(&self, roots: &Roots, server: &str) -> Result<Texts> {
        let mut texts = self.user(roots, server, "system:kube-controller-manager", None)?;
        // It signs what the API is asked to sign, tokens included.
        texts.extend(pair_texts(roots.hub.pair().clone(), "ca"));
        texts.insert("sa.key".to_owned(), roots.tokens.key.clone());
        Ok(texts)
    }

    fn user(&self, roots: &Roots, server: &str, name: &str, group: Option<&str>) -> Result<Texts> {
        let pair = roots.hub.issue(&Subject { name, group, ..Subject::default() }, self.now)?;
        let user = User::Certificate { certificate: &pair.certificate, key: &pair.key };
        let text = kubeconfig::render(server, Some(&roots.hub.pair().certificate), &user);
        Ok(Texts::from([("kubeconfig".to_owned(), text)]))
    }
}

fn server<'a>(name: &'a str, names: &[String]) -> Subject<'a> {
    Subject { name, names: names.to_vec(), ..Subject::default() }
}

fn serving(pair: Pair, authority: &Authority) -> Texts {
    let mut texts = pair_texts(pair, "tls");
    texts.insert("ca.crt".to_owned(), authority.pair().certificate.clone());
    texts
}

fn pair_texts(pair: Pair, name: &str) -> Texts {
    Texts::from([(format!("{name}.crt"), pair.certificate), (format!("{name}.key"), pair.key)])
}
