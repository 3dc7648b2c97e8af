//! Muting: what an engine asks is told to media in order, and each command is told what came of it. In the end the session
//! is as the last command says that media carried out: where one was not answered, and may be carried out late, media is
//! told once more how it is.

use std::sync::Arc;

use super::Session;
use super::action::{Asked, Context, MediaFault};
use super::command::CommandError;
use super::event::{Operation, Outcome};
use super::media::{MediaError, MediaReply, MediaRequest};
use super::settings::MUTES_MAX;
use super::settling::Settlement;
use super::state::{Keyed, Mute};

impl Session {
    pub(super) fn mute(
        &mut self,
        muted: bool,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        let waiting = self.running.as_ref().map_or(0, |running| running.mutes.len());
        if waiting == 0 && self.muted == muted {
            self.complete(Operation::Mute, Outcome::Succeeded, &by, cx);
            return Ok(());
        }
        if waiting >= MUTES_MAX {
            return Err(CommandError::LimitReached("mutes_max"));
        }
        let key = self.next_key();
        self.running.get_or_insert_default().mutes.push(Mute { command: Keyed { key, by }, muted });
        self.muted = muted;
        self.ask(Asked::Mute { key }, MediaRequest::Mute { muted }, cx);
        Ok(())
    }

    /// What media says of a command. It answers them in order, but one that it leaves unanswered may be given up before.
    pub(super) fn mute_asked(
        &mut self,
        key: u64,
        result: &Result<MediaReply, MediaFault>,
        cx: &mut Context<'_>,
    ) {
        let mutes = self.running.as_mut().map(|running| &mut running.mutes);
        let Some((Mute { command, muted }, last)) = mutes.and_then(|mutes| {
            let at = mutes.iter().position(|mute| mute.command.key == key)?;
            let mute = mutes.remove(at);
            Some((mute, mutes.is_empty()))
        }) else {
            return self.absorb("a reply about muting", cx);
        };
        self.rest();
        match result {
            Ok(_) => (self.muted_in_media, self.mute_unsure) = (muted, false),
            Err(MediaFault::TimedOut | MediaFault::Refused(MediaError::Unavailable)) => {
                self.mute_unsure = true;
            }
            Err(_) => {}
        }
        if last {
            self.muted = self.muted_in_media;
            if self.mute_unsure && !self.is_ending() {
                Self::ask_to_settle(Settlement::Mute { muted: self.muted }, cx);
            }
        }
        match result {
            Ok(_) => self.complete(Operation::Mute, Outcome::Succeeded, &command.by, cx),
            Err(fault) => self.complete_failed(Operation::Mute, fault, &command.by, cx),
        }
    }
}
