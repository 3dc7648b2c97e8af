//! One leg's audio: one local description, several remotes of which one is selected, one outgoing stream.
//!
//! What is asked of its descriptions is in `describing`, what comes in `incoming`, that nothing comes in `hearing`, what goes
//! out in `outgoing` and, made here, in `framing`. The endpoint knows neither its socket nor the other members of its bridge.

mod describing;
mod framing;
mod hearing;
mod incoming;
mod outgoing;
mod sending;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::bridge::BridgeKey;
use super::consent::Leave;
use super::digits::DigitQueue;
use super::negotiation::Negotiation;
use super::packetizer::Packetizer;
use super::playback::{PlayEnd, Playback};
use super::rate::PacketRate;
use super::remote::Remote;
use super::safeguards::Safeguards;
use super::source::{Site, SourcePolicy, Standpoint};
use super::talker::Talker;
use super::{Event, FRAME, Frame, Key, Output, SAMPLE_RATE_HZ};
use crate::codec::{Decoder, Encoder};
use crate::ground::{Instant, Random};
use crate::rtp::OutgoingStream;

use hearing::Hearing;

pub use incoming::Dropped;
pub use sending::{Numbering, Passage};

/// Where an endpoint stands in its fabric.
pub type EndpointKey = Key<Endpoint>;

/// What an endpoint is made with.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// Its id, unique to its owner.
    pub id: Arc<str>,
    /// Who owns it: a number of the worker's.
    pub owner: u32,
    /// Its RTP address as peers are told. An answer in force may have moved it to the other IP version.
    pub local: SocketAddr,
    /// Where it stands itself.
    pub standpoint: Standpoint,
    /// After how long without RTP an event is sent.
    pub rtp_timeout: Duration,
    /// What it shares with the other endpoints of its node.
    pub safeguards: Arc<Safeguards>,
}

impl EndpointSettings {
    /// Where the endpoint is.
    #[must_use]
    pub const fn site(&self) -> Site {
        Site { address: self.local, standpoint: self.standpoint }
    }
}

/// What an endpoint saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets that never came, by sequence number.
    pub packets_lost: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1) of the selected remote, microseconds.
    pub jitter_us: u64,
    /// Bytes of RTP received.
    pub bytes_received: u64,
    /// Bytes of RTP sent.
    pub bytes_sent: u64,
}

impl Statistics {
    /// Adds another's counts; the jitter stays.
    pub fn add(&mut self, other: &Self) {
        self.packets_received += other.packets_received;
        self.packets_sent += other.packets_sent;
        self.packets_lost += other.packets_lost;
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
    }
}

/// How an endpoint is tied to a bridge: what becomes of a packet it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tie {
    /// To none.
    #[default]
    Loose,
    /// The other of two gets it.
    Relay {
        /// The bridge.
        bridge: BridgeKey,
        /// The other, if there is one.
        peer: Option<EndpointKey>,
    },
    /// Its own peer gets it back.
    Echo(BridgeKey),
    /// Every other member gets it.
    Mesh(BridgeKey),
    /// It is mixed.
    Mix(BridgeKey),
}

impl Tie {
    /// The bridge.
    #[must_use]
    pub const fn bridge(self) -> Option<BridgeKey> {
        match self {
            Self::Loose => None,
            Self::Relay { bridge, .. } | Self::Echo(bridge) | Self::Mesh(bridge) | Self::Mix(bridge) => {
                Some(bridge)
            }
        }
    }
}

/// A codec change on the way to this endpoint.
#[derive(Clone, Debug)]
struct Transcoder {
    decoder: Decoder,
    encoder: Encoder,
}

/// An endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// Its place in the fabric, and so its socket.
    pub(super) key: EndpointKey,
    settings: EndpointSettings,
    /// The session id of `o=`, and its address: that of the first description.
    session_id: u64,
    origin: IpAddr,
    negotiation: Negotiation,
    /// Who may send besides announced addresses, where that was said.
    sources: Option<SourcePolicy>,
    remotes: SmallVec<[Remote; 1]>,
    /// Which of the remotes is heard and spoken to.
    selected: usize,
    /// What was received from remotes that are gone.
    past: Statistics,

    outgoing: OutgoingStream,
    transcoder: Option<Transcoder>,
    encoder: Option<Encoder>,
    packetizer: Option<Box<Packetizer>>,
    /// The deadline of the last frame made here.
    last_frame: Option<Instant>,
    /// The next packet made here is the first after a pause.
    spurt_due: bool,
    /// The last sample made here.
    last_sample: i16,
    /// What is made here next goes on with something else.
    is_cut: bool,
    sent: Statistics,
    /// Its leave to send to the peer's host.
    leave: Leave,
    /// How many packets of the peer are taken.
    rate: PacketRate,

    /// Its bridge.
    pub(super) tie: Tie,
    /// What it says, for mixing.
    pub(super) talker: Option<Box<Talker>>,
    pub(super) playback: Option<Box<Playback>>,
    pub(super) digits: Option<Box<DigitQueue>>,
    /// Whether it has a place on the wheel.
    pub(super) on_wheel: bool,
    /// When it had its last turn of its own: a frame of its playback, a packet of its digits.
    pub(super) last_turn: Option<Instant>,
    muted: bool,

    /// When the peer was heard.
    hearing: Hearing,
    /// When the RTP timeout is looked at next.
    pub(super) watched_at: Option<Instant>,
}

