//! Sessions: one call leg's life, as engines see it.
//!
//! A [`Session`] hears commands of its engine, events of its leg, replies and events of media, and its one timer. It
//! emits [`Action`]s: intents to the leg, requests to media, events to the engine. Leg and media stand at one height: it
//! knows neither SIP nor SDP nor RTP, and hands descriptions on unread.
//!
//! ```text
//!   inbound                                                outbound
//!
//!   Incoming ──Ring──▶ Alerting                            AwaitingOfferMedia
//!      │ EarlyMedia       │ ▲ media failed                     │ offer made (delayed offer: at once)
//!      ▼                  ▼ │                                  ▼
//!   AwaitingEarlyMedia ─────┘                               Calling ◀─┐ answers of forks are applied
//!      │ 183 sent                                              │ └────┘
//!      ▼                                                       │ 2xx
//!   EarlyMedia ──Answer──────────────────┐            ┌────────┴────────┐
//!      │ Answer, from the other three    │            ▼                 ▼
//!      ▼                                 │     ApplyingAnswer     AnsweringOffer
//!   AwaitingAnswerMedia ──200 sent──▶ AwaitingAck     │                 │
//!                                        │ ACK        └────────┬────────┘
//!               ApplyingAckAnswer ◀──────┤ with an answer      │
//!                       └────────────────┴─────▶ up ◀──────────┘
//!
//!   up:   Connected, Holding, Held    nothing under way
//!         MakingReoffer ──▶ ReofferSent ──▶ ApplyingReoffer           Hold, Resume, UpdateMedia
//!         AnsweringPeer ──▶ AwaitingReofferAck ──▶ ApplyingPeerAnswer the peer's re-INVITE
//!
//!   all:  ──▶ Ending ──▶ Over    when the leg has ended and media has closed the endpoint
//! ```
//!
//! Every phase that waits for media ends within the media time-out: whoever drives sessions answers a request that
//! media leaves unanswered with [`MediaFault::TimedOut`]. What is given up while media works on it is rolled back by its
//! generation, behind the request; so a late result is dropped where it is made, and the late reply finds nobody.
//!
//! Which verb is legal where: [`matrix`]. What becomes of failures: the tables in `failure`.

mod action;
mod bridging;
pub mod command;
mod ending;
pub mod event;
mod failure;
mod forks;
mod inbound;
pub mod matrix;
pub mod media;
mod media_verbs;
mod muting;
mod negotiation;
mod outbound;
mod passing;
mod phase;
mod reason;
mod requests;
mod settings;
mod settling;
mod state;
mod told;
mod up;
mod view;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use action::{Absorbed, Action, Asked, Context, MediaFault, Outbox, SessionTimer};
pub use outbound::Outgoing;
pub use phase::Phase;
pub use settings::{
    EARLY_FORKS_MAX, FORKS_MAX, MUTES_MAX, PLAYBACKS_MAX, REQUESTS_MAX, Refusal, SETTLEMENTS_MAX,
    SessionSettings,
};
pub use settling::Settlement;

use command::{Command, CommandDone, CommandError, EngineRef, Verb};
use event::{CallDirection, Ended, EventPayload, Hold, SessionEvent};
use matrix::Legality;
use media::{BridgeMode, MediaEvent, MediaFacts, MediaPreferences, MediaReply};
use state::{Extras, Running, State};

use crate::ground::leg::{LegEvent, Party};
use crate::ground::{BridgeId, Now, SessionId, WallTime};

