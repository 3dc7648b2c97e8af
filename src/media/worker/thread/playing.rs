//! Playbacks asked for: tones at once, files when they are in memory.
//!
//! A file may take longer to read than whoever asks waits for an answer: so the answer says that the playback was taken, and
//! an event that it is heard, or that it could not be.

use std::sync::Arc;
use std::time::Duration;

use super::opening::check_id;
use super::{Command, Worker};
use crate::media::core::{Clip, Event, Failure, PlayEnd, PlayOrder, PlaySource};
use crate::media::worker::clock;
use crate::media::worker::names::Loading;
use crate::media::worker::net::Backend;
use crate::media::worker::operation::Source;
use crate::media::worker::owner::{Item, Owner};

/// A file was read, or not.
#[derive(Debug)]
pub struct Loaded {
    owner: Arc<Owner>,
    endpoint: String,
    ticket: u64,
    clip: Result<Arc<Clip>, Failure>,
}

impl<B: Backend> Worker<B> {
    /// Starts a playback. One whose file is not in memory starts when it is.
    pub(super) fn play(
        &mut self,
        owner: &Arc<Owner>,
        endpoint: &str,
        playback: &str,
        source: Source,
    ) -> Result<(), Failure> {
        check_id("playback_id", playback)?;
        self.key(owner, endpoint)?;
        match source {
            Source::Tone { frequency_hz, level_db, duration } => {
                let source = PlaySource::Tone { frequency_hz, level_db, duration };
                self.start(owner, endpoint, playback.into(), source)
            }
            Source::File { path, times } => match self.node.clips.cached(&path) {
                Some(clip) => self.start(owner, endpoint, playback.into(), PlaySource::Clip { clip, times }),
                None => {
                    let ticket = self.load(owner, endpoint, path)?;
                    self.end_loading(owner, endpoint, PlayEnd::Replaced);
                    if let Some(held) = self.names.endpoint_mut(owner, endpoint) {
                        held.loading = Some(Loading { playback: playback.into(), ticket, times });
                    }
                    Ok(())
                }
            },
        }
    }

    fn start(
        &mut self,
        owner: &Arc<Owner>,
        endpoint: &str,
        playback: Arc<str>,
        source: PlaySource,
    ) -> Result<(), Failure> {
        let key = self.key(owner, endpoint)?;
        self.fabric.play(key, PlayOrder { playback, source }, clock::now())?;
        self.end_loading(owner, endpoint, PlayEnd::Replaced);
        Ok(())
    }

    /// Has a file read. The worker gets a command with this ticket when it is.
    fn load(&mut self, owner: &Arc<Owner>, endpoint: &str, path: String) -> Result<u64, Failure> {
        self.tickets += 1;
        let ticket = self.tickets;
        let (owner, endpoint, inbox) = (Arc::clone(owner), endpoint.to_owned(), Arc::clone(&self.inbox));
        self.node.clips.load(path, move |clip| {
            inbox.push_always(Command::Loaded(Box::new(Loaded { owner, endpoint, ticket, clip })));
        })?;
        Ok(ticket)
    }

    /// A file was read, or not: starts what waits for it, unless that was stopped or replaced meanwhile.
    pub(super) fn loaded(&mut self, loaded: Loaded) {
        let Loaded { owner, endpoint, ticket, clip } = &loaded;
        if let Some(waiting) = self.expected.get_mut(&(owner.number, endpoint.clone())) {
            waiting.push(Command::Loaded(Box::new(loaded)));
            return;
        }
        let Some(held) = self.names.endpoint_mut(owner, endpoint) else {
            if let Some(inbox) = self.inbox_elsewhere(owner, endpoint) {
                inbox.push_always(Command::Loaded(Box::new(loaded)));
            }
            return;
        };
        let Some(loading) = held.loading.take_if(|loading| loading.ticket == *ticket) else { return };
        let playback = loading.playback;
        let started = clip.clone().and_then(|clip| {
            let source = PlaySource::Clip { clip, times: loading.times };
            self.start(owner, endpoint, Arc::clone(&playback), source)
        });
        if let Err(failure) = started {
            self.log(owner, endpoint, || tracing::info!(%playback, %failure, "a file cannot be played"));
            let event = Event::PlayFailed { playback, failure };
            self.telling.push((Arc::clone(owner), Item::Event { endpoint: endpoint.as_str().into(), event }));
        }
    }

    /// Stops a playback, also one that waits for its file.
    pub(super) fn stop_play(
        &mut self,
        owner: &Arc<Owner>,
        endpoint: &str,
        playback: &str,
    ) -> Result<(), Failure> {
        let held = self.names.endpoint(owner, endpoint).ok_or(Failure::NoEndpoint)?;
        let key = held.key;
        let is_loading = held
            .loading
            .as_ref()
            .is_some_and(|loading| playback.is_empty() || *loading.playback == *playback);
        if is_loading {
            self.end_loading(owner, endpoint, PlayEnd::Stopped);
            return Ok(());
        }
        self.fabric.stop_play(key, playback)
    }

    /// What waits for its file is not wanted any more: it was taken, and is over.
    pub(super) fn end_loading(&mut self, owner: &Arc<Owner>, endpoint: &str, end: PlayEnd) {
        let Some(held) = self.names.endpoint_mut(owner, endpoint) else { return };
        let Some(Loading { playback, .. }) = held.loading.take() else { return };
        let event = Event::PlayEnded { playback, end, played: Duration::ZERO };
        self.telling.push((Arc::clone(owner), Item::Event { endpoint: endpoint.into(), event }));
    }
}
