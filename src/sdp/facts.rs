//! What an exchange has settled, for those who move the packets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Direction;
use crate::codec::Codec;
use crate::ground::Mismatch;

/// What an offer and its answer have settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The audio stream; `None` when there is none now: no m-line, refused, or disabled by port 0.
    pub stream: Option<Stream>,
}

/// The one audio stream of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Where the peer wants packets.
    pub remote: RemotePlace,
    /// What we do now: send, receive, both, neither.
    pub direction: Direction,
    /// What the peer says that it does. `SendOnly` and `Inactive`: it holds us.
    pub peer_direction: Direction,
    /// The codecs that both sides speak, the one to send first. Never empty; any of them may come in.
    pub formats: Vec<NegotiatedFormat>,
    /// Telephone events, if both sides speak them.
    pub telephone_event: Option<EventPayloadTypes>,
    /// The packet time to send, in milliseconds.
    pub ptime_ms: u8,
}

impl Stream {
    /// The codec to send.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.formats[0].codec
    }
}

impl Facts {
    /// Whether the peer does not want to hear us: every form of hold, port 0 among them.
    #[must_use]
    pub fn held_by_peer(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| !stream.peer_direction.receives())
    }
}

/// Where packets are to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RemotePlace {
    /// To this address.
    At(SocketAddr),
    /// To this host (RFC 8866 §5.7), which has to be looked up or learned from what it sends.
    Named {
        /// A domain name.
        host: String,
        /// The RTP port.
        port: u16,
    },
    /// Nowhere: the address is 0.0.0.0 or `::` (the hold of RFC 2543).
    Nowhere,
}

impl RemotePlace {
    /// The place of an address, or why nothing can be sent there.
    ///
    /// # Errors
    /// [`Mismatch::Multicast`] for a multicast address and the broadcast one.
    pub fn of(ip: IpAddr, port: u16) -> Result<Self, Mismatch> {
        if ip.is_unspecified() {
            return Ok(Self::Nowhere);
        }
        if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(Mismatch::Multicast);
        }
        Ok(Self::At(SocketAddr::new(ip, port)))
    }
}

/// A codec with its payload types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NegotiatedFormat {
    /// The codec.
    pub codec: Codec,
    /// The payload type in packets that we send: the peer's number.
    pub send_payload_type: u8,
    /// The payload type in packets that come: our number.
    pub receive_payload_type: u8,
}

/// The payload types of telephone events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EventPayloadTypes {
    /// In packets that we send.
    pub send: u8,
    /// In packets that come.
    pub receive: u8,
}
