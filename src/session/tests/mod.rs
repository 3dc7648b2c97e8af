//! Sessions alone, on a bench: every phase can be reached, every input given, and what comes out is read as short words.

mod beside;
mod endings;
mod flows;
mod matrix;
mod random_walk;
mod rows;
mod settling;
mod told;
mod words;

use std::time::Duration;

use bytes::Bytes;

use super::command::{CallLimits, Command, CommandDone, CommandError, Create, EngineRef, Verb};
use super::event::{EventPayload, SessionEvent};
use super::media::{
    BridgeMode, Direction, MediaEvent, MediaFacts, MediaPreferences, MediaReply, MediaRequest, Membership,
    NegotiationStep, PlaybackSource, Statistics,
};
use super::*;
use crate::ground::leg::{Farewell, Invited, LegEvent, LegFailure, LegIntent, Party, RemoteTag, Unanswered};
use crate::ground::{
    Body, BridgeId, Description, Flow, ListenerId, Now, PlaybackId, Random, SessionId, Transport,
};

/// A session and all that it needs, and all that it said.
pub(super) struct Bench {
    pub session: Session,
    pub out: Outbox,
    pub random: Random,
    pub settings: SessionSettings,
    pub now: Now,
    /// Requests that media has not answered.
    pub asked: Vec<(Asked, MediaRequest)>,
    pub events: Vec<SessionEvent>,
    /// What came out since it was last read.
    pub said: Vec<String>,
    pub absorbed: usize,
    /// The Reason that the last hang-up bore, if there was one.
    pub hang_up_reason: Option<String>,
    pub suppressed: usize,
    pub over: bool,
}

