//! What the log says of media's coming and going: one line when it goes, with the cause, and one when it is back. Tries in
//! between say nothing new.

use tokio::time::{Duration, Instant};

/// How long after one cause of an outage another one is told.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// In words.
    pub text: String,
    /// Whether it will not pass by itself.
    pub lasting: bool,
}

impl Cause {
    pub fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), lasting: false }
    }

    pub fn lasting(text: impl Into<String>) -> Self {
        Self { text: text.into(), lasting: true }
    }
}

#[derive(Debug)]
struct Away {
    since: Instant,
    told: Cause,
    told_at: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Outage {
    /// Where media is reached.
    address: String,
    away: Option<Away>,
    up: bool,
}

impl Outage {
    pub const fn new(address: String) -> Self {
        Self { address, away: None, up: false }
    }

    /// There is no stream.
    pub fn away(&mut self, cause: Cause, now: Instant) {
        self.up = false;
        let address = &self.address;
        let news = is_news(self.away.as_ref(), &cause, now);
        let Cause { text, lasting } = &cause;
        match (news, lasting) {
            (true, false) => {
                tracing::warn!(%address, cause = text, "media service away: calls that need it are refused");
            }
            (true, true) => {
                tracing::error!(%address, cause = text, "media service refuses us: calls that need it are refused");
            }
            (false, _) => tracing::debug!(%address, cause = text, "media service still away"),
        }
        if news {
            let since = self.away.as_ref().map_or(now, |away| away.since);
            self.away = Some(Away { since, told: cause, told_at: now });
        }
    }

    /// Media is there, under this name. Told once.
    pub fn back(&mut self, node: &str, now: Instant) {
        if std::mem::replace(&mut self.up, true) {
            return;
        }
        let away_ms = self.away.take().map(|away| now.duration_since(away.since).as_millis() as u64);
        tracing::info!(address = %self.address, node, away_ms, "media service up");
    }
}

/// Whether somebody who reads the log does not know it yet.
fn is_news(away: Option<&Away>, cause: &Cause, now: Instant) -> bool {
    away.is_none_or(|away| {
        away.told != *cause && (cause.lasting || now.duration_since(away.told_at) >= TELL_EVERY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_and_another_cause_after_a_while() {
        let now = Instant::now();
        let refused = || Cause::passing("connection refused");
        let away = Some(Away { since: now, told: refused(), told_at: now });
        let news =
            |away: &Option<Away>, cause: Cause, after: Duration| is_news(away.as_ref(), &cause, now + after);
        assert!(news(&None, refused(), Duration::ZERO));
        assert!(!news(&away, refused(), Duration::from_secs(3_600)));
        assert!(!news(&away, Cause::passing("no welcome in time"), Duration::from_secs(29)));
        assert!(news(&away, Cause::passing("no welcome in time"), TELL_EVERY));
        assert!(news(&away, Cause::lasting("another process has our name"), Duration::ZERO));
    }
}
