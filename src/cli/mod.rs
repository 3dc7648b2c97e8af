//! The command line: which command, which settings.

pub mod call;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::config::{self, ConfigError, Settings};

/// A programmable call plane: SIP and RTP, driven by your own call engine over gRPC.
#[derive(Debug, Parser)]
#[command(name = "callplane", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run signaling and media in one process.
    Serve {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Run the call engine in the box beside it.
        #[arg(long)]
        with_engine: bool,
    },
    /// Run signaling alone; media is elsewhere (signaling.media_address).
    Signaling {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Run media alone (media.api).
    Media {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Run the call engine in the box alone: an ordinary client of the API (engine.api).
    Engine {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Place one call through a running Callplane and report it; an interrupt hangs up.
    Call(call::CallArgs),
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// The TOML file with settings.
    #[arg(long, short, env = "CALLPLANE_CONFIG")]
    config: Option<PathBuf>,
    /// One setting, over file and environment: section.key=value. May be given several times.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    assignments: Vec<String>,
}

impl SettingsArgs {
    fn load(&self) -> Result<Settings, ConfigError> {
        config::load(self.config.as_deref(), std::env::vars(), &self.assignments)
    }
}

/// Runs what the command line asks for.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Serve { settings, with_engine } => start(&settings, app::Services::both(with_engine)),
        Command::Signaling { settings } => start(&settings, app::Services::SIGNALING),
        Command::Media { settings } => start(&settings, app::Services::MEDIA),
        Command::Engine { settings } => start(&settings, app::Services::ENGINE),
        Command::Call(args) => return call::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("callplane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(settings: &SettingsArgs, services: app::Services) -> Result<(), Box<dyn std::error::Error>> {
    Ok(app::run(settings.load()?, services)?)
}
