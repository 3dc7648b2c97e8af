//! A set of endpoints that hear each other, and how.

use std::sync::Arc;

use super::mix::Fading;
use super::{EndpointKey, Failure, Key, SAMPLE_RATE_HZ};
use crate::ground::Random;
use crate::rtp::OutgoingStream;

/// Where a bridge stands in its fabric.
pub type BridgeKey = Key<Bridge>;

/// The most members of a mixing or echoing bridge. One bridge is one core's work at most.
pub const BRIDGE_MEMBERS_MAX: usize = 256;

/// The most members of a mesh: packets grow with the square.
pub const MESH_MEMBERS_MAX: usize = 32;

/// How a bridge carries audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeMode {
    /// Two members, each receives the other's packets.
    Relay,
    /// Every member receives every other's packets, each as a stream of its own SSRC.
    Mesh,
    /// Every member receives the sum of all others.
    Mix,
    /// Every member receives its own packets back.
    Echo,
}

impl BridgeMode {
    /// The most members.
    #[must_use]
    pub const fn members_max(self) -> usize {
        match self {
            Self::Relay => 2,
            Self::Mesh => MESH_MEMBERS_MAX,
            Self::Mix | Self::Echo => BRIDGE_MEMBERS_MAX,
        }
    }
}

/// A member.
#[derive(Debug)]
pub struct Member {
    /// The endpoint.
    pub endpoint: EndpointKey,
    /// In a mesh: the stream as which the others receive it.
    pub stream: Option<Box<OutgoingStream>>,
}

/// A bridge.
#[derive(Debug)]
pub struct Bridge {
    /// Its id, unique to its owner.
    pub id: Arc<str>,
    /// Its owner: a number of the worker's.
    pub owner: u32,
    /// How it carries audio.
    pub mode: BridgeMode,
    /// Its members.
    pub members: Vec<Member>,
    /// What is left to hear of members that have gone from a room.
    pub(super) fading: Option<Box<Fading>>,
    /// Whether it has a place on the wheel.
    pub(super) on_wheel: bool,
}

impl Bridge {
    /// A bridge without members.
    #[must_use]
    pub const fn new(id: Arc<str>, owner: u32, mode: BridgeMode) -> Self {
        Self { id, owner, mode, members: Vec::new(), fading: None, on_wheel: false }
    }

    /// Whether one more member fits.
    ///
    /// # Errors
    /// [`Failure::Limit`] when it does not.
    pub const fn check_room(&self) -> Result<(), Failure> {
        let limit = self.mode.members_max();
        if self.members.len() < limit {
            Ok(())
        } else {
            Err(Failure::Limit { what: "members of the bridge", limit })
        }
    }

    /// Takes a member in. In a mesh it gets a stream of its own, drawn so that no other of the bridge has its SSRC.
    pub fn join(&mut self, endpoint: EndpointKey, random: &mut Random) {
        let stream = (self.mode == BridgeMode::Mesh).then(|| Box::new(self.draw_stream(random)));
        self.members.push(Member { endpoint, stream });
    }

    fn draw_stream(&self, random: &mut Random) -> OutgoingStream {
        let taken = |ssrc| self.members.iter().filter_map(|m| m.stream.as_ref()).any(|s| s.ssrc() == ssrc);
        let mut ssrc = random.next_u32();
        while taken(ssrc) {
            ssrc = random.next_u32();
        }
        let sequence = (random.next_u32() >> 17) as u16;
        OutgoingStream::new(ssrc, sequence, random.next_u32(), SAMPLE_RATE_HZ)
    }

    /// Lets a member go.
    pub fn leave(&mut self, endpoint: EndpointKey) {
        self.members.retain(|member| member.endpoint != endpoint);
    }

    /// The other of two.
    #[must_use]
    pub fn other(&self, endpoint: EndpointKey) -> Option<EndpointKey> {
        self.members.iter().map(|member| member.endpoint).find(|&member| member != endpoint)
    }
}
