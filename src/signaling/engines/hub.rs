//! All engines: attaching, detaching, silence, and what shards are told of it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::Notify;

use super::timekeeper::Alarms;
use super::{EngineHandle, StreamEnd};
use crate::engine::{AttachError, Attachment, Counters, Engine, EngineLimits, Logged, Open, Opened, Roster};
use crate::ground::Instant;
use crate::session::command::EngineRef;
use crate::shard::io::AttachedEngine;
use crate::signaling::bridges::Bridges;
use crate::signaling::clock::Clock;
use crate::signaling::driver::Inbox;
use crate::signaling::linger::Urgency;
use crate::signaling::refusal::{BadField, Bound, Refusal};

/// Logs that give up events before the event is taken that was one too many. The next event goes on with it.
const RELIEVED_MAX: usize = 16;

/// How many engines there are, and what happened to events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnginesCount {
    /// Engines with an open stream.
    pub attached: usize,
    /// Engines within their grace.
    pub away: usize,
    /// Commands of streams without a result that was taken.
    pub commands_pending: usize,
    /// Bytes that logs keep.
    pub log_bytes: usize,
    /// Events appended to logs.
    pub events: u64,
    /// Events dropped because a log's retention was passed.
    pub events_dropped: u64,
    /// Events that came when their engine was gone.
    pub events_late: u64,
    /// Words of streams that had ended before.
    pub stale: u64,
    /// Streams whose place a newer one of the same engine took.
    pub replaced: u64,
}

