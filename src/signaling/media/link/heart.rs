//! Whether media's workers work: asked every second, and given up when no answer comes.
//!
//! A process that has died is noticed by its connection. One that is frozen, or whose workers hang, keeps its connection:
//! only an answer that has passed its workers tells it from one that works.

use std::time::Duration;

use tokio::time::Instant;

/// How long after an answer media is asked again.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// How long media may take to answer. Then the stream is given up and opened anew.
pub const HEARTBEAT_TIME_MAX: Duration = Duration::from_secs(3);

/// How much later than it was due something is looked at only when this process was stopped or could not run.
const LATE: Duration = Duration::from_millis(500);

/// What is to be done about the heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing yet.
    Wait,
    /// Ask.
    Ask,
    /// No answer came in time.
    Silent,
}

/// The heartbeat of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heart {
    /// Media was asked then and has not answered.
    Asked(Instant),
    /// It answered then.
    Answered(Instant),
}

impl Heart {
    /// When there is something to be done.
    pub fn due(self) -> Instant {
        match self {
            Self::Asked(at) => at + HEARTBEAT_TIME_MAX,
            Self::Answered(at) => at + HEARTBEAT_EVERY,
        }
    }

    /// What is to be done now. What is asked counts as asked.
    pub fn beat(&mut self, now: Instant) -> Beat {
        match *self {
            _ if now < self.due() => Beat::Wait,
            // It is we who did not run: what media has said meanwhile is still to be read.
            Self::Asked(_) if now.duration_since(self.due()) >= LATE => {
                *self = Self::Asked(now);
                Beat::Wait
            }
            Self::Asked(_) => Beat::Silent,
            Self::Answered(_) => {
                *self = Self::Asked(now);
                Beat::Ask
            }
        }
    }

    /// Media has answered.
    pub const fn answered(&mut self, now: Instant) {
        *self = Self::Answered(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_is_asked_every_second_and_given_up_when_it_is_silent_for_three() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut heart = Heart::Asked(begin);
        assert_eq!((heart.beat(at(2_999)), heart.due()), (Beat::Wait, at(3_000)));
        heart.answered(at(2_999));
        assert_eq!(heart.beat(at(3_998)), Beat::Wait);
        assert_eq!(heart.beat(at(3_999)), Beat::Ask);
        assert_eq!(heart.beat(at(3_999)), Beat::Wait);
        assert_eq!(heart.beat(at(6_999)), Beat::Silent);
    }

    #[test]
    fn whoever_was_stopped_itself_gives_media_its_time_anew() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut heart = Heart::Asked(begin);
        assert_eq!(heart.beat(at(20_000)), Beat::Wait);
        assert_eq!(heart.due(), at(23_000));
        assert_eq!(heart.beat(at(23_000)), Beat::Silent);
    }
}
