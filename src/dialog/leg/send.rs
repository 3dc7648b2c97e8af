//! Sending requests of a leg: which way they go, by which transport, and what is noted to know whose they are
//! (RFC 3261 §8.1.2, §12.2.1.1, §18.1.1).

use crate::ground::leg::LegFailure;
use crate::ground::{Flow, Transport};
use crate::sip::{BuildError, Request, Response};
use crate::transaction::TransactionId;

use super::super::locate::{Flows, Located, Origin, flow_to, locate};
use super::super::request::{Draft, Purpose, is_too_long};
use super::super::state::Dialog;
use super::super::strangers::STRANGER_REPEATS_MAX;
use super::super::target::names_target;
use super::acks::Acks;
use super::closing;
use super::context::{Context, Owner, Shared};

/// How a request went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialog) enum Sent {
    /// As a transaction.
    Transaction(TransactionId),
    /// Without one: an ACK, or a BYE that is not repeated.
    Alone,
    /// Not yet: its target is looked up.
    Waiting,
}

/// Why a request did not go out.
#[derive(Debug)]
pub(in crate::dialog) enum Unsent {
    /// It has nowhere to go, or a bound is reached.
    Failure(LegFailure),
    /// It makes no message.
    Unwritable(BuildError),
}

impl Unsent {
    /// As a session hears it when nobody is there to be told of a bad message.
    pub const fn failure(&self) -> LegFailure {
        match self {
            Self::Failure(failure) => *failure,
            Self::Unwritable(BuildError::TooLarge) => LegFailure::Limit,
            Self::Unwritable(_) => LegFailure::Unlocated,
        }
    }
}

/// What is needed to send a request once more somewhere else.
pub(in crate::dialog) struct Retry {
    /// The way it went, which failed.
    pub tried: Flow,
    pub dialog: Dialog,
    pub draft: Draft,
    pub flows: Flows,
}

impl Retry {
    /// The ways to others than who was tried. Who answers that he is not available is not asked again, by whatever
    /// transport (RFC 3261 §21.5.4).
    pub fn elsewhere(mut self: Box<Self>) -> Option<Box<Self>> {
        let refused = self.tried.remote.ip();
        self.flows.retain(|flow| flow.remote.ip() != refused);
        (!self.flows.is_empty()).then_some(self)
    }
}

