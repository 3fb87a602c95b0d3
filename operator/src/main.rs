//! The Atoll operator: everything that talks. Deciding is `atoll_decide`'s.

mod app;
mod args;
mod bundle;
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
mod setup;
mod tasks;
mod telemetry;
mod validate;
mod watch;
mod webhook;
mod why;
#[cfg(test)]
mod wire_names;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match args::Cli::parse().command {
        args::Command::Run(settings) => match run::init(&settings) {
            Ok(telemetry) => run::run(*settings, telemetry).await,
            Err(error) => Err(error),
        },
        args::Command::Hub(command) => match telemetry::subscriber::log_only() {
            Ok(()) => setup::run(command).await,
            Err(error) => Err(error),
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atoll: {error:#}");
            ExitCode::FAILURE
        }
    }
}
