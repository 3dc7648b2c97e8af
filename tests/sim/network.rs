//! A network that loses, repeats, reorders and delays datagrams.

use std::time::Duration;

use callplane::ground::{Instant, Random};

/// How bad the network is.
#[derive(Debug)]
pub struct Network {
    /// Of 1,000 datagrams so many are lost.
    loss: u64,
    /// Of 1,000 datagrams so many come twice.
    repeats: u64,
    /// The longest delay, in milliseconds. Datagrams overtake each other within it.
    delay_ms: u64,
    /// Nothing passes between these two instants.
    cut: Option<(Instant, Instant)>,
}

impl Network {
    /// Half of all worlds have a good network, others a bad one, a few a cut one.
    pub fn draw(random: &mut Random) -> Self {
        let bad = random.below(2) == 1;
        let cut = (random.below(8) == 0).then(|| {
            let begin = Instant::from_millis(random.below(30_000));
            (begin, begin + Duration::from_secs(5 + random.below(100)))
        });
        Self {
            loss: if bad { random.below(200) } else { 0 },
            repeats: if bad { random.below(100) } else { 0 },
            delay_ms: if bad { 5 + random.below(400) } else { 1 },
            cut,
        }
    }

    /// Whether the network is as good as it gets.
    pub fn is_good(&self) -> bool {
        self.loss == 0 && self.repeats == 0 && self.delay_ms <= 1 && self.cut.is_none()
    }

    /// After how long a datagram arrives: never, once or twice.
    pub fn deliveries(&self, now: Instant, random: &mut Random) -> Vec<Duration> {
        let cut = self.cut.is_some_and(|(from, to)| from <= now && now < to);
        let lost = random.below(1_000) < self.loss;
        if cut || lost {
            return Vec::new();
        }
        let copies = if random.below(1_000) < self.repeats { 2 } else { 1 };
        (0..copies).map(|_| Duration::from_micros(100 + random.below(self.delay_ms * 1_000))).collect()
    }
}
