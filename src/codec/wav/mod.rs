//! WAV files: read whole into samples, written as a stream behind a header of our own.

mod header;
mod read;

pub use header::{WAV_HEADER_BYTES, wav_header};
pub use read::{Limits, WavError, read};
