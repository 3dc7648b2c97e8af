//! Which events a log gives up first.

use crate::session::event::EventPayload;

/// How much an engine loses with an event. What is worth least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// What a peer can bring about as often as it likes.
    Peer,
    /// What became of what the engine asked for.
    Course,
    /// Without which an engine does not know that there is a call, or that there is none any more.
    Life,
}

impl Rank {
    pub const ALL: [Self; 3] = [Self::Peer, Self::Course, Self::Life];

    pub const fn of(payload: &EventPayload) -> Self {
        match payload {
            EventPayload::DtmfReceived { .. }
            | EventPayload::InfoReceived { .. }
            | EventPayload::MessageReceived { .. }
            | EventPayload::Progress { .. }
            | EventPayload::MediaHealth { .. }
            | EventPayload::MediaChanged { by_peer: true, .. }
            | EventPayload::Suppressed(_) => Self::Peer,
            EventPayload::Ringing { .. }
            | EventPayload::OperationCompleted { .. }
            | EventPayload::MediaChanged { by_peer: false, .. }
            | EventPayload::BridgeJoined { .. }
            | EventPayload::BridgeLeft { .. }
            | EventPayload::PlaybackStarted { .. }
            | EventPayload::PlaybackEnded { .. } => Self::Course,
            EventPayload::IncomingCall(_)
            | EventPayload::Created(_)
            | EventPayload::Connected { .. }
            | EventPayload::Revoked { .. }
            | EventPayload::Ended(_) => Self::Life,
        }
    }
}
