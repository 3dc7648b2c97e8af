//! The command line: which command, which settings.

pub mod call;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::app;
use crate::config::{self, ConfigError, Loaded};
use crate::telemetry::last_words;

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
    /// Check the settings of a service without starting it; all that is wrong with them is told.
    Check {
        /// Which service they are for.
        #[arg(value_enum, default_value = "serve")]
        service: Service,
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Place one call through a running Callplane and report it; an interrupt hangs up.
    Call(call::CallArgs),
}

#[derive(Debug, Args)]
struct SettingsArgs {
    /// The TOML file with settings; where it is not given, the one that the variable CALLPLANE_CONFIG names.
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// One setting, over file and environment: section.key=value. May be given several times.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    assignments: Vec<String>,
}

impl SettingsArgs {
    /// The settings, if these services can use them.
    fn load(&self, services: app::Services) -> Result<Loaded, ConfigError> {
        config::load(self.config.as_deref(), std::env::vars_os(), &self.assignments, |settings, meant| {
            app::unfit(settings, services, meant)
        })
    }
}

/// A service whose settings can be checked.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Service {
    Serve,
    Signaling,
    Media,
    Engine,
}

impl Service {
    const fn services(self) -> app::Services {
        match self {
            Self::Serve => app::Services::both(true),
            Self::Signaling => app::Services::SIGNALING,
            Self::Media => app::Services::MEDIA,
            Self::Engine => app::Services::ENGINE,
        }
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
        Command::Check { settings, service } => check(&settings, service.services()),
        Command::Call(args) => return call::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let told = error.to_string();
            let lines: Vec<String> = told.lines().map(|line| format!("callplane: {line}")).collect();
            last_words(lines.join("\n"));
            ExitCode::FAILURE
        }
    }
}

fn start(settings: &SettingsArgs, services: app::Services) -> Result<(), Box<dyn std::error::Error>> {
    let loaded = settings.load(services)?;
    app::run(loaded.settings.clone(), services, &loaded.warnings).map_err(|error| {
        let faults = error.faults();
        if faults.is_empty() { error.into() } else { told(&loaded, faults).into() }
    })
}

fn check(settings: &SettingsArgs, services: app::Services) -> Result<(), Box<dyn std::error::Error>> {
    let loaded = settings.load(services)?;
    loaded.warnings.iter().for_each(|warning| println!("{warning}"));
    println!("the settings can be used");
    Ok(())
}

/// Faults that only a start has found, each with where its value comes from.
fn told(loaded: &Loaded, faults: Vec<app::Unfit>) -> ConfigError {
    ConfigError(faults.into_iter().map(|(key, what)| loaded.fault(&key, what)).collect())
}
