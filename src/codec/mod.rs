//! Samples to payloads and back, and what is done to samples: tones, mixing, concealment, WAV files.
//!
//! Pure functions and small steps over the caller's buffers. Samples are linear 16-bit, mono. What is on the wire
//! around a payload is [`crate::rtp`]'s; who speaks to whom is media's.

mod coder;
mod conceal;
pub mod g711;
mod goertzel;
pub mod mix;
mod name;
mod resample;
mod tone;
pub mod wav;

pub use coder::{CodecError, Decoder, Encoder};
pub use conceal::Concealment;
pub use goertzel::{goertzel_power, mean_square};
pub use name::{Codec, Encoding};
pub use resample::{RATES_HZ, ResampleError, resample, resample_from};
pub use tone::{Tone, ToneError};
