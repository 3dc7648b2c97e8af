//! One outgoing stream that stays continuous whatever feeds it: a relayed stream, a file, a mix, telephone events.
//!
//! A receiver sees one SSRC whose sequence numbers have no holes but those of real loss, and whose timestamps follow
//! the time that passed (RFC 3550 §5.1, §6.4.1). Which payload type is sent is the caller's to say.

use serde::{Deserialize, Serialize};

use super::{Header, MISORDER_PACKETS_MAX, PacketViewMut, is_ahead, ticks};
use crate::ground::Instant;

/// A difference of timestamps up to this long between neighbours is a packet's duration; longer ones are pauses.
const PACKET_SECONDS_MAX_INVERSE: u32 = 8;

/// Who feeds a relayed stream: any number the caller keeps apart, such as the sending endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceId(pub u64);

/// A relayed packet is older than the point where its source took over, so its place in the stream is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the packet is older than its source's turn in the stream")]
pub struct Stale;

/// SSRC, sequence number and timestamp of what an endpoint sends.
#[derive(Clone, Debug)]
pub struct OutgoingStream {
    ssrc: u32,
    clock_rate_hz: u32,
    next_sequence: u16,
    newest: Newest,
    /// Ticks by which changes of the feed have run ahead of the time that passed.
    lead: u32,
    feed: Feed,
}

/// The newest timestamp sent.
#[derive(Clone, Debug)]
struct Newest {
    timestamp: u32,
    /// When it was first sent; `None` before anything was.
    at: Option<Instant>,
    /// What its packet lasts, as far as known.
    ticks: u32,
}

/// What the newest packet came from.
#[derive(Clone, Debug)]
enum Feed {
    Nothing,
    Generated,
    Event,
    Relayed(Mapping),
}

/// How a relayed stream's numbers become ours.
#[derive(Clone, Debug)]
struct Mapping {
    source: SourceId,
    ssrc: u32,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// The newest of the source's sequence numbers.
    highest: u16,
    /// How far behind `highest` a packet may be: not before the source's turn began.
    behind_max: u16,
}

impl OutgoingStream {
    /// A stream that begins at these numbers, which should be random (RFC 3550 §5.1).
    #[must_use]
    pub const fn new(ssrc: u32, sequence: u16, timestamp: u32, clock_rate_hz: u32) -> Self {
        let newest = Newest { timestamp, at: None, ticks: 0 };
        Self { ssrc, clock_rate_hz, next_sequence: sequence, newest, lead: 0, feed: Feed::Nothing }
    }

    /// The stream's SSRC.
    #[must_use]
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Whether the newest packet was [generated](Self::generate).
    #[must_use]
    pub const fn is_generated(&self) -> bool {
        matches!(self.feed, Feed::Generated)
    }

    /// Gives a packet of another stream its place in this one, rewriting its header in place.
    ///
    /// Within a source, gaps, reordering and marker bits are kept, so the far end sees the loss that there was. When
    /// the source or its SSRC changes, or its sequence number jumps, the stream goes on with its next sequence number,
    /// a timestamp advanced by the time passed, and the marker bit set.
    ///
    /// # Errors
    /// [`Stale`] when the packet is older than the source's turn; it is unchanged and not to be sent.
    pub fn relay(
        &mut self,
        source: SourceId,
        packet: &mut PacketViewMut<'_>,
        payload_type: u8,
        now: Instant,
    ) -> Result<(), Stale> {
        let theirs = packet.header();
        let followed = match &mut self.feed {
            Feed::Relayed(mapping) if mapping.source == source && mapping.ssrc == theirs.ssrc => {
                mapping.follow(theirs.sequence)
            }
            _ => Followed::Elsewhere,
        };
        let mut ours = Header { payload_type, ssrc: self.ssrc, ..theirs };
        match followed {
            Followed::Behind => return Err(Stale),
            Followed::Elsewhere => {
                ours.marker = true;
                ours.timestamp = self.timestamp_at(now);
                ours.sequence = self.next_sequence;
                self.take_over(source, theirs, &ours, now);
            }
            Followed::Newer { sequence_offset, timestamp_offset } => {
                ours.sequence = theirs.sequence.wrapping_add(sequence_offset);
                ours.timestamp = theirs.timestamp.wrapping_add(timestamp_offset);
                self.note_relayed(&ours, now);
            }
            Followed::Reordered { sequence_offset, timestamp_offset } => {
                ours.sequence = theirs.sequence.wrapping_add(sequence_offset);
                ours.timestamp = theirs.timestamp.wrapping_add(timestamp_offset);
            }
        }
        packet.set_header(&ours);
        Ok(())
    }

