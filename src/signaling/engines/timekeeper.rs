//! The timekeeper: heartbeats, engines that do not read, the end of graces; and, at regular times, whether engines are heard
//! from and keep up.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::EngineHandle;
use super::hub::{Engines, lock};
use super::watch::INTERVAL;
use crate::engine::{Keeping, Lapse};
use crate::ground::Instant;
use crate::ground::timer::TimerWheel;

/// When each engine has something due. Only those are looked at.
#[derive(Default)]
pub(super) struct Alarms(Mutex<Set>);

#[derive(Default)]
struct Set {
    wheel: TimerWheel<u64>,
    engines: HashMap<u64, Arc<EngineHandle>>,
}

impl Alarms {
    fn set(&self, handle: &Arc<EngineHandle>, at: Option<Instant>) {
        let (mut set, number) = (lock(&self.0), handle.number());
        match at {
            Some(at) => {
                set.wheel.schedule(number, at);
                set.engines.insert(number, Arc::clone(handle));
            }
            None => set.forget(number),
        }
    }

    pub(super) fn forget(&self, handle: &EngineHandle) {
        lock(&self.0).forget(handle.number());
    }

    fn next(&self) -> Option<Instant> {
        lock(&self.0).wheel.next()
    }

    fn pop_expired(&self, now: Instant) -> Option<Arc<EngineHandle>> {
        let mut set = lock(&self.0);
        let number = set.wheel.pop_expired(now)?;
        set.engines.get(&number).cloned()
    }
}

impl Set {
    fn forget(&mut self, number: u64) {
        self.wheel.cancel(&number);
        self.engines.remove(&number);
    }
}

impl Engines {
    /// An engine's next deadline may have come nearer.
    pub(super) fn schedule(&self, handle: &Arc<EngineHandle>) {
        self.alarms.set(handle, handle.poll_timeout());
        self.changed.notify_one();
    }

    /// Does what is due, until [`close`](Self::close). Runs once.
    pub async fn keep_time(&self) {
        let mut look_at = self.clock.mono() + INTERVAL;
        while !self.closed.load(Ordering::Acquire) {
            let changed = self.changed.notified();
            let next = self.alarms.next().map_or(look_at, |next| next.min(look_at));
            let _ = tokio::time::timeout_at(self.clock.to_tokio(next), changed).await;
            let now = self.clock.mono();
            while let Some(handle) = self.alarms.pop_expired(now) {
                let lapse = handle.handle_timeout(now);
                self.alarms.set(&handle, handle.poll_timeout());
                if let Some(lapse) = lapse {
                    self.lapsed(&handle, lapse);
                }
            }
            if now >= look_at {
                self.look();
                look_at = now + INTERVAL;
            }
        }
    }

    /// Looks at all engines, and tells shards which of them keep up where that has changed.
    fn look(&self) {
        let mut news: Vec<(Arc<EngineHandle>, Keeping)> = Vec::new();
        // Nobody attaches meanwhile: what is seen is told of the stream that it was seen of.
        let mut roster = lock(&self.roster);
        self.each(|handle| news.extend(handle.watch().map(|keeping| (Arc::clone(handle), keeping))));
        let mut changed = false;
        for (handle, keeping) in news {
            let engine = handle.identity();
            changed |= roster.keeps(engine, keeping);
            let Keeping { silent, behind, full } = keeping;
            if keeping.stands_still() {
                tracing::warn!(
                    group = %engine.group, engine = %engine.id, silent, behind,
                    "engine gets no new calls while another takes them"
                );
            } else {
                tracing::debug!(group = %engine.group, engine = %engine.id, full, "engine is heard from");
            }
        }
        if changed {
            self.publish(&roster);
        }
    }

    fn lapsed(&self, handle: &Arc<EngineHandle>, lapse: Lapse) {
        let engine = handle.identity();
        match lapse {
            Lapse::Heartbeat => {}
            Lapse::Unread(_) => {
                let mut roster = lock(&self.roster);
                // It may have attached again since.
                if !handle.is_attached() && roster.remove(engine) {
                    self.publish(&roster);
                }
                tracing::warn!(group = %engine.group, engine = %engine.id, "engine reads nothing: detached");
            }
            Lapse::Gone => {
                let _roster = lock(&self.roster);
                self.forget(handle);
            }
        }
    }
}
