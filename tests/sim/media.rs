//! A media service that keeps endpoints rightly and answers late, out of order, wrongly or not at all.
//!
//! Its descriptions name what they answer, so that a description that reaches the wrong negotiation is noticed.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use callplane::ground::{BridgeId, Description, Mismatch, Random, SessionId};
use callplane::session::media::{
    Direction, MediaError, MediaEvent, MediaFacts, MediaReply, MediaRequest, NegotiationStep, PlaybackCause,
    Statistics,
};

/// One endpoint.
#[derive(Debug, Default)]
struct Endpoint {
    /// The negotiation that is neither committed nor rolled back.
    pending: Option<Pending>,
    youngest: u64,
    /// Which offer and answer are in force.
    in_force: Option<String>,
    playing: Option<u64>,
    bridge: Option<BridgeId>,
}

#[derive(Debug)]
struct Pending {
    generation: u64,
    /// Our offer, when it waits for its answer.
    offer: Option<String>,
    /// Offer and answer, when both are known.
    agreed: Option<String>,
}

/// What media does with one request.
#[derive(Debug, Default)]
pub struct Response {
    /// The reply and after how long it comes; `None`: it is lost.
    pub reply: Option<(Duration, Result<MediaReply, MediaError>)>,
    /// What is told unasked, and after how long.
    pub events: Vec<(Duration, MediaEvent)>,
}

/// The service.
#[derive(Debug)]
pub struct Media {
    name: char,
    random: Random,
    endpoints: BTreeMap<SessionId, Endpoint>,
    described: u64,
    /// Of 1,000 requests so many are refused, answered late, not answered.
    faults: [u64; 3],
    /// What was in force in the end, of endpoints that were closed.
    pub last_in_force: BTreeMap<SessionId, Option<String>>,
    /// Broken promises of whoever asks.
    pub violations: Vec<String>,
}

impl Media {
    pub fn new(name: char, mut random: Random) -> Self {
        let faults = if random.below(3) == 0 { [60, 40, 40] } else { [0, 0, 0] };
        let (endpoints, last_in_force, violations) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { name, random, endpoints, described: 0, faults, last_in_force, violations }
    }

    pub fn is_good(&self) -> bool {
        self.faults == [0, 0, 0]
    }

    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    pub fn knows(&self, session: &SessionId) -> bool {
        self.endpoints.contains_key(session)
    }

    /// The service is lost and comes back empty.
    pub fn lose(&mut self) {
        self.endpoints.clear();
    }

    pub fn ask(&mut self, session: &SessionId, body: &MediaRequest) -> Response {
        let [refused, late, lost] = self.faults;
        let lot = self.random.below(1_000);
        let mut events = Vec::new();
        let result =
            if lot < refused && matches!(body, MediaRequest::Negotiate { .. } | MediaRequest::Play { .. }) {
                Err(MediaError::NothingAcceptable(Mismatch::MediaFormat))
            } else {
                self.serve(session, body, &mut events)
            };
        let quick = Duration::from_micros(self.random.below(20_000));
        let reply = match lot {
            lot if lot < refused => Some((quick, result)),
            lot if lot < refused + late => {
                Some((Duration::from_millis(1_500 + self.random.below(2_000)), result))
            }
            lot if lot < refused + late + lost => None,
            _ => Some((quick, result)),
        };
        Response { reply, events }
    }

    /// Puts what pends into force; draws what happens to the endpoint from then on.
    fn commit(
        &mut self,
        session: &SessionId,
        generation: u64,
        events: &mut Vec<(Duration, MediaEvent)>,
    ) -> Result<MediaReply, MediaError> {
        let endpoint = self.endpoints.get_mut(session).ok_or(MediaError::NoEndpoint)?;
        match endpoint.pending.take() {
            Some(Pending { generation: pending, agreed: Some(agreed), .. }) if pending == generation => {
                endpoint.in_force = Some(agreed);
                let at = Duration::from_millis(self.random.below(20_000));
                match self.random.below(20) {
                    _ if self.faults == [0, 0, 0] => {}
                    0 => events.push((at, MediaEvent::Lost("drawn".into()))),
                    1 => events.push((at, MediaEvent::RtpSilent { silent_for: Duration::from_secs(30) })),
                    2 => events.push((at, MediaEvent::Dtmf { digit: '5', duration: at })),
                    _ => {}
                }
            }
            other => {
                self.violations.push(format!("{session}: commit of {generation} with {other:?} pending"))
            }
        }
        Ok(MediaReply::Done)
    }