impl Context<'_> {
    /// Works out where a dialog's requests go, as far as that needs no look-up. Where the peer names a place that cannot
    /// be reached from here, they go where it is seen.
    pub fn settle_hop(&mut self, dialog: &mut Dialog, origin: &Origin) {
        dialog.heard_at = Some(origin.seen().remote);
        let Some(uri) = dialog.next_hop() else { return };
        match locate(uri, &self.shared.settings, Some(dialog.listener), Some(origin)) {
            Ok(Located::Flows(flows)) => set_hop(dialog, &flows),
            Ok(Located::Name(_)) => dialog.origin = Some(Box::new(*origin)),
            Err(_) => set_hop(dialog, &Flows::from_slice(&[origin.seen()])),
        }
    }

    /// The same for a dialog that a response to our INVITE makes. Where it names no target, requests go back to where it
    /// came from.
    pub fn settle_hop_of_response(&mut self, dialog: &mut Dialog, response: &Response, source: &Flow) {
        let origin = Origin::of_response(source);
        if names_target(response) {
            return self.settle_hop(dialog, &origin);
        }
        dialog.heard_at = Some(source.remote);
        set_hop(dialog, &Flows::from_slice(&[origin.seen()]));
    }

    /// Sends a request in a dialog, now or when its target is found.
    ///
    /// # Errors
    /// When it has nowhere to go or makes no message. Nothing is sent then.
    pub fn send(&mut self, dialog: &mut Dialog, draft: Draft) -> Result<Sent, Unsent> {
        dialog.active = self.now.wall;
        if let Some(hop) = dialog.hop {
            let mut flows = Flows::from_slice(&[hop]);
            flows.extend(dialog.fallback.as_deref().copied());
            return self.dispatch(dialog, draft, flows);
        }
        let unlocated = Unsent::Failure(LegFailure::Unlocated);
        let Some(uri) = dialog.next_hop() else { return Err(unlocated) };
        // A dialog without a remote tag has no listener of its own yet.
        let listener = (!dialog.remote_tag().is_empty()).then_some(dialog.listener);
        match locate(uri, &self.shared.settings, listener, dialog.origin.as_deref()) {
            Err(error) => {
                self.because(|| error.to_string());
                Err(unlocated)
            }
            Ok(Located::Flows(flows)) => {
                set_hop(dialog, &flows);
                self.dispatch(dialog, draft, flows)
            }
            Ok(Located::Name(question)) => self.look_up(dialog, draft, question),
        }
    }

    /// Writes a request for the first of these ways and hands it over. One that is too long for a datagram goes by TCP
    /// where there is a listener, and as a datagram only if that fails (RFC 3261 §18.1.1).
    pub fn dispatch(&mut self, dialog: &Dialog, draft: Draft, flows: Flows) -> Result<Sent, Unsent> {
        let Some(first) = flows.first().copied() else { return Err(Unsent::Failure(LegFailure::Unlocated)) };
        self.send_by(dialog, draft, first, flows, None)
    }

    /// As [`Context::dispatch`], after the way `tried` has failed.
    pub fn dispatch_again(
        &mut self,
        dialog: &Dialog,
        draft: Draft,
        flows: Flows,
        tried: Flow,
    ) -> Result<Sent, Unsent> {
        let Some(first) = flows.first().copied() else { return Err(Unsent::Failure(LegFailure::Transport)) };
        self.shared.counters.failovers += 1;
        self.send_by(dialog, draft, first, flows, Some(tried))
    }

    fn send_by(
        &mut self,
        dialog: &Dialog,
        draft: Draft,
        first: Flow,
        mut flows: Flows,
        tried: Option<Flow>,
    ) -> Result<Sent, Unsent> {
        let mut request = self.shared.write(dialog, &draft, &first)?;
        if is_too_long(&request, &first, &self.shared.settings)
            && let Some(stream) = flow_to(Transport::Tcp, first.remote, &self.shared.settings, None)
            && tried != Some(stream)
        {
            self.shared.counters.moved_to_stream += 1;
            flows.insert(0, stream);
            request = self.shared.write(dialog, &draft, &stream)?;
        }
        self.hand_over(dialog, draft, request, flows)
    }

    fn hand_over(
        &mut self,
        dialog: &Dialog,
        draft: Draft,
        request: Request,
        mut flows: Flows,
    ) -> Result<Sent, Unsent> {
        let flow = flows.remove(0);
        let purpose = draft.purpose;
        if let Purpose::Ack(invite) | Purpose::LoneBye(invite) = purpose {
            let bytes = request.as_bytes().clone();
            self.transactions.send_stateless(bytes.clone(), flow);
            if let Some(Owner::Client { acks, .. }) = self.shared.owners.get_mut(&invite) {
                acks.sent(dialog.key, bytes, flow);
            }
            return Ok(Sent::Alone);
        }
        if purpose == Purpose::Bye && closing::goes_once(dialog, &flow) {
            self.shared.counters.byes_once += 1;
            self.transactions.send_stateless(request.as_bytes().clone(), flow);
            return Ok(Sent::Alone);
        }
        let Some(repeats) = self.repeats(purpose, &flow) else {
            self.shared.counters.strangers_spared += 1;
            // The call is over for us: nobody waits for the answer.
            if purpose == Purpose::Bye {
                self.transactions.send_stateless(request.as_bytes().clone(), flow);
                return Ok(Sent::Alone);
            }
            self.because(|| format!("nothing ever came from {}, which was sent too much", flow.remote));
            return Err(Unsent::Failure(LegFailure::Limit));
        };
        let Ok(id) = self.transactions.send_request_sparingly(request, flow, self.now, repeats) else {
            self.shared.counters.unsent += 1;
            self.because(|| "there are as many transactions as there may be".to_owned());
            return Err(Unsent::Failure(LegFailure::Limit));
        };
        let retry = (!flows.is_empty())
            .then(|| Box::new(Retry { tried: flow, dialog: dialog.clone(), draft, flows }));
        let (leg, to, acks) = (self.leg, flow.remote.ip(), Acks::default());
        let owner = Owner::Client { leg, purpose, to, acks, retry };
        self.shared.owners.insert(id, owner);
        self.common.running += 1;
        Ok(Sent::Transaction(id))
    }

    /// How often a request may be repeated by this way. `None`: it is one too many for a host that nothing ever came from.
    /// Whom an engine calls is the engine's business; BYEs to forks have a rate of their own.
    fn repeats(&mut self, purpose: Purpose, way: &Flow) -> Option<u8> {
        let (host, now) = (way.remote.ip(), self.now.mono);
        let strangers = &mut self.shared.strangers;
        if purpose == Purpose::Invite || way.transport.is_reliable() || !strangers.is_stranger(host, now) {
            return Some(u8::MAX);
        }
        let may_send = purpose == Purpose::ForkBye || strangers.may_send(host, now);
        may_send.then_some(STRANGER_REPEATS_MAX)
    }
}

impl Shared {
    /// Writes a request for one way.
    pub fn write(&mut self, dialog: &Dialog, draft: &Draft, flow: &Flow) -> Result<Request, Unsent> {
        let branch = format!("z9hG4bK{}", self.random.token());
        let Some(listener) = self.settings.listener(flow.listener) else {
            return Err(Unsent::Failure(LegFailure::Unlocated));
        };
        draft.write(dialog, &self.settings, listener, &branch).map_err(Unsent::Unwritable)
    }
}

/// Notes where a dialog's requests go.
pub(in crate::dialog) fn set_hop(dialog: &mut Dialog, flows: &Flows) {
    dialog.hop = flows.first().copied();
    dialog.fallback = flows.get(1).map(|flow| Box::new(*flow));
}
