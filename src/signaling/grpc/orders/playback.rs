//! Commands to playbacks.

use std::time::Duration;

use super::session::asks;
use super::{Asks, Check, Order};
use crate::ground::{PlaybackId, is_audio_path};
use crate::proto::session::v1 as proto;
use crate::proto::session::v1::start_playback_request::Source;
use crate::session::command::Verb;
use crate::session::media::PlaybackSource;
use crate::signaling::switchboard::made;

/// What a tone's frequency may be, Hertz.
const FREQUENCY_HZ: std::ops::RangeInclusive<f64> = 20.0..=3_900.0;

/// What a tone's level may be, decibels, and what it is by default.
const LEVEL_DB: (std::ops::RangeInclusive<f64>, f64) = (-60.0..=0.0, -12.0);

asks!(StartPlaybackRequest, [session_id, playback_id], |self, check| {
    let session = check.session("session_id", &self.session_id);
    let playback = check.playback_or_none("playback_id", &self.playback_id);
    let source = match self.source {
        Some(Source::Tone(wanted)) => Some(tone(wanted, check)),
        Some(Source::File(wanted)) => Some(file(wanted, check)),
        None => {
            check.bad("source", "is required");
            None
        }
    };
    let playback = match playback? {
        Some(playback) => playback,
        None => made(PlaybackId::parse).ok()?,
    };
    let created = Some(playback.to_string());
    Some(Order::Session { session: session?, verb: Verb::Play { playback, source: source? }, created })
});

asks!(StopPlaybackRequest, [session_id, playback_id], |self, check| {
    let session = check.session("session_id", &self.session_id);
    let playback = check.playback_or_none("playback_id", &self.playback_id);
    Some(Order::Session { session: session?, verb: Verb::StopPlay { playback: playback? }, created: None })
});

fn tone(tone: proto::Tone, check: &mut Check) -> PlaybackSource {
    let level_db = tone.level_db.unwrap_or(LEVEL_DB.1);
    if !FREQUENCY_HZ.contains(&tone.frequency_hz) {
        check.bad("tone.frequency_hz", "is not within 20 to 3,900");
    }
    if !LEVEL_DB.0.contains(&level_db) {
        check.bad("tone.level_db", "is not within -60 to 0");
    }
    let duration = check.duration("tone.duration", tone.duration, Duration::from_millis(1)..=Duration::MAX);
    PlaybackSource::Tone { frequency_hz: tone.frequency_hz, level_db, duration }
}

fn file(file: proto::AudioFile, check: &mut Check) -> PlaybackSource {
    let path = file.path;
    if !is_audio_path(&path) {
        check.bad("file.path", "is no relative path within the audio folders");
    }
    let times = match file.times {
        _ if file.r#loop => 0,
        None | Some(0) => 1,
        Some(times) => times,
    };
    PlaybackSource::File { path, times }
}
