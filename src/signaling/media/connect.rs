//! How the media service is reached: as another process, or as the service itself in this one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use super::stream::Requests;
use crate::ground::with_causes;
use crate::proto::media::v1::media_service_client::MediaServiceClient;
use crate::proto::media::v1::{ControlRequest, ControlResponse};

/// A call could not be carried to the service.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CarrierError(String);

impl CarrierError {
    fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into().to_string())
    }
}

/// Whatever carries calls to the service.
pub(super) type Carrier = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, CarrierError>;

/// How long a connection may take to be made.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

/// How often a silent connection is probed, and how long the answer may take.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3));

/// HTTP/2 windows of stream and connection, bytes.
const WINDOW_BYTES: u32 = 1 << 20;

/// What stands for the address of the service in this process.
const IN_PROCESS: &str = "in this process";

/// How the media service is reached.
#[derive(Clone)]
pub struct MediaConnection {
    kind: Kind,
    /// Where it is, for the log.
    address: String,
}

/// An address that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host:port, without a scheme, as in \"media.example.com:7080\"")]
pub struct BadMediaAddress(String);

/// The requests of a `Control` stream.
pub type ControlRequests = BoxStream<'static, ControlRequest>;

/// What comes back on it.
pub type ControlResponses = BoxStream<'static, Result<ControlResponse, Status>>;

#[derive(Clone)]
enum Kind {
    Direct(Arc<dyn Fn(ControlRequests) -> ControlResponses + Send + Sync>),
    InProcess(Carrier),
    Remote(Box<Endpoint>),
}

impl MediaConnection {
    /// The service itself, in this process, by what opens its `Control` stream: the messages are handed over as they are.
    pub fn direct(open: impl Fn(ControlRequests) -> ControlResponses + Send + Sync + 'static) -> Self {
        Self { kind: Kind::Direct(Arc::new(open)), address: IN_PROCESS.into() }
    }

    /// A generated server in this process. What it spawns runs beside signaling's front.
    pub fn in_process<S>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
    {
        let kind = Kind::InProcess(BoxCloneSyncService::new(service.map_err(CarrierError::new)));
        Self { kind, address: IN_PROCESS.into() }
    }

    /// A media service at `address`, `host:port`.
    ///
    /// # Errors
    /// When that is no address.
    pub fn remote(address: &str) -> Result<Self, BadMediaAddress> {
        let bad = || BadMediaAddress(address.to_owned());
        let authority: http::uri::Authority = address.parse().map_err(|_| bad())?;
        if authority.port_u16().is_none() || authority.host().is_empty() || address.contains('@') {
            return Err(bad());
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|_| bad())?
            .connect_timeout(CONNECT_TIME_MAX)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        Ok(Self { kind: Kind::Remote(Box::new(endpoint)), address: address.to_owned() })
    }

    /// Where it is: `host:port`, or that it is in this process.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens the `Control` stream.
    pub(super) async fn control(&self, requests: Requests) -> Result<ControlResponses, OpenError> {
        let carrier = match &self.kind {
            Kind::Direct(open) => return Ok(open(requests.boxed())),
            Kind::InProcess(service) => service.clone(),
            Kind::Remote(endpoint) => {
                let channel: Channel = endpoint.connect().await?;
                BoxCloneSyncService::new(channel.map_err(CarrierError::new))
            }
        };
        Ok(MediaServiceClient::new(carrier).control(requests).await?.into_inner().boxed())
    }
}

/// The stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("cannot connect: {}", with_causes(.0))]
    Connect(#[from] tonic::transport::Error),
    #[error("it refused the stream: {}", .0.message())]
    Refused(#[from] Status),
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("media.example.com:7080", true)]
    #[case("192.0.2.1:7080", true)]
    #[case("[2001:db8::1]:7080", true)]
    #[case("http://media.example.com:7080", false)]
    #[case("media.example.com", false)]
    #[case("somebody@media.example.com:7080", false)]
    #[case(":7080", false)]
    #[case("", false)]
    fn an_address_is_a_host_and_a_port(#[case] address: &str, #[case] good: bool) {
        let connection = MediaConnection::remote(address);
        assert_eq!(connection.is_ok(), good);
        if let Err(error) = connection {
            assert!(error.to_string().contains("host:port"), "{error}");
        }
    }
}