/// All engines. See the module.
pub struct Engines {
    limits: EngineLimits,
    pub(super) clock: Clock,
    shards: Arc<[Arc<Inbox>]>,
    bridges: Arc<Bridges>,
    handles: DashMap<EngineRef, Arc<EngineHandle>>,
    pub(super) roster: Mutex<Roster>,
    pub(super) alarms: Alarms,
    /// Bytes that all logs keep.
    memory: Arc<AtomicUsize>,
    next_epoch: AtomicU64,
    /// Until when calls may go on, once Callplane is shutting down.
    draining: Mutex<Option<Instant>>,
    pub(super) closed: AtomicBool,
    /// Wakes the timekeeper: a deadline may have come nearer.
    pub(super) changed: Notify,
    events_late: AtomicU64,
    /// What engines that are gone had counted.
    past: Mutex<Counters>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engines {
    /// No engines yet. `shards` hear who is attached, `bridges` who is gone.
    #[must_use]
    pub fn new(limits: EngineLimits, clock: Clock, shards: Arc<[Arc<Inbox>]>, bridges: Arc<Bridges>) -> Self {
        Self {
            limits,
            clock,
            shards,
            bridges,
            handles: DashMap::new(),
            roster: Mutex::default(),
            alarms: Alarms::default(),
            memory: Arc::default(),
            // Logs of an earlier run had lower epochs.
            next_epoch: AtomicU64::new(clock.now().wall.unix_millis().max(1)),
            draining: Mutex::default(),
            closed: AtomicBool::new(false),
            changed: Notify::new(),
            events_late: AtomicU64::new(0),
            past: Mutex::default(),
        }
    }

    /// The bounds that engines are told.
    #[must_use]
    pub const fn limits(&self) -> &EngineLimits {
        &self.limits
    }

    /// Attaches an engine.
    ///
    /// # Errors
    /// When it takes fewer sessions than there are shards, when its streams take each other's place too often, when there
    /// are too many engines, or, for one that was not here before, when Callplane is shutting down.
    pub fn attach(&self, engine: &EngineRef, open: Open) -> Result<(Arc<EngineHandle>, Opened), Refusal> {
        let shards = self.shards.len();
        if (1..shards).contains(&(open.sessions_max as usize)) {
            // Some shards' calls would find no room although nothing is under way.
            let problem = format!("has to be 0 or at least {shards}: each of the shards has its part");
            return Err(Refusal::BadFields(vec![BadField { field: "open.sessions_max".into(), problem }]));
        }
        let now = self.clock.mono();
        let mut roster = lock(&self.roster);
        let handle = self.known_or_new(engine, now)?;
        let (handle, opened) = match handle.attach(open, now) {
            Ok(opened) => (handle, opened),
            Err(AttachError::TooOften) => return Err(Refusal::EngineAttached(engine.clone())),
            Err(AttachError::Gone) => {
                self.forget(&handle);
                let handle = self.known_or_new(engine, now)?;
                let opened = handle.attach(open, now).map_err(|_| Refusal::EngineAttached(engine.clone()))?;
                (handle, opened)
            }
        };
        if let Some(until) = *lock(&self.draining) {
            handle.draining(until.since(now));
        }
        roster.insert(engine.clone(), opened.sessions_max);
        self.publish(&roster);
        drop(roster);
        self.schedule(&handle);
        if opened.replaces.is_some() {
            tracing::warn!(
                group = %engine.group, engine = %engine.id,
                "engine attached again while its stream was open: the newer one counts"
            );
        }
        let (group, id, owned) = (&engine.group, &engine.id, opened.sessions_owned);
        tracing::info!(group = %group, engine = %id, at = %opened.at, sessions = owned, "engine attached");
        Ok((handle, opened))
    }

    fn known_or_new(&self, engine: &EngineRef, now: Instant) -> Result<Arc<EngineHandle>, Refusal> {
        if let Some(known) = self.handles.get(engine) {
            return Ok(Arc::clone(&known));
        }
        if lock(&self.draining).is_some() {
            return Err(Refusal::Draining);
        }
        if self.handles.len() >= self.limits.engines_max as usize && !self.forget_dispensable() {
            return Err(Refusal::Full(Bound::Engines));
        }
        let epoch = self.next_epoch.fetch_add(1, Ordering::Relaxed);
        let memory = Arc::clone(&self.memory);
        let fresh =
            EngineHandle::new(engine.clone(), epoch, Engine::new(self.limits.clone(), epoch, now), memory);
        let fresh = Arc::new(fresh);
        self.handles.insert(engine.clone(), Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Forgets an engine that is away, owns nothing and is owed nothing, so that names that come once do not keep others
    /// out. Whether there was one. The roster is locked.
    fn forget_dispensable(&self) -> bool {
        let found = self.handles.iter().find(|entry| entry.is_dispensable());
        let Some(handle) = found.map(|entry| Arc::clone(entry.value())) else { return false };
        self.forget(&handle);
        true
    }

    /// A stream ended. `leaves`: its engine closed it in good order.
    pub fn detach(&self, handle: &Arc<EngineHandle>, stream: Attachment, leaves: bool) {
        let mut roster = lock(&self.roster);
        if !handle.detach(stream, leaves, self.clock.mono()) {
            return;
        }
        let engine = handle.identity();
        roster.remove(engine);
        self.publish(&roster);
        drop(roster);
        self.schedule(handle);
        let sessions = handle.sessions();
        tracing::info!(group = %engine.group, engine = %engine.id, leaves, sessions, "engine detached");
    }

    /// Puts an event into its engine's log. Whose stream is to be woken when, if it was not. An engine that is gone leaves
    /// nobody to tell.
    pub fn append(
        &self,
        engine: &EngineRef,
        logged: Logged,
        urgency: Urgency,
        now: Instant,
    ) -> Option<(Instant, Arc<EngineHandle>)> {
        // Without holding the table: relieving goes through all of it.
        let Some(handle) = self.handles.get(engine).map(|known| Arc::clone(&known)) else {
            self.events_late.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let at = handle.append(logged, urgency, now);
        if self.memory.load(Ordering::Relaxed) > self.memory_max() {
            self.relieve();
        }
        Some((at?, handle))
    }

    fn memory_max(&self) -> usize {
        usize::try_from(self.limits.total_bytes).unwrap_or(usize::MAX)
    }

    /// Has the logs that keep most give up events until all together keep no more than they may. Who keeps little loses
    /// nothing to who keeps much.
    fn relieve(&self) {
        for _ in 0..RELIEVED_MAX {
            let mut fattest: Option<(usize, Arc<EngineHandle>)> = None;
            self.each(|handle| {
                let bytes = handle.log_bytes();
                if fattest.as_ref().is_none_or(|(most, _)| bytes > *most) {
                    fattest = Some((bytes, Arc::clone(handle)));
                }
            });
            let Some((bytes, handle)) = fattest else { return };
            handle.shrink(bytes - bytes / 8);
            let is_enough = self.memory.load(Ordering::Relaxed) <= self.memory_max();
            if is_enough || handle.log_bytes() >= bytes {
                return;
            }
        }
    }

    /// Whether a stream of this engine is open.
    #[must_use]
    pub fn is_attached(&self, engine: &EngineRef) -> bool {
        lock(&self.roster).contains(engine)
    }

    /// The engine of a group that has been attached for longest.
    #[must_use]
    pub fn first_of(&self, group: &str) -> Option<EngineRef> {
        lock(&self.roster).first_of(group).cloned()
    }

    /// Tells all engines that Callplane is shutting down and that calls may go on for so long. No other engine may
    /// attach from then on.
    pub fn drain(&self, grace: Duration) {
        *lock(&self.draining) = Some(self.clock.mono() + grace);
        self.each(|handle| {
            if handle.is_attached() {
                handle.draining(grace);
            }
        });
    }

    /// Ends all streams and the timekeeper.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.each(|handle| handle.end(StreamEnd::Shutdown));
        self.changed.notify_one();
    }

    /// How many there are, and what happened.
    #[must_use]
    pub fn count(&self) -> EnginesCount {
        let mut count = EnginesCount {
            events_late: self.events_late.load(Ordering::Relaxed),
            log_bytes: self.memory.load(Ordering::Relaxed),
            ..EnginesCount::default()
        };
        let mut add = |counters: Counters| {
            count.events += counters.events;
            count.events_dropped += counters.events_dropped;
            count.events_late += counters.events_late;
            count.stale += counters.stale;
            count.replaced += counters.replaced;
        };
        add(*lock(&self.past));
        self.each(|handle| add(handle.counters()));
        self.each(|handle| {
            if handle.is_attached() {
                count.attached += 1;
                count.commands_pending += handle.commands_pending();
            } else {
                count.away += 1;
            }
        });
        count
    }

    /// Forgets an engine whose grace is over, once; its sessions end. The roster is locked.
    pub(super) fn forget(&self, handle: &Arc<EngineHandle>) {
        let engine = handle.identity();
        if self.handles.remove_if(engine, |_, known| Arc::ptr_eq(known, handle)).is_none() {
            return;
        }
        self.alarms.forget(handle);
        let counters = handle.counters();
        let mut past = lock(&self.past);
        past.events += counters.events;
        past.events_dropped += counters.events_dropped;
        past.events_late += counters.events_late;
        past.stale += counters.stale;
        past.replaced += counters.replaced;
        drop(past);
        for shard in &*self.shards {
            shard.engine_gone(engine.clone());
        }
        self.bridges.engine_gone(engine);
        match handle.sessions() {
            0 => {
                tracing::info!(group = %engine.group, engine = %engine.id, "engine gone; it had no calls left")
            }
            sessions => {
                tracing::warn!(group = %engine.group, engine = %engine.id, sessions, "engine gone: its calls end");
            }
        }
    }

    pub(super) fn publish(&self, roster: &Roster) {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        for (number, shard) in (0..shards).zip(&*self.shards) {
            let attached = roster.for_shard(number, shards);
            shard.engines(
                attached
                    .map(|(engine, sessions_max, keeping)| AttachedEngine {
                        engine: engine.clone(),
                        sessions_max,
                        ready: keeping.is_up(),
                        still: keeping.stands_still(),
                    })
                    .collect(),
            );
        }
    }

    /// Calls `visit` for each engine, without holding the table meanwhile.
    pub(super) fn each(&self, visit: impl FnMut(&Arc<EngineHandle>)) {
        let handles: Vec<Arc<EngineHandle>> =
            self.handles.iter().map(|entry| Arc::clone(entry.value())).collect();
        handles.iter().for_each(visit);
    }
}
