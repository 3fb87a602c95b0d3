//! The arguments of every program of a control plane.
//!
//! Pure: in a cluster's blueprint, out argument lists. Why a flag is there is
//! said here once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::cluster::NodePlan;
use super::component::Program;
use super::pki::{PkiFiles, SERVICE_CIDR};
use super::place::Endpoints;

/// The hidden subcommand that is the stand-in kubelet.
pub const KUBELET_COMMAND: &str = "kubelet";
/// Controllers a hub runs: those that keep the API itself in order. With the workload
/// controllers on, the hub would run the templates itself and fight over their status.
const HUB_CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-token-controller,\
     ttl-after-finished-controller,bootstrap-signer-controller,token-cleaner-controller,\
     certificatesigningrequest-cleaner-controller,certificatesigningrequest-signing-controller,\
     clusterrole-aggregation-controller";
/// Bare Pods and claims are templates on a hub: nothing there makes the service
/// account they would wait for, or ever releases the claim.
const HUB_DISABLED_ADMISSION: &str = "StorageObjectInUseProtection,ServiceAccount";
const ISSUER: &str = "https://kubernetes.default.svc";

/// What a cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Keeps templates, runs none.
    Hub,
    /// Runs workloads.
    Member,
}

/// All that the argument lists are made of.
pub struct Blueprint<'a> {
    /// The multi-call binary.
    pub control_plane: &'a Path,
    /// The fleet's own program.
    pub fleet: &'a Path,
    /// What the cluster is for.
    pub role: Role,
    /// Where its servers answer.
    pub endpoints: Endpoints,
    /// Whether the API server takes every address of its network, not only its own.
    pub in_namespace: bool,
    /// Keys and certificates.
    pub pki: &'a PkiFiles,
    /// Folder of the cluster's data.
    pub data: PathBuf,
}

impl Blueprint<'_> {
    /// etcd, one node, data thrown away: nothing is ever synced to disk.
    pub fn etcd(&self) -> Program {
        let [client, peer] = self.endpoints.etcd.map(|address| format!("http://{address}"));
        self.program("etcd", |flags| {
            flags.set("name", "etcd");
            flags.set("data-dir", self.data.join("etcd"));
            flags.set("listen-client-urls", &client);
            flags.set("advertise-client-urls", &client);
            flags.set("listen-peer-urls", &peer);
            flags.set("initial-advertise-peer-urls", &peer);
            flags.set("initial-cluster", format!("etcd={peer}"));
            flags.set("unsafe-no-fsync", "true");
            flags.set("log-level", "warn");
        })
    }

    /// kube-apiserver.
    pub fn apiserver(&self) -> Program {
        self.program("kube-apiserver", |flags| {
            let bind = if self.in_namespace { "0.0.0.0".to_owned() } else { self.endpoints.api.ip().to_string() };
            flags.set("etcd-servers", format!("http://{}", self.endpoints.etcd[0]));
            flags.set("bind-address", bind);
            flags.set("secure-port", self.endpoints.api.port().to_string());
            flags.set("advertise-address", self.endpoints.api.ip().to_string());
            // The reconciler publishes the address as an Endpoints object, which the API refuses for loopback ones.
            flags.set("endpoint-reconciler-type", if self.in_namespace { "lease" } else { "none" });
            flags.set("service-cluster-ip-range", SERVICE_CIDR);
            flags.set("authorization-mode", "Node,RBAC");
            flags.set("allow-privileged", "true");
            flags.set("enable-bootstrap-token-auth", "true");
            flags.set("profiling", "false");
            self.set_apiserver_identities(flags);
            if self.role == Role::Hub {
                flags.set("disable-admission-plugins", HUB_DISABLED_ADMISSION);
            }
        })
    }

    fn set_apiserver_identities(&self, flags: &mut Flags) {
        flags.set("tls-cert-file", self.pki.certificate("apiserver"));
        flags.set("tls-private-key-file", self.pki.key("apiserver"));
        flags.set("client-ca-file", self.pki.certificate("ca"));
        flags.set("kubelet-client-certificate", self.pki.certificate("kubelet-client"));
        flags.set("kubelet-client-key", self.pki.key("kubelet-client"));
        flags.set("kubelet-preferred-address-types", "InternalIP");
        flags.set("service-account-issuer", ISSUER);
        flags.set("service-account-key-file", self.pki.certificate("service-account"));
        flags.set("service-account-signing-key-file", self.pki.key("service-account"));
        flags.set("requestheader-client-ca-file", self.pki.certificate("front-proxy-ca"));
        flags.set("requestheader-allowed-names", "front-proxy-client");
        flags.set("requestheader-extra-headers-prefix", "X-Remote-Extra-");
        flags.set("requestheader-group-headers", "X-Remote-Group");
        flags.set("requestheader-username-headers", "X-Remote-User");
        flags.set("proxy-client-cert-file", self.pki.certificate("front-proxy"));
        flags.set("proxy-client-key-file", self.pki.key("front-proxy"));
    }

    /// kube-controller-manager, without a port and without an election: there is one.
    pub fn controller_manager(&self, kubeconfig: &Path) -> Program {
        self.program("kube-controller-manager", |flags| {
            flags.set("kubeconfig", kubeconfig);
            flags.set("leader-elect", "false");
            flags.set("secure-port", "0");
            flags.set("profiling", "false");
            flags.set("use-service-account-credentials", "true");
            // It makes a service account and a token for each of its controllers before any of them starts, which
            // at the default of 20 calls a second takes 5 s.
            flags.set("kube-api-qps", "500");
            flags.set("kube-api-burst", "500");
            flags.set("service-account-private-key-file", self.pki.key("service-account"));
            flags.set("root-ca-file", self.pki.certificate("ca"));
            flags.set("cluster-signing-cert-file", self.pki.certificate("ca"));
            flags.set("cluster-signing-key-file", self.pki.key("ca"));
            if self.role == Role::Hub {
                flags.set("controllers", HUB_CONTROLLERS);
            }
        })
    }

    /// kube-scheduler, likewise.
    pub fn scheduler(&self, kubeconfig: &Path) -> Program {
        self.program("kube-scheduler", |flags| {
            flags.set("kubeconfig", kubeconfig);
            flags.set("leader-elect", "false");
            flags.set("secure-port", "0");
            flags.set("profiling", "false");
        })
    }

    /// The stand-in kubelet of the member `cluster`, a hidden subcommand of the fleet's own program.
    pub fn kubelet(&self, cluster: &str, node: &NodePlan, kubeconfig: &Path) -> Program {
        let mut flags = Flags(vec![KUBELET_COMMAND.into()]);
        flags.set("cluster", cluster);
        flags.set("kubeconfig", kubeconfig);
        flags.set("node-address", node.address.to_string());
        flags.set("pod-cidr", format!("{}/{}", node.pods.0, node.pods.1));
        Program { path: self.fleet.to_owned(), arguments: flags.0, folder: self.data.clone() }
    }

    fn program(&self, name: &str, fill: impl FnOnce(&mut Flags)) -> Program {
        let mut flags = Flags(vec![name.into()]);
        fill(&mut flags);
        Program { path: self.control_plane.to_owned(), arguments: flags.0, folder: self.data.clone() }
    }
}

struct Flags(Vec<OsString>);

impl Flags {
    fn set(&mut self, name: &str, value: impl Into<PathBuf>) {
        let mut flag = OsString::from(format!("--{name}="));
        flag.push(value.into());
        self.0.push(flag);
    }
}