pub(super) fn sdp(text: &str) -> Description {
    Description(Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn tag(text: &str) -> RemoteTag {
    RemoteTag(text.into())
}

pub(super) fn engine() -> EngineRef {
    EngineRef { group: "default".into(), id: "e1".into() }
}

pub(super) fn facts() -> Box<MediaFacts> {
    Box::new(MediaFacts { codec: "PCMU/8000".into(), ptime_ms: 20, ..MediaFacts::default() })
}

pub(super) fn held_facts() -> Box<MediaFacts> {
    Box::new(MediaFacts { held_by_peer: true, direction: Direction::RecvOnly, ..*facts() })
}

pub(super) fn farewell(status: u16) -> Box<Farewell> {
    Box::new(Farewell { status, ..Farewell::default() })
}

pub(super) fn failed(failure: LegFailure) -> LegEvent {
    LegEvent::Failed { failure, reason: "why".into() }
}

pub(super) fn unanswered(failure: LegFailure, reason: &str) -> Unanswered {
    Unanswered { failure, reason: reason.into() }
}

pub(super) fn bridge(name: &str) -> BridgeId {
    BridgeId::parse(name).expect("a bridge id")
}

pub(super) fn playback(name: &str) -> PlaybackId {
    PlaybackId::parse(name).expect("a playback id")
}

pub(super) fn tone() -> PlaybackSource {
    PlaybackSource::Tone { frequency_hz: 440.0, level_db: -10.0, duration: None }
}

pub(super) fn invited(offer: bool) -> Invited {
    Invited {
        request_uri: "sip:echo@example.com".into(),
        request_user: "echo".into(),
        from: Party { uri: "sip:a@example.com".into(), display_name: String::new() },
        to: Party { uri: "sip:echo@example.com".into(), display_name: String::new() },
        call_id: "call-1".into(),
        max_forwards: 70,
        offer: offer.then(|| sdp("offer")),
        body: None,
        fields: Vec::new(),
        source: Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            remote: ([127, 0, 0, 1], 5060).into(),
            connection: None,
        },
    }
}

fn create(delayed_offer: bool) -> Create {
    Create {
        target: "sip:b@example.com".into(),
        from: Party::default(),
        to: Party::default(),
        outbound_proxy: None,
        fields: Vec::new(),
        media: MediaPreferences::default(),
        limits: CallLimits::default(),
        parent: None,
        max_forwards: 70,
        delayed_offer,
    }
}

impl Bench {
    fn with(make: impl FnOnce(SessionId, &mut Context<'_>) -> Session) -> Self {
        let (mut out, mut random) = (Outbox::new(), Random::from_key([1, 2]));
        let (settings, now) = (SessionSettings::default(), Now::default().advanced(Duration::from_secs(1)));
        let mut cx = Context { now, settings: &settings, random: &mut random, out: &mut out };
        let id = SessionId::parse("s1").expect("a session id");
        let session = make(id, &mut cx);
        let (asked, events, said) = (Vec::new(), Vec::new(), Vec::new());
        let (absorbed, suppressed, hang_up_reason, over) = (0, 0, None, false);
        let mut bench = Self {
            session,
            out,
            random,
            settings,
            now,
            asked,
            events,
            said,
            absorbed,
            hang_up_reason,
            suppressed,
            over,
        };
        bench.drain();
        bench
    }

    pub fn incoming(offer: bool) -> Self {
        Self::with(|id, cx| Session::incoming(id, engine(), invited(offer), cx))
    }

    pub fn outgoing(delayed_offer: bool) -> Self {
        let outgoing =
            Outgoing { create: create(delayed_offer), call_id: "call-2".into(), routes: Vec::new() };
        Self::with(|id, cx| Session::outgoing(id, engine(), outgoing, "create".into(), cx))
    }

    fn step<T>(&mut self, input: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let mut cx =
            Context { now: self.now, settings: &self.settings, random: &mut self.random, out: &mut self.out };
        let result = input(&mut self.session, &mut cx);
        self.drain();
        result
    }

    fn drain(&mut self) {
        while let Some(action) = self.out.poll() {
            let counted = matches!(action, Action::Absorbed(_));
            assert!(!self.over || counted, "nothing follows Over, but {action:?} did");
            match action {
                Action::Media { asked, body, .. } => {
                    self.said.push(words::of_request(&body));
                    self.asked.push((asked, body));
                }
                Action::Leg(intent) => {
                    self.said.push(words::of_intent(&intent));
                    if let LegIntent::HangUp { fields, .. } = intent {
                        let reason = fields.into_iter().find(|field| field.name == "Reason");
                        self.hang_up_reason = Some(reason.map_or(String::new(), |reason| reason.value));
                    }
                }
                Action::Event(event) => {
                    assert_eq!(event.revision, self.events.len() as u64 + 1, "revisions have no gaps");
                    self.said.push(words::of_event(&event.payload));
                    self.events.push(*event);
                }
                Action::Bridge { bridge, membership, .. } => {
                    let sign = match membership {
                        Membership::Joined => '+',
                        Membership::Left => '-',
                        Membership::NotJoined => '!',
                    };
                    self.said.push(format!("{sign}{bridge}"));
                }
                Action::Timer(Some((timer, _))) => self.said.push(format!("timer {timer:?}")),
                Action::Timer(None) => {}
                Action::Absorbed(_) => self.absorbed += 1,
                Action::Suppressed => self.suppressed += 1,
                Action::Over => self.over = true,
            }
        }
    }

    pub fn command(&mut self, verb: Verb) -> Result<CommandDone, CommandError> {
        let id = words::name(&verb).to_lowercase();
        self.step(|session, cx| {
            session.command(Command { command_id: id.into(), engine: Some(engine()), verb }, cx)
        })
    }

    pub fn leg(&mut self, event: LegEvent) {
        self.step(|session, cx| session.leg(event, cx));
    }

    pub fn event(&mut self, event: MediaEvent) {
        self.step(|session, cx| session.media_event(event, cx));
    }

    pub fn timer(&mut self, timer: SessionTimer) {
        self.step(|session, cx| session.timer(timer, Refusal::default(), cx));
    }

    pub fn reply(&mut self, asked: Asked, result: Result<MediaReply, MediaFault>) {
        self.step(|session, cx| session.media_reply(asked, result, cx));
    }

    /// Media answers the oldest request, rightly.
    pub fn media_does(&mut self) {
        let (asked, body) = self.asked.remove(0);
        self.reply(asked, Ok(right_answer(&body)));
    }

    /// Media answers all requests, rightly.
    pub fn media_does_all(&mut self) {
        while !self.asked.is_empty() {
            self.media_does();
        }
    }

    /// Media refuses the oldest request.
    pub fn media_refuses(&mut self, fault: MediaFault) {
        let (asked, _) = self.asked.remove(0);
        self.reply(asked, Err(fault));
    }

    /// What came out since the last time.
    pub fn said(&mut self) -> String {
        std::mem::take(&mut self.said).join(", ")
    }

    /// A session in this phase, with nothing unread.
    pub fn at(phase: Phase) -> Self {
        let mut bench = Self::reach(phase);
        assert_eq!(bench.session.phase(), phase);
        bench.said.clear();
        bench
    }

    fn reach(phase: Phase) -> Self {
        match phase {
            Phase::Incoming => Self::incoming(true),
            Phase::Alerting => Self::incoming(true).after(verb("Ring")),
            Phase::AwaitingEarlyMedia => Self::incoming(true).after(verb("EarlyMedia")),
            Phase::EarlyMedia => Self::reach(Phase::AwaitingEarlyMedia).served(),
            Phase::AwaitingAnswerMedia => Self::incoming(true).after(verb("Answer")),
            Phase::AwaitingAck => Self::reach(Phase::AwaitingAnswerMedia).served(),
            Phase::ApplyingAckAnswer => {
                let confirmed = LegEvent::Confirmed { answer: Some(sdp("answer")) };
                Self::incoming(false).after(verb("Answer")).served().hears(confirmed)
            }
            Phase::AwaitingOfferMedia => Self::outgoing(false),
            Phase::Calling => Self::outgoing(false).served(),
            Phase::ApplyingAnswer => Self::reach(Phase::Calling).hears(accepted("t1", Some("answer"), None)),
            Phase::AnsweringOffer => Self::outgoing(true).hears(accepted("t1", None, Some("offer"))),
            Phase::Connected => {
                Self::reach(Phase::AwaitingAck).hears(LegEvent::Confirmed { answer: None }).served()
            }
            Phase::Holding => {
                let accepted = LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None };
                Self::reach(Phase::Connected).after(Verb::Hold).served().hears(accepted).served()
            }
            Phase::Held => {
                let mut bench = Self::reach(Phase::AnsweringPeer);
                let (asked, _) = bench.asked.remove(0);
                let result = MediaReply::Negotiated { local: Some(sdp("answer")), facts: Some(held_facts()) };
                bench.reply(asked, Ok(result));
                bench.served().hears(LegEvent::ReofferConfirmed { answer: None })
            }
            Phase::MakingReoffer => Self::reach(Phase::Connected).after(Verb::Hold),
            Phase::ReofferSent => Self::reach(Phase::MakingReoffer).served(),
            Phase::ApplyingReoffer => Self::reach(Phase::ReofferSent)
                .hears(LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None }),
            Phase::AnsweringPeer => {
                Self::reach(Phase::Connected).hears(LegEvent::Reoffered { offer: Some(sdp("offer")) })
            }
            Phase::AwaitingReofferAck => Self::reach(Phase::AnsweringPeer).served(),
            Phase::ApplyingPeerAnswer => Self::reach(Phase::Connected)
                .hears(LegEvent::Reoffered { offer: None })
                .served()
                .hears(LegEvent::ReofferConfirmed { answer: Some(sdp("answer")) }),
            Phase::Ending => Self::reach(Phase::Connected).hears(LegEvent::HungUp(farewell(0))),
            Phase::Over => Self::reach(Phase::Ending).served().hears(LegEvent::Ended),
        }
    }

    fn after(mut self, verb: Verb) -> Self {
        self.command(verb).expect("a legal command");
        self
    }

    fn hears(mut self, event: LegEvent) -> Self {
        self.leg(event);
        self
    }

    fn served(mut self) -> Self {
        self.media_does_all();
        self
    }

    /// The endpoint is closed if there ever was one, and how often it was asked to close.
    pub fn closes(&self) -> usize {
        self.asked.iter().filter(|(asked, _)| *asked == Asked::Close).count()
    }
}

