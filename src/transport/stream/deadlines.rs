//! When a connection has to end for want of progress. Pure: the task says what happened and when.

use std::time::Instant;

use super::ConnectionEnd;
use crate::transport::StreamSettings;

/// The four clocks of one connection.
#[derive(Clone, Debug)]
pub(super) struct Deadlines {
    settings: StreamSettings,
    /// Accepted then, and no whole message has come since.
    half_open: Option<Instant>,
    /// The first byte of a message came then, and the last has not come yet.
    message: Option<Instant>,
    /// Something came last.
    read: Instant,
    /// Something waits to be written, and the peer took nothing since then.
    unwritten: Option<Instant>,
}

impl Deadlines {
    /// For a connection accepted now: it has to bring a message soon.
    pub(super) fn accepted(now: Instant, settings: &StreamSettings) -> Self {
        Self { half_open: Some(now), ..Self::opened(now, settings) }
    }

    /// For a connection we opened.
    pub(super) fn opened(now: Instant, settings: &StreamSettings) -> Self {
        Self { settings: settings.clone(), half_open: None, message: None, read: now, unwritten: None }
    }

    /// Something came: so many whole messages, and then perhaps a part of one.
    pub(super) fn read(&mut self, now: Instant, messages: usize, part_of_one: bool) {
        self.read = now;
        if messages > 0 {
            self.half_open = None;
            self.message = None;
        }
        self.message = part_of_one.then(|| self.message.unwrap_or(now));
    }

    /// Something is to be written, and nothing was before.
    pub(super) fn write_waits(&mut self, now: Instant) {
        self.unwritten.get_or_insert(now);
    }

    /// The peer took something; `remains` is whether more waits.
    pub(super) fn wrote(&mut self, now: Instant, remains: bool) {
        self.unwritten = remains.then_some(now);
    }

    /// When the connection ends if nothing happens until then, and as what. One that `serves_calls` may be idle for longer.
    pub(super) fn next(&self, serves_calls: bool) -> (Instant, ConnectionEnd) {
        let settings = &self.settings;
        let idle_time_max = if serves_calls {
            settings.idle_time_max
        } else {
            settings.idle_without_call_time_max.min(settings.idle_time_max)
        };
        let idle = (self.read + idle_time_max, ConnectionEnd::Idle);
        let others = [
            self.half_open.map(|at| (at + settings.half_open_time_max, ConnectionEnd::HalfOpen)),
            self.message.map(|at| (at + settings.message_time_max, ConnectionEnd::SlowMessage)),
            self.unwritten.map(|at| (at + settings.write_stall_time_max, ConnectionEnd::WriteStalled)),
        ];
        others
            .into_iter()
            .flatten()
            .fold(idle, |soonest, other| if other.0 < soonest.0 { other } else { soonest })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn settings() -> StreamSettings {
        StreamSettings {
            idle_time_max: secs(100),
            idle_without_call_time_max: secs(30),
            half_open_time_max: secs(10),
            message_time_max: secs(5),
            write_stall_time_max: secs(20),
            ..StreamSettings::default()
        }
    }

    #[test]
    fn an_accepted_connection_has_to_bring_a_message_and_pings_do_not_count() {
        let start = Instant::now();
        let mut deadlines = Deadlines::accepted(start, &settings());
        assert_eq!(deadlines.next(true), (start + secs(10), ConnectionEnd::HalfOpen));
        deadlines.read(start + secs(4), 0, false);
        assert_eq!(deadlines.next(true), (start + secs(10), ConnectionEnd::HalfOpen));
        deadlines.read(start + secs(5), 1, false);
        assert_eq!(deadlines.next(true), (start + secs(105), ConnectionEnd::Idle));
    }

    #[test]
    fn a_message_has_to_be_whole_in_time_however_often_a_byte_of_it_comes() {
        let start = Instant::now();
        let mut deadlines = Deadlines::opened(start, &settings());
        deadlines.read(start + secs(1), 0, true);
        deadlines.read(start + secs(2), 0, true);
        assert_eq!(deadlines.next(true), (start + secs(6), ConnectionEnd::SlowMessage));
        deadlines.read(start + secs(3), 1, true);
        assert_eq!(
            deadlines.next(true),
            (start + secs(8), ConnectionEnd::SlowMessage),
            "the next message's own clock"
        );
        deadlines.read(start + secs(4), 1, false);
        assert_eq!(deadlines.next(true), (start + secs(104), ConnectionEnd::Idle));
    }

    #[test]
    fn a_peer_that_does_not_read_is_given_its_time_from_the_last_byte_it_took() {
        let start = Instant::now();
        let mut deadlines = Deadlines::opened(start, &settings());
        deadlines.write_waits(start + secs(1));
        deadlines.write_waits(start + secs(9));
        assert_eq!(deadlines.next(true), (start + secs(21), ConnectionEnd::WriteStalled));
        deadlines.wrote(start + secs(10), true);
        assert_eq!(deadlines.next(true), (start + secs(30), ConnectionEnd::WriteStalled));
        deadlines.wrote(start + secs(11), false);
        assert_eq!(deadlines.next(true), (start + secs(100), ConnectionEnd::Idle));
    }

    #[test]
    fn a_connection_that_served_no_call_may_be_idle_for_a_shorter_time() {
        let start = Instant::now();
        let mut deadlines = Deadlines::accepted(start, &settings());
        deadlines.read(start + secs(5), 1, false);
        assert_eq!(deadlines.next(false), (start + secs(35), ConnectionEnd::Idle));
        assert_eq!(deadlines.next(true), (start + secs(105), ConnectionEnd::Idle));
        deadlines.read(start + secs(30), 0, false);
        assert_eq!(deadlines.next(false), (start + secs(60), ConnectionEnd::Idle), "a ping counts");
    }
}
