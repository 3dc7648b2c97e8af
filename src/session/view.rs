//! How a session looks from outside: its phase, the state that engines see, what is under way, all of it at once.

use super::Session;
use super::event::{Operation, SessionState, SessionView};
use super::phase::Phase;
use super::state::{Inbound, Outbound, State, Up};
use crate::ground::leg::LegEvent;

impl Session {
    /// Where it stands, exactly.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Inbound(inbound) => match inbound {
                Inbound::Waiting { .. } if self.alerted => Phase::Alerting,
                Inbound::Waiting { .. } => Phase::Incoming,
                Inbound::AwaitingEarlyMedia(_) => Phase::AwaitingEarlyMedia,
                Inbound::EarlyMedia => Phase::EarlyMedia,
                Inbound::AwaitingAnswerMedia(_) => Phase::AwaitingAnswerMedia,
                Inbound::AwaitingAck { .. } => Phase::AwaitingAck,
                Inbound::ApplyingAckAnswer { .. } => Phase::ApplyingAckAnswer,
            },
            State::Outbound(outbound) => match outbound {
                Outbound::AwaitingOfferMedia { .. } => Phase::AwaitingOfferMedia,
                Outbound::Calling(_) => Phase::Calling,
                Outbound::ApplyingAnswer(_) => Phase::ApplyingAnswer,
                Outbound::AnsweringOffer { .. } => Phase::AnsweringOffer,
            },
            State::Up(up) => match up {
                Up::Idle if self.hold.local => Phase::Holding,
                Up::Idle if self.hold.remote => Phase::Held,
                Up::Idle => Phase::Connected,
                Up::MakingReoffer(_) => Phase::MakingReoffer,
                Up::ReofferSent(_) => Phase::ReofferSent,
                Up::ApplyingReoffer(_) => Phase::ApplyingReoffer,
                Up::AnsweringPeer { .. } => Phase::AnsweringPeer,
                Up::AwaitingReofferAck { .. } => Phase::AwaitingReofferAck,
                Up::ApplyingPeerAnswer { .. } => Phase::ApplyingPeerAnswer,
            },
            State::Ending(_) => Phase::Ending,
            State::Over => Phase::Over,
        }
    }

    /// Where it stands, as engines see it.
    #[must_use]
    pub fn public_state(&self) -> SessionState {
        match &self.state {
            State::Inbound(_) | State::Outbound(_) if self.alerted => SessionState::Ringing,
            State::Inbound(_) | State::Outbound(Outbound::AwaitingOfferMedia { .. }) => {
                SessionState::Initializing
            }
            State::Outbound(_) => SessionState::Dialing,
            State::Up(_) if self.hold.local || self.hold.remote => SessionState::OnHold,
            State::Up(_) => SessionState::Connected,
            State::Ending(_) => SessionState::Terminating,
            State::Over => SessionState::Terminated,
        }
    }

    /// The operation that keeps another of its kind from beginning.
    #[must_use]
    pub fn running_operation(&self) -> Option<Operation> {
        match &self.state {
            State::Inbound(inbound) => match inbound {
                Inbound::Waiting { .. } | Inbound::EarlyMedia => None,
                Inbound::AwaitingEarlyMedia(_) => Some(Operation::EarlyMedia),
                Inbound::AwaitingAnswerMedia(_)
                | Inbound::AwaitingAck { .. }
                | Inbound::ApplyingAckAnswer { .. } => Some(Operation::Answer),
            },
            State::Outbound(_) => Some(Operation::Create),
            State::Up(up) => match up {
                Up::Idle => None,
                Up::MakingReoffer(reoffer) | Up::ReofferSent(reoffer) | Up::ApplyingReoffer(reoffer) => {
                    Some(reoffer.operation)
                }
                Up::AnsweringPeer { then, .. }
                | Up::AwaitingReofferAck { then, .. }
                | Up::ApplyingPeerAnswer { then, .. } => {
                    Some(then.as_ref().map_or(Operation::RemoteUpdate, |reoffer| reoffer.operation))
                }
            },
            State::Ending(_) => Some(Operation::Terminate),
            State::Over => None,
        }
    }

    /// All of it, as it will stand when the next event is out.
    pub(super) fn view_with_next_event(&self) -> SessionView {
        SessionView { revision: self.revision + 1, ..self.view() }
    }

    /// All of it.
    #[must_use]
    pub fn view(&self) -> SessionView {
        let call = &self.call;
        SessionView {
            id: self.id.clone(),
            revision: self.revision,
            state: self.public_state(),
            direction: call.direction,
            group: self.engine.group.clone(),
            engine: self.engine.id.clone(),
            from: call.from.clone(),
            to: call.to.clone(),
            request_uri: call.request_uri.clone(),
            call_id: call.call_id.clone(),
            hold: self.hold,
            muted: self.muted,
            bridge: self.bridge.as_ref().map(|bridge| bridge.0.clone()),
            media: self.media.clone(),
            created_at: call.created_at,
            connected_at: self.connected.map(|at| at.wall),
            running: self.running_operation(),
            end_cause: match &self.state {
                State::Ending(ending) => Some(ending.ended.cause),
                _ => None,
            },
            parent: call.parent.clone(),
        }
    }
}

/// An event's name, for counting what a phase has no use for.
pub(super) const fn name_of(event: &LegEvent) -> &'static str {
    match event {
        LegEvent::Invited(_) => "Invited",
        LegEvent::Cancelled(_) => "Cancelled",
        LegEvent::Confirmed { .. } => "Confirmed",
        LegEvent::AckTimeout => "AckTimeout",
        LegEvent::Provisional { .. } => "Provisional",
        LegEvent::Accepted { .. } => "Accepted",
        LegEvent::Rejected(_) => "Rejected",
        LegEvent::Reoffered { .. } => "Reoffered",
        LegEvent::ReofferConfirmed { .. } => "ReofferConfirmed",
        LegEvent::ReofferAbandoned => "ReofferAbandoned",
        LegEvent::ReofferAccepted { .. } => "ReofferAccepted",
        LegEvent::ReofferRefused(_) => "ReofferRefused",
        LegEvent::ReofferFailed(_) => "ReofferFailed",
        LegEvent::RequestDone { .. } => "RequestDone",
        LegEvent::Received { .. } => "Received",
        LegEvent::HungUp(_) => "HungUp",
        LegEvent::Failed { .. } => "Failed",
        LegEvent::Ended => "Ended",
    }
}
