//! Sending digits as telephone events (RFC 4733 §2.5.1): one packet per 20 ms, the end three times.

use std::collections::VecDeque;
use std::time::Duration;

use super::{FRAME_MS, Failure, SAMPLE_RATE_HZ};
use crate::rtp::telephone_event::{DigitPacket, DigitSender, TelephoneEvent};

/// Digits that may wait to be sent on one endpoint.
pub const DIGITS_MAX: usize = 128;

/// Ticks of the RTP clock in a frame.
const FRAME_TICKS: u16 = (SAMPLE_RATE_HZ / 1000 * FRAME_MS) as u16;

/// Frames that the repeated end of an event takes after the event itself (RFC 4733 §2.5.1.4).
const END_FRAMES: u32 = 2;

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigitPlan {
    /// By which the end of it is told.
    pub key: u64,
    /// `0`–`9`, `*`, `#`, `A`–`D` in either case.
    pub digits: String,
    /// How long each sounds; rounded up to frames, 40 ms to 5 s.
    pub tone: Duration,
    /// The pause between two; rounded up to frames, 40 ms to 5 s.
    pub gap: Duration,
}

/// Shortest and longest tone and gap, in frames.
const TONE_FRAMES: (u32, u32) = (2, 250);
const GAP_FRAMES: (u32, u32) = (END_FRAMES, 250);

fn frames(duration: Duration, (least, most): (u32, u32)) -> u32 {
    let frames = duration.as_millis().div_ceil(u128::from(FRAME_MS));
    u32::try_from(frames).unwrap_or(most).clamp(least, most)
}

/// What is due in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitStep {
    /// Send this.
    Send {
        /// The payload.
        event: TelephoneEvent,
        /// The first packet of its event: marker bit, new timestamp.
        first: bool,
    },
    /// A pause.
    Quiet,
    /// Everything is sent.
    Done,
}

/// One digit and the pause after it.
#[derive(Clone, Debug)]
struct Digit {
    sender: DigitSender,
    gap_frames_left: u32,
    /// It is the last of the plan with this key.
    ends: Option<u64>,
}

/// Digits being sent.
#[derive(Clone, Debug, Default)]
pub struct DigitQueue {
    digits: VecDeque<Digit>,
    /// Plans whose last digit is sent.
    finished: VecDeque<u64>,
}

impl DigitQueue {
    /// Puts digits at the end.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] for what is not a digit, [`Failure::Limit`] past [`DIGITS_MAX`]. Nothing is taken then.
    pub fn push(&mut self, plan: &DigitPlan) -> Result<(), Failure> {
        if self.digits.len() + plan.digits.len() > DIGITS_MAX {
            return Err(Failure::Limit { what: "waiting digits", limit: DIGITS_MAX });
        }
        let tone_ticks = frames(plan.tone, TONE_FRAMES) as u16 * FRAME_TICKS;
        let gap_frames_left = frames(plan.gap, GAP_FRAMES) - END_FRAMES;
        let digits: Result<Vec<Digit>, Failure> = plan
            .digits
            .chars()
            .map(|digit| {
                let sender = DigitSender::new(digit, tone_ticks);
                let sender =
                    sender.ok_or_else(|| Failure::BadRequest(format!("{digit:?} is not a digit")))?;
                Ok(Digit { sender, gap_frames_left, ends: None })
            })
            .collect();
        let mut digits = digits?;
        match digits.last_mut() {
            Some(last) => last.ends = Some(plan.key),
            None => self.finished.push_back(plan.key),
        }
        self.digits.extend(digits);
        Ok(())
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.digits.is_empty()
    }

    /// What is due in the next frame.
    pub fn step(&mut self) -> DigitStep {
        while let Some(digit) = self.digits.front_mut() {
            if let Some(DigitPacket { begins, event }) = digit.sender.next_packet(FRAME_TICKS) {
                return DigitStep::Send { event, first: begins };
            }
            if digit.gap_frames_left > 0 {
                digit.gap_frames_left -= 1;
                return DigitStep::Quiet;
            }
            self.finished.extend(digit.ends);
            self.digits.pop_front();
        }
        DigitStep::Done
    }

    /// A plan that the last steps have finished; to be called until there is none.
    pub fn finished(&mut self) -> Option<u64> {
        self.finished.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(digits: &str, tone_ms: u64, gap_ms: u64) -> DigitPlan {
        DigitPlan {
            key: 7,
            digits: digits.into(),
            tone: Duration::from_millis(tone_ms),
            gap: Duration::from_millis(gap_ms),
        }
    }

    #[test]
    fn a_digit_grows_by_a_frame_each_20_ms_and_ends_three_times() {
        let mut sender = DigitQueue::default();
        sender.push(&plan("5d", 60, 80)).unwrap();
        let mut steps = Vec::new();
        loop {
            match sender.step() {
                DigitStep::Send { event, first } => {
                    steps.push((event.event, event.duration_ticks, event.end, first));
                }
                DigitStep::Quiet => steps.push((255, 0, false, false)),
                DigitStep::Done => break,
            }
        }
        let one = |event| {
            [
                (event, 160, false, true),
                (event, 320, false, false),
                (event, 480, true, false),
                (event, 480, true, false),
                (event, 480, true, false),
                (255, 0, false, false),
                (255, 0, false, false),
            ]
        };
        assert_eq!(steps, [one(5), one(15)].concat());
    }

    #[test]
    fn digits_pushed_while_others_are_sent_follow_them() {
        let mut sender = DigitQueue::default();
        sender.push(&plan("1", 40, 60)).unwrap();
        sender.step();
        sender.push(&plan("2", 40, 60)).unwrap();
        let mut firsts = Vec::new();
        loop {
            match sender.step() {
                DigitStep::Send { event, first: true } => firsts.push(event.event),
                DigitStep::Send { .. } | DigitStep::Quiet => {}
                DigitStep::Done => break,
            }
        }
        assert_eq!(firsts, [2]);
    }

    #[test]
    fn what_is_not_a_digit_or_too_much_is_refused_whole() {
        let mut sender = DigitQueue::default();
        assert!(matches!(sender.push(&plan("12x", 100, 60)), Err(Failure::BadRequest(_))));
        assert!(matches!(sender.push(&plan(&"1".repeat(129), 100, 60)), Err(Failure::Limit { .. })));
        assert_eq!(sender.step(), DigitStep::Done);
    }
}
