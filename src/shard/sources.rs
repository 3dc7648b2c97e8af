//! Who may begin another call, by where it comes from.
//!
//! An incoming call costs a session, an endpoint and a port from its INVITE on, and its caller nothing but a datagram
//! whose source may be forged. So the calls that nobody has confirmed yet, by the ACK to our 2xx, have a bound of their own,
//! and a source's share of it is what is left free: one alone may have most of it, of two each nearly half, and however many
//! there are, something is left for the next one. A share bites only where there is little left; nothing is reserved for
//! anybody.
//!
//! ```text
//!   proven:    own calls             < 4 × free     one source alone: four fifths
//!   unproven:  all such calls + own  <     free     all together: half of it, one alone: a third
//! ```
//!
//! A source is *proven* for an hour after it confirmed a call: it has seen the tag of our 2xx, so that what we send does
//! reach it. On a stream it is proven by the connection. Whoever forges addresses has all the unproven's share and no
//! more.
//!
//! New calls that waited too long in the shard's queue say that there are too many of them for the processor. Then the
//! sources that begin most calls are held to fewer, in steps, until none waits too long; all unproven ones count as one.
//!
//! The table is fixed: two sources share a place by chance ([`ByHost`]).

use std::net::IpAddr;
use std::time::Duration;

use crate::ground::{ByHost, Instant, Random};

/// How long a source counts as proven.
const PROVEN_FOR: Duration = Duration::from_secs(3_600);

/// A proven source may have so many times what is left free.
const PROVEN_SHARE: u32 = 4;

/// The time in which new calls are counted.
const WINDOW: Duration = Duration::from_millis(200);

/// The fewest new calls of a window that a source is held to.
const CAP_MIN: u32 = 4;

/// A source held to more than this in a window is not held any more.
const CAP_MAX: u32 = 4_000;

/// Why a call may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OverShare {
    /// Its source has too many calls that are not confirmed.
    Unconfirmed,
    /// Its source begins too many, and the shard cannot do them all.
    Rate,
}

/// A source's place, and whether it counts as proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    place: usize,
    proven: bool,
}

/// A call that is not confirmed yet. To be given back by [`Sources::confirmed`] or [`Sources::over`].
#[derive(Debug)]
#[must_use]
pub(super) struct Unconfirmed(Standing);

impl Unconfirmed {
    /// Whether its source was proven when it came in.
    pub const fn is_familiar(&self) -> bool {
        self.0.proven
    }
}

/// Callers by source.
#[derive(Debug)]
pub(super) struct Sources {
    unconfirmed_max: u32,
    places: ByHost<Place>,
    unconfirmed: u32,
    /// Of these, the calls of sources that were not proven.
    unproven: u32,
    rate: Rate,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    unconfirmed: u32,
    begun: Begun,
    /// Seconds.
    proven_until: u32,
}

/// Calls begun in one window.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    window: u32,
    calls: u32,
}

impl Begun {
    const fn in_window(self, window: u32) -> u32 {
        if self.window == window { self.calls } else { 0 }
    }

    fn add(&mut self, window: u32) -> u32 {
        *self = Self { window, calls: self.in_window(window).saturating_add(1) };
        self.calls
    }
}

/// How many calls a source may begin in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    window: u32,
    /// Calls waited too long in this window.
    pressed: bool,
    /// The most calls that one source began in this window.
    most: u32,
    /// All unproven sources together.
    unproven: Begun,
    cap: Option<u32>,
}

impl Rate {
    /// Goes on to the present window.
    fn turn(&mut self, now: Instant) {
        let window = u32::try_from(now.as_nanos() / WINDOW.as_nanos() as u64).unwrap_or(u32::MAX);
        if window == self.window {
            return;
        }
        if self.pressed {
            let held = self.cap.map_or(self.most, |cap| cap.min(self.most));
            self.cap = Some((held - held / 4).max(CAP_MIN));
        }
        // What went by in silence lifts the cap as well.
        let quiet = window.saturating_sub(self.window).saturating_sub(u32::from(self.pressed)).min(64);
        for _ in 0..quiet {
            self.cap = self.cap.map(|cap| cap + cap / 4 + 1).filter(|cap| *cap <= CAP_MAX);
        }
        *self = Self { window, cap: self.cap, unproven: self.unproven, pressed: false, most: 0 };
    }
}

impl Sources {
    /// Nobody yet.
    pub fn new(unconfirmed_max: usize, random: &mut Random) -> Self {
        Self {
            unconfirmed_max: u32::try_from(unconfirmed_max).unwrap_or(u32::MAX),
            places: ByHost::new(random),
            unconfirmed: 0,
            unproven: 0,
            rate: Rate::default(),
        }
    }

    /// Calls that are not confirmed.
    pub const fn unconfirmed(&self) -> usize {
        self.unconfirmed as usize
    }

    /// A look at a source. On a stream it is `connected`: its address is no forged one.
    pub fn standing(&self, source: IpAddr, connected: bool, now: Instant) -> Standing {
        let place = self.places.place_of(source);
        let proven = connected || u64::from(self.places[place].proven_until) > seconds(now);
        Standing { place, proven }
    }

    /// Whether a call of this source may come in.
    pub fn admits(&mut self, source: Standing, now: Instant) -> Result<(), OverShare> {
        let place = self.places[source.place];
        let free = self.unconfirmed_max.saturating_sub(self.unconfirmed);
        let has_share = if source.proven {
            place.unconfirmed < free.saturating_mul(PROVEN_SHARE)
        } else {
            self.unproven.saturating_add(place.unconfirmed) < free
        };
        if !has_share {
            return Err(OverShare::Unconfirmed);
        }
        self.rate.turn(now);
        let window = self.rate.window;
        let begun = if source.proven { place.begun } else { self.rate.unproven };
        if self.rate.cap.is_some_and(|cap| begun.in_window(window) >= cap) {
            return Err(OverShare::Rate);
        }
        Ok(())
    }

    /// A call of this source has come in.
    pub fn begin(&mut self, source: Standing, now: Instant) -> Unconfirmed {
        self.rate.turn(now);
        let window = self.rate.window;
        let place = &mut self.places[source.place];
        place.unconfirmed += 1;
        self.unconfirmed += 1;
        let begun = if source.proven {
            place.begun.add(window)
        } else {
            self.unproven += 1;
            self.rate.unproven.add(window)
        };
        self.rate.most = self.rate.most.max(begun);
        Unconfirmed(source)
    }

    /// Its caller has acknowledged that the call is up.
    pub fn confirmed(&mut self, call: Unconfirmed, now: Instant) {
        let until = seconds(now) + PROVEN_FOR.as_secs();
        self.places[call.0.place].proven_until = u32::try_from(until).unwrap_or(u32::MAX);
        self.over(call);
    }

    /// The call ended unconfirmed.
    pub fn over(&mut self, call: Unconfirmed) {
        let Standing { place, proven } = call.0;
        let place = &mut self.places[place];
        place.unconfirmed = place.unconfirmed.saturating_sub(1);
        self.unconfirmed = self.unconfirmed.saturating_sub(1);
        if !proven {
            self.unproven = self.unproven.saturating_sub(1);
        }
    }

    /// A new call has waited too long for its turn.
    pub fn pressed(&mut self, now: Instant) {
        self.rate.turn(now);
        self.rate.pressed = true;
    }
}

fn seconds(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000_000
}

#[cfg(test)]
mod tests;
