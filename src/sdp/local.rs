//! What this side brings to an offer or an answer.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::codec::Codec;

/// An endpoint as it is to be described: where it is and what it speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalMedia {
    /// The advertised address, for `c=`.
    pub address: IpAddr,
    /// The address of `o=`: that of the session's first description, which no later one changes (RFC 3264 §8).
    pub origin: IpAddr,
    /// The RTP port. RTCP is one above.
    pub port: u16,
    /// The codecs, preferred first. What a bridge partner does not speak is left out by the caller.
    pub codecs: Vec<Codec>,
    /// Whether telephone events (RFC 4733) are offered and accepted.
    pub telephone_events: bool,
    /// The packet time wanted, in milliseconds.
    pub ptime_ms: u8,
    /// The session id of `o=`: the same for all descriptions of one endpoint.
    pub session_id: u64,
}

/// Whose order of codecs an answer keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CodecOrder {
    /// The offerer's, as RFC 3264 §6.1 recommends.
    #[default]
    Theirs,
    /// That of [`LocalMedia::codecs`].
    Ours,
}

/// What this description is to bring about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intent {
    /// What we want to do with the audio: [`Direction::SendOnly`] or [`Direction::Inactive`] hold the peer.
    pub direction: Direction,
    /// Whose codec order an answer keeps.
    pub order: CodecOrder,
}
