//! What comes from the peer: checked, counted, and told apart.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::Endpoint;
use crate::ground::Instant;
use crate::media::core::remote::Kind;
use crate::media::core::{Event, Output, SAMPLE_RATE_HZ, Verdict};
use crate::rtp::telephone_event::{Digit, TelephoneEvent};
use crate::rtp::{Arrival, Header, PacketViewMut};

/// Why a datagram is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Longer than any packet that is taken.
    TooLong,
    /// Neither RTP nor anything else that media ports know.
    Malformed,
    /// RTCP, STUN, DTLS: not served.
    OtherProtocol,
    /// The endpoint is gone.
    NoEndpoint,
    /// Nothing is negotiated yet.
    NotNegotiated,
    /// A payload type that was not agreed.
    UnknownPayload,
    /// From an address that may yet become the peer's.
    Probation,
    /// From an address that is not the peer's.
    Foreign,
    /// Of a forked dialog that is not selected.
    NotSelected,
    /// Came twice, or out of all order.
    OutOfOrder,
    /// We do not receive now.
    NotReceiving,
    /// Muted.
    Muted,
    /// The endpoint is in no bridge, or alone in it.
    Unconnected,
    /// Whoever would hear it is not sent to now.
    NotSending,
    /// More than a peer may send.
    TooMany,
    /// It has come from our own ports to our own ports too often: it goes round.
    Loop,
    /// It waited too long, because the worker was late.
    Stale,
}

impl Dropped {
    /// How many reasons there are.
    pub const COUNT: usize = Self::Stale as usize + 1;
}

impl Endpoint {
    /// Takes a packet, to which packets from outside last led at `fed_at`. Tells what it is, if it is to be passed on.
    ///
    /// # Errors
    /// Why it is not.
    pub fn receive(
        &mut self,
        packet: &PacketViewMut<'_>,
        from: SocketAddr,
        fed_at: Instant,
        now: Instant,
        outputs: &mut VecDeque<Output>,
    ) -> Result<Kind, Dropped> {
        let header = packet.header();
        let index = self.attribute(from, &header, now)?;
        if !self.rate.takes(now) {
            return Err(Dropped::TooMany);
        }
        let remote = &mut self.remotes[index];
        let arrival = remote.count(&header, packet.as_bytes().len(), now);
        if index != self.selected {
            return Err(Dropped::NotSelected);
        }
        let kind = remote.payloads.kind_of(header.payload_type).ok_or(Dropped::UnknownPayload)?;
        let receiving = remote.may_be_heard();
        if arrival == Arrival::First {
            self.begin_to_listen_anew();
        }
        self.heard(fed_at, now, outputs);
        if !receiving {
            return Err(Dropped::NotReceiving);
        }
        self.notice_digit(kind, &header, packet.payload(), now, outputs);
        match (arrival, self.muted) {
            (Arrival::Duplicate | Arrival::Jump, _) => Err(Dropped::OutOfOrder),
            (_, true) => Err(Dropped::Muted),
            (Arrival::First | Arrival::InOrder { .. } | Arrival::Reordered, false) => Ok(kind),
        }
    }

    /// What comes from now on is another stream, or one that is numbered anew: its numbers say nothing about what waits
    /// to be mixed.
    pub(super) fn begin_to_listen_anew(&mut self) {
        if let Some(talker) = &mut self.talker {
            talker.begin_anew();
        }
    }

    /// Which remote a packet is from.
    fn attribute(&mut self, from: SocketAddr, header: &Header, now: Instant) -> Result<usize, Dropped> {
        let selected = self.selected;
        let elsewhere = |remotes: &[super::Remote]| {
            remotes.iter().enumerate().position(|(i, remote)| i != selected && remote.lock.knows(from))
        };
        let remote = self.remotes.get(selected).ok_or(Dropped::NotNegotiated)?;
        let index = if self.remotes.len() == 1 || remote.lock.knows(from) {
            selected
        } else {
            elsewhere(&self.remotes).unwrap_or(selected)
        };
        let remote = &mut self.remotes[index];
        if remote.payloads.kind_of(header.payload_type).is_none() {
            return Err(Dropped::UnknownPayload);
        }
        match remote.judge(from, header, now) {
            Verdict::Accept => {}
            Verdict::Probation => return Err(Dropped::Probation),
            Verdict::Foreign => return Err(Dropped::Foreign),
        }
        if index == selected && !self.leave.is_given(from.ip()) {
            self.leave.give(from.ip(), &self.settings.safeguards.consents);
        }
        Ok(index)
    }

    fn notice_digit(
        &mut self,
        kind: Kind,
        header: &Header,
        payload: &[u8],
        now: Instant,
        outputs: &mut VecDeque<Output>,
    ) {
        let detector = &mut self.remotes[self.selected].digits;
        match kind {
            Kind::Audio(_) => {
                if let Some(digit) = detector.audio(header, now) {
                    outputs.push_back(self.pressed(digit));
                }
            }
            Kind::Event => {
                let Some(event) = TelephoneEvent::parse(payload) else { return };
                for digit in detector.receive(header, event, now) {
                    outputs.push_back(self.pressed(digit));
                }
            }
        }
    }

    pub(super) fn pressed(&self, Digit { digit, duration_ticks }: Digit) -> Output {
        let micros = u64::from(duration_ticks) * 1_000_000 / u64::from(SAMPLE_RATE_HZ);
        self.output(Event::Dtmf { digit, duration: Duration::from_micros(micros) })
    }
}
