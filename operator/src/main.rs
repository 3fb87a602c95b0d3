//! The Atoll operator: everything that talks. Deciding is `atoll_decide`'s.

mod app;
mod args;
mod clock;
mod events;
mod failover;
mod fleet;
mod hub;
mod install;
mod lease;
mod members;
mod pipeline;
mod queue;
mod run;
mod serve;
mod tasks;
mod telemetry;
mod validate;
mod watch;
mod webhook;
#[cfg(test)]
mod wire_names;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let args::Cli { command: args::Command::Run(settings) } = args::Cli::parse();
    let ended = match run::init(&settings) {
        Ok(()) => run::run(*settings).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atoll: {error:#}");
            ExitCode::FAILURE
        }
    }
}
