//! Playbacks and digits, asked for and stopped.

use super::{Fabric, Item, Output};
use crate::ground::Instant;
use crate::media::core::endpoint::EndpointKey;
use crate::media::core::playback::{PlayEnd, PlayOrder, Playback};
use crate::media::core::{DigitPlan, Failure};

impl Fabric {
    /// Starts a playback; one that runs is replaced.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`], [`Failure::NotNegotiated`], and what [`Playback::new`] refuses.
    pub fn play(&mut self, key: EndpointKey, order: PlayOrder, now: Instant) -> Result<(), Failure> {
        let endpoint = self.endpoint_mut(key)?;
        if !endpoint.is_negotiated() {
            return Err(Failure::NotNegotiated("nothing is in force, so nobody can be played to"));
        }
        let playback = Playback::new(order)?;
        let replaced = endpoint.end_playback(PlayEnd::Replaced);
        endpoint.playback = Some(Box::new(playback));
        self.playbacks += 1;
        self.playback_ended(replaced);
        self.put_on_wheel(key, now);
        Ok(())
    }

    /// Stops a playback; an empty id means whichever runs.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`]; [`Failure::NoPlayback`] when it does not run.
    pub fn stop_play(&mut self, key: EndpointKey, id: &str) -> Result<(), Failure> {
        let endpoint = self.endpoint_mut(key)?;
        let running = endpoint.playback.as_ref().ok_or(Failure::NoPlayback)?;
        if !id.is_empty() && *running.playback != *id {
            return Err(Failure::NoPlayback);
        }
        let stopped = endpoint.end_playback(PlayEnd::Stopped);
        self.playback_ended(stopped);
        Ok(())
    }

    /// A playback was taken off, if there was one: its owner is told.
    pub(super) fn playback_ended(&mut self, told: Option<Output>) {
        self.playbacks -= usize::from(told.is_some());
        self.outputs.extend(told);
    }

    /// Sends digits, after those that are being sent.
    ///
    /// # Errors
    /// [`Failure::NoEndpoint`]; [`Failure::NotNegotiated`] when nothing may be sent now;
    /// [`Failure::NoTelephoneEvent`] when the peer does not take them; a bad or too long string.
    pub fn send_digits(&mut self, key: EndpointKey, plan: &DigitPlan, now: Instant) -> Result<(), Failure> {
        let endpoint = self.endpoint_mut(key)?;
        if endpoint.destination().is_none() {
            return Err(Failure::NotNegotiated("nothing may be sent to the peer now"));
        }
        if !endpoint.takes_digits() {
            return Err(Failure::NoTelephoneEvent);
        }
        let mut digits = endpoint.digits.take().unwrap_or_default();
        let pushed = digits.push(plan);
        if !digits.is_idle() || pushed.is_ok() {
            endpoint.digits = Some(digits);
        }
        self.put_on_wheel(key, now);
        pushed
    }

    /// Gives an endpoint that has something to send of its own a place on the wheel, where it does not run ahead of what
    /// it was sent last.
    pub(super) fn put_on_wheel(&mut self, key: EndpointKey, now: Instant) {
        let Some(endpoint) = self.endpoints.get_mut(key) else { return };
        if endpoint.has_own_turns() && !endpoint.on_wheel {
            endpoint.on_wheel = true;
            let earliest = endpoint.next_turn_from().unwrap_or(now);
            self.wheel.add(Item::Endpoint(key), earliest, now);
        }
    }

    /// Gives an endpoint that comes from another fabric its turns where it had them there.
    pub(super) fn go_on_with_turns(&mut self, key: EndpointKey, now: Instant) {
        let Some(endpoint) = self.endpoints.get_mut(key) else { return };
        if endpoint.has_own_turns() {
            endpoint.on_wheel = true;
            self.wheel.add_at(Item::Endpoint(key), endpoint.next_turn_from().unwrap_or(now), now);
        }
        let waits = endpoint.waiting_until();
        self.wake_packet(key, waits, now);
    }
}
