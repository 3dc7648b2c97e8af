//! Operations served.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::opening::check_id;
use super::{Command, Serve, Worker};
use crate::codec::Codec;
use crate::media::core::{Ask, BridgeKey, BridgeMode, EndpointKey, Failure, Intent};
use crate::media::worker::clock;
use crate::media::worker::net::Backend;
use crate::media::worker::node;
use crate::media::worker::operation::{Negotiate, Operation, Outcome, Reply};
use crate::media::worker::owner::Owner;
use crate::media::worker::trace;

impl<B: Backend> Worker<B> {
    /// Serves an operation and answers; one whose endpoint is still to come waits.
    pub(super) fn serve(&mut self, serve: Serve) {
        if !self.expected.is_empty()
            && let Some(id) = serve.operation.endpoint()
            && let Some(waiting) = self.expected.get_mut(&(serve.owner.number, id.to_owned()))
        {
            waiting.push(Command::Serve(Box::new(serve)));
            return;
        }
        let Serve { owner, reply_to, operation } = serve;
        let reply = match operation {
            Operation::Negotiate(negotiate) => self.negotiate(&owner, *negotiate),
            Operation::Play { endpoint, playback, source } => {
                self.play(&owner, &endpoint, &playback, source).map(|()| Outcome::Done)
            }
            Operation::Close { endpoint } => self.close(&owner, &endpoint).map(Outcome::Closed),
            Operation::CreateBridge { bridge, mode, .. } => self.create_bridge(&owner, &bridge, mode),
            Operation::DestroyBridge { bridge } => self.destroy_bridge(&owner, &bridge),
            Operation::Reconcile(kept) => self.reconcile(&owner, &kept),
            Operation::Heartbeat => Ok(Outcome::Done),
            other => self.change(&owner, other).map(|()| Outcome::Done),
        };
        self.answer(&owner, reply_to, reply);
    }

    pub(super) fn key(&self, owner: &Owner, endpoint: &str) -> Result<EndpointKey, Failure> {
        self.names.endpoint(owner, endpoint).map(|held| held.key).ok_or(Failure::NoEndpoint)
    }

    fn bridge_key(&self, owner: &Owner, bridge: &str) -> Result<BridgeKey, Failure> {
        self.names.bridge(owner, bridge).ok_or(Failure::NoBridge)
    }

    /// Operations that only change something.
    pub(super) fn change(&mut self, owner: &Arc<Owner>, operation: Operation) -> Result<(), Failure> {
        let now = clock::now();
        match operation {
            Operation::Commit { endpoint, generation, remote } => {
                let key = self.key(owner, &endpoint)?;
                self.fabric.commit(key, generation, &remote, now)?;
                self.settle_pairs(owner, &endpoint);
                self.look_names_up(owner, &endpoint, key);
                self.note_codecs(owner, &endpoint, key);
                self.log(owner, &endpoint, || tracing::debug!(generation, "in force"));
                Ok(())
            }
            Operation::Rollback { endpoint, generation } => {
                self.fabric.rollback(self.key(owner, &endpoint)?, generation)?;
                self.settle_pairs(owner, &endpoint);
                Ok(())
            }
            Operation::SelectRemote { endpoint, remote } => {
                let key = self.key(owner, &endpoint)?;
                self.fabric.select_remote(key, &remote, now)?;
                self.note_codecs(owner, &endpoint, key);
                Ok(())
            }
            Operation::AddMember { bridge, endpoint } => {
                let (bridge, endpoint) = (self.bridge_key(owner, &bridge)?, self.key(owner, &endpoint)?);
                self.fabric.add_member(bridge, endpoint, now)
            }
            Operation::RemoveMember { bridge, endpoint } => {
                let (bridge, endpoint) = (self.bridge_key(owner, &bridge)?, self.key(owner, &endpoint)?);
                self.fabric.remove_member(bridge, endpoint)
            }
            Operation::StopPlay { endpoint, playback } => self.stop_play(owner, &endpoint, &playback),
            Operation::SendDigits { endpoint, plan } => {
                self.fabric.send_digits(self.key(owner, &endpoint)?, &plan, now)
            }
            Operation::PeerReached { endpoint } => self.fabric.peer_reached(self.key(owner, &endpoint)?),
            Operation::Mute { endpoint, muted } => self.fabric.mute(self.key(owner, &endpoint)?, muted),
            Operation::Negotiate(_)
            | Operation::Play { .. }
            | Operation::Close { .. }
            | Operation::CreateBridge { .. }
            | Operation::DestroyBridge { .. }
            | Operation::Reconcile(_)
            | Operation::Heartbeat => Err(Failure::Internal("the operation went astray".into())),
        }
    }

