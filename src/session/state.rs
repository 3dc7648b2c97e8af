//! The internal states, each holding only what it needs. Their names as engines' developers meet them are in
//! [`super::phase`]; the figure is in [`super`].

use std::sync::Arc;

use super::event::{Ended, Operation};
use super::media::{BridgeMode, MediaFacts, MediaPreferences};
use super::settling::Settlement;
use crate::ground::leg::{Invite, RemoteTag};
use crate::ground::{Body, BridgeId, Description, HeaderField, PlaybackId};

/// Where a session stands, and what it needs there.
#[derive(Debug)]
pub(super) enum State {
    Inbound(Inbound),
    Outbound(Outbound),
    Up(Up),
    Ending(Box<Ending>),
    Over,
}

/// An incoming call before its ACK.
#[derive(Debug)]
pub(super) enum Inbound {
    /// Nothing is under way; it may ring.
    Waiting { offer: Option<Description> },
    /// Media answers the offer for a 183. The offer is kept: when media fails, the call still waits for its answer.
    AwaitingEarlyMedia(Box<EarlyMedia>),
    /// A 183 with media is sent.
    EarlyMedia,
    /// Media answers, or makes, the offer for the 200.
    AwaitingAnswerMedia(Box<Answering>),
    /// The 200 is sent; with our offer in it when `offered` names a generation.
    AwaitingAck { offered: Option<u64> },
    /// Media applies the answer that the ACK brought.
    ApplyingAckAnswer { generation: u64 },
}

#[derive(Debug)]
pub(super) struct EarlyMedia {
    pub generation: u64,
    pub offer: Description,
    pub fields: Vec<HeaderField>,
    pub by: Arc<str>,
}

#[derive(Debug)]
pub(super) struct Answering {
    pub generation: u64,
    /// Whether media makes an offer instead of answering one.
    pub makes_offer: bool,
    pub extras: Extras,
}

/// What a response carries besides a description.
#[derive(Debug, Default)]
pub(super) struct Extras {
    pub fields: Vec<HeaderField>,
    pub body: Option<Body>,
}

/// An outbound call before its ACK.
#[derive(Debug)]
pub(super) enum Outbound {
    /// Media makes the offer; the INVITE waits for it.
    AwaitingOfferMedia { generation: u64, invite: Box<Invite>, ring_timeout: std::time::Duration },
    /// The INVITE is sent.
    Calling(Box<Calling>),
    /// The call is answered: media applies the answer of the fork that won.
    ApplyingAnswer(Box<Winner>),
    /// The call is answered with an offer: media answers it.
    AnsweringOffer { generation: u64, extras: Extras },
}

#[derive(Debug, Default)]
pub(super) struct Calling {
    /// Our offer's generation; 0 when the offer is left to the callee.
    pub generation: u64,
    /// The forks that gave an answer, in order. At most [`super::settings::FORKS_MAX`].
    pub forks: Vec<Fork>,
}

#[derive(Debug)]
pub(super) struct Fork {
    pub remote: RemoteTag,
    /// What it gave first.
    pub answer: Description,
    pub media: ForkMedia,
}

#[derive(Debug)]
pub(super) enum ForkMedia {
    /// As many forks have early media as may: media knows nothing of this one.
    Unknown,
    /// Media applies its answer; then the progress is told, if it was not before.
    Applying(Option<Box<HeldProgress>>),
    /// Its early media is up.
    Up(Box<MediaFacts>),
    /// Media could not apply its answer.
    Failed,
}

/// A provisional response that is told when media has its answer.
#[derive(Debug)]
pub(super) struct HeldProgress {
    pub status: u16,
    pub phrase: String,
    pub extras: Extras,
}

#[derive(Debug)]
pub(super) struct Winner {
    pub generation: u64,
    pub remote: RemoteTag,
    pub extras: Extras,
    /// Whether its answer is in force once it is applied, or still wants a Commit.
    pub committed: bool,
    /// Whether media knows no other fork, so that none has to be selected.
    pub alone: bool,
    /// What the fork's early answer agreed on, if the one in the 2xx cannot be applied.
    pub early: Option<Box<MediaFacts>>,
}

