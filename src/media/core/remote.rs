//! One remote of an endpoint: what was settled with it, where its packets come from, what they were.

use std::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

use super::endpoint::Statistics;
use super::lock_in::{LockIn, SourceRules};
use super::negotiation::Settled;
use super::source::Announced;
use super::{SAMPLE_RATE_HZ, Verdict};
use crate::codec::Codec;
use crate::ground::Instant;
use crate::rtp::telephone_event::DigitDetector;
use crate::rtp::{Arrival, Header, Reception};
use crate::sdp::{EventPayloadTypes, Facts, NegotiatedFormat, RemotePlace};

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Audio of this codec.
    Audio(Codec),
    /// Telephone events.
    Event,
}

/// The payload types agreed with a remote.
#[derive(Clone, Debug, Default)]
pub struct Payloads {
    formats: SmallVec<[NegotiatedFormat; 4]>,
    event: Option<EventPayloadTypes>,
}

impl Payloads {
    fn new(facts: &Facts) -> Self {
        facts.stream.as_ref().map_or_else(Self::default, |stream| Self {
            formats: SmallVec::from_slice(&stream.formats),
            event: stream.telephone_event,
        })
    }

    /// What a payload type in a packet from the remote stands for.
    #[must_use]
    pub fn kind_of(&self, payload_type: u8) -> Option<Kind> {
        match self.formats.iter().find(|format| format.receive_payload_type == payload_type) {
            Some(format) => Some(Kind::Audio(format.codec)),
            None => self.event.filter(|event| event.receive == payload_type).map(|_| Kind::Event),
        }
    }

    /// The payload type under which the remote takes this, if it does.
    #[must_use]
    pub fn send_type(&self, kind: Kind) -> Option<u8> {
        match kind {
            Kind::Audio(codec) => self
                .formats
                .iter()
                .find(|format| format.codec == codec)
                .map(|format| format.send_payload_type),
            Kind::Event => self.event.map(|event| event.send),
        }
    }

    /// The codec to send what is made here in, with its payload type.
    #[must_use]
    pub fn preferred(&self) -> Option<(Codec, u8)> {
        self.formats.first().map(|format| (format.codec, format.send_payload_type))
    }

    /// The codecs, best first.
    pub fn codecs(&self) -> impl Iterator<Item = Codec> {
        self.formats.iter().map(|format| format.codec)
    }
}

/// Where a description asks packets to be sent, if it says an address that may be sent to.
fn announced(settled: &Settled) -> Option<Announced> {
    match settled.facts().stream.as_ref()?.remote {
        RemotePlace::At(address) => Announced::judge(address, &settled.peer, settled.site.standpoint.bind),
        RemotePlace::Named { .. } | RemotePlace::Nowhere => None,
    }
}

fn rules(settled: &Settled) -> SourceRules {
    let (signaled, policy) = (settled.peer.address, settled.peer.policy);
    SourceRules { signaled, policy, strict_until: settled.site.standpoint.rests_until }
}

/// The host name and port that a description says in place of an address.
fn named(facts: &Facts) -> Option<(&str, u16)> {
    match &facts.stream.as_ref()?.remote {
        RemotePlace::Named { host, port } => Some((host, *port)),
        RemotePlace::At(_) | RemotePlace::Nowhere => None,
    }
}

/// A host that a description names, to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedHost {
    /// Its name.
    pub host: String,
    /// The RTP port beside it.
    pub port: u16,
    /// The address that whoever names it signals from, where that is known.
    pub by: Option<IpAddr>,
}

/// How far the look-up of the host that a description names is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lookup {
    /// It is to be asked for.
    Due,
    /// It was asked for.
    UnderWay,
    /// Nothing more is to be found out: it was answered, or no host is named.
    Over,
}

/// The accounting of the source that a remote sends now.
#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    reception: Reception,
}

/// A remote.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The dialog's remote tag.
    pub tag: String,
    /// What is in force.
    pub settled: Settled,
    /// The payload types in force.
    pub payloads: Payloads,
    /// Where its packets come from.
    pub lock: LockIn,
    lookup: Lookup,
    /// Its telephone events.
    pub digits: DigitDetector,
    source: Option<Source>,
    past: Statistics,
}