pub(super) fn accepted(remote: &str, answer: Option<&str>, offer: Option<&str>) -> LegEvent {
    let (answer, offer) = (answer.map(sdp), offer.map(sdp));
    LegEvent::Accepted { remote: tag(remote), answer, offer, fields: Vec::new(), body: None }
}

pub(super) fn provisional(remote: &str, status: u16, answer: Option<&str>) -> LegEvent {
    let (phrase, fields) = (String::new(), Vec::new());
    LegEvent::Provisional { remote: tag(remote), status, phrase, answer: answer.map(sdp), fields, body: None }
}

/// What a media service in good health says to this.
pub(super) fn right_answer(body: &MediaRequest) -> MediaReply {
    match body {
        MediaRequest::Negotiate { step: NegotiationStep::MakeOffer, .. } => {
            MediaReply::Negotiated { local: Some(sdp("offer")), facts: None }
        }
        MediaRequest::Negotiate { step: NegotiationStep::AnswerOffer(_), .. } => {
            MediaReply::Negotiated { local: Some(sdp("answer")), facts: Some(facts()) }
        }
        MediaRequest::Negotiate { step: NegotiationStep::ApplyAnswer(_), .. } => {
            MediaReply::Negotiated { local: None, facts: Some(facts()) }
        }
        MediaRequest::Close => MediaReply::Closed(Statistics { packets_sent: 7, ..Statistics::default() }),
        _ => MediaReply::Done,
    }
}