/// A call that is up.
#[derive(Debug)]
pub(super) enum Up {
    /// Nothing is under way.
    Idle,
    /// Media makes our offer.
    MakingReoffer(Box<Reoffer>),
    /// Our re-INVITE is sent.
    ReofferSent(Box<Reoffer>),
    /// Media applies the answer to it.
    ApplyingReoffer(Box<Reoffer>),
    /// Media answers the peer's re-INVITE, or makes the offer that it asks for. When the re-INVITE took the place of one
    /// of ours, ours comes `then`.
    AnsweringPeer { generation: u64, makes_offer: bool, then: Option<Box<Reoffer>> },
    /// Our 200 to it is sent; with our offer in it when `offered` names a generation.
    AwaitingReofferAck { offered: Option<u64>, then: Option<Box<Reoffer>> },
    /// Media applies the answer that its ACK brought.
    ApplyingPeerAnswer { generation: u64, then: Option<Box<Reoffer>> },
}

/// An offer/answer operation of ours in a call that is up.
#[derive(Debug)]
pub(super) struct Reoffer {
    pub operation: Operation,
    pub generation: u64,
    pub preferences: Option<Box<MediaPreferences>>,
    pub by: Arc<str>,
}

/// A call that ends. It is over when both have gone.
#[derive(Debug)]
pub(super) struct Ending {
    pub ended: Ended,
    pub by: Arc<str>,
    /// Media was asked to close the endpoint and has not answered.
    pub closing: bool,
}

/// What runs beside the states: nothing for most of most calls' lives.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub playbacks: Vec<Playback>,
    /// The command that sends digits.
    pub dtmf: Option<Keyed>,
    /// Commands that mute or unmute, in order.
    pub mutes: Vec<Mute>,
    pub bridging: Option<Bridging>,
    /// The bridge in the making that the session is kept for. Nothing runs for that yet.
    pub reserved: Option<(BridgeId, BridgeMode)>,
    pub requests: Vec<Request>,
    /// What media is to be asked again to settle. At most [`super::settings::SETTLEMENTS_MAX`].
    pub unsettled: Vec<Settlement>,
    /// A re-INVITE of the peer's that came while media applies an answer: it is answered next. One at most: the leg
    /// refuses a second by itself.
    pub reinvited: Option<Reinvited>,
}

impl Running {
    pub fn is_empty(&self) -> bool {
        self.playbacks.is_empty()
            && self.dtmf.is_none()
            && self.mutes.is_empty()
            && self.bridging.is_none()
            && self.reserved.is_none()
            && self.requests.is_empty()
            && self.unsettled.is_empty()
            && self.reinvited.is_none()
    }
}

/// A re-INVITE of the peer's, with its offer or asking for one.
#[derive(Debug)]
pub(super) struct Reinvited {
    pub offer: Option<Description>,
}

#[derive(Debug)]
pub(super) struct Playback {
    /// What media knows it by.
    pub key: u64,
    /// What the engine knows it by; it may use that again for another.
    pub id: PlaybackId,
    pub started: bool,
    pub by: Arc<str>,
}

/// A command whose outcome comes with this key.
#[derive(Debug)]
pub(super) struct Keyed {
    pub key: u64,
    pub by: Arc<str>,
}

/// Muting or unmuting.
#[derive(Debug)]
pub(super) struct Mute {
    pub command: Keyed,
    pub muted: bool,
}

/// Joining (`Some` mode) or leaving a bridge.
#[derive(Debug)]
pub(super) struct Bridging {
    pub bridge: BridgeId,
    pub join: Option<BridgeMode>,
    pub by: Arc<str>,
}

/// INFO or MESSAGE without its final response.
#[derive(Debug)]
pub(super) struct Request {
    pub key: u64,
    pub operation: Operation,
    pub by: Arc<str>,
}
