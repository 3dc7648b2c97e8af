//! How much of a frequency is in a signal: for tests, tools and in-band detection.

use std::f64::consts::TAU;

/// The power of the component at `frequency_hz`, in squared sample units: a sine of peak A gives A²/2, which is
/// also its [`mean_square`]. The resolution is the reciprocal of the buffer's length: 50 Hz over 20 ms.
#[must_use]
pub fn goertzel_power(samples: &[i16], sample_rate_hz: u32, frequency_hz: f64) -> f64 {
    if samples.is_empty() || sample_rate_hz == 0 {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * frequency_hz / f64::from(sample_rate_hz)).cos();
    let (mut last, mut before) = (0.0_f64, 0.0_f64);
    for &sample in samples {
        (last, before) = (f64::from(sample) + coefficient * last - before, last);
    }
    let magnitude_squared = last * last + before * before - coefficient * last * before;
    let length = samples.len() as f64;
    2.0 * magnitude_squared / (length * length)
}

/// The mean of the squared samples: the signal's whole power. Zero for an empty buffer.
#[must_use]
pub fn mean_square(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
    sum / samples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Tone;

    #[test]
    fn another_frequency_has_next_to_none_of_the_power() {
        let mut samples = [0; 1600];
        Tone::new(440.0, 10_000, 8000).unwrap().fill(&mut samples);
        let at = |frequency| goertzel_power(&samples, 8000, frequency);
        assert!(at(440.0) > 4.9e7);
        assert!(at(880.0) < 100.0 && at(1320.0) < 100.0);
    }

    #[test]
    fn silence_and_nothing_have_no_power() {
        assert!(goertzel_power(&[0; 160], 8000, 440.0) < f64::EPSILON);
        assert!(goertzel_power(&[], 8000, 440.0) < f64::EPSILON);
        assert!(mean_square(&[]) < f64::EPSILON);
    }
}
