//! Reading: PCM of 8, 16, 24 and 32 bits, float, and G.711 (format tags 6 and 7), down-mixed to mono.

use std::time::Duration;

use crate::codec::ResampleError;

/// What a file may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, in bytes.
    pub file_bytes_max: usize,
    /// The longest audio.
    pub duration_max: Duration,
}

impl Default for Limits {
    /// 64 MiB and one hour.
    fn default() -> Self {
        Self { file_bytes_max: 64 << 20, duration_max: Duration::from_secs(3600) }
    }
}

/// Why a file is refused: the file is at fault.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// Larger than [`Limits::file_bytes_max`].
    #[error("the file has {bytes} bytes, {max} are allowed")]
    TooLarge {
        /// The file's size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Longer than [`Limits::duration_max`].
    #[error("the audio lasts {duration:?}, {max:?} are allowed")]
    TooLong {
        /// The audio's duration.
        duration: Duration,
        /// The limit.
        max: Duration,
    },
    /// Not a WAV file, or cut short.
    #[error("not a readable WAV file: {0}")]
    Malformed(String),
    /// A format that is not read here.
    #[error("WAV format {0} is not supported")]
    Format(String),
    /// Its sampling rate cannot be converted.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// The file's audio as mono samples at `sample_rate_hz`.
///
/// # Errors
/// When the file is larger or longer than the limits, malformed, or of a format that is not read here.
pub fn read(file: &[u8], sample_rate_hz: u32, limits: &Limits) -> Result<Vec<i16>, WavError> {
    let _ = (file, sample_rate_hz, limits);
    todo!()
}
