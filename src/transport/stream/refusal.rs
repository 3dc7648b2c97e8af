//! The answer to a request that no stream can go on after (RFC 3261 §18.3): 400 without a Content-Length or with one that
//! is too short, 413 or 513 past a limit. It is made here because the request never becomes a message that a shard
//! could answer.

use bytes::Bytes;

use crate::ground::Flow;
use crate::sip::{FrameError, Salvage, StatusCode};

/// The answer, where one can be made: the bytes begin as a request with a Via.
pub(super) fn refusal(error: &FrameError, flow: &Flow) -> Option<Bytes> {
    refuse(&error.salvage()?, error.status(), flow)
}

/// The answer to a message behind which stands what is no SIP: its Content-Length was too short. `None` for what is never
/// answered: a response, an ACK.
pub(super) fn too_short(message: &Bytes, flow: &Flow) -> Option<Bytes> {
    refuse(&Salvage::of_message(message)?, StatusCode::BAD_REQUEST, flow)
}

fn refuse(salvage: &Salvage, status: StatusCode, flow: &Flow) -> Option<Bytes> {
    let tag = format!("c{}", flow.connection?.0);
    let stamped = salvage.with_received(flow.remote.ip(), flow.remote.port());
    let response = stamped.respond(status).to_tag(&tag).build().ok()?;
    Some(response.as_bytes().clone())
}
