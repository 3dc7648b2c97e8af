//! The answer to a request that no stream can go on after (RFC 3261 §18.3): 400 without a usable Content-Length, 413 or
//! 513 past a limit. It is made here because the request never becomes a message that a shard could answer.

use bytes::Bytes;

use crate::ground::Flow;
use crate::sip::FrameError;

/// The answer, where one can be made: the bytes begin as a request with a Via.
pub(super) fn refusal(error: &FrameError, flow: &Flow) -> Option<Bytes> {
    let salvage = error.salvage()?;
    let tag = format!("c{}", flow.connection?.0);
    let stamped = salvage.with_received(flow.remote.ip(), flow.remote.port());
    let response = stamped.respond(error.status()).to_tag(&tag).build().ok()?;
    Some(response.as_bytes().clone())
}
