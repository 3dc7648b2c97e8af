//! What signaling knows of a session's peer, for media: where its messages come from, and whether it gets ours.

use super::offers::MediaAsk;
use super::slots::Entry;
use super::sources::Unconfirmed;
use super::{Shard, SlotId};
use crate::ground::Now;
use crate::session::media::SignaledPeer;
use crate::session::{Asked, Settlement};

impl Shard {
    /// What is known of the peer of this session now.
    pub(super) fn signaled_peer(&self, entry: &Entry) -> SignaledPeer {
        let heard = entry.leg.and_then(|leg| self.legs.peer(leg));
        let sources = entry.source.and_then(|source| self.settings.listener_sources.get(&source.listener));
        SignaledPeer {
            address: heard.or(entry.source).map(|flow| flow.remote.ip()),
            // Whoever answers, or sends within a dialog, has read what we sent; a connection was opened both ways.
            reached: heard.is_some() || entry.source.is_some_and(|source| source.transport.is_reliable()),
            sources: sources.copied().unwrap_or(self.settings.rtp_sources),
            familiar: entry.unconfirmed.as_ref().is_none_or(Unconfirmed::is_familiar),
        }
    }

    /// A caller has acknowledged our 2xx: media may send to where that went. Over a connection it knew.
    pub(super) fn tell_reached(&mut self, slot: SlotId, now: Now) {
        let entry = self.slots.get(slot).filter(|entry| entry.session.has_endpoint());
        if entry.and_then(|entry| entry.source).is_some_and(|source| !source.transport.is_reliable()) {
            let (body, asked) =
                (Settlement::PeerReached.request(), Asked::Settlement(Settlement::PeerReached));
            self.ask_media(slot, MediaAsk { asked, call_id: None, body }, now);
            self.act(slot, now);
        }
    }
}
