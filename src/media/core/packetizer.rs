//! Frames of 20 ms to packets of another duration, for peers that want 10, 30, 40 … ms: a FIFO of samples, and when the
//! next packet is due.
//!
//! Packets leave evenly spaced (RFC 3551 §4.2). Frames come every 20 ms, so that of a duration that is no multiple of it
//! every other packet is complete 10 ms before its time: it waits for half a turn of the wheel.

use std::collections::VecDeque;
use std::time::Duration;

use super::{FRAME, FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};
use crate::ground::Instant;

/// The longest packet that is made, in milliseconds.
pub const PTIME_MS_MAX: u32 = 60;

/// Samples in the longest packet.
pub const PACKET_SAMPLES_MAX: usize = (SAMPLE_RATE_HZ / 1000 * PTIME_MS_MAX) as usize;

/// The FIFO. It never holds more than two packets and one frame: what would make it more is dropped.
#[derive(Clone, Debug)]
pub struct Packetizer {
    packet_samples: usize,
    waiting: VecDeque<i16>,
    /// When the next packet is due; `None` at the beginning: as soon as it is complete.
    due: Option<Instant>,
}

impl Packetizer {
    /// Packets of `ptime_ms`, which is kept between 10 and [`PTIME_MS_MAX`].
    #[must_use]
    pub fn new(ptime_ms: u32) -> Self {
        let packet_samples = (SAMPLE_RATE_HZ / 1000 * ptime_ms.clamp(10, PTIME_MS_MAX)) as usize;
        let waiting = VecDeque::with_capacity(2 * packet_samples + FRAME_SAMPLES);
        Self { packet_samples, waiting, due: None }
    }

    /// Takes a frame.
    pub fn push(&mut self, frame: &Frame) {
        self.waiting.extend(frame);
        let most = 2 * self.packet_samples + FRAME_SAMPLES;
        self.waiting.drain(..self.waiting.len().saturating_sub(most));
    }

    /// Gives the next packet's samples, once they are complete and due.
    pub fn pop<'a>(
        &mut self,
        room: &'a mut [i16; PACKET_SAMPLES_MAX],
        deadline: Instant,
    ) -> Option<&'a [i16]> {
        if !self.is_complete() || self.due.is_some_and(|due| due > deadline) {
            return None;
        }
        self.due = Some(deadline + self.packet_time());
        let samples = &mut room[..self.packet_samples];
        for (sample, waiting) in samples.iter_mut().zip(self.waiting.drain(..self.packet_samples)) {
            *sample = waiting;
        }
        Some(samples)
    }

    /// When a packet is due that is complete and would be late if it waited for the next frame.
    #[must_use]
    pub fn waits_until(&self, deadline: Instant) -> Option<Instant> {
        self.due.filter(|&due| self.is_complete() && due < deadline + FRAME)
    }

    /// Forgets what waits: the signal begins anew.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.due = None;
    }

    fn is_complete(&self) -> bool {
        self.waiting.len() >= self.packet_samples
    }

    const fn packet_time(&self) -> Duration {
        Duration::from_millis(self.packet_samples as u64 * 1000 / SAMPLE_RATE_HZ as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_leave_in_order_in_packets_of_the_wanted_duration_evenly_spaced() {
        let start = Instant::from_millis(5_000);
        for ptime_ms in [10, 20, 30, 40, 50, 60] {
            let mut packetizer = Packetizer::new(ptime_ms);
            let (mut fed, mut left) = (0_i16, 0_i16);
            let mut times = Vec::new();
            for turn in 0..30_u64 {
                let frame: Frame = std::array::from_fn(|n| fed + n as i16);
                fed += FRAME_SAMPLES as i16;
                packetizer.push(&frame);
                let mut deadline = start + FRAME * turn as u32;
                let mut room = [0; PACKET_SAMPLES_MAX];
                loop {
                    while let Some(samples) = packetizer.pop(&mut room, deadline) {
                        times.push(deadline);
                        assert_eq!(samples.len() as u32, 8 * ptime_ms);
                        assert!(samples.iter().all(|&sample| {
                            left += 1;
                            sample == left - 1
                        }));
                    }
                    let Some(due) = packetizer.waits_until(deadline) else { break };
                    assert_eq!(due, start + FRAME * turn as u32 + FRAME / 2);
                    deadline = due;
                }
            }
            let apart = Duration::from_millis(u64::from(ptime_ms));
            assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == apart), "{ptime_ms} ms: {times:?}");
            assert!(i32::from(fed - left) <= 2 * 8 * ptime_ms as i32, "{ptime_ms} ms: nothing piles up");
        }
    }

    #[test]
    fn a_packet_that_missed_its_time_leaves_with_the_next_frame_and_the_pace_is_kept() {
        let mut packetizer = Packetizer::new(10);
        let mut room = [0; PACKET_SAMPLES_MAX];
        let start = Instant::from_millis(5_000);
        packetizer.push(&[1; FRAME_SAMPLES]);
        assert!(packetizer.pop(&mut room, start).is_some());
        let mut times = Vec::new();
        for turn in 1..50 {
            packetizer.push(&[1; FRAME_SAMPLES]);
            let deadline = start + FRAME * turn;
            for at in [deadline, deadline + FRAME / 2] {
                while packetizer.pop(&mut room, at).is_some() {
                    times.push(at);
                }
            }
        }
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == FRAME / 2));
        assert!(packetizer.waiting.len() <= 2 * 80 + FRAME_SAMPLES);
    }
}
