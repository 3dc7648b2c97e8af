//! What a WAV file takes while it is read: bytes allocated, counted at their most. A test binary of its own: the allocator is
//! the process's.

mod counting;

use std::sync::atomic::Ordering;

use callplane::codec::wav::{Limits, read, wav_header};
use callplane::codec::{Tone, goertzel_power, mean_square};

use counting::{ALLOCATED, MOST};

/// What the file's audio becomes.
const RATE_HZ: u32 = 8_000;

/// Seconds of the files.
const SECONDS: usize = 3;

/// What converting takes beside the file and its samples, where the rates have no common measure.
const MORE_MAX: usize = 32 << 20;

#[test]
fn a_file_of_an_odd_rate_is_read_and_takes_some_mebibytes_beside_its_samples() {
    for rate in [11_027, 44_101, 191_999] {
        let mut samples = vec![0; SECONDS * rate as usize];
        Tone::new(440.0, 10_000, rate).expect("a tone").fill(&mut samples);
        let bytes: Vec<u8> = samples.iter().flat_map(|sample: &i16| sample.to_le_bytes()).collect();
        let length = u32::try_from(bytes.len()).expect("a short file");
        let file = [&wav_header(rate, 1, Some(length))[..], &bytes].concat();
        let before = ALLOCATED.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let audio = read(&file, RATE_HZ, &Limits::default()).expect("it can be read");
        let more = MOST.load(Ordering::Relaxed) - before - audio.len() * size_of::<i16>();
        println!("{rate} Hz: {more} bytes beside the samples");
        assert!(more < MORE_MAX, "{rate} Hz: {more} bytes beside the samples");
        assert!(audio.len().abs_diff(SECONDS * RATE_HZ as usize) <= 1, "{rate} Hz: {} samples", audio.len());
        // The ends ring where the tone begins and stops.
        let middle = &audio[RATE_HZ as usize / 2..2 * RATE_HZ as usize];
        let share = goertzel_power(middle, RATE_HZ, 440.0) / mean_square(middle);
        assert!(share > 0.999, "{rate} Hz: {share} of it is the tone");
    }
}
