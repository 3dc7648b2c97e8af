//! What a receiver counts about one source: extended sequence numbers, loss, reordering, jitter (RFC 3550 §6.4.1,
//! A.1, A.3, A.8).

use super::{MISORDER_PACKETS_MAX, is_ahead, ticks};
use crate::ground::Instant;

/// A step of transit time beyond this is a new timeline of the sender, not jitter.
const TRANSIT_STEP_SECONDS_MAX: u32 = 10;

/// What a packet is to the stream that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// The first packet of the source, or the first after the source began anew.
    First,
    /// Newer than everything before it; `lost` packets before it have not come (yet).
    InOrder {
        /// Sequence numbers skipped.
        lost: u16,
    },
    /// Older than the newest and not seen before.
    Reordered,
    /// Seen before.
    Duplicate,
    /// Far from what came before: not counted unless the next one follows it (A.1).
    Jump,
}

/// The counts, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceptionStatistics {
    /// Packets received, without duplicates.
    pub received: u64,
    /// Packets that the sequence numbers say were sent.
    pub expected: u64,
    /// `expected` − `received`; negative when packets from before the first one came late.
    pub lost: i64,
    /// Packets that came after a newer one.
    pub reordered: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Packets far from what came before.
    pub jumps: u64,
    /// Times the source began anew.
    pub restarts: u64,
    /// The highest sequence number with its count of cycles in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter, in ticks of the RTP clock.
    pub jitter_ticks: u32,
}

/// The accounting of one source.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate_hz: u32,
    run: Option<Run>,
    /// The sequence number that would make a jump a new beginning.
    after_jump: Option<u16>,
    /// Packets expected of runs that are over.
    expected_before: u64,
    received: u64,
    reordered: u64,
    duplicates: u64,
    jumps: u64,
    restarts: u64,
    jitter: Jitter,
    /// Expected and received at the last report.
    reported: (u64, u64),
}

/// A run of sequence numbers without a jump.
#[derive(Clone, Debug)]
struct Run {
    first: u64,
    /// The highest sequence number, with cycles.
    highest: u64,
    /// Which of the 128 up to `highest` have come; bit 0 is `highest`.
    seen: u128,
}

impl Run {
    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }
}

impl Reception {
    /// The accounting of a source whose timestamps advance at `clock_rate_hz`.
    #[must_use]
    pub const fn new(clock_rate_hz: u32) -> Self {
        Self {
            clock_rate_hz,
            run: None,
            after_jump: None,
            expected_before: 0,
            received: 0,
            reordered: 0,
            duplicates: 0,
            jumps: 0,
            restarts: 0,
            jitter: Jitter::new(),
            reported: (0, 0),
        }
    }

    /// Counts a packet.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, arrival: Instant) -> Arrival {
        let what = self.place(sequence);
        match what {
            Arrival::First | Arrival::InOrder { .. } => self.received += 1,
            Arrival::Reordered => {
                self.received += 1;
                self.reordered += 1;
            }
            Arrival::Duplicate => self.duplicates += 1,
            Arrival::Jump => self.jumps += 1,
        }
        match what {
            Arrival::First => self.jitter.restart(timestamp, self.on_clock(arrival)),
            Arrival::InOrder { .. } => {
                self.jitter.update(timestamp, self.on_clock(arrival), self.clock_rate_hz)
            }
            Arrival::Reordered | Arrival::Duplicate | Arrival::Jump => {}
        }
        what
    }

    /// Finds a packet's place in the run (A.1 without probation: who may send is checked before).
    fn place(&mut self, sequence: u16) -> Arrival {
        let Some(run) = &mut self.run else {
            self.begin(sequence);
            return Arrival::First;
        };
        let newest = run.highest as u16;
        if is_ahead(newest, sequence) {
            let step = sequence.wrapping_sub(newest);
            run.highest += u64::from(step);
            run.seen = run.seen.checked_shl(u32::from(step)).unwrap_or(0) | 1;
            self.after_jump = None;
            return Arrival::InOrder { lost: step - 1 };
        }
        let behind = newest.wrapping_sub(sequence);
        if behind <= MISORDER_PACKETS_MAX {
            let bit = 1 << behind;
            let seen = run.seen & bit != 0;
            run.seen |= bit;
            return if seen { Arrival::Duplicate } else { Arrival::Reordered };
        }
        if self.after_jump == Some(sequence) {
            self.expected_before += run.expected();
            self.restarts += 1;
            self.begin(sequence);
            return Arrival::First;
        }
        self.after_jump = Some(sequence.wrapping_add(1));
        Arrival::Jump
    }

    fn begin(&mut self, sequence: u16) {
        let first = u64::from(sequence);
        self.run = Some(Run { first, highest: first, seen: 1 });
        self.after_jump = None;
    }

    /// The counts so far.
    #[must_use]
    pub fn statistics(&self) -> ReceptionStatistics {
        let expected = self.expected();
        ReceptionStatistics {
            received: self.received,
            expected,
            lost: expected.cast_signed() - self.received.cast_signed(),
            reordered: self.reordered,
            duplicates: self.duplicates,
            jumps: self.jumps,
            restarts: self.restarts,
            highest_sequence: self.run.as_ref().map_or(0, |run| run.highest as u32),
            jitter_ticks: self.jitter.ticks(),
        }
    }

    fn expected(&self) -> u64 {
        self.expected_before + self.run.as_ref().map_or(0, Run::expected)
    }

    /// A moment on the source's clock, from an origin that is ours.
    fn on_clock(&self, moment: Instant) -> u32 {
        ticks(moment.since(Instant::ZERO), self.clock_rate_hz)
    }

    /// The fraction of packets lost since the last call, in 1/256, as a report block carries it (A.3).
    pub fn take_fraction_lost(&mut self) -> u8 {
        let (expected, received) = (self.expected(), self.received);
        let (expected_before, received_before) = std::mem::replace(&mut self.reported, (expected, received));
        let expected_since = expected - expected_before;
        let lost_since = expected_since.saturating_sub(received - received_before);
        match (lost_since << 8).checked_div(expected_since) {
            Some(fraction) => u8::try_from(fraction).unwrap_or(u8::MAX),
            None => 0,
        }
    }
}

