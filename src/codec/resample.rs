//! Changing the sampling rate of a whole signal, as files need it. Streams of packets are resampled elsewhere.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

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
    if let Some(&bad) = [from_hz, to_hz].iter().find(|rate| !RATES_HZ.contains(rate)) {
        return Err(ResampleError::Rate(bad));
    }
    if from_hz == to_hz || samples.is_empty() {
        return Ok(samples.to_vec());
    }
    let refused = |reason: &dyn std::fmt::Display| ResampleError::Refused {
        from_hz,
        to_hz,
        reason: reason.to_string(),
    };
    let input: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
    let input = InterleavedSlice::new(&input, 1, input.len()).map_err(|e| refused(&e))?;
    let mut resampler = Fft::<f32>::new(from_hz as usize, to_hz as usize, CHUNK_FRAMES, 1, FixedSync::Input)
        .map_err(|e| refused(&e))?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|e| refused(&e))?;
    Ok(output.take_data().into_iter().map(|sample| sample.round() as i16).collect())
}
