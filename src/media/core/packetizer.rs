//! Frames of 20 ms to packets of another duration: a FIFO of samples, for peers that want 10, 30, 40 … ms.

use std::collections::VecDeque;

use super::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// The longest packet that is made, in milliseconds.
pub const PTIME_MS_MAX: u32 = 60;

/// Samples in the longest packet.
pub const PACKET_SAMPLES_MAX: usize = (SAMPLE_RATE_HZ / 1000 * PTIME_MS_MAX) as usize;

/// The FIFO. It never holds more than one packet and one frame.
#[derive(Clone, Debug)]
pub struct Packetizer {
    packet_samples: usize,
    waiting: VecDeque<i16>,
}

impl Packetizer {
    /// Packets of `ptime_ms`, which is kept between 10 and [`PTIME_MS_MAX`].
    #[must_use]
    pub fn new(ptime_ms: u32) -> Self {
        let packet_samples = (SAMPLE_RATE_HZ / 1000 * ptime_ms.clamp(10, PTIME_MS_MAX)) as usize;
        Self { packet_samples, waiting: VecDeque::with_capacity(packet_samples + FRAME_SAMPLES) }
    }

    /// Takes a frame.
    pub fn push(&mut self, frame: &Frame) {
        self.waiting.extend(frame);
    }

    /// Gives the next packet's samples, once they are complete.
    pub fn pop<'a>(&mut self, room: &'a mut [i16; PACKET_SAMPLES_MAX]) -> Option<&'a [i16]> {
        if self.waiting.len() < self.packet_samples {
            return None;
        }
        let samples = &mut room[..self.packet_samples];
        for (sample, waiting) in samples.iter_mut().zip(self.waiting.drain(..self.packet_samples)) {
            *sample = waiting;
        }
        Some(samples)
    }

    /// Forgets what waits: the signal begins anew.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_leave_in_order_in_packets_of_the_wanted_duration() {
        for (ptime_ms, packets_after_each_frame) in [(10, [2, 2, 2]), (30, [0, 1, 1]), (40, [0, 1, 0])] {
            let mut packetizer = Packetizer::new(ptime_ms);
            let (mut fed, mut left) = (0_i16, 0_i16);
            for expected in packets_after_each_frame {
                let frame: Frame = std::array::from_fn(|n| fed + n as i16);
                fed += FRAME_SAMPLES as i16;
                packetizer.push(&frame);
                let mut packets = 0;
                let mut room = [0; PACKET_SAMPLES_MAX];
                while let Some(samples) = packetizer.pop(&mut room) {
                    assert_eq!(samples.len() as u32, 8 * ptime_ms);
                    assert!(samples.iter().all(|&sample| {
                        left += 1;
                        sample == left - 1
                    }));
                    packets += 1;
                }
                assert_eq!(packets, expected, "{ptime_ms} ms");
            }
        }
    }
}
