//! A play-out buffer: takes packets as they come, gives them at the pace of the mix, one per pull.
//!
//! It holds a few packets back so that late ones still find their turn. The number grows by one whenever packets come
//! late, up to a bound, and goes down again in calm times, one packet per window, dropped from what lies in excess;
//! the same drop takes up a sender's clock that runs fast. All memory is taken when it is made. A packet that is not
//! audio (a telephone event) takes its turn as silence. Decoding and concealment are the caller's.

mod outcome;

pub use outcome::{BufferCounts, Inserted, Playout};

use super::{DROPOUT_PACKETS_MAX, Header, PacketView};

/// Packets that find room. A packet further ahead of play-out than this makes play-out catch up.
pub const SLOTS: usize = 16;
/// The most packets that may be held back on purpose.
pub const DEPTH_PACKETS_MAX: u8 = 12;
/// Pulls between two adaptations downwards: 5 s of 20 ms packets.
pub const WINDOW_PULLS: u16 = 250;
/// Windows without a late packet until one packet less is held back: half a minute.
const CALM_WINDOWS: u8 = 6;
/// Packets concealed when play-out runs dry; then there is silence.
const CONCEALED_MAX: u8 = 3;

/// How a buffer is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLayout {
    /// The most payload bytes a packet may have; longer ones are refused and counted.
    pub payload_bytes_max: usize,
    /// Packets to hold back at the beginning, at least 1.
    pub depth_packets: u8,
    /// The bound to which lateness may raise the depth, at most [`DEPTH_PACKETS_MAX`].
    pub depth_packets_max: u8,
}

/// The buffer.
#[derive(Clone, Debug)]
pub struct JitterBuffer {
    layout: BufferLayout,
    slots: [Option<Slot>; SLOTS],
    payloads: Box<[u8]>,
    phase: Phase,
    /// Which of the 64 positions before play-out's were played; bit 0 is the last.
    played: u64,
    /// The newest sequence number, with cycles; play-out positions are counted alike.
    newest: Option<u64>,
    held: u8,
    depth: u8,
    window: Window,
    counts: BufferCounts,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    position: u64,
    payload_type: u8,
    /// Bytes of payload; `None` when it is not audio.
    length: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Packets are gathered until there are `depth` of them, or the first has waited as long.
    Gathering {
        /// Where play-out stopped: what comes from before is late. `None` before it ever ran.
        next: Option<u64>,
        /// Pulls since play-out ran dry.
        dry_pulls: u8,
        /// Pulls since there was a packet again.
        waited: u8,
    },
    /// The packet at `next` has its turn.
    Playing { next: u64 },
}

/// What was seen since the last adaptation downwards.
#[derive(Clone, Copy, Debug)]
struct Window {
    pulls: u16,
    /// The fewest packets left after a pull.
    fewest: u8,
    was_late: bool,
    calm_windows: u8,
}

impl Window {
    const fn new(calm_windows: u8) -> Self {
        Self { pulls: 0, fewest: u8::MAX, was_late: false, calm_windows }
    }
}