/// One call leg's life. See [`self`] for the figure.
///
/// After every input the [`Outbox`] is to be drained. [`Action::Over`] comes last and once.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    /// The group, and the engine that owns it; an empty id where none does.
    engine: EngineRef,
    call: Box<Call>,
    revision: u64,
    /// The youngest negotiation's.
    generation: u64,
    state: State,
    /// A provisional response was sent or came.
    alerted: bool,
    /// An incoming call about which its engine has decided nothing, as it was told.
    undecided: Option<Arc<event::IncomingCall>>,
    peer_events: told::PeerEvents,
    hold: Hold,
    /// As the last command says.
    muted: bool,
    /// As media last said.
    muted_in_media: bool,
    /// A command to mute or unmute was not answered since: it may be carried out all the same.
    mute_unsure: bool,
    /// Media may have an endpoint of ours and was not asked to close it.
    endpoint: bool,
    /// The leg is there and has not said that it ended.
    leg: bool,
    bridge: Option<Box<(BridgeId, BridgeMode)>>,
    media: Option<Box<MediaFacts>>,
    preferences: Option<Box<MediaPreferences>>,
    connected: Option<Now>,
    max_duration: Option<Duration>,
    /// The command that made or answered the call, until it is up.
    initiated_by: Arc<str>,
    running: Option<Box<Running>>,
    /// Keys given to requests of the leg and of media.
    keys_given: u64,
}

/// What of a call never changes.
#[derive(Debug)]
struct Call {
    direction: CallDirection,
    from: Party,
    to: Party,
    request_uri: String,
    call_id: String,
    max_forwards: u8,
    created_at: WallTime,
    parent: Option<SessionId>,
}

impl Session {
    /// Takes a command. On success what it leads to is in the outbox.
    ///
    /// # Errors
    /// When it is refused: nothing was done, nothing is in the outbox.
    pub fn command(&mut self, command: Command, cx: &mut Context<'_>) -> Result<CommandDone, CommandError> {
        let promised = match &command.verb {
            Verb::ReleaseJoin { .. } => true,
            Verb::JoinBridge { bridge, .. } => self.is_kept_for(bridge),
            _ => false,
        };
        if !promised {
            self.check(&command)?;
        }
        let by = command.command_id;
        match command.verb {
            Verb::Create(_) => return Err(CommandError::SessionExists(self.id.clone())),
            Verb::Ring { status, fields } => self.ring(status, fields, &by, cx),
            Verb::EarlyMedia { media, fields } => self.early_media(media, fields, by, cx)?,
            Verb::Answer { media, fields, body, limits } => {
                self.answer(media, Extras { fields, body }, limits, by, cx)
            }
            Verb::Reject { status, phrase, retry_after, fields, body } => {
                let mismatch = None;
                let rejection = ending::Rejection { status, phrase, retry_after, mismatch, fields, body };
                self.reject(rejection, by, cx);
            }
            Verb::Redirect { status, contacts, fields } => self.redirect(status, contacts, fields, by, cx),
            Verb::Hold => self.reoffer(event::Operation::Hold, None, by, cx),
            Verb::Resume => self.reoffer(event::Operation::Resume, None, by, cx),
            Verb::UpdateMedia { media } => self.reoffer(event::Operation::UpdateMedia, Some(media), by, cx),
            Verb::SendInfo { body, fields } => self.send_info(body, fields, by, cx)?,
            Verb::SendMessage { body, fields } => self.send_message(body, fields, by, cx)?,
            Verb::Terminate { fields, body } => self.terminate(fields, body, by, cx),
            Verb::Mute { muted } => self.mute(muted, by, cx)?,
            Verb::SendDtmf { digits, tone, gap } => self.send_dtmf(digits, tone, gap, by, cx)?,
            Verb::JoinBridge { bridge, mode } => self.join_bridge(bridge, mode, by, cx)?,
            Verb::ReserveJoin { bridge, mode } => self.reserve_join(bridge, mode)?,
            Verb::ReleaseJoin { bridge } => self.release_join(&bridge, cx),
            Verb::LeaveBridge { bridge } => self.leave_bridge(bridge, by, cx)?,
            Verb::Play { playback, source } => self.play(playback, source, by, cx)?,
            Verb::StopPlay { playback } => self.stop_play(playback.as_ref(), cx)?,
        }
        Ok(self.done())
    }

    /// What a command that was taken just now answers.
    #[must_use]
    pub fn done(&self) -> CommandDone {
        CommandDone { session: self.id.clone(), revision: self.revision, state: self.public_state() }
    }

