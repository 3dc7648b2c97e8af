//! What the process runs, built from its settings: media, signaling, and the operator's endpoint over both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use super::admin::{self, Overview};
use super::{Services, StartError, media_server};
use crate::config::Settings;
use crate::listening::Connections;
use crate::media::service::{self, MediaNode};
use crate::signaling::{self, MediaConnection, SignalingNode};

/// How long streams of media's API may take to end.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);

/// The services of a process.
pub(super) struct Node {
    services: Arc<Running>,
    /// What the health service of media's own API says.
    media_health: HealthReporter,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
    /// A server has ended that nobody told to.
    deaf: CancellationToken,
}

/// What can be looked into while it runs.
struct Running {
    signaling: Option<SignalingNode>,
    media: Option<MediaNode>,
    /// Of media's API and of the operator's endpoint.
    connections: (Connections, Connections),
}

impl Node {
    /// Starts what is asked for, media before signaling.
    pub(super) async fn start(
        settings: &Settings,
        services: Services,
        tracing: bool,
    ) -> Result<Self, StartError> {
        let (stop, deaf) = (CancellationToken::new(), CancellationToken::new());
        let media_health = HealthReporter::new();
        let mut servers = Vec::new();
        let connections = <(Connections, Connections)>::default();
        let media = services.media.then(|| service::start(&settings.media)).transpose()?;
        if let (Some(media), Some(address)) = (&media, settings.media.api) {
            let open = connections.0.clone();
            let server =
                media_server::start(address, &media.service, open, &media_health, stop.clone()).await?;
            servers.push(watched(server, stop.clone(), deaf.clone()));
        } else if !services.signaling && services.media {
            let what = "media that runs apart needs an address for its API".into();
            return Err(StartError::Setting { key: "media.api", what });
        }
        let signaling = if services.signaling {
            Some(signaling::start(&settings.signaling, connection(settings, media.as_ref())?, tracing)?)
        } else {
            None
        };
        let running = Arc::new(Running { signaling, media, connections });
        if let Some(address) = settings.admin.listen {
            let what = format!("admin.listen: cannot listen on {address}");
            let listener = admin::bind(address).await.map_err(|cause| StartError::System { what, cause })?;
            let overview = Arc::clone(&running) as Arc<dyn Overview>;
            let connections = running.connections.1.clone();
            let server = tokio::spawn(admin::serve(listener, connections, overview, stop.clone()));
            servers.push(watched(server, stop.clone(), deaf.clone()));
        }
        running.tell();
        Ok(Self { services: running, media_health, stop, servers, deaf })
    }

    /// Where this process's own session API is reached from this host.
    pub(super) fn api(&self) -> Option<SocketAddr> {
        let bound = self.services.signaling.as_ref()?.grpc_address();
        let here = match bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        Some(SocketAddr::new(here, bound.port()))
    }

    /// Waits until a service cannot go on because a thread of it has died or a server has ended, and says which; for ever
    /// where there is none.
    pub(super) async fn failed(&self) -> StartError {
        tokio::select! {
            Some(()) = ended(self.services.signaling.as_ref().map(SignalingNode::ended)) => StartError::SignalingDied,
            Some(()) = ended(self.services.media.as_ref().map(MediaNode::ended)) => StartError::MediaDied,
            () = self.deaf.cancelled() => StartError::ServerEnded,
        }
    }

    /// Takes no more new calls and waits for those that are up, for at most `grace`. Media that runs apart makes no new
    /// endpoints meanwhile; beside signaling it goes on, since calls that are up may still want some.
    pub(super) async fn drain(&self, grace: Duration) {
        media_server::set_ready(&self.media_health, false).await;
        match (&self.services.signaling, &self.services.media) {
            (Some(signaling), _) => drop(signaling.drain(grace).await),
            (None, Some(media)) if !media.drain(grace).await => {
                tracing::warn!(endpoints = media.snapshot().endpoints, "endpoints left at the end");
            }
            (None, _) => {}
        }
    }

    /// Ends everything, signaling before media, so that media closes what signaling lets go of.
    pub(super) async fn shutdown(self) {
        if let Some(signaling) = &self.services.signaling {
            signaling.shutdown().await;
        }
        if let Some(media) = &self.services.media {
            media.shutdown();
        }
        self.stop.cancel();
        for server in self.servers {
            let _ = tokio::time::timeout(CLOSE_TIME_MAX, server).await;
        }
    }
}

/// A server whose end is told to `deaf`, unless it was told to `stop`.
fn watched(server: JoinHandle<()>, stop: CancellationToken, deaf: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Also when it panicked.
        let _ = server.await;
        if !stop.is_cancelled() {
            deaf.cancel();
        }
    })
}

/// Waits for a service's end; `None` at once where there is no such service.
async fn ended(end: Option<impl Future<Output = ()>>) -> Option<()> {
    end?.await;
    Some(())
}

/// The media service in this process, or the one configured.
fn connection(settings: &Settings, media: Option<&MediaNode>) -> Result<MediaConnection, StartError> {
    let bad = |what: String| StartError::Setting { key: "signaling.media_address", what };
    match (&settings.signaling.media_address, media) {
        (Some(address), None) => MediaConnection::remote(address).map_err(|error| bad(error.to_string())),
        (None, Some(media)) => {
            let service = media.service.clone();
            Ok(MediaConnection::direct(move |requests| service.attend(requests.map(Ok).boxed()).boxed()))
        }
        (None, None) => Err(bad("signaling that runs apart needs the address of a media service".into())),
        (Some(_), Some(_)) => {
            Err(bad("is for signaling that runs apart; `serve` has media in the process".into()))
        }
    }
}

impl Running {
    fn tell(&self) {
        if let Some(signaling) = &self.signaling {
            tracing::info!(address = %signaling.grpc_address(), "session API");
            for address in (0..).map_while(|listener| signaling.sip_address(listener)) {
                tracing::info!(%address, "SIP");
            }
        }
    }
}

impl Overview for Running {
    fn ready(&self) -> bool {
        self.signaling.as_ref().is_none_or(SignalingNode::is_ready)
            && !self.media.as_ref().is_some_and(MediaNode::is_draining)
    }

    fn counters(&self) -> Value {
        let signaling = self.signaling.as_ref().map(|signaling| json!(signaling.counters()));
        let media = self.media.as_ref().map(|media| json!(media.snapshot()));
        json!({
            "signaling": signaling,
            "media": media,
            "connections": { "media_api": self.connections.0.counts(), "admin": self.connections.1.counts() },
            "file_descriptors": admin::file_descriptors(),
        })
    }
}

#[cfg(test)]
mod tests;