/// A verb by its name in the matrix.
pub(super) fn verb(name: &str) -> Verb {
    let fields = Vec::new();
    let body = Body { content_type: "text/plain".into(), content: Bytes::from_static(b"hello") };
    match name {
        "Ring" => Verb::Ring { status: 180, fields },
        "EarlyMedia" => Verb::EarlyMedia { media: MediaPreferences::default(), fields },
        "Answer" => Verb::Answer {
            media: MediaPreferences::default(),
            fields,
            body: None,
            limits: CallLimits::default(),
        },
        "Reject" => Verb::Reject { status: 486, phrase: None, retry_after: None, fields, body: None },
        "Redirect" => Verb::Redirect { status: 302, contacts: vec!["sip:c@example.com".into()], fields },
        "Hold" => Verb::Hold,
        "Resume" => Verb::Resume,
        "UpdateMedia" => {
            let media = MediaPreferences { codecs: vec!["PCMA".into()], ..MediaPreferences::default() };
            Verb::UpdateMedia { media }
        }
        "SendInfo" => Verb::SendInfo { body: None, fields },
        "SendMessage" => Verb::SendMessage { body, fields },
        "Terminate" => Verb::Terminate { fields, body: None },
        "Mute" => Verb::Mute { muted: true },
        "SendDtmf" => {
            let (tone, gap) = (Duration::from_millis(100), Duration::from_millis(50));
            Verb::SendDtmf { digits: "12#".into(), tone, gap }
        }
        "JoinBridge" => Verb::JoinBridge { bridge: bridge("b1"), mode: BridgeMode::Mix },
        "LeaveBridge" => Verb::LeaveBridge { bridge: bridge("b1") },
        "Play" => Verb::Play { playback: playback("p1"), source: tone() },
        "StopPlay" => Verb::StopPlay { playback: None },
        other => panic!("no verb {other}"),
    }
}