const IDLE: Phase = Phase::Gathering { next: None, dry_pulls: 0, waited: 0 };

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(layout: BufferLayout) -> Self {
        let depth_packets_max = layout.depth_packets_max.clamp(1, DEPTH_PACKETS_MAX);
        let depth_packets = layout.depth_packets.clamp(1, depth_packets_max);
        let payload_bytes_max = layout.payload_bytes_max.min(usize::from(u16::MAX));
        Self {
            layout: BufferLayout { payload_bytes_max, depth_packets, depth_packets_max },
            slots: [None; SLOTS],
            payloads: vec![0; SLOTS * payload_bytes_max].into(),
            phase: IDLE,
            played: 0,
            newest: None,
            held: 0,
            depth: depth_packets,
            window: Window::new(0),
            counts: BufferCounts::default(),
        }
    }

    /// Puts an audio packet in.
    pub fn insert(&mut self, packet: &PacketView<'_>) -> Inserted {
        self.put(packet.header(), Some(packet.payload()))
    }

    /// Puts in that this packet is of the stream but not audio: its turn is silence.
    pub fn insert_other(&mut self, header: Header) -> Inserted {
        self.put(header, None)
    }

    fn put(&mut self, header: Header, payload: Option<&[u8]>) -> Inserted {
        if payload.is_some_and(|payload| payload.len() > self.layout.payload_bytes_max) {
            self.counts.too_long += 1;
            return Inserted::TooLong;
        }
        let (position, restarted) = self.position(header.sequence);
        if let Some(refused) = self.make_room(position, header.marker) {
            return refused;
        }
        let index = position as usize % SLOTS;
        if let Some(payload) = payload {
            let start = index * self.layout.payload_bytes_max;
            self.payloads[start..start + payload.len()].copy_from_slice(payload);
        }
        let length = payload.map(|payload| payload.len() as u16);
        self.slots[index] = Some(Slot { position, payload_type: header.payload_type, length });
        self.held += 1;
        if restarted { Inserted::Restarted } else { Inserted::Stored }
    }

    /// A sequence number's position. One that is far from the newest begins anew.
    fn position(&mut self, sequence: u16) -> (u64, bool) {
        let Some(newest) = self.newest else {
            // Room below for packets from before the first.
            let position = (1 << 16) | u64::from(sequence);
            self.newest = Some(position);
            return (position, false);
        };
        let step = i64::from(sequence.wrapping_sub(newest as u16).cast_signed());
        if step.unsigned_abs() >= u64::from(DROPOUT_PACKETS_MAX) {
            self.clear();
            self.counts.restarts += 1;
            return (self.position(sequence).0, true);
        }
        let position = newest.saturating_add_signed(step);
        self.newest = Some(newest.max(position));
        (position, false)
    }

    /// Forgets what is held and where play-out stood, for a stream that is numbered otherwise; depth and counts stay.
    pub fn clear(&mut self) {
        self.counts.dropped += u64::from(self.held);
        self.slots = [None; SLOTS];
        self.held = 0;
        self.newest = None;
        self.phase = IDLE;
        self.played = 0;
    }

    /// Sees to it that a packet may be stored at `position`; says why not.
    fn make_room(&mut self, position: u64, marker: bool) -> Option<Inserted> {
        let next = self.next();
        if let Some(next) = next.filter(|&next| position < next) {
            return Some(self.refuse_past(next - 1 - position));
        }
        let held = |slot: &Option<Slot>| slot.is_some_and(|slot| slot.position == position);
        if held(&self.slots[position as usize % SLOTS]) {
            self.counts.duplicate += 1;
            return Some(Inserted::Duplicate);
        }
        if self.newest.is_some_and(|newest| position + SLOTS as u64 <= newest) {
            self.counts.late += 1;
            return Some(Inserted::Late);
        }
        let ran_dry = matches!(self.phase, Phase::Gathering { dry_pulls: 1.., .. });
        if ran_dry && self.held == 0 && next == Some(position) && !marker {
            // The very packet that was missed, and the sender had not paused: it was late.
            self.note_late();
        }
        let oldest = next.or_else(|| self.lowest_held()).unwrap_or(position);
        if oldest + SLOTS as u64 <= position {
            self.catch_up(position + 1 - u64::from(self.depth));
        }
        None
    }

    /// Counts a packet whose turn was `turns` pulls before the last.
    fn refuse_past(&mut self, turns: u64) -> Inserted {
        if self.played.checked_shr(turns as u32).unwrap_or(0) & 1 == 1 {
            self.counts.duplicate += 1;
            return Inserted::Duplicate;
        }
        self.counts.late += 1;
        self.note_late();
        Inserted::Late
    }

    /// Where play-out stands; `None` before it ever ran.
    const fn next(&self) -> Option<u64> {
        match self.phase {
            Phase::Playing { next } => Some(next),
            Phase::Gathering { next, .. } => next,
        }
    }

    fn lowest_held(&self) -> Option<u64> {
        self.slots.iter().flatten().map(|slot| slot.position).min()
    }

    /// Moves play-out forward to `to`: what is held before it is dropped, what has not come is lost.
    fn catch_up(&mut self, to: u64) {
        let mut dropped = 0;
        for slot in &mut self.slots {
            if slot.take_if(|slot| slot.position < to).is_some() {
                dropped += 1;
            }
        }
        self.held -= dropped;
        self.counts.dropped += u64::from(dropped);
        if let Some(next) = self.next() {
            self.counts.lost += (to - next).saturating_sub(u64::from(dropped));
        }
        self.played = 0;
        match &mut self.phase {
            Phase::Playing { next } => *next = to,
            Phase::Gathering { next, .. } => *next = Some(to),
        }
    }

    /// Holds one packet more back, once per window, and gathers it if play-out runs.
    fn note_late(&mut self) {
        let may_grow = !self.window.was_late && self.depth < self.layout.depth_packets_max;
        self.window.was_late = true;
        self.window.calm_windows = 0;
        if may_grow {
            self.depth += 1;
            if let Phase::Playing { next } = self.phase {
                self.phase = Phase::Gathering { next: Some(next), dry_pulls: 0, waited: 0 };
            }
        }
    }

    /// Takes what is to be played next, once per packet duration.
    pub fn pull(&mut self) -> Playout<'_> {
        self.adapt();
        let next = match self.phase {
            Phase::Playing { next } => next,
            Phase::Gathering { next, dry_pulls, waited } => match self.gathered(waited) {
                Some(lowest) => {
                    self.counts.lost += next.map_or(0, |next| lowest - next);
                    lowest
                }
                None => {
                    let waited = if self.held > 0 { waited + 1 } else { 0 };
                    return self.gather(next, dry_pulls, waited);
                }
            },
        };
        let index = next as usize % SLOTS;
        let Some(slot) = self.slots[index].take_if(|slot| slot.position == next) else {
            if self.held == 0 {
                // Late, lost, or a pause of the sender: what comes next will tell.
                return self.gather(Some(next), 0, 0);
            }
            self.advance(next, false);
            self.counts.lost += 1;
            return Playout::Conceal;
        };
        self.advance(next, true);
        self.held -= 1;
        self.counts.played += 1;
        let start = index * self.layout.payload_bytes_max;
        slot.length.map_or(Playout::Silence, |length| Playout::Packet {
            payload_type: slot.payload_type,
            payload: &self.payloads[start..start + usize::from(length)],
        })
    }

    const fn advance(&mut self, next: u64, played: bool) {
        self.phase = Phase::Playing { next: next + 1 };
        self.played = self.played << 1 | played as u64;
    }

    /// The first position to play, if enough is gathered.
    fn gathered(&self, waited: u8) -> Option<u64> {
        self.lowest_held().filter(|_| self.held >= self.depth || waited >= self.depth)
    }

    /// Waits a turn more. Play-out that has only just run dry is concealed.
    fn gather(&mut self, next: Option<u64>, dry_pulls: u8, waited: u8) -> Playout<'static> {
        self.phase = Phase::Gathering { next, dry_pulls: dry_pulls.saturating_add(1), waited };
        if next.is_some() && dry_pulls < CONCEALED_MAX { Playout::Conceal } else { Playout::Silence }
    }

    /// Closes a window when it is full: one packet less when more lay in wait all the time than is to be held back.
    fn adapt(&mut self) {
        let Phase::Playing { next } = self.phase else { return };
        self.window.fewest = self.window.fewest.min(self.held);
        self.window.pulls += 1;
        if self.window.pulls < WINDOW_PULLS {
            return;
        }
        let Window { fewest, was_late, calm_windows, .. } = self.window;
        let calm_windows = if was_late { 0 } else { calm_windows + 1 };
        self.window = Window::new(calm_windows % CALM_WINDOWS);
        if calm_windows == CALM_WINDOWS && self.depth > self.layout.depth_packets {
            self.depth -= 1;
        }
        if fewest > self.depth {
            self.catch_up(next + 1);
        }
    }

    /// The counts so far.
    #[must_use]
    pub const fn counts(&self) -> BufferCounts {
        self.counts
    }

    /// Packets held back now on purpose.
    #[must_use]
    pub const fn depth_packets(&self) -> u8 {
        self.depth
    }

    /// Packets that wait now.
    #[must_use]
    pub const fn held_packets(&self) -> u8 {
        self.held
    }
}

#[cfg(test)]
mod tests;