impl Remote {
    /// A remote of which nothing was heard.
    #[must_use]
    pub fn new(tag: String, settled: Settled, now: Instant) -> Self {
        Self {
            tag,
            payloads: Payloads::new(settled.facts()),
            lock: match named(settled.facts()) {
                Some(_) => LockIn::named(rules(&settled), now),
                None => LockIn::new(announced(&settled), rules(&settled), now),
            },
            lookup: if named(settled.facts()).is_some() { Lookup::Due } else { Lookup::Over },
            settled,
            digits: DigitDetector::new(),
            source: None,
            past: Statistics::default(),
        }
    }

    /// A further negotiation is in force.
    pub fn renegotiated(&mut self, settled: Settled, now: Instant) {
        self.payloads = Payloads::new(settled.facts());
        let rules = rules(&settled);
        let same_version = self.settled.site.address.is_ipv4() == settled.site.address.is_ipv4();
        match (named(settled.facts()), named(self.settled.facts())) {
            (None, _) => {
                self.lock.renegotiated(announced(&settled), rules, now);
                self.lookup = Lookup::Over;
            }
            (Some(name), before) if before == Some(name) && same_version => {
                // The same name keeps the address that it was found to have. One that was not is looked up again.
                self.lock.renegotiated(self.lock.judged(), rules, now);
                if self.lookup == Lookup::Over && self.lock.announced().is_none() {
                    self.lookup = Lookup::Due;
                }
            }
            (Some(_), _) => {
                self.lock = LockIn::named(rules, now);
                self.lookup = Lookup::Due;
            }
        }
        self.settled = settled;
    }

    /// The host that has to be looked up. It is given once; [`Remote::located`] is to follow.
    pub fn take_name(&mut self) -> Option<NamedHost> {
        if self.lookup != Lookup::Due {
            return None;
        }
        self.lookup = Lookup::UnderWay;
        let by = self.settled.peer.address;
        named(self.settled.facts()).map(|(host, port)| NamedHost { host: host.to_owned(), port, by })
    }

    /// A host was looked up. Returns whether that was still waited for: not when another place is in force.
    pub fn located(&mut self, host: &str, port: u16, found: Option<SocketAddr>, now: Instant) -> bool {
        if self.lookup != Lookup::UnderWay || named(self.settled.facts()) != Some((host, port)) {
            return false;
        }
        self.lookup = Lookup::Over;
        let peer = &self.settled.peer;
        match found.and_then(|found| Announced::judge(found, peer, self.settled.site.standpoint.bind)) {
            Some(address) => self.lock.located(address, now),
            None => self.lock.not_located(),
        }
        true
    }

    /// Counts a plausible packet of this remote, and says what it is to the stream that it belongs to.
    pub fn count(&mut self, header: &Header, bytes: usize, now: Instant) -> Arrival {
        self.past.bytes_received += bytes as u64;
        let known = self.source.as_ref().is_some_and(|source| source.ssrc == header.ssrc);
        if !known {
            self.past = self.statistics();
            self.source = None;
        }
        let new = || Source { ssrc: header.ssrc, reception: Reception::new(SAMPLE_RATE_HZ) };
        let source = self.source.get_or_insert_with(new);
        source.reception.receive(header.sequence, header.timestamp, now)
    }

    /// Judges where a plausible packet came from.
    pub fn judge(&mut self, from: SocketAddr, header: &Header, now: Instant) -> Verdict {
        self.lock.judge(from, header, now)
    }

    /// What was received from this remote so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut sum = self.past;
        if let Some(source) = &self.source {
            let seen = source.reception.statistics();
            sum.packets_received += seen.received;
            sum.packets_lost += u64::try_from(seen.lost).unwrap_or(0);
            sum.jitter_us = u64::from(seen.jitter_ticks) * 1_000_000 / u64::from(SAMPLE_RATE_HZ);
        }
        sum
    }

    /// Whether packets may be sent to it: its description wants them and names a place, and ours gives them.
    #[must_use]
    pub fn may_be_sent_to(&self) -> bool {
        self.settled
            .facts()
            .stream
            .as_ref()
            .is_some_and(|stream| stream.direction.sends() && stream.remote != RemotePlace::Nowhere)
    }

    /// Whether its packets are taken.
    #[must_use]
    pub fn may_be_heard(&self) -> bool {
        self.settled.facts().stream.as_ref().is_some_and(|stream| stream.direction.receives())
    }

    /// Milliseconds of audio that it wants in a packet.
    #[must_use]
    pub fn ptime_ms(&self) -> u32 {
        self.settled.facts().stream.as_ref().map_or(0, |stream| u32::from(stream.ptime_ms))
    }
}
