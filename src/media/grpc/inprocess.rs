//! Media called in this process: the generated client over the generated server as its tower service, without HTTP/2.
//!
//! The messages are the same, encoded and decoded; what is left out is the connection. A call that streams costs no
//! task: the server's stream is polled by whoever polls the client's.

use crate::media::grpc::MediaGrpc;
use crate::proto::media::v1::media_service_client::MediaServiceClient;
use crate::proto::media::v1::media_service_server::MediaServiceServer;

/// A client of a service in this process.
#[must_use]
pub fn client(service: &MediaGrpc) -> MediaServiceClient<MediaServiceServer<MediaGrpc>> {
    MediaServiceClient::new(service.server())
}
