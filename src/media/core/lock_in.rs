//! Symmetric RTP with lock-in (RFC 4961, advice of RFC 7362): where a remote's packets really come from.
//!
//! ```text
//!            the announced address, or another one
//!            that may, after probation
//!   Open ─────────────────────────────────────────► Locked ──┐ the announced address, at any time;
//!     ▲                                               │  ▲   │ its own stream from elsewhere, when silent;
//!     │  a negotiation announces another address      │  └───┘ another one that may, after probation
//!     └───────────────────────────────────────────────┘
//! ```
//!
//! *Who may*: see `claim`. Probation is [`PROBATION_PACKETS`] in sequence, with none of the locked address
//! between them, unless the address that the peer signals from asks for the place of one that it does not. Whether a
//! packet is plausible at all (version, payload type) is judged before, by the endpoint.

mod claim;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use claim::{Claim, Source};

use super::source::{Announced, SourcePolicy};
use crate::ground::Instant;
use crate::rtp::Header;

/// Packets in sequence that an address nobody announced must send before it is heard.
pub const PROBATION_PACKETS: u8 = 3;

/// How long a source must be silent before its stream, by SSRC and sequence, may come from another address: a NAT has
/// bound it anew. Who does not see the stream cannot guess both numbers.
pub const MOVE_SILENCE: Duration = Duration::from_millis(500);

/// How long an announced address that can be believed must be silent before another one takes its place: one that the
/// policy allows or, while nothing was heard yet, another port of its IP address.
pub const ANNOUNCED_SILENCE: Duration = Duration::from_secs(2);

/// How long the one that is heard must be silent before another stream of its IP address, or of the announced one, takes its
/// place where the policy lets nobody else.
pub const OWN_HOST_SILENCE: Duration = Duration::from_secs(10);

/// How long a learned address must be silent before another stream takes its place.
pub const LEARNED_SILENCE: Duration = Duration::from_secs(10);

/// How long after a re-INVITE another stream may take a learned address's place after a silence of no more than
/// [`MOVE_SILENCE`]. One that the peer signals from keeps its place.
pub const RENEGOTIATION_WINDOW: Duration = Duration::from_secs(5);

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the remote's.
    Accept,
    /// It may become the remote's; this one is dropped.
    Probation,
    /// It is not the remote's.
    Foreign,
}

/// What decides, beside the announced address, who may send.
#[derive(Clone, Copy, Debug)]
pub struct SourceRules {
    /// The address that the peer signals from, if it is known.
    pub signaled: Option<IpAddr>,
    /// Who may send besides an announced address that can be believed.
    pub policy: SourcePolicy,
    /// Until then no address is learned but the one that the peer signals from, where that is known: the port has not rested,
    /// and an old stream of somebody else may still come to it.
    pub strict_until: Instant,
}

/// An address that asks to be heard.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: SocketAddr,
    ssrc: u32,
    next_sequence: u16,
    seen: u8,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Nothing accepted since then.
    Open { since: Instant },
    /// This one is heard.
    Locked(Source),
}

/// The lock-in of one remote.
#[derive(Clone, Debug)]
pub struct LockIn {
    announced: Option<Announced>,
    rules: SourceRules,
    place: Place,
    candidates: Candidates,
    /// Whose place another took while it was silent: the first of them, where that happened again.
    displaced: Option<SocketAddr>,
    window_until: Instant,
    /// The host that the description names is looked up.
    looking_up: bool,
}

/// Those on probation. Who cannot be the address that the peer signals from is never in the way of who is.
#[derive(Clone, Copy, Debug, Default)]
struct Candidates {
    signaled: Option<Candidate>,
    other: Option<Candidate>,
}

impl LockIn {
    /// Nothing heard yet; the description announced this address, if it could be read from it and can be used.
    #[must_use]
    pub const fn new(announced: Option<Announced>, rules: SourceRules, now: Instant) -> Self {
        let place = Place::Open { since: now };
        Self {
            announced,
            rules,
            place,
            candidates: Candidates { signaled: None, other: None },
            displaced: None,
            window_until: Instant::ZERO,
            looking_up: false,
        }
    }

    /// The same, of a description that names a host, which is looked up: until it is, nobody is learned but the address that
    /// the peer signals from, where that is known.
    #[must_use]
    pub const fn named(rules: SourceRules, now: Instant) -> Self {
        Self { looking_up: true, ..Self::new(None, rules, now) }
    }

