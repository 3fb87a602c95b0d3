//! Plain HTTP, as a scraper or a user of an app speaks it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::{Client, Config};
use tokio::time::timeout;

/// Answers come in milliseconds; whoever is cut off gives none at all.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// The body of what `address` answers.
///
/// # Errors
/// When nobody answers within two seconds, or with a status that says failure.
pub async fn fetch(address: SocketAddr, path: &str) -> Result<String> {
    let context = || format!("asking http://{address}{path}");
    let server = format!("http://{address}").parse().with_context(context)?;
    let client = Client::try_from(Config::new(server)).with_context(context)?;
    let request = http::Request::get(path).body(Vec::new()).with_context(context)?;
    let answer = timeout(ANSWER_DEADLINE, client.request_text(request)).await;
    answer.with_context(context)?.with_context(context)
}
