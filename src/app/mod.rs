//! The process: settings → build → spawn → wait → drain.

pub mod admin;
mod huge_pages;
mod media_server;
mod node;
mod open_files;
mod signals;
mod troubles;
mod unfit;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio_util::sync::CancellationToken;

use crate::callengine::{self, EngineError};
use crate::config::Settings;
use crate::media::service::MediaStartError;
use crate::telemetry::{Telemetry, TelemetryError};
use node::Node;

pub use unfit::{Unfit, unfit};

/// Where the engine in the box looks for the API when nothing says where it is.
const DEFAULT_API: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7070);

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

/// Why the process could not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Logs or traces.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The call engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The call engine in the box has panicked.
    #[error("the call engine in the box has died")]
    EngineDied,
    /// Signaling.
    #[error(transparent)]
    Signaling(#[from] crate::signaling::StartError),
    /// Media.
    #[error(transparent)]
    Media(#[from] MediaStartError),
    /// Settings that these services cannot use, or cannot do without.
    #[error("{}", told(.0))]
    Unfit(Vec<Unfit>),
    /// A setting that shows itself to be of no use at the start.
    #[error("{key}: {what}")]
    Setting {
        /// Which key.
        key: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A thread of signaling has died: only another start helps.
    #[error("a thread of signaling has died")]
    SignalingDied,
    /// A worker of media has died, and what it carried with it: only another start helps.
    #[error("a worker of media has died")]
    MediaDied,
    /// Media's API or the operator's endpoint has ended by itself.
    #[error("a server of this process has ended")]
    ServerEnded,
    /// A socket, a thread, a signal handler.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: String,
        /// What went wrong.
        cause: std::io::Error,
    },
}

/// What is wrong with settings, a line each.
fn told(unfit: &[Unfit]) -> String {
    unfit.iter().map(|(key, what)| format!("{key}: {what}")).collect::<Vec<_>>().join("\n")
}

impl StartError {
    /// Each setting that is at fault, and what is wrong with it. None where it is no setting's fault.
    #[must_use]
    pub fn faults(&self) -> Vec<Unfit> {
        use crate::signaling::StartError as OfSignaling;
        match self {
            Self::Unfit(unfit) => unfit.clone(),
            Self::Setting { .. }
            | Self::Signaling(OfSignaling::Setting(_) | OfSignaling::Listener(_) | OfSignaling::Grpc(..))
            | Self::Media(MediaStartError::Settings(_)) => {
                // All of these begin with the key.
                let told = self.to_string();
                told.split_once(": ").map(|(key, what)| (key.into(), what.into())).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// An address that a setting names cannot be listened on.
    fn unbound(key: &'static str, address: SocketAddr, cause: &std::io::Error) -> Self {
        let what = format!("cannot listen on {address}: {}", crate::transport::why_not_bound(address, cause));
        Self::Setting { key, what }
    }
}

/// Runs the services until a signal asks to stop, then drains. `warnings` are for the log.
///
/// # Errors
/// When something cannot be started; nothing is left running then.
pub fn run(mut settings: Settings, services: Services, warnings: &[String]) -> Result<(), StartError> {
    let unfit = unfit(&settings, services, &|key| Some(key.to_owned()));
    if !unfit.is_empty() {
        return Err(StartError::Unfit(unfit));
    }
    // Shards and media workers have threads of their own; this runtime serves the engine in the box, media's API when it
    // runs apart, and HTTP to operators.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| StartError::System { what: "runtime".into(), cause })?;
    runtime.block_on(async {
        let telemetry = Telemetry::install(&settings.telemetry, services.name())?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        huge_pages::settle(settings.admin.huge_pages);
        let media_connections_max = open_files::fit_limit(&mut settings, services);
        let outcome = serve(&settings, services, telemetry.is_tracing(), media_connections_max).await;
        // The exporter sends what is left over this runtime: the wait for it must not hold the runtime's thread.
        let _ = tokio::task::spawn_blocking(|| telemetry.shutdown()).await;
        outcome
    })
}

async fn serve(
    settings: &Settings,
    services: Services,
    tracing: bool,
    media_connections_max: usize,
) -> Result<(), StartError> {
    let mut signals = signals::Signals::install()?;
    let node = Node::start(settings, services, tracing, media_connections_max).await?;
    let stop = CancellationToken::new();
    tokio::spawn(stop.clone().run_until_cancelled_owned(node.tell_troubles()));
    let mut engine = settings.engine.clone();
    if engine.api.is_empty() {
        engine.api = format!("http://{}", node.api().unwrap_or(DEFAULT_API));
    }
    let welcome = node.welcome();
    let engine = services.engine.then(|| callengine::run(engine, stop.clone(), welcome));
    let mut engine = engine.map(tokio::spawn);
    tokio::select! {
        () = signals.next() => tracing::info!("draining for at most {:?}; a second signal ends it", settings.admin.drain()),
        died = node.failed() => {
            node.shutdown().await;
            return Err(died);
        }
        Some(outcome) = ended(&mut engine) => {
            node.shutdown().await;
            return outcome;
        }
    }
    let drained = tokio::select! {
        () = node.drain(settings.admin.drain()) => Ok(()),
        () = signals.next() => {
            tracing::info!("ending at once");
            Ok(())
        }
        died = node.failed() => Err(died),
    };
    stop.cancel();
    node.shutdown().await;
    drained.and(ended(&mut engine).await.unwrap_or(Ok(())))
}

/// Waits for the engine's end; `None` at once where there is no engine.
async fn ended(
    engine: &mut Option<tokio::task::JoinHandle<Result<(), EngineError>>>,
) -> Option<Result<(), StartError>> {
    let outcome = engine.as_mut()?.await;
    *engine = None;
    // Nobody aborts it: what does not return has panicked.
    Some(outcome.map_or(Err(StartError::EngineDied), |ended| ended.map_err(StartError::from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_start_back_names_its_settings() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let bound = std::net::TcpListener::bind(address).unwrap_err();
        let rows = [
            (
                StartError::Unfit(vec![("a.b".into(), "c".into()), ("d.e".into(), "f".into())]),
                vec!["a.b", "d.e"],
            ),
            (StartError::unbound("admin.listen", address, &bound), vec!["admin.listen"]),
            (crate::signaling::StartError::Grpc(address, bound).into(), vec!["signaling.grpc_listen"]),
            (StartError::EngineDied, vec![]),
        ];
        for (error, keys) in rows {
            let faults = error.faults();
            assert_eq!(faults.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), keys);
            for (key, what) in faults {
                assert!(error.to_string().contains(&format!("{key}: {what}")), "{error}");
            }
        }
    }

    #[tokio::test]
    async fn an_engine_that_panics_is_no_success() {
        let mut engine = Some(tokio::spawn(async { panic!("an engine of this test") }));
        assert!(matches!(ended(&mut engine).await, Some(Err(StartError::EngineDied))));
        assert!(ended(&mut engine).await.is_none(), "it is told once");
        let mut engine = Some(tokio::spawn(async { Ok(()) }));
        assert!(matches!(ended(&mut engine).await, Some(Ok(()))));
    }
}
