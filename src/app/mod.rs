//! The process: settings → build → spawn → wait → drain.

pub mod admin;
mod signals;

use tokio_util::sync::CancellationToken;

use crate::callengine::{self, EngineError};
use crate::config::Settings;
use crate::telemetry::{Telemetry, TelemetryError};

/// Which services the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services {
    signaling: bool,
    media: bool,
    engine: bool,
}

impl Services {
    /// Signaling alone.
    pub const SIGNALING: Self = Self { signaling: true, media: false, engine: false };
    /// Media alone.
    pub const MEDIA: Self = Self { signaling: false, media: true, engine: false };
    /// The call engine in the box alone.
    pub const ENGINE: Self = Self { signaling: false, media: false, engine: true };

    /// Signaling and media in one process, and the call engine beside them if wanted.
    #[must_use]
    pub const fn both(engine: bool) -> Self {
        Self { signaling: true, media: true, engine }
    }

    /// What the process is called in traces.
    const fn name(self) -> &'static str {
        match (self.signaling, self.media) {
            (true, true) => "callplane",
            (true, false) => "callplane-signaling",
            (false, true) => "callplane-media",
            (false, false) => "callplane-engine",
        }
    }
}

/// Why the process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Logs or traces.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The call engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A socket, a thread, a signal handler.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: String,
        /// What went wrong.
        cause: std::io::Error,
    },
}

/// Runs the services until a signal asks to stop, then drains.
///
/// # Errors
/// When something cannot be started; nothing is left running then.
pub fn run(settings: Settings, services: Services) -> Result<(), StartError> {
    let telemetry = Telemetry::install(&settings.telemetry, services.name())?;
    // Shards and media workers have threads of their own; this runtime serves gRPC, and HTTP to operators.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| StartError::System { what: "runtime".into(), cause })?;
    let outcome = runtime.block_on(serve(settings, services));
    telemetry.shutdown();
    outcome
}

async fn serve(settings: Settings, services: Services) -> Result<(), StartError> {
    let mut signals = signals::Signals::install()?;
    let stop = CancellationToken::new();
    let engine =
        services.engine.then(|| tokio::spawn(callengine::run(settings.engine.clone(), stop.child_token())));
    signals.next().await;
    let hurry = CancellationToken::new();
    signals.cancel_with_next(hurry.clone());
    stop.cancel();
    if let Some(engine) = engine {
        let _ = engine.await;
    }
    Ok(())
}