    fn serve(
        &mut self,
        session: &SessionId,
        body: &MediaRequest,
        events: &mut Vec<(Duration, MediaEvent)>,
    ) -> Result<MediaReply, MediaError> {
        if let MediaRequest::Negotiate { generation, direction, step, commit, .. } = body {
            let negotiated = self.negotiate(session, *generation, *direction, step)?;
            if *commit {
                self.commit(session, *generation, events)?;
            }
            return Ok(negotiated);
        }
        if *body == MediaRequest::Close {
            let closed = self.endpoints.remove(session).ok_or(MediaError::NoEndpoint)?;
            self.last_in_force.insert(session.clone(), closed.in_force);
            if let Some(playback) = closed.playing {
                events.push((Duration::ZERO, ended(playback, PlaybackCause::SessionEnded)));
            }
            return Ok(MediaReply::Closed(Statistics::default()));
        }
        let endpoint = self.endpoints.get_mut(session).ok_or(MediaError::NoEndpoint)?;
        match body {
            MediaRequest::Commit { generation, .. } => return self.commit(session, *generation, events),
            MediaRequest::Rollback { generation } => {
                endpoint.pending =
                    endpoint.pending.take().filter(|pending| pending.generation != *generation);
            }
            MediaRequest::Join { bridge } => endpoint.bridge = Some(bridge.clone()),
            MediaRequest::Leave { bridge } => {
                if endpoint.bridge.as_ref() != Some(bridge) {
                    return Err(MediaError::NoBridge);
                }
                endpoint.bridge = None;
            }
            MediaRequest::Play { key, .. } => {
                if let Some(replaced) = endpoint.playing.replace(*key) {
                    events.push((Duration::ZERO, ended(replaced, PlaybackCause::Replaced)));
                }
                let length = Duration::from_millis(self.random.below(8_000));
                events.push((Duration::ZERO, MediaEvent::PlayStarted { key: *key }));
                events.push((length, ended(*key, PlaybackCause::Finished)));
            }
            MediaRequest::StopPlay { key } => match endpoint.playing.take() {
                Some(playing) if *key == playing => {
                    events.push((Duration::ZERO, ended(playing, PlaybackCause::Stopped)));
                }
                other => {
                    endpoint.playing = other;
                    return Err(MediaError::NoPlayback);
                }
            },
            MediaRequest::SendDtmf { key, .. } => {
                let key = *key;
                events.push((Duration::from_millis(300), MediaEvent::DtmfSent { key }));
            }
            MediaRequest::SelectRemote { .. } if endpoint.in_force.is_none() => {
                self.violations.push(format!("{session}: a remote is selected before anything is in force"));
            }
            MediaRequest::SelectRemote { .. } | MediaRequest::Mute { .. } | MediaRequest::PeerReached => {}
            MediaRequest::Negotiate { .. } | MediaRequest::Close => {}
        }
        Ok(MediaReply::Done)
    }

    /// Whether an event that was drawn before is still true of the endpoint. What ends a playback is told once.
    pub fn still_true(&mut self, session: &SessionId, event: &MediaEvent) -> bool {
        let endpoint = self.endpoints.get_mut(session);
        match event {
            MediaEvent::PlayEnded { key, cause: PlaybackCause::Finished, .. } => {
                let playing =
                    endpoint.and_then(|endpoint| endpoint.playing.take_if(|playing| playing == key));
                playing.is_some()
            }
            MediaEvent::Lost(_) => self.endpoints.remove(session).is_some(),
            _ => endpoint.is_some(),
        }
    }

    fn negotiate(
        &mut self,
        session: &SessionId,
        generation: u64,
        direction: Direction,
        step: &NegotiationStep,
    ) -> Result<MediaReply, MediaError> {
        self.described += 1;
        let name = format!("{}{}", self.name, self.described);
        let hold = if direction == Direction::SendOnly { " sendonly" } else { "" };
        let endpoint = self.endpoints.entry(session.clone()).or_default();
        let backwards = generation < endpoint.youngest;
        endpoint.youngest = endpoint.youngest.max(generation);
        let reply = match step {
            NegotiationStep::MakeOffer => {
                endpoint.pending = Some(Pending { generation, offer: Some(name.clone()), agreed: None });
                Ok((Some(format!("offer {name}{hold}")), None))
            }
            NegotiationStep::AnswerOffer(offer) => match words(offer).as_slice() {
                ["offer", theirs, held @ ..] => {
                    let agreed = Some(format!("{theirs} answered by {name}"));
                    endpoint.pending = Some(Pending { generation, offer: None, agreed });
                    let local = format!("answer {theirs} by {name}{hold}");
                    Ok((Some(local), facts(direction, held == ["sendonly"])))
                }
                other => Err(format!("an offer was due, not {other:?}")),
            },
            NegotiationStep::ApplyAnswer(answer) => match (words(answer).as_slice(), &mut endpoint.pending) {
                (
                    ["answer", ours, "by", theirs, held @ ..],
                    Some(Pending { generation: pending, offer: Some(offer), agreed }),
                ) if *pending == generation && ours == offer => {
                    *agreed = Some(format!("{ours} answered by {theirs}"));
                    Ok((None, facts(direction, held == ["sendonly"])))
                }
                (other, pending) => Err(format!("an answer to {pending:?} was due, not {other:?}")),
            },
        };
        if backwards {
            self.violations.push(format!("{session}: generation {generation} after a younger one"));
        }
        match reply {
            Ok((local, facts)) => Ok(MediaReply::Negotiated { local: local.map(description), facts }),
            Err(why) => {
                self.violations.push(format!("{session}, generation {generation}: {why}"));
                Err(MediaError::BadDescription(why))
            }
        }
    }
}

fn words(description: &Description) -> Vec<&str> {
    std::str::from_utf8(&description.0).unwrap_or_default().split_whitespace().collect()
}

fn description(text: String) -> Description {
    Description(Bytes::from(text))
}

fn facts(direction: Direction, held_by_peer: bool) -> Option<Box<MediaFacts>> {
    Some(Box::new(MediaFacts { direction, held_by_peer, codec: "PCMU/8000".into(), ..MediaFacts::default() }))
}

fn ended(key: u64, cause: PlaybackCause) -> MediaEvent {
    MediaEvent::PlayEnded { key, cause, reason: String::new(), played: Duration::from_millis(20) }
}
