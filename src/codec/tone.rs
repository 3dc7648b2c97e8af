//! Sine tones of any frequency, continuous in phase from one buffer to the next.

use std::f64::consts::TAU;

/// Why a tone cannot be made: what was asked for is at fault.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ToneError {
    /// Not above zero, or not below half the sampling rate.
    #[error("a tone's frequency must lie between 0 and {half_rate_hz} Hz, not at {frequency_hz} Hz")]
    Frequency {
        /// What was asked for, in hertz.
        frequency_hz: f64,
        /// Half the sampling rate, in hertz.
        half_rate_hz: f64,
    },
}

/// A running sine tone.
#[derive(Clone, Debug)]
pub struct Tone {
    /// Phase of the next sample, in turns: 0 ≤ phase < 1.
    phase: f64,
    /// Turns per sample.
    step: f64,
    /// Cosine and sine of one step: each sample is the last one, turned.
    turn: (f64, f64),
    amplitude: f64,
}

impl Tone {
    /// A tone of `frequency_hz` with a peak of `amplitude`, starting at phase zero.
    ///
    /// # Errors
    /// When the frequency is not between zero and half of `sample_rate_hz`.
    pub fn new(frequency_hz: f64, amplitude: i16, sample_rate_hz: u32) -> Result<Self, ToneError> {
        let half_rate_hz = f64::from(sample_rate_hz) / 2.0;
        if !(frequency_hz > 0.0 && frequency_hz < half_rate_hz) {
            return Err(ToneError::Frequency { frequency_hz, half_rate_hz });
        }
        let step = frequency_hz / f64::from(sample_rate_hz);
        let (sin, cos) = (TAU * step).sin_cos();
        Ok(Self { phase: 0.0, step, turn: (cos, sin), amplitude: f64::from(amplitude) })
    }

    /// Writes the next samples.
    pub fn fill(&mut self, samples: &mut [i16]) {
        self.each(samples, |sample, value| *sample = value);
    }

    /// Adds the next samples onto what is there, saturating: two tones make a dial tone or a DTMF digit.
    pub fn add(&mut self, samples: &mut [i16]) {
        self.each(samples, |sample, value| *sample = sample.saturating_add(value));
    }

    /// Turns a vector once per sample. It starts afresh from the exact phase with every buffer, so that rounding
    /// does not pile up however long the tone sounds.
    fn each(&mut self, samples: &mut [i16], mut put: impl FnMut(&mut i16, i16)) {
        let (sin, cos) = (TAU * self.phase).sin_cos();
        let (mut x, mut y) = (cos * self.amplitude, sin * self.amplitude);
        for sample in samples.iter_mut() {
            // Rounding by truncation of what is made positive: `round` is a function call on older processors.
            put(sample, ((y + 32_768.5) as i32 - 32_768) as i16);
            (x, y) = (x * self.turn.0 - y * self.turn.1, x * self.turn.1 + y * self.turn.0);
        }
        self.phase = (self.phase + self.step * samples.len() as f64).fract();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{goertzel_power, mean_square};

    #[test]
    fn a_tone_has_all_its_power_at_its_frequency_at_any_rate() {
        for (frequency, rate) in
            [(440.0, 8000), (880.0, 8000), (1320.0, 48_000), (3999.0, 8000), (20.0, 44_100)]
        {
            let mut samples = vec![0; rate as usize];
            Tone::new(frequency, 10_000, rate).unwrap().fill(&mut samples);
            let (power, all) = (goertzel_power(&samples, rate, frequency), mean_square(&samples));
            assert!((power / all - 1.0).abs() < 1e-3, "{frequency} Hz at {rate}: {power} of {all}");
            assert!(
                (all / (10_000.0_f64.powi(2) / 2.0) - 1.0).abs() < 1e-3,
                "{frequency} Hz at {rate}: {all}"
            );
        }
    }

    #[test]
    fn the_phase_runs_on_from_buffer_to_buffer_without_drift() {
        let mut whole = vec![0; 8000 * 60];
        Tone::new(441.7, 12_000, 8000).unwrap().fill(&mut whole);
        let mut parts = vec![0; 8000 * 60];
        let mut tone = Tone::new(441.7, 12_000, 8000).unwrap();
        parts.chunks_mut(160).for_each(|chunk| tone.fill(chunk));
        assert!(whole.iter().zip(&parts).all(|(a, b)| a.abs_diff(*b) <= 1));
    }

    #[test]
    fn added_tones_keep_both_frequencies() {
        let mut samples = [0; 800];
        Tone::new(350.0, 8000, 8000).unwrap().fill(&mut samples);
        Tone::new(440.0, 8000, 8000).unwrap().add(&mut samples);
        let all = mean_square(&samples);
        assert!(goertzel_power(&samples, 8000, 350.0) / all > 0.45);
        assert!(goertzel_power(&samples, 8000, 440.0) / all > 0.45);
    }

    #[test]
    fn frequencies_outside_the_band_are_refused() {
        for frequency in [0.0, -1.0, 4000.0, f64::NAN, f64::INFINITY] {
            assert!(Tone::new(frequency, 1, 8000).is_err(), "{frequency}");
        }
        assert!(Tone::new(1.0, 1, 0).is_err());
    }
}
