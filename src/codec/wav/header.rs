//! The 44 bytes in front of 16-bit PCM, for writers that stream and cannot seek.

/// Bytes of the header.
pub const WAV_HEADER_BYTES: usize = 44;

/// A header for mono or interleaved 16-bit PCM.
///
/// `data_bytes` is the size of the samples that follow; `None` when it is not known yet: the sizes then say "as much
/// as there is" (0xFFFFFFFF), and the writer overwrites the header at the end if it can.
#[must_use]
pub fn wav_header(sample_rate_hz: u32, channels: u16, data_bytes: Option<u32>) -> [u8; WAV_HEADER_BYTES] {
    const BITS: u16 = 16;
    let frame_bytes = channels.saturating_mul(BITS / 8);
    let mut header = [0; WAV_HEADER_BYTES];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        header[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(b"RIFF");
    put(&data_bytes.map_or(u32::MAX, |bytes| bytes.saturating_add(36)).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    put(&1_u16.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&sample_rate_hz.to_le_bytes());
    put(&sample_rate_hz.saturating_mul(u32::from(frame_bytes)).to_le_bytes());
    put(&frame_bytes.to_le_bytes());
    put(&BITS.to_le_bytes());
    put(b"data");
    put(&data_bytes.unwrap_or(u32::MAX).to_le_bytes());
    header
}
