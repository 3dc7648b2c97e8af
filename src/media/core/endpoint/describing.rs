//! Negotiation: descriptions made and read, brought into force and dropped (RFC 3264 over [`crate::sdp`]).

use std::net::SocketAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{Endpoint, Remote, Statistics};
use crate::codec::{Codec, Encoder};
use crate::ground::Instant;
use crate::media::core::exchange::{Pending, REMOTES_MAX};
use crate::media::core::negotiation::{Agreed, Ask, Described, Intent, OurOffer, Settled, Step};
use crate::media::core::packetizer::Packetizer;
use crate::media::core::remote::NamedHost;
use crate::media::core::source::Signaled;
use crate::media::core::{FRAME_MS, Failure};
use crate::sdp::{self, CodecOrder, LocalMedia, Negotiated, Whereabouts};

impl Endpoint {
    /// Describes, answers or applies. What comes of it pends; what fails changes nothing.
    ///
    /// # Errors
    /// A stale generation, a description that is malformed, unfit or unacceptable, too many remotes.
    pub fn negotiate(&mut self, ask: Ask) -> Result<Described, Failure> {
        let sources = ask.intent.sources.or(self.sources);
        let peer = Signaled { policy: sources.unwrap_or(ask.peer.policy), ..ask.peer };
        let described = match &ask.step {
            Step::MakeOffer => self.make_offer(ask.generation, &ask.remote, &ask.intent),
            Step::AnswerOffer(offer) => self.answer_offer(&ask, peer, offer),
            Step::ApplyAnswer(answer) => self.apply_answer(&ask, peer, answer),
        }?;
        self.sources = sources;
        Ok(described)
    }

    fn make_offer(&mut self, generation: u64, tag: &str, intent: &Intent) -> Result<Described, Failure> {
        self.negotiation.check_new(generation)?;
        let local = self.local_media(intent, self.settings.local);
        let offer = sdp::make_offer(&local, sdp_intent(intent), self.settled_with(tag))
            .map_err(|e| Failure::of_offer(&e))?;
        let described = Described { local: offer.sdp.clone(), agreed: None, descriptor: Bytes::new() };
        let replaced = self.negotiation.offered(generation, OurOffer { offer, wanted: intent.direction })?;
        self.abandon(replaced);
        Ok(described)
    }

    fn answer_offer(&mut self, ask: &Ask, peer: Signaled, offer: &Bytes) -> Result<Described, Failure> {
        let Ask { generation, remote: tag, intent, .. } = ask;
        let generation = *generation;
        self.negotiation.check_new(generation)?;
        let site = ask.site.unwrap_or_else(|| self.settings.site());
        let local = self.local_media(intent, site.address);
        let answer = sdp::make_answer(offer, &local, sdp_intent(intent), self.settled_with(tag))
            .map_err(|e| Failure::of_offer(&e))?;
        let settled = Settled { negotiated: answer.negotiated, wanted: intent.direction, peer, site };
        let described = described(answer.sdp, &settled, settled.descriptor(generation, offer));
        let replaced = self.negotiation.answered(generation, self.tag_or_only(tag), settled)?;
        self.abandon(replaced);
        Ok(described)
    }

    fn apply_answer(&mut self, ask: &Ask, peer: Signaled, answer: &Bytes) -> Result<Described, Failure> {
        let (generation, tag) = (ask.generation, ask.remote.as_str());
        let ours = self.negotiation.offer(generation)?;
        let negotiated = sdp::apply_answer(&ours.offer, answer).map_err(|e| Failure::of_answer(&e))?;
        let settled = Settled { negotiated, wanted: ours.wanted, peer, site: self.settings.site() };
        let described = described(Bytes::new(), &settled, settled.descriptor(generation, answer));
        self.negotiation.answer_applied(generation, self.tag_or_only(tag), settled)?;
        Ok(described)
    }

    /// Our offer came to nothing: its version is not used again.
    fn abandon(&mut self, offer: Option<OurOffer>) {
        let Some(OurOffer { offer, .. }) = offer else { return };
        for remote in &mut self.remotes {
            remote.settled.negotiated.abandon(&offer);
        }
    }

    fn local_media(&self, intent: &Intent, at: SocketAddr) -> LocalMedia {
        LocalMedia {
            address: at.ip(),
            origin: self.origin,
            port: at.port(),
            codecs: intent.codecs.clone(),
            telephone_events: true,
            ptime_ms: FRAME_MS as u8,
            session_id: self.session_id,
        }
    }

    /// The state that a further exchange with this remote starts from.
    fn settled_with(&self, tag: &str) -> Option<&Negotiated> {
        let named = self.remotes.iter().find(|remote| remote.tag == tag);
        named.or_else(|| self.remote()).map(|remote| &remote.settled.negotiated)
    }

    /// The tag, or that of the only remote when it is empty.
    fn tag_or_only(&self, tag: &str) -> String {
        match self.remotes.as_slice() {
            [only] if tag.is_empty() => only.tag.clone(),
            _ => tag.to_owned(),
        }
    }