    fn check(&self, command: &Command) -> Result<(), CommandError> {
        if let Some(engine) = &command.engine
            && !self.engine.id.is_empty()
            && *engine != self.engine
        {
            return Err(CommandError::NotOwner);
        }
        let Some(column) = matrix::column(&command.verb) else {
            return Err(CommandError::SessionExists(self.id.clone()));
        };
        match matrix::legality(self.phase(), column) {
            Legality::Legal if matrix::needs_media(column) && self.media.is_none() => {
                Err(CommandError::NoMedia)
            }
            Legality::Legal => check_arguments(&command.verb),
            Legality::Busy => match self.running_operation() {
                Some(running) => Err(CommandError::OperationRunning { running }),
                None => Err(self.wrong_state(column)),
            },
            Legality::Wrong => Err(self.wrong_state(column)),
        }
    }

    fn wrong_state(&self, column: usize) -> CommandError {
        CommandError::WrongState {
            state: self.public_state(),
            operation: matrix::RPCS[column],
            legal: matrix::legal(self.phase(), self.media.is_some()),
        }
    }

    /// Hears the leg.
    pub fn leg(&mut self, event: LegEvent, cx: &mut Context<'_>) {
        match event {
            LegEvent::HungUp(farewell) => self.ended_by_peer(event::EndCause::RemoteHangup, *farewell, cx),
            LegEvent::Cancelled(farewell) => self.cancelled(*farewell, cx),
            LegEvent::Rejected(farewell) => self.rejected(*farewell, cx),
            LegEvent::AckTimeout => self.ended_by_leg(Ended::with_cause(event::EndCause::AckTimeout), cx),
            LegEvent::Failed { failure, reason } => {
                let cause = failure::cause_of_failure(failure, self.connected.is_some());
                self.ended_by_leg(Ended { phrase: reason.into(), ..Ended::with_cause(cause) }, cx);
            }
            LegEvent::Ended => self.leg_ended(cx),
            LegEvent::RequestDone { key, outcome } => self.request_done(key, outcome, cx),
            LegEvent::Received { method, body, fields } => self.received(method, body, fields, cx),
            LegEvent::ReofferAbandoned if self.forget_reinvite() => {}
            event => match self.take_state() {
                State::Inbound(state) => self.inbound_leg(state, event, cx),
                State::Outbound(state) => self.outbound_leg(state, event, cx),
                State::Up(state) => self.up_leg(state, event, cx),
                state @ (State::Ending(_) | State::Over) => {
                    self.state = state;
                    self.absorb(view::name_of(&event), cx);
                }
            },
        }
    }

    /// Hears what came of a media request.
    pub fn media_reply(
        &mut self,
        asked: Asked,
        result: Result<MediaReply, MediaFault>,
        cx: &mut Context<'_>,
    ) {
        match asked {
            Asked::Negotiation { generation, fork, early } => {
                let result = negotiation::description(result);
                let reply = negotiation::Reply { generation, fork, early, result };
                match self.take_state() {
                    State::Inbound(state) => self.inbound_negotiated(state, reply, cx),
                    State::Outbound(state) => self.outbound_negotiated(state, reply, cx),
                    State::Up(state) => self.up_negotiated(state, reply, cx),
                    state @ (State::Ending(_) | State::Over) => {
                        self.state = state;
                        self.absorb("Negotiated", cx);
                    }
                }
            }
            Asked::Commit => self.committed(result, cx),
            Asked::Settlement(settlement) => self.settled(settlement, &result, cx),
            Asked::Close => self.closed(result, cx),
            Asked::Bridging => self.bridged(result, cx),
            Asked::Play { key } => self.play_asked(key, result, cx),
            Asked::Dtmf { key } => self.dtmf_asked(key, result, cx),
            Asked::Mute { key } => self.mute_asked(key, &result, cx),
        }
    }

