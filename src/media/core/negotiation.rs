//! What is asked of an endpoint's descriptions and what comes of it, in plain values.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};

use super::exchange::Exchange;
use super::source::{Signaled, Site, SourcePolicy};
use crate::codec::Codec;
use crate::sdp::{Direction, Facts, Negotiated, Offer, RemotePlace};

/// The most bytes of a descriptor. One that would be longer is left out.
pub const DESCRIPTOR_BYTES_MAX: usize = 4096;

/// The layout of descriptors made here.
const DESCRIPTOR_VERSION: u8 = 1;

/// What is wanted of a negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// How media may flow. [`Direction::SendOnly`] and [`Direction::Inactive`] hold the peer: what is played to it is
    /// still sent under `SendOnly`, what its bridge carries is not.
    pub direction: Direction,
    /// The codecs to offer or accept, best first. Never empty.
    pub codecs: Vec<Codec>,
    /// Who may send besides the address that the peer announces. `None`: as was said for the endpoint before, else as
    /// [`Signaled`] says.
    pub sources: Option<SourcePolicy>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make an offer.
    MakeOffer,
    /// Answer this offer.
    AnswerOffer(Bytes),
    /// Apply this answer to the offer of the same generation.
    ApplyAnswer(Bytes),
}

/// A negotiation that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Grows with each negotiation of the endpoint; an answer has its offer's.
    pub generation: u64,
    /// The dialog's remote tag; empty: the only one.
    pub remote: String,
    /// What is wanted.
    pub intent: Intent,
    /// What the owner knows of the peer.
    pub peer: Signaled,
    /// Where the endpoint will be once an answer of ours is in force. `None`: where it is.
    pub site: Option<Site>,
    /// What to do.
    pub step: Step,
}

/// What came of a negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Our description; empty after [`Step::ApplyAnswer`].
    pub local: Bytes,
    /// What is agreed; `None` after [`Step::MakeOffer`].
    pub agreed: Option<Agreed>,
    /// What another node needs to take the endpoint over. At most [`DESCRIPTOR_BYTES_MAX`]; empty after
    /// [`Step::MakeOffer`].
    pub descriptor: Bytes,
}

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// How media may flow, from this side.
    pub direction: Direction,
    /// The codec that is sent; `None` when there is no audio stream.
    pub codec: Option<Codec>,
    /// Our address as the peer knows it.
    pub local: SocketAddr,
    /// Where the peer wants packets.
    pub remote: Option<RemotePlace>,
    /// Whether telephone events are agreed.
    pub telephone_event: bool,
    /// Milliseconds of audio in each packet that is sent.
    pub ptime_ms: u8,
    /// Whether the peer's description holds us.
    pub held_by_peer: bool,
}

impl Agreed {
    /// The plain form of what descriptions settle.
    #[must_use]
    pub fn new(facts: &Facts, local: SocketAddr) -> Self {
        let stream = facts.stream.as_ref();
        Self {
            direction: stream.map_or(Direction::Inactive, |stream| stream.direction),
            codec: stream.and_then(|stream| stream.formats.first()).map(|format| format.codec),
            local,
            remote: stream.map(|stream| stream.remote.clone()),
            telephone_event: stream.is_some_and(|stream| stream.telephone_event.is_some()),
            ptime_ms: stream.map_or(0, |stream| stream.ptime_ms),
            held_by_peer: facts.held_by_peer(),
        }
    }
}

/// What an exchange settles for a remote, before and after it is in force.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What the descriptions say, and their state for the next exchange.
    pub negotiated: Negotiated,
    /// The direction that we asked for, before the peer narrowed it.
    pub wanted: Direction,
    /// What the owner knows of the peer, and who may send.
    pub peer: Signaled,
    /// Where we are.
    pub site: Site,
}

impl Settled {
    /// Whether it is us who hold the peer.
    #[must_use]
    pub const fn held_by_us(&self) -> bool {
        !self.wanted.receives()
    }

    /// What the descriptions say.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.negotiated.facts
    }

    /// The descriptor: a version byte, the generation, the direction wanted, and the two descriptions, each after its
    /// length, all numbers in network order. Empty when it would be longer than [`DESCRIPTOR_BYTES_MAX`].
    #[must_use]
    pub fn descriptor(&self, generation: u64, remote: &Bytes) -> Bytes {
        let local = &self.negotiated.local;
        let length = 1 + 8 + 1 + 2 + local.len() + 2 + remote.len();
        if length > DESCRIPTOR_BYTES_MAX {
            return Bytes::new();
        }
        let mut descriptor = BytesMut::with_capacity(length);
        descriptor.put_u8(DESCRIPTOR_VERSION);
        descriptor.put_u64(generation);
        descriptor.put_u8(u8::from(self.wanted.sends()) << 1 | u8::from(self.wanted.receives()));
        for description in [local, remote] {
            descriptor.put_u16(description.len() as u16);
            descriptor.put_slice(description);
        }
        descriptor.freeze()
    }
}

/// The exchanges of one endpoint.
pub type Negotiation = Exchange<OurOffer, Settled>;

/// An offer of ours that waits for answers.
#[derive(Clone, Debug)]
pub struct OurOffer {
    /// The offer.
    pub offer: Offer,
    /// The direction asked for in it.
    pub wanted: Direction,
}
