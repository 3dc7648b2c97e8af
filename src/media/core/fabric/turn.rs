//! What time does: turns of rooms, frames of playbacks, digits, RTP timeouts.

use std::sync::Arc;

use super::{Fabric, Item, Wire};
use crate::ground::Instant;
use crate::media::core::bridge::BridgeKey;
use crate::media::core::digits::DigitStep;
use crate::media::core::endpoint::EndpointKey;
use crate::media::core::{Event, PlayEnd};

/// Whether an item stays on the wheel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Again,
    Over,
}

impl Fabric {
    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, wire: &mut impl Wire) {
        while let Some((phase, deadline)) = self.wheel.due(now) {
            let mut place = 0;
            while let Some(&item) = self.wheel.get(phase, place) {
                let turn = match item {
                    Item::Bridge(bridge) => self.mix_turn(bridge, deadline, wire),
                    Item::Endpoint(endpoint) => self.own_turn(endpoint, deadline, wire),
                    Item::Packet(endpoint) => self.waiting_packet(endpoint, deadline, wire),
                };
                match turn {
                    Turn::Again => place += 1,
                    Turn::Over => self.wheel.remove(phase, place),
                }
            }
        }
        while let Some((at, endpoint)) = self.deadlines.due(now) {
            self.look_at(endpoint, at, now);
        }
    }

    /// Looks whether an endpoint has been silent for too long.
    fn look_at(&mut self, key: EndpointKey, at: Instant, now: Instant) {
        let Some(endpoint) = self.endpoints.get_mut(key).filter(|e| e.watched_at == Some(at)) else { return };
        endpoint.watched_at = None;
        endpoint.looked_at(now, &mut self.outputs);
        self.watch(key);
    }

    /// An endpoint's own sending: digits first, a playback waits for them.
    fn own_turn(&mut self, key: EndpointKey, deadline: Instant, wire: &mut impl Wire) -> Turn {
        let Some(endpoint) = self.endpoints.get_mut(key).filter(|endpoint| endpoint.on_wheel) else {
            return Turn::Over;
        };
        endpoint.last_turn = Some(deadline);
        if let Some(digits) = &mut endpoint.digits {
            let step = digits.step();
            let sent: Vec<u64> = std::iter::from_fn(|| digits.finished()).collect();
            match step {
                DigitStep::Send { event, first } => endpoint.send_event(event, first, deadline, wire),
                DigitStep::Quiet => {}
                DigitStep::Done => endpoint.digits = None,
            }
            self.outputs.extend(sent.into_iter().map(|key| endpoint.output(Event::DtmfSent { key })));
        } else if endpoint.playback.is_some() {
            self.play_frame(key, deadline, wire);
        } else if let Some(at) = endpoint.fade_out(deadline, &mut self.scratch, wire) {
            self.wheel.add_at(Item::Packet(key), at, deadline);
        }
        let Some(endpoint) = self.endpoints.get_mut(key) else { return Turn::Over };
        endpoint.on_wheel = endpoint.has_own_turns();
        if endpoint.on_wheel { Turn::Again } else { Turn::Over }
    }

    fn play_frame(&mut self, key: EndpointKey, deadline: Instant, wire: &mut impl Wire) {
        let Some(endpoint) = self.endpoints.get_mut(key) else { return };
        let Some(playback) = &mut endpoint.playback else { return };
        let is_new = playback.is_new();
        if !playback.next_frame(&mut self.scratch.frame) {
            let ended = endpoint.end_playback(PlayEnd::Finished);
            return self.playback_ended(ended);
        }
        self.counters.frames_played += 1;
        if is_new {
            let started = Event::PlayStarted { playback: Arc::clone(&playback.playback) };
            self.outputs.push_back(endpoint.output(started));
        }
        if let Some(to) = endpoint.destination() {
            let frame = self.scratch.frame;
            let waits = endpoint.send_frame(to, &frame, deadline, &mut self.scratch, wire);
            self.wake_packet(key, waits, deadline);
        }
    }

    /// A packet of an endpoint waits until then: it gets a turn of its own.
    pub(super) fn wake_packet(&mut self, key: EndpointKey, until: Option<Instant>, now: Instant) {
        if let Some(at) = until {
            self.wheel.add_at(Item::Packet(key), at, now);
        }
    }

    fn waiting_packet(&mut self, key: EndpointKey, deadline: Instant, wire: &mut impl Wire) -> Turn {
        if let Some(endpoint) = self.endpoints.get_mut(key) {
            endpoint.send_waiting(deadline, &mut self.scratch, wire);
        }
        Turn::Over
    }

    /// One turn of a room.
    fn mix_turn(&mut self, key: BridgeKey, deadline: Instant, wire: &mut impl Wire) -> Turn {
        let Some(bridge) = self.bridges.get_mut(key) else { return Turn::Over };
        let fading = bridge.fading.take();
        if bridge.members.len() < 2 && fading.is_none() {
            bridge.on_wheel = false;
            return Turn::Over;
        }
        self.counters.turns_mixed += 1;
        self.mix.begin();
        if let Some(fading) = fading {
            self.mix.add_fading(&fading);
        }
        let mut fed_at = Instant::ZERO;
        for member in &bridge.members {
            let Some(endpoint) = self.endpoints.get_mut(member.endpoint) else { continue };
            fed_at = fed_at.max(endpoint.fed_at());
            if let Some(talker) = endpoint.next_share() {
                self.mix.add(talker);
            }
        }
        for member in &bridge.members {
            let Some(listener) = self.endpoints.get_mut(member.endpoint) else { continue };
            let Some(to) = listener.bridge_destination() else { continue };
            listener.room_is_fed(fed_at);
            let share = listener.talker.as_ref().filter(|talker| talker.talks);
            let content = self.mix.content_for(share.is_some());
            match (content, listener.shared_codec(deadline), share) {
                (Some(content), Some((codec, payload_type)), _) => {
                    if let Some(shared) = self.mix.encoded(content, codec) {
                        listener.send_shared(to, payload_type, shared, deadline, wire);
                    }
                    continue;
                }
                (Some(content), None, _) => self.mix.samples(content, &mut self.scratch.frame),
                (None, _, Some(talker)) => self.mix.without(&talker.frame, &mut self.scratch.frame),
                (None, _, None) => continue,
            }
            let frame = self.scratch.frame;
            if let Some(at) = listener.send_frame(to, &frame, deadline, &mut self.scratch, wire) {
                self.wheel.add_at(Item::Packet(member.endpoint), at, deadline);
            }
        }
        Turn::Again
    }
}
