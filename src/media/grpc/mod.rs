//! `callplane.media.v1`: the generated contract over a [`Node`].
//!
//! One struct, [`MediaGrpc`], cheap to clone, serves calls from a socket and from this process alike. Generated types
//! end here: `convert` turns them into the node's own and back.

mod control;
mod convert;
pub mod inprocess;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};

pub use control::{ControlReplies, IN_FLIGHT_MAX};

use super::core::Failure;
use super::worker::operation::ReplyTo;
use super::worker::{Node, clock};
use crate::proto::media::v1 as proto;
use crate::proto::media::v1::media_service_server::{MediaService, MediaServiceServer};

/// The longest message of an owner, bytes: a `Reconcile` that names 100,000 endpoints, each in a bridge, with the longest ids.
pub const MESSAGE_BYTES_MAX: usize = 24 << 20;

/// The service.
#[derive(Clone, Debug)]
pub struct MediaGrpc {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: Arc<Node>,
    name: String,
    incarnation: u64,
}

impl MediaGrpc {
    /// The service of a node with this name, in this incarnation.
    #[must_use]
    pub fn new(node: Arc<Node>, name: String, incarnation: u64) -> Self {
        Self { inner: Arc::new(Inner { node, name, incarnation }) }
    }

    /// The generated server, to be mounted beside others or called in this process.
    #[must_use]
    pub fn server(&self) -> MediaServiceServer<Self> {
        MediaServiceServer::new(self.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// A `Control` stream of somebody in this process: the same messages, neither encoded nor decoded.
    #[must_use]
    pub fn attend(
        &self,
        requests: BoxStream<'static, Result<proto::ControlRequest, Status>>,
    ) -> ControlReplies {
        ControlReplies::new(self.clone(), requests)
    }

    fn node(&self) -> &Node {
        &self.inner.node
    }

    fn capacity(&self) -> proto::Capacity {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        proto::Capacity {
            endpoints_max: count(self.node().settings.endpoints_max),
            endpoints: count(self.node().endpoints.load(Ordering::Acquire)),
            ports_free: count(self.node().ports().counts(clock::now()).free),
        }
    }
}

#[tonic::async_trait]
impl MediaService for MediaGrpc {
    type ControlStream = ControlReplies;

    async fn control(
        &self,
        request: Request<Streaming<proto::ControlRequest>>,
    ) -> Result<Response<ControlReplies>, Status> {
        Ok(Response::new(self.attend(request.into_inner().boxed())))
    }

    async fn execute(
        &self,
        request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteResponse>, Status> {
        let proto::ExecuteRequest { owner, request } = request.into_inner();
        let hello = owner.ok_or_else(|| Status::invalid_argument("owner is required"))?;
        let request = request.ok_or_else(|| Status::invalid_argument("request is required"))?;
        if matches!(request.operation, Some(proto::request::Operation::Hello(_))) {
            return Err(Status::invalid_argument("request must not be hello: it is in owner"));
        }
        let id = request.id;
        let reply = self.execute_one(&hello, request).await?;
        Ok(Response::new(proto::ExecuteResponse { reply: Some(convert::reply(id, reply)) }))
    }

    async fn describe_node(
        &self,
        _: Request<proto::DescribeNodeRequest>,
    ) -> Result<Response<proto::DescribeNodeResponse>, Status> {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let node = self.node();
        Ok(Response::new(proto::DescribeNodeResponse {
            node: self.inner.name.clone(),
            incarnation: self.inner.incarnation,
            capacity: Some(self.capacity()),
            bridges: count(node.bridges.load(Ordering::Acquire)),
            ports_resting: count(node.ports().counts(clock::now()).resting),
            workers: count(node.workers.len()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }
}

impl MediaGrpc {
    async fn execute_one(
        &self,
        hello: &proto::Hello,
        request: proto::Request,
    ) -> Result<super::worker::operation::Reply, Status> {
        let met = convert::check_owner(&hello.owner)
            .and_then(|()| self.node().owners.meet(&hello.owner, clock::now()));
        let operation = request.operation.ok_or_else(no_operation).and_then(convert::operation);
        let (owner, operation) = match met.and_then(|owner| Ok((owner, operation?))) {
            Ok(both) => both,
            Err(failure) => return Ok(Err(failure)),
        };
        let (sender, receiver) = oneshot::channel();
        self.node().dispatch(&owner, ReplyTo::Once(sender), operation);
        receiver.await.map_err(|_| Status::unavailable("the media node ends"))
    }
}

/// What is answered to a request that asks nothing, or something of a later version.
fn no_operation() -> Failure {
    Failure::BadRequest("operation is required, and must be one that this version knows".into())
}
