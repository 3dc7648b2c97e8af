//! G.711 A-law and µ-law by tables (ITU-T G.711 §3, tables 1a–2b).
//!
//! The tables are computed by the compiler from the laws' segments. A-law works on the upper 12 bits of a sample,
//! µ-law on the upper 14; negative samples are folded in one's complement, as the ITU's own tools do.

/// The µ-law code of silence (sample 0).
pub const PCMU_SILENCE: u8 = 0xFF;
/// The A-law code of silence (sample 8, the smallest there is).
pub const PCMA_SILENCE: u8 = 0xD5;

/// µ-law's bias in 14-bit units: it makes every segment's start a power of two.
const MU_BIAS: u16 = 33;
/// The largest biased 14-bit magnitude: above it µ-law clips.
const MU_CLIP: u16 = 0x1FFF;

static MU_DECODE: [i16; 256] = mu_decode_table();
static A_DECODE: [i16; 256] = a_decode_table();
static MU_ENCODE: [u8; 1 << 14] = mu_encode_table();
static A_ENCODE: [u8; 1 << 12] = a_encode_table();

/// The µ-law code of a sample.
#[must_use]
pub fn encode_pcmu(sample: i16) -> u8 {
    MU_ENCODE[usize::from(sample.cast_unsigned() >> 2)]
}

/// The A-law code of a sample.
#[must_use]
pub fn encode_pcma(sample: i16) -> u8 {
    A_ENCODE[usize::from(sample.cast_unsigned() >> 4)]
}

/// The sample of a µ-law code.
#[must_use]
pub fn decode_pcmu(code: u8) -> i16 {
    MU_DECODE[usize::from(code)]
}

/// The sample of an A-law code.
#[must_use]
pub fn decode_pcma(code: u8) -> i16 {
    A_DECODE[usize::from(code)]
}

/// Magnitude of a sample in one's complement: −1 and 0 fold together, so both signs have equally many steps.
const fn fold(sample: i16) -> u16 {
    (if sample < 0 { !sample } else { sample }).cast_unsigned()
}

/// The code of a sample by µ-law: inverted sign, segment and step.
const fn mu_compress(sample: i16) -> u8 {
    let biased = (fold(sample) >> 2) + MU_BIAS;
    let magnitude = if biased > MU_CLIP { MU_CLIP } else { biased };
    let segment = 10 - magnitude.leading_zeros() as u16;
    let step = (magnitude >> (segment + 1)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment << 4) as u8 | step as u8)
}

const fn mu_expand(code: u8) -> i16 {
    let bits = !code;
    let segment = (bits >> 4) & 0x07;
    let step = (bits & 0x0F) as i16;
    let magnitude = (((step << 1) + 33) << segment) - 33;
    let sample = magnitude << 2;
    if bits & 0x80 != 0 { -sample } else { sample }
}

/// The code of a sample by A-law: the sign bit is set for positive samples and every second bit is inverted.
const fn a_compress(sample: i16) -> u8 {
    let magnitude = fold(sample) >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let segment = 12 - magnitude.leading_zeros() as u16;
        (segment << 4) | ((magnitude >> (segment - 1)) & 0x0F)
    };
    let sign = if sample < 0 { 0 } else { 0x80 };
    (code as u8 | sign) ^ 0x55
}

const fn a_expand(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let segment = (bits >> 4) & 0x07;
    let step = (bits & 0x0F) as i16;
    // Each code stands for the middle of its interval.
    let sample = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    if bits & 0x80 != 0 { sample } else { -sample }
}

const fn mu_encode_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        table[index] = mu_compress(((index as u16) << 2).cast_signed());
        index += 1;
    }
    table
}

const fn a_encode_table() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        table[index] = a_compress(((index as u16) << 4).cast_signed());
        index += 1;
    }
    table
}

const fn mu_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = mu_expand(code as u8);
        code += 1;
    }
    table
}

const fn a_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = a_expand(code as u8);
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests;
