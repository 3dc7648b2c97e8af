//! Packet-loss concealment at 8 kHz, in the manner of ITU-T G.711 Appendix I.
//!
//! A missing packet is filled with the last pitch period, repeated: the period is found by correlation, its seam is
//! smoothed by overlap-add, and after 10 ms the substitute fades, to silence at 60 ms. When packets come again the
//! substitute is faded into them over 4 ms, and so is silence, which what was heard is faded into as fast: a signal that
//! begins or ends in mid-word does not click. Unlike Appendix I nothing is delayed, and one period is repeated
//! throughout instead of up to three.

/// Samples in a millisecond.
const MS: usize = 8;
/// Shortest and longest pitch period, in samples: 200 Hz to 66 Hz.
const PERIOD_MIN: usize = 5 * MS;
const PERIOD_MAX: usize = 15 * MS;
/// Samples that are compared with those one period before.
const WINDOW: usize = 20 * MS;
/// Samples of the past that are kept.
const HISTORY: usize = WINDOW + PERIOD_MAX;
/// The substitute is at full level up to the first and silent from the second, in samples.
const FADE_FROM: usize = 10 * MS;
const FADE_TO: usize = 60 * MS;
/// Samples over which the substitute goes over into what comes.
const JOIN: usize = 4 * MS;

/// The concealment of one received stream.
#[derive(Clone, Debug)]
pub struct Concealment {
    /// The last samples that were heard.
    history: [i16; HISTORY],
    /// The period that is repeated.
    cycle: [i16; PERIOD_MAX],
    period: usize,
    /// Samples made since the last packet.
    made: usize,
}

impl Default for Concealment {
    fn default() -> Self {
        Self { history: [0; HISTORY], cycle: [0; PERIOD_MAX], period: PERIOD_MIN, made: FADE_TO }
    }
}

impl Concealment {
    /// A stream of which nothing was heard.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes notice of samples that came; after a loss, joins their beginning to the substitute.
    pub fn received(&mut self, samples: &mut [i16]) {
        if self.made > 0 {
            let join = JOIN.min(samples.len());
            for (n, sample) in samples.iter_mut().take(join).enumerate() {
                let substitute = self.next_substitute();
                *sample = blend(substitute, *sample, n, join);
            }
            self.made = 0;
        }
        if samples.len() >= HISTORY {
            self.history.copy_from_slice(&samples[samples.len() - HISTORY..]);
        } else {
            self.history.copy_within(samples.len().., 0);
            self.history[HISTORY - samples.len()..].copy_from_slice(samples);
        }
    }

    /// Fills `samples` in place of a packet that has not come.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        if self.made == 0 {
            self.take_cycle();
        }
        for sample in samples {
            *sample = self.next_substitute();
        }
    }

    /// Fills `samples` with silence: the sender pauses, or what came is no audio.
    pub fn silence(&mut self, samples: &mut [i16]) {
        samples.fill(0);
        if self.made == 0 {
            self.take_cycle();
        }
        if self.made < FADE_TO {
            let join = JOIN.min(samples.len());
            for (n, sample) in samples.iter_mut().take(join).enumerate() {
                *sample = blend(self.next_substitute(), 0, n, join);
            }
            self.made = FADE_TO;
        }
    }

    fn next_substitute(&mut self) -> i16 {
        let sample = i32::from(self.cycle[self.made % self.period]);
        let left = FADE_TO.saturating_sub(self.made.max(FADE_FROM)) as i32;
        self.made += 1;
        (sample * left / (FADE_TO - FADE_FROM) as i32) as i16
    }

    /// Takes the last period, its end blended with what went before it, so that it joins its own beginning.
    fn take_cycle(&mut self) {
        self.period = self.best_period();
        let start = HISTORY - self.period;
        self.cycle[..self.period].copy_from_slice(&self.history[start..]);
        let seam = self.period / 4;
        for n in 0..seam {
            let at = self.period - seam + n;
            self.cycle[at] = blend(self.cycle[at], self.history[start - seam + n], n, seam);
        }
    }

    /// The lag at which the last 20 ms are most like what was before them.
    fn best_period(&self) -> usize {
        let recent = &self.history[HISTORY - WINDOW..];
        let likeness = |period: usize| {
            let before = &self.history[HISTORY - WINDOW - period..HISTORY - period];
            let (mut product, mut energy) = (0.0_f32, 1.0_f32);
            for (&a, &b) in recent.iter().zip(before) {
                product += f32::from(a) * f32::from(b);
                energy += f32::from(b) * f32::from(b);
            }
            product / energy.sqrt()
        };
        let lags = (PERIOD_MIN..=PERIOD_MAX).map(|period| (period, likeness(period)));
        let best = lags.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map_or(PERIOD_MIN, |(period, _)| period)
    }
}