    fn negotiate(&mut self, owner: &Arc<Owner>, negotiate: Negotiate) -> Reply {
        let before = self.names.endpoint(owner, &negotiate.endpoint).map(|held| held.key);
        let (key, made) = match (before, &negotiate.create) {
            (Some(key), _) => (Ok(key), false),
            (None, Some(create)) => (self.open(owner, &negotiate, create), true),
            (None, None) => (Err(Failure::NoEndpoint), false),
        };
        let codecs = self.codecs_for(owner, &negotiate);
        let Negotiate {
            endpoint, create, generation, remote, direction, sources, peer, step, commit, ..
        } = negotiate;
        let described = key.and_then(|key| {
            let intent = Intent { direction, codecs, sources };
            let tag = if commit { remote.clone() } else { String::new() };
            let site = self.readdress(owner, &endpoint, key, &step)?;
            let described =
                self.fabric.negotiate(key, Ask { generation, remote, intent, peer, site, step })?;
            if commit {
                self.fabric.commit(key, generation, &tag, clock::now())?;
                self.look_names_up(owner, &endpoint, key);
            }
            self.note_codecs(owner, &endpoint, key);
            Ok(described)
        });
        self.settle_pairs(owner, &endpoint);
        if let Err(failure) = &described {
            self.node.negotiations_failed.fetch_add(1, Ordering::Relaxed);
            let held = self.names.endpoint(owner, &endpoint).map(|held| held.span.clone());
            let span = held.unwrap_or_else(|| trace::asked_span(&endpoint, create.as_ref()));
            span.in_scope(|| tracing::info!(generation, %failure, "negotiation failed"));
            if let Some(trace) =
                self.names.endpoint_mut(owner, &endpoint).and_then(|held| held.trace.as_mut())
            {
                trace.fail("negotiation".into(), failure.to_string());
            }
            if made {
                let _ = self.close(owner, &endpoint);
            }
        }
        if create.is_some() && self.node.has_places() {
            let exists = self.names.endpoint(owner, &endpoint).is_some();
            owner.places().created(&endpoint, self.index, exists);
        }
        described.map(|described| Outcome::Negotiated(Box::new(described)))
    }

    /// The codecs to offer or accept.
    fn codecs_for(&self, owner: &Owner, negotiate: &Negotiate) -> Vec<Codec> {
        let from = &negotiate.codecs_from;
        if !from.is_empty() {
            let known = match self.names.endpoint(owner, from) {
                Some(held) => self.fabric.codecs(held.key),
                None if self.node.has_places() => owner.places().codecs(from).to_vec(),
                None => Vec::new(),
            };
            if !known.is_empty() {
                return known;
            }
        }
        if negotiate.codecs.is_empty() { self.node.settings.codecs.clone() } else { negotiate.codecs.clone() }
    }

    /// Lets other workers know which codecs an endpoint's peer speaks.
    fn note_codecs(&self, owner: &Owner, endpoint: &str, key: EndpointKey) {
        if self.node.has_places() {
            owner.places().set_codecs(endpoint, &self.fabric.codecs(key));
        }
    }

    /// Logs something about an endpoint, under its span.
    pub(super) fn log(&self, owner: &Owner, endpoint: &str, say: impl FnOnce()) {
        match self.names.endpoint(owner, endpoint) {
            Some(held) => held.span.in_scope(say),
            None => trace::asked_span(endpoint, None).in_scope(say),
        }
    }

    fn create_bridge(&mut self, owner: &Arc<Owner>, bridge: &str, mode: BridgeMode) -> Reply {
        let made = check_id("bridge_id", bridge).and_then(|()| {
            if self.names.bridge(owner, bridge).is_some() {
                return Err(Failure::Exists("bridge"));
            }
            node::claim(&self.node.bridges, self.node.settings.bridges_max, "bridges")?;
            self.make_bridge(owner, bridge, mode).inspect_err(|_| node::release(&self.node.bridges))
        });
        if made.is_err() && self.node.has_places() {
            owner.places().bridge_ended(bridge, self.index);
        }
        made.map(|()| Outcome::Done)
    }

    fn make_bridge(&mut self, owner: &Arc<Owner>, bridge: &str, mode: BridgeMode) -> Result<(), Failure> {
        let id: Arc<str> = bridge.into();
        let key = self.fabric.create_bridge(Arc::clone(&id), owner.number, mode)?;
        self.names.of(owner).bridges.insert(id, key);
        Ok(())
    }

    /// A bridge that was nowhere is here from now on. It is counted already.
    pub(super) fn settle_bridge(&mut self, owner: &Arc<Owner>, bridge: &str, mode: BridgeMode) {
        if let Err(failure) = self.make_bridge(owner, bridge, mode) {
            tracing::warn!(bridge, %failure, "a bridge could not be made where its first member is");
            node::release(&self.node.bridges);
            owner.places().bridge_ended(bridge, self.index);
        }
    }

    pub(super) fn destroy_bridge(&mut self, owner: &Arc<Owner>, bridge: &str) -> Reply {
        let key = self.bridge_key(owner, bridge)?;
        self.fabric.destroy_bridge(key)?;
        // Its members' events are taken while the owner is still known here.
        self.take_outputs();
        self.names.remove_bridge(owner, bridge);
        node::release(&self.node.bridges);
        if self.node.has_places() {
            owner.places().bridge_ended(bridge, self.index);
        }
        Ok(Outcome::Done)
    }
}