    /// Hears media.
    pub fn media_event(&mut self, event: MediaEvent, cx: &mut Context<'_>) {
        match event {
            MediaEvent::Dtmf { digit, duration } => {
                self.tell_paced(EventPayload::DtmfReceived { digit, duration }, cx);
            }
            MediaEvent::RtpSilent { silent_for } => self.rtp_silent(silent_for, cx),
            MediaEvent::RtpBack { silent_for } => {
                self.tell_paced(EventPayload::MediaHealth { receiving: true, silent_for }, cx);
            }
            MediaEvent::PlayStarted { key } => self.play_started(key, cx),
            MediaEvent::PlayEnded { key, cause, reason, played } => {
                self.play_ended(key, cause, reason, played, cx);
            }
            MediaEvent::DtmfSent { key } => self.dtmf_sent(key, cx),
            MediaEvent::LeftBridge(bridge) => self.left_bridge(&bridge, cx),
            MediaEvent::Lost(why) => self.endpoint_lost(why, cx),
        }
    }

    /// Its timer has come.
    pub fn timer(&mut self, timer: SessionTimer, policy: Refusal, cx: &mut Context<'_>) {
        match timer {
            SessionTimer::Decision => self.undecided(policy, cx),
            SessionTimer::Ring => self.rang_too_long(cx),
            SessionTimer::Duration => self.lasted_too_long(cx),
        }
    }

    /// The session's id.
    #[must_use]
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// The group, and the engine that owns it; its id is empty while none does.
    #[must_use]
    pub const fn engine(&self) -> &EngineRef {
        &self.engine
    }

    /// Whether its engine made it.
    #[must_use]
    pub fn is_outbound(&self) -> bool {
        self.call.direction == CallDirection::Outbound
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call.call_id
    }

    /// Max-Forwards of its INVITE: a call made for this one gets one less (RFC 3261 §16.3).
    #[must_use]
    pub const fn max_forwards(&self) -> u8 {
        self.call.max_forwards
    }

    /// Whether the call is up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// Whether media may have an endpoint of this session that it was not asked to close.
    #[must_use]
    pub const fn has_endpoint(&self) -> bool {
        self.endpoint
    }

    fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }

    fn absorb(&self, input: &'static str, cx: &mut Context<'_>) {
        cx.out.push(Action::Absorbed(Absorbed { phase: self.phase(), input }));
    }

    /// Emits an event that a command led to. The state must be the one that follows.
    fn emit(&mut self, by: &Arc<str>, payload: EventPayload, cx: &mut Context<'_>) {
        self.revision += 1;
        cx.out.push(Action::Event(Box::new(SessionEvent {
            session: self.id.clone(),
            revision: self.revision,
            time: cx.now.wall,
            caused_by: Arc::clone(by),
            state: self.public_state(),
            payload,
        })));
    }

    /// Emits an event that no command led to, but while the session is over.
    fn tell(&mut self, payload: EventPayload, cx: &mut Context<'_>) {
        if matches!(self.state, State::Over) {
            return self.absorb("an event of a session that is over", cx);
        }
        let by = Arc::clone(cx.out.unmarked());
        self.emit(&by, payload, cx);
    }
}

/// What the types do not say about a verb's arguments.
fn check_arguments(verb: &Verb) -> Result<(), CommandError> {
    match verb {
        Verb::Ring { status, .. } if !(180..=183).contains(status) => {
            Err(CommandError::BadArgument("a ring's status is 180 to 183"))
        }
        Verb::Reject { status, .. } if !(400..=699).contains(status) => {
            Err(CommandError::BadArgument("a refusal's status is 400 to 699"))
        }
        Verb::Redirect { status, .. } if !(300..=399).contains(status) => {
            Err(CommandError::BadArgument("a redirection's status is 300 to 399"))
        }
        Verb::Redirect { contacts, .. } if contacts.is_empty() => {
            Err(CommandError::BadArgument("a redirection needs a contact"))
        }
        Verb::SendDtmf { digits, .. } if !digits.bytes().all(is_key) || digits.is_empty() => {
            Err(CommandError::BadArgument("digits are 0-9, *, #, A-D, at least one"))
        }
        _ => Ok(()),
    }
}

const fn is_key(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')
}