/// The estimate of A.8, in sixteenths of a tick.
#[derive(Clone, Debug)]
struct Jitter {
    sixteenths: u32,
    timestamp: u32,
    transit: u32,
}

impl Jitter {
    const fn new() -> Self {
        Self { sixteenths: 0, timestamp: 0, transit: 0 }
    }

    const fn ticks(&self) -> u32 {
        self.sixteenths >> 4
    }

    const fn restart(&mut self, timestamp: u32, arrival_ticks: u32) {
        self.timestamp = timestamp;
        self.transit = arrival_ticks.wrapping_sub(timestamp);
    }

    fn update(&mut self, timestamp: u32, arrival_ticks: u32, clock_rate_hz: u32) {
        // Packets with one timestamp (a telephone event) are not spaced by the clock.
        if timestamp == self.timestamp {
            return;
        }
        let before = self.transit;
        self.restart(timestamp, arrival_ticks);
        let step = self.transit.wrapping_sub(before).cast_signed().unsigned_abs();
        if step <= clock_rate_hz.saturating_mul(TRANSIT_STEP_SECONDS_MAX) {
            self.sixteenths = self.sixteenths + step - ((self.sixteenths + 8) >> 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(sequences: &[u16]) -> (Reception, Vec<Arrival>) {
        let mut reception = Reception::new(8000);
        let arrivals = sequences.iter().map(|&n| reception.receive(n, 0, Instant::ZERO)).collect();
        (reception, arrivals)
    }

    #[test]
    fn loss_reordering_and_duplicates_are_told_apart() {
        let (reception, arrivals) = received(&[10, 11, 14, 12, 12, 14, 15]);
        use Arrival::{Duplicate, First, InOrder, Reordered};
        let in_order = InOrder { lost: 0 };
        assert_eq!(
            arrivals,
            [First, in_order, InOrder { lost: 2 }, Reordered, Duplicate, Duplicate, in_order]
        );
        let statistics = reception.statistics();
        assert_eq!((statistics.expected, statistics.received, statistics.lost), (6, 5, 1));
        assert_eq!((statistics.reordered, statistics.duplicates), (1, 2));
    }

    #[test]
    fn the_sequence_number_is_extended_over_its_wrap() {
        let (reception, arrivals) = received(&[65_534, 65_535, 1, 0, 2]);
        assert_eq!(arrivals[3], Arrival::Reordered);
        let statistics = reception.statistics();
        assert_eq!((statistics.expected, statistics.lost), (5, 0));
        assert_eq!(statistics.highest_sequence, 0x1_0002);
    }

    #[test]
    fn a_stray_packet_is_not_counted_but_two_in_a_row_begin_anew() {
        let (reception, arrivals) = received(&[100, 101, 30_000, 102, 50_000, 50_001, 50_002]);
        use Arrival::{First, InOrder, Jump};
        let in_order = InOrder { lost: 0 };
        assert_eq!(arrivals, [First, in_order, Jump, in_order, Jump, First, in_order]);
        let statistics = reception.statistics();
        assert_eq!((statistics.expected, statistics.received), (5, 5));
        assert_eq!((statistics.jumps, statistics.restarts), (2, 1));
    }

    #[test]
    fn packets_from_before_the_first_make_the_loss_negative() {
        let (reception, _) = received(&[0, 65_535, 1]);
        assert_eq!(reception.statistics().lost, -1);
    }

    #[test]
    fn the_fraction_lost_is_that_of_the_interval() {
        let mut reception = Reception::new(8000);
        assert_eq!(reception.take_fraction_lost(), 0);
        for sequence in (0..100).filter(|n| n % 4 != 1) {
            reception.receive(sequence, 0, Instant::ZERO);
        }
        assert_eq!(reception.take_fraction_lost(), 64, "a quarter");
        for sequence in 100..200 {
            reception.receive(sequence, 0, Instant::ZERO);
        }
        assert_eq!(reception.take_fraction_lost(), 0);
    }

    #[test]
    fn jitter_follows_the_formula_of_the_rfc() {
        let mut reception = Reception::new(8000);
        let mut expected = 0.0_f64;
        for n in 0..500_u32 {
            // Every second packet comes 5 ms (40 ticks) late, so each step of transit time is 40 ticks.
            let late = u64::from(n % 2) * 5;
            reception.receive(n as u16, n * 160, Instant::from_millis(u64::from(n) * 20 + late));
            if n > 0 {
                expected += (40.0 - expected) / 16.0;
            }
        }
        let jitter = f64::from(reception.statistics().jitter_ticks);
        assert!((jitter - expected).abs() <= 1.0, "{jitter}, not {expected}");
    }

    #[test]
    fn even_spacing_has_no_jitter_and_a_new_timeline_makes_none() {
        let mut reception = Reception::new(8000);
        for n in 0..200_u32 {
            let jump = if n >= 100 { 2_000_000_000 } else { 0 };
            reception.receive(n as u16, n * 160 + jump, Instant::from_millis(u64::from(n) * 20));
        }
        // Packets of one event share a timestamp.
        for n in 200..210_u32 {
            reception.receive(n as u16, 2_000_000_000 + 200 * 160, Instant::from_millis(u64::from(n) * 20));
        }
        assert_eq!(reception.statistics().jitter_ticks, 0);
    }
}
