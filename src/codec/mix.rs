//! Mixing in the linear domain: sum once in 32 bits, give each listener the sum without its own share (N−1).
//!
//! 32 bits hold the sum of 65,536 talkers at full scale; saturation happens once, at the end.

/// Adds a talker's samples to the sum. Samples past the shorter of the two are left alone.
pub fn add(sum: &mut [i32], samples: &[i16]) {
    for (sum, &sample) in sum.iter_mut().zip(samples) {
        *sum += i32::from(sample);
    }
}

/// Writes the sum, saturated to 16 bits.
pub fn saturate(sum: &[i32], out: &mut [i16]) {
    for (out, &sum) in out.iter_mut().zip(sum) {
        *out = clamped(sum);
    }
}

/// Writes the sum without the listener's own samples, saturated to 16 bits.
pub fn saturate_without(sum: &[i32], own: &[i16], out: &mut [i16]) {
    for ((out, &sum), &own) in out.iter_mut().zip(sum).zip(own) {
        *out = clamped(sum - i32::from(own));
    }
}

/// Adds `samples` onto `onto` in 16 bits, saturating: an announcement over a running signal.
pub fn add_saturating(onto: &mut [i16], samples: &[i16]) {
    for (onto, &sample) in onto.iter_mut().zip(samples) {
        *onto = onto.saturating_add(sample);
    }
}

/// Fades a signal out within `over` samples; what follows is silent.
pub fn fade_out(samples: &mut [i16], over: usize) {
    let over = over.max(1);
    for (n, sample) in samples.iter_mut().enumerate() {
        *sample = clamped(part(i32::from(*sample), over.saturating_sub(n + 1), over));
    }
}

/// Lets a signal begin at `from`, where another one ended, and go over into its own course within `over` samples.
pub fn join_to(from: i16, samples: &mut [i16], over: usize) {
    let step = i32::from(from) - samples.first().map_or(0, |&first| i32::from(first));
    for (n, sample) in samples.iter_mut().take(over).enumerate() {
        *sample = clamped(i32::from(*sample) + part(step, over - n, over));
    }
}

const fn part(value: i32, parts: usize, of: usize) -> i32 {
    value * parts as i32 / of as i32
}

fn clamped(sum: i32) -> i16 {
    sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_gets_the_others_and_not_itself() {
        let talkers: [[i16; 2]; 3] = [[100, -100], [20, -20], [3, -3]];
        let mut sum = [0; 2];
        talkers.iter().for_each(|talker| add(&mut sum, talker));
        let heard: Vec<[i16; 2]> = talkers
            .iter()
            .map(|own| {
                let mut out = [0; 2];
                saturate_without(&sum, own, &mut out);
                out
            })
            .collect();
        assert_eq!(heard, [[23, -23], [103, -103], [120, -120]]);
    }

    #[test]
    fn the_sum_saturates_at_the_end_and_not_before() {
        let mut sum = [0; 2];
        for talker in [[30_000, -30_000], [30_000, -30_000], [-25_000, 25_000]] {
            add(&mut sum, &talker);
        }
        let mut out = [0; 2];
        saturate(&sum, &mut out);
        assert_eq!(out, [i16::MAX, i16::MIN]);
        saturate_without(&sum, &[30_000, -30_000], &mut out);
        assert_eq!(out, [5_000, -5_000]);
        let mut onto = [32_000, -32_000];
        add_saturating(&mut onto, &[1_000, -1_000]);
        assert_eq!(onto, [i16::MAX, i16::MIN]);
    }

    #[test]
    fn a_signal_fades_out_and_another_begins_where_one_ended() {
        let mut fading = [8_000; 160];
        fade_out(&mut fading, 80);
        assert!(fading.windows(2).all(|pair| (0..=100).contains(&(pair[0] - pair[1]))));
        assert!(fading[0] >= 7_900 && fading[79..].iter().all(|&sample| sample == 0));
        for (from, own) in [(8_000, 0), (-8_000, 500), (0, 8_000), (i16::MIN, i16::MAX), (5, 5)] {
            let mut joined = [own; 160];
            join_to(from, &mut joined, 80);
            assert!(joined[0].abs_diff(from) <= 1, "{from}, {own}");
            assert_eq!(joined[80..], [own; 80], "{from}, {own}");
            assert!(joined.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 820), "{from}, {own}");
        }
    }
}
