//! What is played to an endpoint's peer: a tone or a recorded signal, frame by frame.

use std::sync::Arc;
use std::time::Duration;

use super::{FRAME_SAMPLES, Failure, Frame, SAMPLE_RATE_HZ, TakenBytes};
use crate::codec::Tone;

/// A signal that is held in memory: linear samples at [`SAMPLE_RATE_HZ`].
#[derive(Debug, Default)]
pub struct Clip {
    /// The samples.
    pub samples: Vec<i16>,
    /// The memory that they take: given back with them, when nobody plays them any more.
    pub taken: TakenBytes,
}

/// What to play.
#[derive(Clone, Debug)]
pub enum PlaySource {
    /// A sine tone.
    Tone {
        /// Hertz, below half of [`SAMPLE_RATE_HZ`].
        frequency_hz: f64,
        /// Decibels below full scale, 0 or less.
        level_db: f64,
        /// How long; `None`: until stopped.
        duration: Option<Duration>,
    },
    /// A recorded signal.
    Clip {
        /// The signal.
        clip: Arc<Clip>,
        /// How often; 0: until stopped.
        times: u32,
    },
}

/// A playback that is asked for.
#[derive(Clone, Debug)]
pub struct PlayOrder {
    /// Its id.
    pub playback: Arc<str>,
    /// What to play.
    pub source: PlaySource,
}

/// Why a playback is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlayEnd {
    /// Played to its end.
    Finished,
    /// Asked to stop.
    Stopped,
    /// Another one took its place.
    Replaced,
    /// The endpoint closed.
    Closed,
}

#[derive(Clone, Debug)]
enum Signal {
    Tone { tone: Tone, samples_left: Option<u64> },
    Clip { clip: Arc<Clip>, position: usize, rounds_left: Option<u32> },
}

/// A running playback.
#[derive(Clone, Debug)]
pub struct Playback {
    /// Its id.
    pub playback: Arc<str>,
    signal: Signal,
    samples_played: u64,
}

/// Samples over which a tone of a duration fades at its end: 5 ms.
const TONE_END_SAMPLES: u64 = 40;

/// Samples in a duration.
fn samples_in(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000).unwrap_or(u64::MAX)
}

impl Playback {
    /// A playback at its beginning.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] when the tone's frequency or level cannot be made, [`Failure::FileUnusable`] when
    /// the signal is empty.
    pub fn new(order: PlayOrder) -> Result<Self, Failure> {
        let signal = match order.source {
            PlaySource::Tone { frequency_hz, level_db, duration } => {
                Signal::Tone { tone: tone(frequency_hz, level_db)?, samples_left: duration.map(samples_in) }
            }
            PlaySource::Clip { clip, .. } if clip.samples.is_empty() => {
                return Err(Failure::FileUnusable("there is no audio in the file".into()));
            }
            PlaySource::Clip { clip, times } => {
                Signal::Clip { clip, position: 0, rounds_left: (times > 0).then_some(times) }
            }
        };
        Ok(Self { playback: order.playback, signal, samples_played: 0 })
    }

    /// Whether the first frame is still to come.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.samples_played == 0
    }

    /// How much was played.
    #[must_use]
    pub const fn played(&self) -> Duration {
        Duration::from_micros(self.samples_played * 1_000_000 / SAMPLE_RATE_HZ as u64)
    }

    /// Writes the next frame; the end of the signal is filled up with silence. `false`: the playback is over, and
    /// nothing is written.
    pub fn next_frame(&mut self, frame: &mut Frame) -> bool {
        let written = match &mut self.signal {
            Signal::Tone { tone, samples_left } => {
                let count =
                    samples_left.map_or(FRAME_SAMPLES, |left| left.min(FRAME_SAMPLES as u64) as usize);
                tone.fill(&mut frame[..count]);
                if let Some(left) = samples_left {
                    fade_to_end(&mut frame[..count], *left);
                    *left -= count as u64;
                }
                count
            }
            Signal::Clip { clip, position, rounds_left } => {
                fill_from_clip(&clip.samples, position, rounds_left, frame)
            }
        };
        frame[written..].fill(0);
        self.samples_played += written as u64;
        written > 0
    }
}

