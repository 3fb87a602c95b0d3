//! `why`: an object's placement explained (promise I8).
//!
//! Enters: kind and name. Leaves: the operator's explanation for a person or a
//! program; where the operator cannot be asked, what the hub's objects tell.

mod hub;
mod object;
mod show;

use anyhow::{Context, Result, anyhow, bail};
use atoll_decide::explain::Explanation;
use serde_json::Value;

use crate::args;
use crate::connect::Side;
use crate::console::Console;
use crate::kinds::Catalogue;
use crate::{operator, output};

/// Explains.
pub async fn run(hub: &Side, task: &args::Why, console: Console) -> Result<()> {
    let words = object::split(&task.object)?;
    let catalogue = Catalogue::fetch(hub).await?;
    let namespace = task.namespace.as_deref().unwrap_or(&hub.config.default_namespace);
    let object = object::find(&words, &catalogue, namespace)?;
    let asked = operator::ask(hub, &task.reach, &object.query(), console).await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let told = hub::tell(hub, &object, task.output).await?;
            console.say(told);
            return Err(error.context("only the hub's objects were looked at"));
        }
    };
    if !answer.status.is_success() {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match said["error"].as_str() {
            Some(said) => bail!("{said}"),
            None => bail!("the operator answers {}: is it older than this program?", answer.status),
        }
    }
    let text = match task.output {
        Some(format) => {
            let value: Value = serde_json::from_slice(&answer.body).context("reading the operator's answer")?;
            output::data(&value, format)?
        }
        None => show::explanation(&parse(&answer.body)?),
    };
    console.say(text);
    Ok(())
}

fn parse(body: &[u8]) -> Result<Explanation> {
    serde_json::from_slice(body).map_err(|error| {
        anyhow!("the operator's answer is not understood ({error}): are operator and this program of one version?")
    })
}
