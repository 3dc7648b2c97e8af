//! A hierarchical timing wheel over a slab (Varghese and Lauck, scheme 7): inserting, removing and expiring cost the
//! same whether ten timers run or a hundred thousand.
//!
//! Seven levels of 64 slots. A slot of level 0 is one tick, one of level 1 is 64 ticks, and so on up to 139 years.
//! A deadline stands at the level of the highest group of six bits in which its tick differs from the current one,
//! so everything at a lower level is due before everything at a higher one, and all slots in use lie ahead. When time
//! reaches a slot of a higher level its entries move down.

use std::time::Duration;

use crate::ground::{Chunks, Instant};

/// The wheel's resolution.
pub const TICK: Duration = Duration::from_millis(1);

const TICK_NANOS: u64 = TICK.as_nanos() as u64;
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = 7;
/// The last tick there is; deadlines beyond it are taken as this one.
const LAST_TICK: u64 = (1 << (BITS as u64 * LEVELS as u64)) - 1;
const NONE: u32 = u32::MAX;
/// The list of what is due, behind the lists of all slots.
const DUE: u16 = (LEVELS * SLOTS) as u16;
/// Stands in an entry that is free.
const FREE: u16 = DUE + 1;

/// Names one deadline in a [`Wheel`]. Once that has expired or been removed the handle names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerHandle {
    index: u32,
    generation: u32,
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: Option<K>,
    tick: u64,
    next: u32,
    previous: u32,
    generation: u32,
    list: u16,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    /// No entry is earlier. Exact as long as the earliest was not removed.
    earliest: u64,
}

const EMPTY: List = List { first: NONE, last: NONE, earliest: u64::MAX };

/// Deadlines that carry a `K`. See [`super::TimerWheel`] for what it promises.
#[derive(Clone, Debug)]
pub struct Wheel<K> {
    entries: Chunks<Entry<K>>,
    /// First of the free entries, linked by `next`.
    free: u32,
    len: usize,
    lists: Box<[List]>,
    /// Per level one bit for each slot that is not empty.
    occupied: [u64; LEVELS],
    /// All ticks up to this one have been looked at.
    elapsed: u64,
}

impl<K> Default for Wheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

fn level_of(tick: u64, elapsed: u64) -> usize {
    let differing = (tick ^ elapsed) | (SLOTS as u64 - 1);
    ((63 - differing.leading_zeros()) / BITS) as usize
}

fn instant_of(tick: u64) -> Instant {
    Instant::from_nanos(tick.saturating_mul(TICK_NANOS))
}

impl<K> Wheel<K> {
    /// An empty wheel that stands at [`Instant::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Chunks::new(),
            free: NONE,
            len: 0,
            lists: vec![EMPTY; LEVELS * SLOTS + 1].into_boxed_slice(),
            occupied: [0; LEVELS],
            elapsed: 0,
        }
    }

    /// Adds a deadline.
    ///
    /// # Panics
    /// With more than four billion deadlines at once.
    pub fn insert(&mut self, key: K, at: Instant) -> TimerHandle {
        let tick = at.as_nanos().div_ceil(TICK_NANOS).min(LAST_TICK);
        let index = if self.free == NONE {
            let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 timers");
            self.entries.push(Entry {
                key: None,
                tick,
                next: NONE,
                previous: NONE,
                generation: 0,
                list: FREE,
            });
            index
        } else {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            index
        };
        let entry = &mut self.entries[index as usize];
        entry.key = Some(key);
        entry.tick = tick;
        let generation = entry.generation;
        self.len += 1;
        self.place(index, tick);
        TimerHandle { index, generation }
    }

    /// Takes a deadline out before it expires. `None` when it is no longer there.
    pub fn remove(&mut self, handle: TimerHandle) -> Option<K> {
        self.get(handle)?;
        self.unlink(handle.index);
        self.release(handle.index)
    }

    /// The deadline, rounded up to a tick.
    #[must_use]
    pub fn deadline(&self, handle: TimerHandle) -> Option<Instant> {
        self.get(handle).map(|entry| instant_of(entry.tick))
    }

    /// Takes out one deadline at or before `now`; to be called until it returns `None`.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        let now = (now.as_nanos() / TICK_NANOS).min(LAST_TICK);
        loop {
            let due = self.lists[DUE as usize].first;
            if due != NONE {
                self.unlink(due);
                return self.release(due);
            }
            match self.first_slot() {
                Some((level, slot, start)) if start <= now => {
                    self.elapsed = start;
                    self.move_down(level, slot);
                }
                _ => {
                    self.elapsed = self.elapsed.max(now);
                    return None;
                }
            }
        }
    }

    /// When to call [`Wheel::pop_expired`] next.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        if self.lists[DUE as usize].first != NONE {
            return Some(instant_of(self.elapsed));
        }
        let (level, slot, _) = self.first_slot()?;
        Some(instant_of(self.lists[level * SLOTS + slot].earliest))
    }

    /// How many deadlines are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn get(&self, handle: TimerHandle) -> Option<&Entry<K>> {
        self.entries
            .get(handle.index as usize)
            .filter(|entry| entry.list != FREE && entry.generation == handle.generation)
    }

    /// The earliest slot that is not empty: level, slot, and the tick at which it begins.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = BITS * level as u32;
        let above = (self.elapsed >> shift >> BITS) << BITS << shift;
        Some((level, slot, above | ((slot as u64) << shift)))
    }

    fn move_down(&mut self, level: usize, slot: usize) {
        let list = std::mem::replace(&mut self.lists[level * SLOTS + slot], EMPTY);
        self.occupied[level] &= !(1 << slot);
        let mut index = list.first;
        while index != NONE {
            let Entry { next, tick, .. } = self.entries[index as usize];
            self.place(index, tick);
            index = next;
        }
    }

    fn place(&mut self, index: u32, tick: u64) {
        let list = if tick <= self.elapsed {
            DUE
        } else {
            let level = level_of(tick, self.elapsed);
            let slot = (tick >> (BITS * level as u32)) as usize & (SLOTS - 1);
            self.occupied[level] |= 1 << slot;
            (level * SLOTS + slot) as u16
        };
        let head = &mut self.lists[list as usize];
        let last = head.last;
        head.last = index;
        head.earliest = head.earliest.min(tick);
        if last == NONE {
            head.first = index;
        } else {
            self.entries[last as usize].next = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.previous = last;
        entry.next = NONE;
        entry.list = list;
    }

    fn unlink(&mut self, index: u32) {
        let Entry { previous, next, list, .. } = self.entries[index as usize];
        if previous == NONE {
            self.lists[list as usize].first = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        if next == NONE {
            self.lists[list as usize].last = previous;
        } else {
            self.entries[next as usize].previous = previous;
        }
        if self.lists[list as usize].first == NONE {
            self.lists[list as usize] = EMPTY;
            if list != DUE {
                self.occupied[list as usize / SLOTS] &= !(1 << (list as usize % SLOTS));
            }
        }
    }

    fn release(&mut self, index: u32) -> Option<K> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.list = FREE;
        entry.next = self.free;
        self.free = index;
        self.len -= 1;
        entry.key.take()
    }
}
