//! The certificates of one throw-away cluster.
//!
//! In: the cluster's name and addresses. Out: PEM texts signed by an authority
//! that no other cluster knows, so a kubeconfig mixed up between two clusters
//! fails loudly instead of reading the wrong one. Writes nothing but what
//! [`ClusterPki::write_to`] is asked for; no key ever leaves the fleet's folder.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// First address of [`SERVICE_CIDR`], the one the `kubernetes` Service gets.
const KUBERNETES_SERVICE_ADDRESS: &str = "10.96.0.1";
/// Virtual addresses of Services; the same in every cluster, since none is routed.
pub const SERVICE_CIDR: &str = "10.96.0.0/16";

/// A certificate and its private key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate, without its authority's.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: String,
}

/// Everything one cluster authenticates with.
pub struct ClusterPki {
    /// Signs servers, clients and, by the controller manager, CSRs.
    pub authority: Identity,
    /// Signs only the API server's calls to aggregated APIs. Must differ from
    /// [`ClusterPki::authority`], or every client certificate could name any user.
    front_proxy_authority: Identity,
    front_proxy: Identity,
    server: Identity,
    /// The API server as a client of kubelets.
    kubelet_client: Identity,
    /// Signs and checks service account tokens: private key, then public key.
    service_account: (String, String),
    /// Member of `system:masters`.
    pub admin: Identity,
    /// User `system:kube-controller-manager`.
    pub controller_manager: Identity,
    /// User `system:kube-scheduler`.
    pub scheduler: Identity,
    /// User `system:node:<node>` of group `system:nodes`.
    pub kubelet: Identity,
}

/// Where [`ClusterPki::write_to`] put what the processes read from files.
pub struct PkiFiles {
    folder: PathBuf,
}

impl ClusterPki {
    /// Makes all keys and certificates of the cluster `name`, whose API server
    /// answers at `addresses` and whose one node is called `node`.
    pub fn generate(name: &str, node: &str, addresses: &[IpAddr]) -> Result<Self> {
        let authority = Authority::new(&format!("fleet-{name}"))?;
        let front_proxy_authority = Authority::new(&format!("fleet-{name}-front-proxy"))?;
        let service_account = KeyPair::generate().context("making the service account key")?;
        Ok(Self {
            server: authority.issue_server(addresses)?,
            kubelet_client: authority.issue_client("kube-apiserver-kubelet-client", Some("system:masters"))?,
            admin: authority.issue_client("fleet-admin", Some("system:masters"))?,
            controller_manager: authority.issue_client("system:kube-controller-manager", None)?,
            scheduler: authority.issue_client("system:kube-scheduler", None)?,
            kubelet: authority.issue_client(&format!("system:node:{node}"), Some("system:nodes"))?,
            front_proxy: front_proxy_authority.issue_client("front-proxy-client", None)?,
            service_account: (service_account.serialize_pem(), service_account.public_key_pem()),
            authority: authority.identity(),
            front_proxy_authority: front_proxy_authority.identity(),
        })
    }

    /// Writes the files the processes of the cluster read, keys readable by the owner alone.
    pub fn write_to(&self, folder: &Path) -> Result<PkiFiles> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let files = PkiFiles { folder: folder.to_owned() };
        let identities = [
            ("ca", &self.authority),
            ("front-proxy-ca", &self.front_proxy_authority),
            ("front-proxy", &self.front_proxy),
            ("apiserver", &self.server),
            ("kubelet-client", &self.kubelet_client),
        ];
        for (name, identity) in identities {
            write_private(&files.certificate(name), &identity.certificate)?;
            write_private(&files.key(name), &identity.key)?;
        }
        write_private(&files.key("service-account"), &self.service_account.0)?;
        write_private(&files.certificate("service-account"), &self.service_account.1)?;
        Ok(files)
    }
}

impl PkiFiles {
    /// Certificate (or bare public key) called `name`.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    /// Private key called `name`.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().context("making an authority's key")?;
        Ok(Self(CertifiedIssuer::self_signed(params, key).context("signing an authority")?))
    }

    fn identity(&self) -> Identity {
        Identity { certificate: self.0.pem(), key: self.0.key().serialize_pem() }
    }

    fn issue_server(&self, addresses: &[IpAddr]) -> Result<Identity> {
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let mut names: Vec<String> = names.map(str::to_owned).to_vec();
        names.extend(["127.0.0.1".to_owned(), KUBERNETES_SERVICE_ADDRESS.to_owned()]);
        names.extend(addresses.iter().map(ToString::to_string));
        let mut params = CertificateParams::new(names).context("naming the API server's certificate")?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params)
    }

    fn issue_client(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params)
    }

    fn issue(&self, mut params: CertificateParams) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("making a key")?;
        let certificate = params.signed_by(&key, &self.0).context("signing a certificate")?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Writes a file that its owner alone may read.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn two_clusters_share_no_authority() {
        let addresses = [IpAddr::from([127, 0, 0, 1])];
        let one = ClusterPki::generate("m1", "m1-control-plane", &addresses).unwrap();
        let other = ClusterPki::generate("m2", "m2-control-plane", &addresses).unwrap();
        assert_ne!(one.authority.certificate, other.authority.certificate);
        assert_ne!(one.authority.certificate, one.front_proxy_authority.certificate);
    }

    #[test]
    fn private_keys_are_readable_by_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pki = ClusterPki::generate("m1", "m1-control-plane", &[]).unwrap();
        let files = pki.write_to(folder.path()).unwrap();
        let mode = fs::metadata(files.key("service-account")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
