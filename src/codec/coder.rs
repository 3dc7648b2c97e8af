//! Encoding and decoding as steps over the caller's buffers: one call per packet, no allocation.

use super::{Codec, g711};

/// Why a step was refused: the caller's buffers do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The output buffer is smaller than what the input needs.
    #[error("the output has room for {room} items, {needed} are needed")]
    OutputTooSmall {
        /// Items that fit: bytes when encoding, samples when decoding.
        room: usize,
        /// Items that are needed.
        needed: usize,
    },
}

/// Turns samples into payloads.
#[derive(Clone, Debug)]
pub struct Encoder {
    codec: Codec,
}

impl Encoder {
    /// An encoder in its initial state.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        Self { codec }
    }

    /// The codec encoded to.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Encodes one packet's samples into `payload` and returns how many bytes it took.
    ///
    /// # Errors
    /// When `payload` is too small; nothing is written then.
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let payload = fitting(payload, samples.len())?;
        match self.codec {
            Codec::Pcmu => each(payload, samples, g711::encode_pcmu),
            Codec::Pcma => each(payload, samples, g711::encode_pcma),
        }
        Ok(samples.len())
    }

    /// Writes a packet of silence of `samples` samples and returns how many bytes it took.
    ///
    /// # Errors
    /// When `payload` is too small; nothing is written then.
    pub fn encode_silence(&mut self, samples: usize, payload: &mut [u8]) -> Result<usize, CodecError> {
        let code = match self.codec {
            Codec::Pcmu => g711::PCMU_SILENCE,
            Codec::Pcma => g711::PCMA_SILENCE,
        };
        fitting(payload, samples)?.fill(code);
        Ok(samples)
    }
}

/// Turns payloads into samples.
#[derive(Clone, Debug)]
pub struct Decoder {
    codec: Codec,
}

impl Decoder {
    /// A decoder in its initial state.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        Self { codec }
    }

    /// The codec decoded from.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// How many samples a payload holds.
    #[must_use]
    pub const fn samples_in(&self, payload: &[u8]) -> usize {
        match self.codec {
            Codec::Pcmu | Codec::Pcma => payload.len(),
        }
    }

    /// Decodes one payload into `samples` and returns how many samples it gave. An empty payload gives none.
    ///
    /// # Errors
    /// When `samples` is too small; nothing is written then.
    pub fn decode(&mut self, payload: &[u8], samples: &mut [i16]) -> Result<usize, CodecError> {
        let samples = fitting(samples, self.samples_in(payload))?;
        match self.codec {
            Codec::Pcmu => each(samples, payload, g711::decode_pcmu),
            Codec::Pcma => each(samples, payload, g711::decode_pcma),
        }
        Ok(payload.len())
    }
}

/// Converts item by item; a loop of its own for each conversion, so that the table look-up is inlined.
fn each<T, U: Copy>(out: &mut [T], input: &[U], convert: impl Fn(U) -> T) {
    for (out, &item) in out.iter_mut().zip(input) {
        *out = convert(item);
    }
}

/// The first `needed` items of `buffer`.
fn fitting<T>(buffer: &mut [T], needed: usize) -> Result<&mut [T], CodecError> {
    let room = buffer.len();
    buffer.get_mut(..needed).ok_or(CodecError::OutputTooSmall { room, needed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_goes_through_both_codecs_and_comes_back_close() {
        let samples: Vec<i16> = (0..160).map(|n| (n * 150 - 12_000) as i16).collect();
        for codec in Codec::ALL {
            let mut payload = [0; 160];
            let mut back = [0; 160];
            assert_eq!(Encoder::new(codec).encode(&samples, &mut payload), Ok(160));
            assert_eq!(Decoder::new(codec).decode(&payload, &mut back), Ok(160));
            for (sample, back) in samples.iter().zip(&back) {
                // Half a quantising step of the highest segments.
                assert!(sample.abs_diff(*back) <= 512, "{sample} came back as {back}");
            }
        }
    }

    #[test]
    fn a_buffer_too_small_is_refused_and_left_alone() {
        let mut payload = [7; 10];
        let refused = Err(CodecError::OutputTooSmall { room: 10, needed: 11 });
        assert_eq!(Encoder::new(Codec::Pcmu).encode(&[0; 11], &mut payload), refused);
        assert_eq!(Encoder::new(Codec::Pcma).encode_silence(11, &mut payload), refused);
        assert_eq!(Decoder::new(Codec::Pcma).decode(&[0; 11], &mut [0; 10]), refused);
        assert_eq!(payload, [7; 10]);
    }

    #[test]
    fn silence_decodes_to_next_to_nothing() {
        for codec in Codec::ALL {
            let (mut payload, mut samples) = ([0; 160], [99; 160]);
            assert_eq!(Encoder::new(codec).encode_silence(160, &mut payload), Ok(160));
            assert_eq!(Decoder::new(codec).decode(&payload, &mut samples), Ok(160));
            assert!(samples.iter().all(|sample| sample.abs() <= 8));
        }
    }
}
