//! The way of an operation to its worker, where there are several: by the places of what it is about.

use std::sync::Arc;

use super::barrier::Part;
use super::directory::{BridgePlace, Directory};
use super::node::{Node, Sent, answer, claim, release};
use super::operation::{Operation, Outcome, ReplyTo};
use super::owner::Owner;
use super::thread::{Command, Departure, Serve};
use crate::media::core::{BridgeMode, Failure};

impl Node {
    /// Finds the worker of an operation and sends it there. The owner's directory stays locked meanwhile, so that two
    /// requests for one endpoint reach it in the order in which they were found.
    pub(super) fn place(&self, serve: Box<Serve>) -> Sent {
        let owner = Arc::clone(&serve.owner);
        let mut places = owner.places();
        let found = match &serve.operation {
            Operation::Negotiate(negotiate) => match &negotiate.create {
                Some(create) => Ok(places.creating(&negotiate.endpoint, || self.choose(&create.affinity))),
                None => places.endpoint(&negotiate.endpoint).ok_or(Failure::NoEndpoint),
            },
            Operation::Close { .. } => return self.place_close(serve, &mut places),
            Operation::AddMember { bridge, endpoint } => {
                match (places.endpoint(endpoint), places.bridge(bridge)) {
                    (None, _) => Err(Failure::NoEndpoint),
                    (_, None) => Err(Failure::NoBridge),
                    (Some(from), Some(BridgePlace::On(to))) if from != to => {
                        places.moves(endpoint, to);
                        self.depart(*serve, from, to);
                        return Ok(());
                    }
                    (Some(worker), Some(BridgePlace::On(_))) => Ok(worker),
                    (Some(worker), Some(BridgePlace::Unplaced(mode))) => {
                        places.place_bridge(bridge, BridgePlace::On(worker));
                        self.settle_bridge(&owner, worker, bridge, mode);
                        Ok(worker)
                    }
                }
            }
            Operation::CreateBridge { .. } | Operation::DestroyBridge { .. } => {
                return self.place_bridge(serve, &mut places);
            }
            Operation::Reconcile(kept) => {
                let dropped = places.drop_unplaced(|bridge| kept.bridges.contains_key(bridge));
                (0..dropped).for_each(|_| release(&self.bridges));
                let kept = Arc::clone(kept);
                self.send_to_all(*serve, || Operation::Reconcile(Arc::clone(&kept)));
                return Ok(());
            }
            Operation::Heartbeat => {
                self.send_to_all(*serve, || Operation::Heartbeat);
                return Ok(());
            }
            other => other.endpoint().and_then(|id| places.endpoint(id)).ok_or(Failure::NoEndpoint),
        };
        let worker = match found {
            Ok(worker) => worker,
            Err(failure) => return Err((serve, failure)),
        };
        let sent = self.send(worker, serve);
        if let Err((refused, _)) = &sent
            && let Operation::Negotiate(negotiate) = &refused.operation
            && negotiate.create.is_some()
        {
            places.created(&negotiate.endpoint, worker, false);
        }
        sent
    }

    /// An endpoint that is to close has its place until its worker has been told: a close that is refused is asked for
    /// again.
    fn place_close(&self, serve: Box<Serve>, places: &mut Directory) -> Sent {
        let Some(endpoint) = serve.operation.endpoint().map(ToOwned::to_owned) else { return Ok(()) };
        let Some(worker) = places.endpoint(&endpoint) else { return Err((serve, Failure::NoEndpoint)) };
        self.send(worker, serve)?;
        places.closing(&endpoint);
        Ok(())
    }

    /// Bridges without affinity are nowhere until their first member comes: nobody needs to be asked.
    fn place_bridge(&self, serve: Box<Serve>, places: &mut Directory) -> Sent {
        match &serve.operation {
            Operation::CreateBridge { bridge, .. } if places.bridge(bridge).is_some() => {
                Err((serve, Failure::Exists("bridge")))
            }
            Operation::CreateBridge { bridge, mode, affinity } if affinity.is_empty() => {
                if let Err(failure) = claim(&self.bridges, self.settings.bridges_max, "bridges") {
                    return Err((serve, failure));
                }
                places.place_bridge(bridge, BridgePlace::Unplaced(*mode));
                answer(&serve.owner, serve.reply_to, Ok(Outcome::Done));
                Ok(())
            }
            Operation::CreateBridge { bridge, affinity, .. } => {
                let worker = self.choose(affinity);
                places.place_bridge(bridge, BridgePlace::On(worker));
                let bridge = bridge.clone();
                self.send(worker, serve).inspect_err(|_| places.bridge_ended(&bridge, worker))
            }
            Operation::DestroyBridge { bridge } => match places.bridge(bridge) {
                Some(BridgePlace::On(worker)) => {
                    let bridge = bridge.clone();
                    self.send(worker, serve)?;
                    places.ending_bridge(&bridge);
                    Ok(())
                }
                Some(BridgePlace::Unplaced(_)) => {
                    places.ending_bridge(bridge);
                    release(&self.bridges);
                    answer(&serve.owner, serve.reply_to, Ok(Outcome::Done));
                    Ok(())
                }
                None => Err((serve, Failure::NoBridge)),
            },
            _ => Ok(()),
        }
    }

    /// A bridge that was nowhere comes to its first member's worker. It is counted already.
    fn settle_bridge(&self, owner: &Arc<Owner>, worker: usize, bridge: &str, mode: BridgeMode) {
        let owner = Arc::clone(owner);
        let command = Command::SettleBridge { owner, bridge: bridge.into(), mode };
        self.workers[worker].inbox.push_always(command);
    }

    /// An endpoint goes to the bridge's worker, which is told first, so that what is asked of the endpoint meanwhile
    /// waits there.
    fn depart(&self, serve: Serve, from: usize, to: usize) {
        let Serve { owner, reply_to, operation } = serve;
        let Operation::AddMember { bridge, endpoint } = operation else { return };
        let expect = Command::Expect { owner: Arc::clone(&owner), endpoint: endpoint.clone() };
        self.workers[to].inbox.push_always(expect);
        let departure = Departure { owner, endpoint, bridge, to, reply_to };
        self.workers[from].inbox.push_always(Command::Depart(Box::new(departure)));
    }

    /// Has all workers serve this; the last that has answers.
    fn send_to_all(&self, serve: Serve, each: impl Fn() -> Operation) {
        let parts = Part::divide(self.workers.len(), &serve.owner, serve.reply_to);
        for (worker, part) in self.workers.iter().zip(parts) {
            let serve =
                Serve { owner: Arc::clone(&serve.owner), reply_to: ReplyTo::Last(part), operation: each() };
            worker.inbox.push_always(Command::Serve(Box::new(serve)));
        }
    }
}

#[cfg(test)]
mod tests;