    /// The header of the next packet made here, of `ticks` duration.
    ///
    /// Consecutive calls are contiguous in timestamp. The first after anything else, and any with `talk_spurt` (the
    /// first after a pause), advances the timestamp by the time passed and has the marker bit set.
    pub fn generate(&mut self, payload_type: u8, ticks: u32, talk_spurt: bool, now: Instant) -> Header {
        let continues = matches!(self.feed, Feed::Generated) && !talk_spurt;
        let timestamp = if continues {
            self.newest.timestamp.wrapping_add(self.newest.ticks)
        } else {
            self.timestamp_at(now)
        };
        self.feed = Feed::Generated;
        self.newest = Newest { timestamp, at: Some(now), ticks };
        self.header(payload_type, !continues, timestamp)
    }

    /// The header of a telephone event's packet (RFC 4733 §2.5.1): all of one event have the timestamp of its
    /// beginning, the first has the marker bit.
    pub fn generate_event(&mut self, payload_type: u8, begins: bool, now: Instant) -> Header {
        let begins = begins || !matches!(self.feed, Feed::Event);
        if begins {
            let timestamp = self.timestamp_at(now);
            self.newest = Newest { timestamp, at: Some(now), ticks: 0 };
        }
        self.feed = Feed::Event;
        self.header(payload_type, begins, self.newest.timestamp)
    }

    fn header(&mut self, payload_type: u8, marker: bool, timestamp: u32) -> Header {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    /// The timestamp of something new that begins now: the newest one and the time since, but not before the newest
    /// packet's own end. What that is ahead of the time, the next changes make up for, so that many of them do not add up.
    fn timestamp_at(&mut self, now: Instant) -> u32 {
        let Some(at) = self.newest.at else { return self.newest.timestamp };
        let passed = ticks(now.since(at), self.clock_rate_hz);
        // With the clock standing still the timestamp would repeat, which means "same moment" to a receiver.
        let step = passed.saturating_sub(self.lead).max(self.newest.ticks).max(1);
        self.lead = self.lead.saturating_add(step).saturating_sub(passed);
        self.newest.timestamp.wrapping_add(step)
    }

    fn take_over(&mut self, source: SourceId, theirs: Header, ours: &Header, now: Instant) {
        self.feed = Feed::Relayed(Mapping {
            source,
            ssrc: theirs.ssrc,
            sequence_offset: ours.sequence.wrapping_sub(theirs.sequence),
            timestamp_offset: ours.timestamp.wrapping_sub(theirs.timestamp),
            highest: theirs.sequence,
            behind_max: 0,
        });
        self.next_sequence = ours.sequence.wrapping_add(1);
        self.newest = Newest { timestamp: ours.timestamp, at: Some(now), ticks: self.newest.ticks };
    }

    /// Takes note of a relayed packet that is newer than all before it.
    fn note_relayed(&mut self, ours: &Header, now: Instant) {
        let step = ours.timestamp.wrapping_sub(self.newest.timestamp);
        self.next_sequence = ours.sequence.wrapping_add(1);
        // Packets of one telephone event have one timestamp: it was first sent with the first of them.
        if step != 0 {
            let is_duration = step <= self.clock_rate_hz / PACKET_SECONDS_MAX_INVERSE;
            let ticks = if is_duration { step } else { self.newest.ticks };
            self.newest = Newest { timestamp: ours.timestamp, at: Some(now), ticks };
        }
    }
}

/// Where a packet stands to its source's mapping.
enum Followed {
    Newer {
        sequence_offset: u16,
        timestamp_offset: u32,
    },
    Reordered {
        sequence_offset: u16,
        timestamp_offset: u32,
    },
    /// Before the source's turn.
    Behind,
    /// The mapping does not lead there.
    Elsewhere,
}

impl Mapping {
    fn follow(&mut self, sequence: u16) -> Followed {
        let Self { sequence_offset, timestamp_offset, .. } = *self;
        if is_ahead(self.highest, sequence) {
            let step = sequence.wrapping_sub(self.highest);
            self.behind_max = self.behind_max.saturating_add(step).min(MISORDER_PACKETS_MAX);
            self.highest = sequence;
            return Followed::Newer { sequence_offset, timestamp_offset };
        }
        match self.highest.wrapping_sub(sequence) {
            behind if behind <= self.behind_max => Followed::Reordered { sequence_offset, timestamp_offset },
            behind if behind <= MISORDER_PACKETS_MAX => Followed::Behind,
            _ => Followed::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests;
