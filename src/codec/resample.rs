//! Changing the sampling rate of a whole signal, as files need it. Streams of packets keep the codec's rate.

use audioadapter_buffers::adapter_to_float::ConvertNumbers;
use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler};

/// The sampling rates that are converted, in hertz.
pub const RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=192_000;

/// Input frames that the resampler takes at a time.
const CHUNK_FRAMES: usize = 1024;

/// Why a signal cannot be converted: its rate is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// One of the rates is out of [`RATES_HZ`].
    #[error("sampling rates from 4000 to 192000 Hz are converted, not {0} Hz")]
    Rate(u32),
    /// The resampler refused the pair of rates or the signal.
    #[error("cannot convert {from_hz} Hz to {to_hz} Hz: {reason}")]
    Refused {
        /// The signal's rate.
        from_hz: u32,
        /// The rate asked for.
        to_hz: u32,
        /// The resampler's own words.
        reason: String,
    },
}

/// The signal at another rate, band-limited, aligned with the original and of the same duration.
///
/// # Errors
/// When a rate is out of [`RATES_HZ`].
pub fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, ResampleError> {
    resample_from(samples.iter().copied(), samples.len(), from_hz, to_hz)
}

/// The same of a signal of `count` samples that need not be in memory.
///
/// # Errors
/// As there.
pub fn resample_from(
    samples: impl Iterator<Item = i16>,
    count: usize,
    from_hz: u32,
    to_hz: u32,
) -> Result<Vec<i16>, ResampleError> {
    if let Some(&bad) = [from_hz, to_hz].iter().find(|rate| !RATES_HZ.contains(rate)) {
        return Err(ResampleError::Rate(bad));
    }
    if from_hz == to_hz || count == 0 {
        return Ok(samples.take(count).collect());
    }
    converted(samples, count, from_hz, to_hz).map_err(|error| ResampleError::Refused {
        from_hz,
        to_hz,
        reason: error.to_string(),
    })
}

fn converted(
    mut samples: impl Iterator<Item = i16>,
    count: usize,
    from_hz: u32,
    to_hz: u32,
) -> Result<Vec<i16>, Box<dyn std::error::Error>> {
    let mut resampler = Fft::<f32>::new(from_hz as usize, to_hz as usize, CHUNK_FRAMES, 1, FixedSync::Input)?;
    let wanted = (resampler.resample_ratio() * count as f64).ceil() as usize;
    let mut out = Vec::with_capacity(wanted);
    // What the filter rings before the signal begins.
    let mut early = resampler.output_delay();
    let (mut chunk, mut room) = (Vec::new(), vec![0_i16; resampler.output_frames_max()]);
    while out.len() < wanted {
        let length = resampler.input_frames_next();
        chunk.clear();
        chunk.extend(samples.by_ref().take(length));
        let partial_len = Some(chunk.len()).filter(|&here| here < length);
        // Silence after the end: what the filter still holds comes out.
        chunk.resize(length, 0);
        let frames = room.len();
        let input = InterleavedSlice::new(&chunk, 1, length)?;
        let mut output = InterleavedSlice::new_mut(&mut room, 1, frames)?;
        let indexing = Indexing { partial_len, ..Indexing::default() };
        let (_, made) = resampler.process_into_buffer(
            &ConvertNumbers::<_, f32>::new(&input),
            &mut ConvertNumbers::<_, f32>::new_mut(&mut output),
            Some(&indexing),
        )?;
        let skipped = early.min(made);
        early -= skipped;
        out.extend(&room[skipped..made]);
    }
    out.truncate(wanted);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Tone, goertzel_power, mean_square};

    #[test]
    fn a_tone_keeps_frequency_level_and_duration_at_every_rate() {
        for (from, to) in
            [(44_100, 8000), (48_000, 8000), (16_000, 8000), (8000, 48_000), (11_025, 8000), (22_255, 8000)]
        {
            let mut samples = vec![0; from as usize];
            Tone::new(440.0, 10_000, from).unwrap().fill(&mut samples);
            let out = resample(&samples, from, to).unwrap();
            assert!(out.len().abs_diff(to as usize) <= 1, "{from} to {to}: {}", out.len());
            // The ends ring where the tone begins and stops.
            let middle = &out[to as usize / 10..to as usize * 9 / 10];
            let (power, all) = (goertzel_power(middle, to, 440.0), mean_square(middle));
            assert!(
                (power / 5e7 - 1.0).abs() < 0.01 && power / all > 0.999,
                "{from} to {to}: {power} of {all}"
            );
        }
    }

    #[test]
    fn what_is_above_the_new_band_is_gone() {
        let mut samples = vec![0; 48_000];
        Tone::new(5000.0, 10_000, 48_000).unwrap().fill(&mut samples);
        let out = resample(&samples, 48_000, 8000).unwrap();
        assert!(mean_square(&out[800..7200]) < 100.0);
    }

    #[test]
    fn short_signals_and_full_scale_come_through() {
        for length in [0, 1, 7, 160] {
            assert_eq!(resample(&vec![0; length], 16_000, 8000).unwrap().len(), length.div_ceil(2));
        }
        let square: Vec<i16> = (0..4800).map(|n| if n / 24 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        assert_eq!(resample(&square, 48_000, 8000).unwrap().len(), 800);
        assert_eq!(resample(&[1, 2, 3], 8000, 8000), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn rates_outside_the_range_are_refused() {
        for (from, to, bad) in [(0, 8000, 0), (8000, 400_000, 400_000), (u32::MAX, 8000, u32::MAX)] {
            assert_eq!(resample(&[0; 10], from, to), Err(ResampleError::Rate(bad)));
        }
    }
}
