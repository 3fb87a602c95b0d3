//! The two clusters a command talks to. Nothing is sent here: a client is made
//! from a kubeconfig, no more.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::args::{ClusterName, Global};

/// Connecting takes at most this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two bytes of an answer pass at most so much. Watches send bookmarks
/// and are restarted, so it does not hurt them.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// One of the two clusters.
pub struct Side {
    /// `hub` or `member m1`, for messages.
    pub name: String,
    pub client: Client,
    pub config: Config,
}

impl Side {
    fn new(name: String, mut config: Config) -> Result<Self> {
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(READ_TIMEOUT);
        config.write_timeout = Some(READ_TIMEOUT);
        config.reset_reader_on_write = true;
        let client =
            Client::try_from(config.clone()).map_err(|error| anyhow!("{name}: no client can be made: {error}"))?;
        Ok(Self { name, client, config })
    }

    /// Address of its API server, without a slash at the end.
    pub fn url(&self) -> String {
        self.config.cluster_url.to_string().trim_end_matches('/').to_owned()
    }

    /// The same cluster at `endpoint`, as somebody with `token` alone.
    pub fn with_token(&self, endpoint: http::Uri, token: &str) -> Result<Self> {
        let mut config = Config::new(endpoint);
        config.root_cert.clone_from(&self.config.root_cert);
        config.accept_invalid_certs = self.config.accept_invalid_certs;
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
        Self::new(self.name.clone(), config)
    }
}

/// The hub.
pub async fn hub(global: &Global) -> Result<Side> {
    let config = load(global.kubeconfig.as_deref(), global.context.as_deref())
        .await
        .context("hub: its kubeconfig cannot be used; name another one with --kubeconfig")?;
    Side::new("hub".to_owned(), config)
}

/// A member.
pub async fn member(name: &ClusterName, kubeconfig: &Path, context: Option<&str>) -> Result<Side> {
    let config = load(Some(kubeconfig), context).await.with_context(|| {
        format!("member {name}: {} cannot be used; name another one with --cluster-kubeconfig", kubeconfig.display())
    })?;
    Side::new(format!("member {name}"), config)
}

async fn load(file: Option<&Path>, context: Option<&str>) -> Result<Config> {
    // Their texts hold their causes already.
    let plain = |error: KubeconfigError| anyhow!("{error}");
    let kubeconfig = match file {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    Config::from_custom_kubeconfig(kubeconfig.map_err(plain)?, &options).await.map_err(plain)
}

/// The cluster that the operator runs in.
pub async fn host(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Side> {
    let config = load(kubeconfig, context)
        .await
        .context("host cluster: its kubeconfig cannot be used; name another one with --host-kubeconfig")?;
    Side::new("host cluster".to_owned(), config)
}
