//! Against the ITU-T G.191 vectors: every 16-bit sample through both laws and back.

use std::path::Path;

use super::*;

/// The vectors' words, 16-bit little endian.
fn words(name: &str) -> Vec<u16> {
    let path = Path::new(option_env!("CORPORA_FOLDER").unwrap_or_default()).join("g711").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[test]
#[cfg_attr(not(callplane_corpora), ignore = "needs data of others, see tests/corpora")]
fn a_law_is_exact_both_ways_for_every_sample() {
    let (samples, codes, decoded) = (words("sweep.src"), words("sweep-r.a"), words("sweep-r.rea"));
    assert_eq!(samples.len(), 65_536);
    for ((&sample, &code), &back) in samples.iter().zip(&codes).zip(&decoded) {
        assert_eq!(u16::from(encode_pcma(sample.cast_signed())), code, "sample {}", sample.cast_signed());
        assert_eq!(decode_pcma(code as u8), back.cast_signed(), "code {code:#x}");
    }
}

#[test]
#[cfg_attr(not(callplane_corpora), ignore = "needs data of others, see tests/corpora")]
fn mu_law_decodes_exactly_and_encodes_within_the_508_negative_boundaries() {
    let (samples, codes, decoded) = (words("sweep.src"), words("sweep-r.u"), words("sweep-r.reu"));
    let mut differing = 0;
    for ((&sample, &code), &back) in samples.iter().zip(&codes).zip(&decoded) {
        let sample = sample.cast_signed();
        let ours = encode_pcmu(sample);
        if u16::from(ours) != code {
            assert!(
                sample < 0 && u16::from(ours).abs_diff(code) == 1,
                "sample {sample}: {ours:#x}, not {code:#x}"
            );
            differing += 1;
        }
        assert_eq!(decode_pcmu(code as u8), back.cast_signed(), "code {code:#x}");
    }
    assert!(differing <= 508, "{differing} samples differ");
}

#[test]
fn decoding_and_encoding_again_gives_the_same_code() {
    for code in 0..=255 {
        assert_eq!(encode_pcma(decode_pcma(code)), code);
        // µ-law has two zeros; the negative one comes back as the positive one.
        let expected = if code == 0x7F { 0xFF } else { code };
        assert_eq!(encode_pcmu(decode_pcmu(code)), expected);
    }
}

#[test]
fn the_silence_codes_decode_to_the_smallest_samples() {
    assert_eq!(decode_pcmu(PCMU_SILENCE), 0);
    assert_eq!(decode_pcma(PCMA_SILENCE), 8);
    assert_eq!(encode_pcmu(0), PCMU_SILENCE);
    assert_eq!(encode_pcma(0), PCMA_SILENCE);
}
