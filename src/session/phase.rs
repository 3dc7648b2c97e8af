//! The names of a session's internal states, and what of them engines see.

use std::fmt;

/// Where a session stands, exactly. [`super::event::SessionState`] is the coarser picture that engines see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Inbound: the engine has decided nothing yet.
    Incoming,
    /// Inbound: it rings, without media.
    Alerting,
    /// Inbound: media answers the offer, for a 183.
    AwaitingEarlyMedia,
    /// Inbound: a 183 with media is sent.
    EarlyMedia,
    /// Inbound: media answers or makes the offer, for the 200.
    AwaitingAnswerMedia,
    /// Inbound: the 200 is sent.
    AwaitingAck,
    /// Inbound: media applies the answer that the ACK brought.
    ApplyingAckAnswer,
    /// Outbound: media makes the offer.
    AwaitingOfferMedia,
    /// Outbound: the INVITE is sent.
    Calling,
    /// Outbound: media applies the answer of the fork that answered.
    ApplyingAnswer,
    /// Outbound: media answers the offer that the 200 brought.
    AnsweringOffer,
    /// Up, nobody holds, nothing is under way.
    Connected,
    /// Up, we hold the peer.
    Holding,
    /// Up, the peer alone holds us.
    Held,
    /// Media makes the offer of our re-INVITE.
    MakingReoffer,
    /// Our re-INVITE is sent.
    ReofferSent,
    /// Media applies the answer to it.
    ApplyingReoffer,
    /// The peer's re-INVITE came: media answers or makes the offer.
    AnsweringPeer,
    /// Our 200 to it is sent.
    AwaitingReofferAck,
    /// Media applies the answer that its ACK brought.
    ApplyingPeerAnswer,
    /// Leg and endpoint are being ended.
    Ending,
    /// Over.
    Over,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 22] = [
        Self::Incoming,
        Self::Alerting,
        Self::AwaitingEarlyMedia,
        Self::EarlyMedia,
        Self::AwaitingAnswerMedia,
        Self::AwaitingAck,
        Self::ApplyingAckAnswer,
        Self::AwaitingOfferMedia,
        Self::Calling,
        Self::ApplyingAnswer,
        Self::AnsweringOffer,
        Self::Connected,
        Self::Holding,
        Self::Held,
        Self::MakingReoffer,
        Self::ReofferSent,
        Self::ApplyingReoffer,
        Self::AnsweringPeer,
        Self::AwaitingReofferAck,
        Self::ApplyingPeerAnswer,
        Self::Ending,
        Self::Over,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
