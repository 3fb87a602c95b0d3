//! What is done once before the operator can run: certificates, and what stands
//! on the hub.
//!
//! Enters: an administrator's credential and names. Leaves: Secrets in the
//! cluster the chart is installed in (`atoll hub pki`); definitions, rights and
//! an account on the hub (`atoll hub bootstrap`). Must not: make an authority
//! anew that is there, or be needed while the operator runs. Both can be run
//! again at any time.

pub mod args;
mod bootstrap;
mod certificates;
mod connect;
mod kubeconfig;
mod pki;
mod secrets;
mod wait;

use anyhow::Result;

use args::Hub;

/// Runs one of them.
pub async fn run(command: Hub) -> Result<()> {
    match command {
        Hub::Pki(settings) => pki::run(&settings).await,
        Hub::Bootstrap(settings) => bootstrap::run(&settings).await,
        Hub::Wait(settings) => wait::run(&settings).await,
    }
}