impl Endpoint {
    /// An endpoint with nothing negotiated. SSRC and the stream's first numbers are drawn.
    #[must_use]
    pub fn new(settings: EndpointSettings, random: &mut Random) -> Self {
        let drawn = random.next_u64();
        let outgoing = OutgoingStream::new(
            (drawn >> 32) as u32,
            (drawn >> 16) as u16 & 0x7FFF,
            random.next_u32(),
            SAMPLE_RATE_HZ,
        );
        Self {
            key: EndpointKey::from_u64(u64::MAX),
            origin: settings.local.ip(),
            settings,
            session_id: random.next_u64() >> 2,
            negotiation: Negotiation::default(),
            sources: None,
            remotes: SmallVec::new(),
            selected: 0,
            past: Statistics::default(),
            outgoing,
            transcoder: None,
            encoder: None,
            packetizer: None,
            last_frame: None,
            spurt_due: true,
            last_sample: 0,
            is_cut: false,
            sent: Statistics::default(),
            leave: Leave::default(),
            rate: PacketRate::default(),
            tie: Tie::Loose,
            talker: None,
            playback: None,
            digits: None,
            on_wheel: false,
            last_turn: None,
            muted: false,
            hearing: Hearing::default(),
            watched_at: None,
        }
    }

    /// What it was made with, and where it is.
    #[must_use]
    pub const fn settings(&self) -> &EndpointSettings {
        &self.settings
    }

    /// The remote that is heard and spoken to.
    fn remote(&self) -> Option<&Remote> {
        self.remotes.get(self.selected)
    }

    /// The peer has shown that it gets what is sent to the address that it signals from.
    pub fn reached(&mut self) {
        for remote in &mut self.remotes {
            remote.settled.peer.reached = true;
        }
    }

    /// Whether something is in force.
    #[must_use]
    pub fn is_negotiated(&self) -> bool {
        !self.remotes.is_empty()
    }

    /// Mutes or unmutes what its peer says.
    pub fn mute(&mut self, muted: bool) {
        self.muted = muted;
        if muted && let Some(talker) = &mut self.talker {
            talker.hush();
        }
    }

    /// An output that tells this endpoint's owner.
    #[must_use]
    pub fn output(&self, event: Event) -> Output {
        Output { owner: self.settings.owner, endpoint: Arc::clone(&self.settings.id), event }
    }

    /// Takes the playback off. The event tells why.
    pub fn end_playback(&mut self, end: PlayEnd) -> Option<Output> {
        let playback = self.playback.take()?;
        self.cut();
        let (playback, played) = (Arc::clone(&playback.playback), playback.played());
        Some(self.output(Event::PlayEnded { playback, end, played }))
    }

    /// Whether it has something to send of its own.
    pub(super) fn has_own_turns(&self) -> bool {
        self.playback.is_some() || self.digits.is_some()
    }

    /// Before when its next turn would run ahead of the clock.
    pub(super) fn next_turn_from(&self) -> Option<Instant> {
        self.last_turn.map(|last| last + FRAME).max(self.next_frame_from())
    }

    /// Its share of a room's next turn, if it says anything.
    pub(super) fn next_share(&mut self) -> Option<&Frame> {
        let remote = self.remotes.get(self.selected)?;
        let talker = self.talker.as_mut()?;
        if talker.next_frame(&remote.payloads) { Some(&talker.frame) } else { None }
    }

    /// Its last share of a room that it leaves, if it says anything: it fades out.
    pub(super) fn last_share(&mut self) -> Option<Frame> {
        let mut talker = self.talker.take()?;
        let remote = self.remotes.get(self.selected)?;
        talker.hush();
        talker.next_frame(&remote.payloads).then_some(talker.frame)
    }

    /// Whether the peer holds a key down.
    pub(super) fn hears_digit(&self) -> bool {
        self.remotes.get(self.selected).is_some_and(|remote| remote.digits.is_running())
    }

    /// Digits that its peer's events told and that are not believed, since the last call.
    pub(super) fn take_unbelieved_digits(&mut self) -> u32 {
        self.remotes.get_mut(self.selected).map_or(0, |remote| remote.digits.take_unbelieved())
    }

    /// What it saw so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut sum = self.past;
        for remote in &self.remotes {
            sum.add(&remote.statistics());
        }
        sum.add(&self.sent);
        sum.jitter_us = self.remote().map_or(0, |remote| remote.statistics().jitter_us);
        sum
    }
}
