//! Reading: PCM of 8, 16, 24 and 32 bits, 32-bit float, and G.711 (format tags 6 and 7), down-mixed to mono.
//!
//! Written out rather than left to a library: telephony's G.711 files and the headers of writers that stream (sizes
//! of 0 or 0xFFFFFFFF) are what such libraries refuse.

use std::time::Duration;

use crate::codec::{ResampleError, g711, resample_from};

const TAG_PCM: u16 = 1;
const TAG_FLOAT: u16 = 3;
const TAG_A_LAW: u16 = 6;
const TAG_MU_LAW: u16 = 7;
/// The real tag stands at the beginning of the sub-format.
const TAG_EXTENSIBLE: u16 = 0xFFFE;

/// The most channels that are mixed down.
const CHANNELS_MAX: u16 = 8;

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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// Not a WAV file, or one without its parts.
    #[error("not a readable WAV file: {0}")]
    Malformed(&'static str),
    /// A format that is not read here.
    #[error("WAV format {tag} with {bits} bits and {channels} channels is not read")]
    Format {
        /// The format tag.
        tag: u16,
        /// Bits per sample.
        bits: u16,
        /// Channels.
        channels: u16,
    },
    /// Its sampling rate cannot be converted.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// The file's audio as mono samples at `sample_rate_hz`. A file that is cut short gives what there is.
///
/// # Errors
/// When the file is larger or longer than the limits, malformed, or of a format that is not read here.
pub fn read(file: &[u8], sample_rate_hz: u32, limits: &Limits) -> Result<Vec<i16>, WavError> {
    if file.len() > limits.file_bytes_max {
        return Err(WavError::TooLarge { bytes: file.len(), max: limits.file_bytes_max });
    }
    let (format, data) = parts(file)?;
    let sample = format.sample().ok_or(WavError::Format {
        tag: format.tag,
        bits: format.bits,
        channels: format.channels,
    })?;
    if format.rate_hz == 0 {
        return Err(WavError::Malformed("a sampling rate of zero"));
    }
    let frame_bytes = sample.bytes() * usize::from(format.channels);
    let frames = data.len() / frame_bytes;
    let duration = Duration::from_secs_f64(frames as f64 / f64::from(format.rate_hz));
    if duration > limits.duration_max {
        return Err(WavError::TooLong { duration, max: limits.duration_max });
    }
    let mono = data.chunks_exact(frame_bytes).map(|frame| sample.mono(frame));
    Ok(resample_from(mono, frames, format.rate_hz, sample_rate_hz)?)
}

/// The `fmt ` chunk, as far as it matters.
#[derive(Clone, Copy, Debug)]
struct Format {
    tag: u16,
    channels: u16,
    rate_hz: u32,
    bits: u16,
}

/// Finds format and samples among the file's chunks.
fn parts(file: &[u8]) -> Result<(Format, &[u8]), WavError> {
    if file.get(..4) != Some(b"RIFF") || file.get(8..12) != Some(b"WAVE") {
        return Err(WavError::Malformed("no RIFF/WAVE at its beginning"));
    }
    let mut rest = &file[12..];
    let mut format = None;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let [i0, i1, i2, i3, s0, s1, s2, s3] = *head;
        let said = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let size = said.min(body.len());
        match &[i0, i1, i2, i3] {
            b"fmt " => format = Some(Format::read(&body[..size])?),
            b"data" => {
                let format = format.ok_or(WavError::Malformed("samples before their format"))?;
                // A writer that streams and never came back leaves zero: then everything is samples.
                return Ok((format, if said == 0 { body } else { &body[..size] }));
            }
            _ => {}
        }
        // Chunks are padded to even sizes.
        rest = body.get(size + size % 2..).unwrap_or_default();
    }
    Err(WavError::Malformed("no samples"))
}

impl Format {
    fn read(body: &[u8]) -> Result<Self, WavError> {
        let fixed: &[u8; 16] = body.first_chunk().ok_or(WavError::Malformed("a format cut short"))?;
        let u16_at = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let tag = match (u16_at(0), body.get(24..26)) {
            (TAG_EXTENSIBLE, Some(sub_format)) => u16::from_le_bytes([sub_format[0], sub_format[1]]),
            (tag, _) => tag,
        };
        let rate_hz = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
        Ok(Self { tag, channels: u16_at(2), rate_hz, bits: u16_at(14) })
    }

    fn sample(self) -> Option<Sample> {
        if !(1..=CHANNELS_MAX).contains(&self.channels) {
            return None;
        }
        match (self.tag, self.bits) {
            (TAG_PCM, 8) => Some(Sample::U8),
            (TAG_PCM, 16) => Some(Sample::I16),
            (TAG_PCM, 24) => Some(Sample::I24),
            (TAG_PCM, 32) => Some(Sample::I32),
            (TAG_FLOAT, 32) => Some(Sample::F32),
            (TAG_A_LAW, 8) => Some(Sample::ALaw),
            (TAG_MU_LAW, 8) => Some(Sample::MuLaw),
            _ => None,
        }
    }
}

/// How one sample is written.
#[derive(Clone, Copy, Debug)]
enum Sample {
    U8,
    I16,
    I24,
    I32,
    F32,
    ALaw,
    MuLaw,
}

impl Sample {
    const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::ALaw | Self::MuLaw => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
        }
    }

    /// The mean of a frame's channels.
    fn mono(self, frame: &[u8]) -> i16 {
        let channels = frame.chunks_exact(self.bytes());
        let count = channels.len() as i32;
        (channels.map(|bytes| i32::from(self.linear(bytes))).sum::<i32>() / count) as i16
    }

    /// One sample in 16 bits: the upper ones of wider formats.
    fn linear(self, bytes: &[u8]) -> i16 {
        match (self, bytes) {
            (Self::U8, &[byte]) => (i16::from(byte) - 128) << 8,
            (Self::ALaw, &[code]) => g711::decode_pcma(code),
            (Self::MuLaw, &[code]) => g711::decode_pcmu(code),
            (Self::I16, &[low, high]) | (Self::I24, &[_, low, high]) | (Self::I32, &[_, _, low, high]) => {
                i16::from_le_bytes([low, high])
            }
            // The cast saturates, and takes what is no number as silence.
            (Self::F32, &[a, b, c, d]) => (f32::from_le_bytes([a, b, c, d]) * 32_768.0) as i16,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