/// Lets the end of a tone fade, so that it does not click: `left` is what there is of it from the frame's beginning on.
fn fade_to_end(samples: &mut [i16], left: u64) {
    for (sample, left) in samples.iter_mut().zip((0..left).rev()).filter(|(_, left)| *left < TONE_END_SAMPLES)
    {
        *sample = (i64::from(*sample) * left as i64 / TONE_END_SAMPLES as i64) as i16;
    }
}

/// Fills a frame from where the signal stands, beginning anew as often as rounds are left. Returns the samples.
fn fill_from_clip(
    samples: &[i16],
    position: &mut usize,
    rounds_left: &mut Option<u32>,
    frame: &mut Frame,
) -> usize {
    let mut written = 0;
    while written < FRAME_SAMPLES && *rounds_left != Some(0) {
        let count = (samples.len() - *position).min(FRAME_SAMPLES - written);
        frame[written..written + count].copy_from_slice(&samples[*position..*position + count]);
        written += count;
        *position += count;
        if *position == samples.len() {
            *position = 0;
            if let Some(left) = rounds_left {
                *left -= 1;
            }
        }
    }
    written
}

fn tone(frequency_hz: f64, level_db: f64) -> Result<Tone, Failure> {
    if !(-120.0..=0.0).contains(&level_db) {
        return Err(Failure::BadRequest(format!(
            "a tone's level must lie between -120 and 0 dB, not at {level_db}"
        )));
    }
    let amplitude = f64::from(i16::MAX) * 10.0_f64.powf(level_db / 20.0);
    Tone::new(frequency_hz, amplitude as i16, SAMPLE_RATE_HZ).map_err(|e| Failure::BadRequest(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(source: PlaySource) -> Vec<Frame> {
        let mut playback = Playback::new(PlayOrder { playback: "p".into(), source }).unwrap();
        let mut frames = Vec::new();
        let mut frame = [0; FRAME_SAMPLES];
        while playback.next_frame(&mut frame) {
            frames.push(frame);
        }
        frames
    }

    #[test]
    fn a_clip_is_played_as_often_as_asked_without_a_gap_between_the_rounds() {
        let clip = Arc::new(Clip { samples: (1..=100).collect(), ..Clip::default() });
        let frames = frames(PlaySource::Clip { clip, times: 4 });
        let samples: Vec<i16> = frames.concat();
        assert_eq!(samples.len(), 480);
        assert!(samples[..400].iter().enumerate().all(|(n, &sample)| sample == (n % 100) as i16 + 1));
        assert!(samples[400..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_tone_of_a_duration_ends_after_it() {
        let tone = |ms| PlaySource::Tone {
            frequency_hz: 440.0,
            level_db: -12.0,
            duration: Some(Duration::from_millis(ms)),
        };
        assert_eq!(frames(tone(100)).len(), 5);
        assert_eq!(frames(tone(105)).len(), 6);
        assert_eq!(frames(tone(0)).len(), 0);
    }

    #[test]
    fn what_was_played_is_counted_to_the_sample() {
        let clip = Arc::new(Clip { samples: vec![5; 200], ..Clip::default() });
        let source = PlaySource::Clip { clip, times: 1 };
        let mut playback = Playback::new(PlayOrder { playback: "p".into(), source }).unwrap();
        assert!(playback.is_new());
        while playback.next_frame(&mut [0; FRAME_SAMPLES]) {}
        assert_eq!(playback.played(), Duration::from_millis(25));
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        let refused = |source| Playback::new(PlayOrder { playback: "p".into(), source }).unwrap_err();
        let tone = |frequency_hz, level_db| PlaySource::Tone { frequency_hz, level_db, duration: None };
        assert!(matches!(refused(tone(4000.0, -12.0)), Failure::BadRequest(_)));
        assert!(matches!(refused(tone(440.0, 3.0)), Failure::BadRequest(_)));
        assert!(matches!(refused(tone(440.0, f64::NAN)), Failure::BadRequest(_)));
        let empty = PlaySource::Clip { clip: Arc::default(), times: 1 };
        assert!(matches!(refused(empty), Failure::FileUnusable(_)));
    }
}
