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
use super::troubles::{self, Troubles};
use super::{Services, StartError, media_server};
use crate::config::Settings;
use crate::ground::with_causes;
use crate::listening::Connections;
use crate::media::service::{self, MediaNode};
use crate::signaling::{self, MediaConnection, SignalingNode};
use crate::telemetry;

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
    /// Starts what is asked for, media before signaling. Media's API has so many connections at most.
    pub(super) async fn start(
        settings: &Settings,
        services: Services,
        tracing: bool,
        media_connections_max: usize,
    ) -> Result<Self, StartError> {
        let (stop, deaf) = (CancellationToken::new(), CancellationToken::new());
        let media_health = HealthReporter::new();
        let mut servers = Vec::new();
        let connections = <(Connections, Connections)>::default();
        let media = services.media.then(|| service::start(&settings.media)).transpose()?;
        if let (Some(media), Some(address)) = (&media, settings.media.api) {
            let open = (connections.0.clone(), media_connections_max);
            let server =
                media_server::start(address, &media.service, open, &media_health, stop.clone()).await?;
            servers.push(watched(server, stop.clone(), deaf.clone()));
        }
        let signaling = if services.signaling {
            Some(signaling::start(&settings.signaling, connection(settings, media.as_ref())?, tracing)?)
        } else {
            None
        };
        let running = Arc::new(Running { signaling, media, connections });
        if let Some(address) = settings.admin.listen {
            let unbound = |cause| StartError::unbound("admin.listen", address, &cause);
            let listener = admin::bind(address).await.map_err(unbound)?;
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
        Some(reached_here(self.services.signaling.as_ref()?.grpc_address()))
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

    /// Says where everything is, and what to do now: for whoever starts this with its engine for the first time.
    pub(super) fn welcome(&self) -> impl FnOnce() + Send + use<> {
        let api = self.api();
        let sip = self.services.signaling.as_ref().and_then(|signaling| signaling.sip_address(0));
        move || {
            let (Some(api), Some(sip)) = (api, sip.map(reached_here)) else { return };
            tracing::info!("SIP is at {sip}, the API at http://{api}");
            tracing::info!(
                "now call sip:echo@{sip}, for example by: callplane call sip:echo@{sip} --tone 440"
            );
        }
    }

    /// Tells the log of what is only counted where it happens, for ever.
    pub(super) fn tell_troubles(&self) -> impl Future<Output = ()> + Send + use<> {
        let services = Arc::clone(&self.services);
        async move {
            let (begun, mut troubles) = (tokio::time::Instant::now(), Troubles::default());
            let mut looks = tokio::time::interval(troubles::LOOK_EVERY);
            looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                looks.tick().await;
                for (what, times) in troubles.new_ones(&services.totals(), begun.elapsed()) {
                    tracing::warn!(times, "{what}");
                }
                telemetry::tell_what_is_missing();
            }
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

/// The address by which what is bound to this one is reached from this host.
pub(super) fn reached_here(bound: SocketAddr) -> SocketAddr {
    let here = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(here, bound.port())
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
    if let Some(media) = media {
        let service = media.service.clone();
        return Ok(MediaConnection::direct(move |requests| service.attend(requests.map(Ok).boxed()).boxed()));
    }
    let address = settings.signaling.media_address.as_deref().unwrap_or_default();
    let bad = |what| StartError::Setting { key: "signaling.media_address", what };
    MediaConnection::remote(address).map_err(|error| bad(with_causes(&error)))
}

impl Running {
    /// What the services count: cheap enough to be looked at every second.
    fn totals(&self) -> Value {
        let signaling = self.signaling.as_ref().map(|signaling| json!(signaling.counters()));
        let media = self.media.as_ref().map(|media| json!(media.snapshot()));
        json!({ "signaling": signaling, "media": media })
    }

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
        let mut counters = self.totals();
        counters["connections"] =
            json!({ "media_api": self.connections.0.counts(), "admin": self.connections.1.counts() });
        counters["file_descriptors"] = json!(admin::file_descriptors());
        counters["log"] = json!(telemetry::log_counts());
        counters
    }
}

#[cfg(test)]
mod tests;
