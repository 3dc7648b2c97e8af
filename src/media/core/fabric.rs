//! What one worker carries: its endpoints and bridges, and everything that happens between them.
//!
//! The switching fabric of this exchange. Requests change it (`control`, `bridging`, `playing`), packets pass it
//! (`forward`), time drives it (`turn`). After any of them [`Fabric::poll_output`] is drained until it is empty.

mod bridging;
mod control;
mod forward;
mod playing;
mod turn;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::bridge::{Bridge, BridgeKey};
use super::deadlines::Deadlines;
use super::endpoint::{Dropped, Endpoint, EndpointKey, Statistics};
use super::mix::Mix;
use super::playback::PlayEnd;
use super::wheel::{Lateness, Wheel};
use super::{FRAME_SAMPLES, Failure, Frame, Slab};
use crate::ground::{Instant, Random};

/// The longest datagram that is taken, in bytes.
pub const PACKET_BYTES_MAX: usize = 2048;

/// Where packets leave: the endpoint's own socket.
pub trait Wire {
    /// Sends a packet from an endpoint's socket. `false`: it could not be sent and is gone.
    fn send(&mut self, from: EndpointKey, to: SocketAddr, packet: &[u8]) -> bool;
}

/// Something that happened to an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A key was pressed.
    Dtmf {
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long.
        duration: Duration,
    },
    /// No RTP for the endpoint's timeout.
    RtpSilent {
        /// How long.
        silent_for: Duration,
    },
    /// RTP is back.
    RtpBack {
        /// How long it was away.
        silent_for: Duration,
    },
    /// A playback's first frame is due.
    PlayStarted {
        /// Which.
        playback: Arc<str>,
    },
    /// A playback is over.
    PlayEnded {
        /// Which.
        playback: Arc<str>,
        /// Why.
        end: PlayEnd,
        /// How much was played.
        played: Duration,
    },
    /// A playback that was taken cannot be begun.
    PlayFailed {
        /// Which.
        playback: Arc<str>,
        /// Why.
        failure: Failure,
    },
    /// All digits of one plan are sent.
    DtmfSent {
        /// As given with it.
        key: u64,
    },
    /// The endpoint left its bridge, not having been asked to.
    LeftBridge {
        /// Which.
        bridge: Arc<str>,
    },
    /// The endpoint closed by itself.
    Closed {
        /// Why, for a developer.
        reason: &'static str,
        /// What it saw.
        statistics: Statistics,
    },
}

/// An event, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The endpoint's owner.
    pub owner: u32,
    /// The endpoint's id.
    pub endpoint: Arc<str>,
    /// What happened.
    pub event: Event,
}

/// The bounds of a fabric.
#[derive(Clone, Copy, Debug)]
pub struct FabricSettings {
    /// Endpoints that it may have; the table's room is taken at once.
    pub endpoints_max: usize,
    /// Bridges that it may have.
    pub bridges_max: usize,
}

/// What a fabric counts. Totals since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FabricCounters {
    /// Datagrams taken in.
    pub received: u64,
    /// Datagrams not passed on, by reason: [`Dropped`] as index.
    pub dropped: [u64; Dropped::COUNT],
    /// Digits of peers that are not believed: too short, too close to each other, too many.
    pub digits_unbelieved: u64,
    /// Frames played.
    pub frames_played: u64,
    /// Turns of rooms mixed.
    pub turns_mixed: u64,
}

/// What the wheel turns.
#[derive(Clone, Copy, Debug)]
enum Item {
    /// A mixing bridge.
    Bridge(BridgeKey),
    /// An endpoint with a playback or digits.
    Endpoint(EndpointKey),
    /// An endpoint's packet that waits for its time: once.
    Packet(EndpointKey),
}

/// Room for what does not outlive a packet or a turn.
#[derive(Debug)]
pub struct Scratch {
    /// Samples of a packet that is transcoded.
    pub samples: [i16; PACKET_BYTES_MAX],
    /// A packet that is made.
    pub packet: [u8; PACKET_BYTES_MAX],
    /// A frame that is played, or one listener's mix.
    pub frame: Frame,
}

/// The fabric.
#[derive(Debug)]
pub struct Fabric {
    settings: FabricSettings,
    endpoints: Slab<Endpoint>,
    bridges: Slab<Bridge>,
    wheel: Wheel<Item>,
    deadlines: Deadlines,
    outputs: VecDeque<Output>,
    scratch: Box<Scratch>,
    mix: Box<Mix>,
    random: Random,
    playbacks: usize,
    counters: FabricCounters,
}

impl Fabric {
    /// An empty fabric. SSRCs and stream numbers are drawn from `random`.
    #[must_use]
    pub fn new(settings: FabricSettings, random: Random) -> Self {
        let scratch = Scratch {
            samples: [0; PACKET_BYTES_MAX],
            packet: [0; PACKET_BYTES_MAX],
            frame: [0; FRAME_SAMPLES],
        };
        Self {
            settings,
            endpoints: Slab::with_capacity(settings.endpoints_max),
            bridges: Slab::default(),
            wheel: Wheel::default(),
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            scratch: Box::new(scratch),
            mix: Box::default(),
            random,
            playbacks: 0,
            counters: FabricCounters::default(),
        }
    }

    /// The next event.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Fabric::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match (self.wheel.next_deadline(), self.deadlines.next()) {
            (Some(turn), Some(deadline)) => Some(turn.min(deadline)),
            (turn, deadline) => turn.or(deadline),
        }
    }

    /// Endpoints that it has.
    #[must_use]
    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Bridges that it has.
    #[must_use]
    pub fn bridges(&self) -> usize {
        self.bridges.len()
    }

    /// Playbacks that run.
    #[must_use]
    pub const fn playbacks(&self) -> usize {
        self.playbacks
    }

    /// What it counted.
    #[must_use]
    pub const fn counters(&self) -> FabricCounters {
        self.counters
    }

    /// How late turns of the 20 ms clock were served.
    #[must_use]
    pub const fn lateness(&self) -> Lateness {
        self.wheel.lateness()
    }
}
