//! Files by the `hound` crate and by hand.

use proptest::prelude::*;

use super::*;
use crate::codec::wav::wav_header;
use crate::codec::{Tone, goertzel_power, mean_square};

/// A file of this format with these sample bytes.
fn file(tag: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let frame_bytes = channels * bits / 8;
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * u32::from(frame_bytes)).to_le_bytes());
    file.extend(frame_bytes.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn at_8k(file: &[u8]) -> Result<Vec<i16>, WavError> {
    read(file, 8000, &Limits::default())
}

fn by_hound(spec: hound::WavSpec, samples: &[i32]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in samples {
        match spec.sample_format {
            hound::SampleFormat::Int => writer.write_sample(sample).unwrap(),
            hound::SampleFormat::Float => writer.write_sample(sample as f32 / 32_768.0).unwrap(),
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

#[test]
fn files_of_every_width_that_hound_writes_are_read() {
    use hound::SampleFormat::{Float, Int};
    for (bits_per_sample, sample_format, shift) in
        [(8, Int, 0), (16, Int, 8), (24, Int, 16), (32, Int, 24), (32, Float, 8)]
    {
        let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample, sample_format };
        let values = [0, 1, -1, 100, 127, -128];
        let samples: Vec<i32> = values.iter().map(|value| value << shift).collect();
        let expected: Vec<i16> = values.iter().map(|value| (value << 8) as i16).collect();
        assert_eq!(at_8k(&by_hound(spec, &samples)), Ok(expected), "{bits_per_sample} {sample_format:?}");
    }
}

#[test]
fn g711_files_are_decoded() {
    let codes = [0xFF, 0x00, 0x80, 0x55, 0xD5];
    assert_eq!(at_8k(&file(7, 1, 8000, 8, &codes)), Ok(codes.map(g711::decode_pcmu).to_vec()));
    assert_eq!(at_8k(&file(6, 1, 8000, 8, &codes)), Ok(codes.map(g711::decode_pcma).to_vec()));
}

#[test]
fn stereo_is_the_mean_of_both() {
    let data: Vec<u8> =
        [1000_i16, 3000, -32_768, -32_768, 32_767, -32_767].iter().flat_map(|s| s.to_le_bytes()).collect();
    assert_eq!(at_8k(&file(1, 2, 8000, 16, &data)), Ok(vec![2000, -32_768, 0]));
}

#[test]
fn the_rate_is_converted() {
    let mut samples = vec![0; 44_100];
    Tone::new(880.0, 8000, 44_100).unwrap().fill(&mut samples);
    let data: Vec<u8> = samples.iter().flat_map(|sample: &i16| sample.to_le_bytes()).collect();
    let out = at_8k(&file(1, 1, 44_100, 16, &data)).unwrap();
    assert_eq!(out.len(), 8000);
    let middle = &out[800..7200];
    assert!(goertzel_power(middle, 8000, 880.0) / mean_square(middle) > 0.999);
}

#[test]
fn other_chunks_and_the_extensible_format_are_passed_over() {
    let plain = file(1, 1, 8000, 16, &[1, 2, 3, 4]);
    let mut with_list = plain[..12].to_vec();
    with_list.extend(b"LIST\x03\0\0\0abc\0");
    with_list.extend(&plain[12..]);
    assert_eq!(at_8k(&with_list), at_8k(&plain));
    let mut extensible = file(0xFFFE, 1, 8000, 8, &[0xFF, 0x80]);
    extensible[16] = 40;
    extensible.splice(36..36, [22, 0, 8, 0, 0, 0, 0, 0, 7, 0].into_iter().chain([0; 14]));
    assert_eq!(at_8k(&extensible), Ok(vec![g711::decode_pcmu(0xFF), g711::decode_pcmu(0x80)]));
}

#[test]
fn our_own_header_is_read_also_when_the_size_was_not_known() {
    for data_bytes in [Some(4), None, Some(0)] {
        let mut bytes = wav_header(8000, 1, data_bytes).to_vec();
        bytes.extend([1, 0, 2, 0]);
        assert_eq!(at_8k(&bytes), Ok(vec![1, 2]), "{data_bytes:?}");
    }
    let known = [wav_header(8000, 1, Some(4)).as_slice(), &[1, 0, 2, 0]].concat();
    let mut reader = hound::WavReader::new(known.as_slice()).unwrap();
    assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_file_cut_short_gives_what_there_is() {
    let whole = file(1, 1, 8000, 16, &[1, 0, 2, 0, 3, 0]);
    assert_eq!(at_8k(&whole[..whole.len() - 1]), Ok(vec![1, 2]));
    assert_eq!(at_8k(&whole[..44]), Ok(vec![]));
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    assert!(matches!(at_8k(b""), Err(WavError::Malformed(_))));
    assert!(matches!(at_8k(b"RIFF\0\0\0\0WAVEdata\0\0\0\0"), Err(WavError::Malformed(_))));
    assert!(matches!(at_8k(&file(1, 1, 0, 16, &[0; 4])), Err(WavError::Malformed(_))));
    for (tag, channels, bits) in [(1, 1, 12), (2, 1, 4), (1, 0, 16), (1, 9, 16), (85, 2, 0)] {
        assert_eq!(
            at_8k(&file(tag, channels, 8000, bits, &[0; 4])),
            Err(WavError::Format { tag, bits, channels })
        );
    }
    let rate = at_8k(&file(1, 1, 100, 16, &[0; 4]));
    assert_eq!(rate, Err(WavError::Resample(ResampleError::Rate(100))));
}

#[test]
fn the_limits_hold() {
    let second = file(1, 1, 8000, 8, &[0x80; 8000]);
    let limits = Limits { file_bytes_max: second.len(), duration_max: Duration::from_secs(1) };
    assert!(read(&second, 8000, &limits).is_ok());
    let smaller = Limits { file_bytes_max: second.len() - 1, ..limits };
    assert!(matches!(read(&second, 8000, &smaller), Err(WavError::TooLarge { .. })));
    let shorter = Limits { duration_max: Duration::from_millis(999), ..limits };
    assert!(matches!(read(&second, 8000, &shorter), Err(WavError::TooLong { .. })));
}

proptest! {
    #[test]
    fn files_gone_wrong_do_no_harm(changes in proptest::collection::vec((0..60_usize, any::<u8>()), 0..8), cut in 0..=60_usize) {
        let mut bytes = file(1, 2, 16_000, 16, &[7; 16]);
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let _ = at_8k(&bytes[..cut]);
    }
}