    /// Puts what pends into force.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when it does not pend, [`Failure::Limit`] past [`REMOTES_MAX`].
    pub fn commit(&mut self, generation: u64, tag: &str, now: Instant) -> Result<(), Failure> {
        let pending = self.negotiation.commit(generation, tag)?;
        let site = pending.settled.site;
        let place = self.remotes.iter().position(|remote| remote.tag == pending.remote);
        match (place, self.remotes.as_mut_slice()) {
            (Some(place), remotes) => remotes[place].renegotiated(pending.settled, now),
            // A remote that had no tag has got one.
            (None, [only]) if only.tag.is_empty() => {
                only.tag = pending.remote;
                only.renegotiated(pending.settled, now);
            }
            (None, remotes) if remotes.len() >= REMOTES_MAX => {
                return Err(Failure::Limit { what: "remotes", limit: REMOTES_MAX });
            }
            (None, _) => {
                let Pending { remote, settled } = pending;
                self.remotes.push(Remote::new(remote, settled, now));
            }
        }
        (self.settings.local, self.settings.standpoint) = (site.address, site.standpoint);
        self.restart_rtp_timeout(now);
        self.follow_remote();
        Ok(())
    }

    /// Our address in an answer that pends, which may be another one than where the endpoint is.
    #[must_use]
    pub fn pending_local(&self) -> Option<SocketAddr> {
        self.negotiation.pending().map(|settled| settled.site.address)
    }

    /// Where the speaker of an offer to this endpoint wants its audio.
    #[must_use]
    pub fn whereabouts(&self, offer: &[u8]) -> Option<Whereabouts> {
        let in_use = self.remote().and_then(|remote| remote.settled.negotiated.audio_line());
        Whereabouts::of_offer(offer, in_use)
    }

    /// Drops what pends.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when nothing of that generation pends.
    pub fn rollback(&mut self, generation: u64) -> Result<(), Failure> {
        let dropped = self.negotiation.rollback(generation)?;
        self.abandon(dropped);
        Ok(())
    }

    /// Chooses the remote that is heard and spoken to, and drops the others.
    ///
    /// # Errors
    /// [`Failure::NotNegotiated`] when there is no such remote.
    pub fn select_remote(&mut self, tag: &str, now: Instant) -> Result<(), Failure> {
        let tag = self.tag_or_only(tag);
        let Some(place) = self.remotes.iter().position(|remote| remote.tag == tag) else {
            return Err(Failure::NotNegotiated("there is no such remote"));
        };
        let chosen = self.remotes.swap_remove(place);
        for dropped in self.remotes.drain(..) {
            self.past.add(&Statistics { jitter_us: 0, ..dropped.statistics() });
        }
        self.remotes.push(chosen);
        self.selected = 0;
        self.negotiation.selected();
        self.begin_to_listen_anew();
        self.restart_rtp_timeout(now);
        self.follow_remote();
        Ok(())
    }

    /// The hosts that its remotes' descriptions name and that are to be looked up; each once.
    pub fn take_names(&mut self) -> SmallVec<[NamedHost; 1]> {
        self.remotes.iter_mut().filter_map(Remote::take_name).collect()
    }

    /// A host was looked up. Returns whether a remote still waited for that.
    pub fn located(&mut self, host: &str, port: u16, found: Option<SocketAddr>, now: Instant) -> bool {
        let mut waited = false;
        for remote in &mut self.remotes {
            waited |= remote.located(host, port, found, now);
        }
        waited
    }

    /// What is made here takes the form that the selected remote wants.
    fn follow_remote(&mut self) {
        self.transcoder = None;
        self.encoder =
            self.remote().and_then(|r| r.payloads.preferred()).map(|(codec, _)| Encoder::new(codec));
        self.packetizer = match self.remote().map(Remote::ptime_ms) {
            None | Some(0 | FRAME_MS) => None,
            Some(other) => Some(Box::new(Packetizer::new(other))),
        };
        self.last_frame = None;
    }

    /// The codecs that its peer speaks, as far as is known: agreed, or about to be. Empty: nothing is.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        match (self.remote(), self.negotiation.pending()) {
            (Some(remote), _) => remote.payloads.codecs().collect(),
            (None, Some(settled)) => {
                let stream = settled.facts().stream.as_ref();
                stream.map(|s| s.formats.iter().map(|format| format.codec).collect()).unwrap_or_default()
            }
            (None, None) => Vec::new(),
        }
    }
}

fn described(local: Bytes, settled: &Settled, descriptor: Bytes) -> Described {
    Described { local, agreed: Some(Agreed::new(settled.facts(), settled.site.address)), descriptor }
}

fn sdp_intent(intent: &Intent) -> sdp::Intent {
    sdp::Intent { direction: intent.direction, order: CodecOrder::default() }
}