    /// A negotiation is in force. Another address than before drops the one that was heard, unless it is that one.
    pub fn renegotiated(&mut self, announced: Option<Announced>, rules: SourceRules, now: Instant) {
        let address = announced.map(|announced| announced.address);
        self.candidates = Candidates::default();
        self.looking_up = false;
        match self.place {
            Place::Locked(source) if address == self.announced() || address == Some(source.address) => {
                self.window_until = now + RENEGOTIATION_WINDOW;
            }
            Place::Locked(_) | Place::Open { .. } => {
                self.place = Place::Open { since: now };
                self.displaced = None;
            }
        }
        self.announced = announced;
        self.rules = rules;
    }

    /// The address that the description announced, or that its host name was found to have.
    #[must_use]
    pub fn announced(&self) -> Option<SocketAddr> {
        self.announced.map(|announced| announced.address)
    }

    /// What is thought of it.
    #[must_use]
    pub const fn judged(&self) -> Option<Announced> {
        self.announced
    }

    /// The host that the description names has this address: from now on it counts as announced. Who was heard meanwhile
    /// keeps the place if he might take it beside that address.
    pub fn located(&mut self, found: Announced, now: Instant) {
        self.looking_up = false;
        self.announced = Some(found);
        if let Place::Locked(source) = self.place
            && !self.is_welcome_beside(found, source.address)
        {
            self.place = Place::Open { since: now };
        }
    }

    /// The host that the description names has no address that is known: the peer is learned from what it sends.
    pub fn not_located(&mut self) {
        self.looking_up = false;
    }

    /// Where packets to this remote go: where its packets come from, else where it asked for them.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        match self.place {
            Place::Locked(source) => Some(source.address),
            Place::Open { .. } => self.announced(),
        }
    }

    /// Whether the address is this remote's, announced or locked in.
    #[must_use]
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.announced() == Some(address)
            || matches!(self.place, Place::Locked(source) if source.address == address)
    }

    /// Judges a plausible packet.
    pub fn judge(&mut self, from: SocketAddr, header: &Header, now: Instant) -> Verdict {
        if let Place::Locked(source) = &mut self.place
            && source.address == from
        {
            source.note(header, now);
            self.end_probation(from);
            return Verdict::Accept;
        }
        if self.announced() == Some(from) {
            return self.lock(from, header, None, now);
        }
        if self.displaced == Some(from) && !self.is_outranked(from) {
            return self.lock(from, header, None, now);
        }
        let claim = self.claim(from, header, now);
        if claim == Claim::None {
            return Verdict::Foreign;
        }
        if !self.has_passed(from, header) {
            return Verdict::Probation;
        }
        let displaced = match self.place {
            Place::Locked(source) if claim == Claim::Stand => self.displaced.or(Some(source.address)),
            Place::Locked(_) if !self.signals(from) => self.displaced,
            Place::Locked(_) | Place::Open { .. } => None,
        };
        self.lock(from, header, displaced, now)
    }

    fn lock(
        &mut self,
        address: SocketAddr,
        header: &Header,
        displaced: Option<SocketAddr>,
        now: Instant,
    ) -> Verdict {
        let Header { ssrc, sequence, .. } = *header;
        self.place = Place::Locked(Source { address, ssrc, sequence, heard_at: now });
        self.displaced = displaced;
        self.candidates = Candidates::default();
        Verdict::Accept
    }

    /// The locked address has spoken: who wants its place has to begin anew, unless he has the better right.
    fn end_probation(&mut self, locked: SocketAddr) {
        self.candidates.other = None;
        if self.signals(locked) {
            self.candidates.signaled = None;
        }
    }

    /// Counts a packet of an address on probation.
    fn has_passed(&mut self, address: SocketAddr, header: &Header) -> bool {
        let candidate = match self.signals(address) {
            true => &mut self.candidates.signaled,
            false => &mut self.candidates.other,
        };
        let goes_on = |c: &Candidate| {
            c.address == address && c.ssrc == header.ssrc && c.next_sequence == header.sequence
        };
        let seen = candidate.filter(goes_on).map_or(1, |c| c.seen + 1);
        let next_sequence = header.sequence.wrapping_add(1);
        *candidate = Some(Candidate { address, ssrc: header.ssrc, next_sequence, seen });
        seen >= PROBATION_PACKETS
    }
}

#[cfg(test)]
mod tests;