/// From `old` to `new`, `n` of `count` steps on.
fn blend(old: i16, new: i16, n: usize, count: usize) -> i16 {
    let (n, count) = (n as i32 + 1, count as i32 + 1);
    ((i32::from(old) * (count - n) + i32::from(new) * n) / count) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Tone, goertzel_power, mean_square};
    use crate::ground::Random;

    #[test]
    fn a_lost_packet_of_a_steady_sound_is_hardly_missed() {
        for frequency in [70.0, 100.0, 155.0, 200.0, 440.0, 1000.0] {
            let mut tone = Tone::new(frequency, 10_000, 8000).unwrap();
            let mut concealment = Concealment::new();
            for _ in 0..5 {
                let mut packet = [0; 160];
                tone.fill(&mut packet);
                concealment.received(&mut packet);
            }
            let (mut real, mut substitute) = ([0; 160], [0; 160]);
            tone.fill(&mut real);
            concealment.conceal(&mut substitute);
            let error: Vec<i16> =
                real.iter().zip(&substitute).map(|(a, b)| a.saturating_sub(*b) / 2).collect();
            assert!(4.0 * mean_square(&error) < 0.25 * mean_square(&real), "{frequency} Hz");
            let power = goertzel_power(&substitute, 8000, frequency);
            assert!(power > 0.5 * goertzel_power(&real, 8000, frequency), "{frequency} Hz");
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence() {
        let mut concealment = Concealment::new();
        let mut packet = [0; 480];
        Tone::new(200.0, 10_000, 8000).unwrap().fill(&mut packet);
        concealment.received(&mut packet);
        let levels: Vec<f64> = (0..5)
            .map(|_| {
                let mut substitute = [0; 160];
                concealment.conceal(&mut substitute);
                mean_square(&substitute)
            })
            .collect();
        assert!(levels[0] > 3e7 && levels[0] > levels[1] && levels[1] > levels[2], "{levels:?}");
        assert!(levels[3] < f64::EPSILON && levels[4] < f64::EPSILON, "{levels:?}");
    }

    #[test]
    fn there_is_no_click_at_either_end() {
        let mut tone = Tone::new(200.0, 10_000, 8000).unwrap();
        let mut concealment = Concealment::new();
        let mut heard = vec![];
        for n in 0..30 {
            let mut packet = [0; 160];
            tone.fill(&mut packet);
            if n % 5 == 4 {
                concealment.conceal(&mut packet);
            } else {
                concealment.received(&mut packet);
            }
            heard.extend(packet);
        }
        let steepest = heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
        // A 200 Hz sine of this level climbs 1571 a sample at most.
        assert!(steepest < Some(2500), "{steepest:?}");
    }

    #[test]
    fn silence_stays_silent_and_noise_at_full_scale_does_no_harm() {
        let mut concealment = Concealment::new();
        let mut samples = [1; 160];
        concealment.conceal(&mut samples);
        assert_eq!(samples, [0; 160]);
        let mut random = Random::from_key([3, 4]);
        for length in [1, 80, 160, 300, 1000] {
            let mut noise: Vec<i16> =
                (0..length).map(|_| if random.below(2) == 0 { i16::MIN } else { i16::MAX }).collect();
            concealment.received(&mut noise);
            concealment.conceal(&mut noise);
        }
    }
}
