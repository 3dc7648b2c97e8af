//! What comes from the network, sorted: to the transaction it belongs to, or to the user as something new.

use super::event::TransactionEvent;
use super::layer::Transactions;
use super::machine::{Input, Machine};
use super::server_invite::ServerInvite;
use super::server_non_invite::ServerNonInvite;
use super::slots::Transaction;
use crate::ground::{Flow, Now};
use crate::sip::via_route::ResponseRoute;
use crate::sip::{
    Discard, Essentials, HeaderName, Limits, Message, Method, Request, Response, ResponseBuilder, StatusCode,
    validate, validate_response,
};

impl Transactions {
    /// A message came.
    ///
    /// A request that fails [`validate`] is answered as that says, without a transaction; a response that fails
    /// [`validate_response`] is dropped.
    pub fn receive(&mut self, message: Message, flow: Flow, now: Now) {
        match message {
            Message::Request(request) => self.receive_request(&request, &flow, now),
            Message::Response(response) => self.receive_response(&response, &flow, now),
        }
    }

    fn receive_response(&mut self, response: &Response, flow: &Flow, now: Now) {
        let Some((branch, method)) = matched_by(response) else { return self.counters.unreadable += 1 };
        // A response with a second Via was meant for someone behind us, and there is nobody (RFC 3261 §8.1.3.3).
        if has_second_via(response) {
            return self.counters.unreadable += 1;
        }
        let key = branch.map(|branch| self.keys.client(branch, &method));
        match key.and_then(|key| self.slots.find(key)) {
            Some(index) => {
                self.learn_connection(index, flow);
                self.step(index, Input::Response(response, flow), now);
            }
            None if response.status().is_success() && method == Method::Invite => {
                self.tell_user(TransactionEvent::StrayAccepted { response: response.clone(), flow: *flow });
            }
            None => self.counters.stray_responses += 1,
        }
    }

    /// A request that was sent to a peer, not on a connection, went by the connection that its response comes on.
    fn learn_connection(&mut self, index: u32, flow: &Flow) {
        if let Some(connection) = flow.connection
            && let Some(transaction) = self.slots.get(index)
            && transaction.flow.connection.is_none()
            && transaction.flow.transport == flow.transport
        {
            self.slots.adopt(index, connection);
        }
    }

    fn receive_request(&mut self, request: &Request, flow: &Flow, now: Now) {
        let essentials = match validate(request) {
            Ok(essentials) => essentials,
            Err(reject) => return self.reject(request, flow, &reject),
        };
        match request.method() {
            Method::Ack => self.receive_ack(request, &essentials, flow, now),
            Method::Cancel => self.receive_cancel(request, &essentials, flow, now),
            method => {
                let key = self.keys.server(request, &essentials, method);
                match self.slots.find(key) {
                    Some(index) => {
                        self.step(index, Input::Again, now);
                    }
                    None => self.receive_new(request, &essentials, key, flow, now),
                }
            }
        }
    }

    fn receive_ack(&mut self, request: &Request, essentials: &Essentials<'_>, flow: &Flow, now: Now) {
        let key = self.keys.server(request, essentials, &Method::Invite);
        if let Some(index) = self.slots.find(key)
            && (essentials.via.magic_branch().is_some() || self.acknowledges(index, essentials))
        {
            self.step(index, Input::Ack(request, flow), now);
        } else if essentials.to.tag() == Some(self.keys.tag(essentials).as_str()) {
            self.counters.stateless_acks += 1;
        } else {
            self.tell_user(TransactionEvent::Ack { request: request.clone(), flow: *flow });
        }
    }

    /// An ACK of RFC 2543 belongs to a refusal only if it bears its To tag (RFC 3261 §17.2.3).
    fn acknowledges(&self, index: u32, ack: &Essentials<'_>) -> bool {
        match self.slots.get(index).map(|transaction| &transaction.machine) {
            Some(Machine::ServerInvite(ServerInvite::Completed { response, .. })) => {
                match Message::parse(response.clone(), &Limits::WIDEST) {
                    Ok(refusal) => refusal.headers().to().is_ok_and(|to| to.tag() == ack.to.tag()),
                    Err(_) => false,
                }
            }
            _ => true,
        }
    }

    fn receive_cancel(&mut self, request: &Request, essentials: &Essentials<'_>, flow: &Flow, now: Now) {
        let key = self.keys.server(request, essentials, &Method::Cancel);
        if let Some(index) = self.slots.find(key) {
            self.step(index, Input::Again, now);
            return;
        }
        let invite = self.slots.find(self.keys.server(request, essentials, &Method::Invite));
        let invite = invite.and_then(|index| match &self.slots.get(index)?.machine {
            Machine::ServerInvite(invite) => Some((index, invite.clone())),
            _ => None,
        });
        let route = ResponseRoute::of(&essentials.via, flow);
        let stamped = request.with_received(flow.remote.ip(), flow.remote.port());
        let Some((index, invite)) = invite else {
            self.counters.cancels_unmatched += 1;
            return self.reply(
                &stamped,
                route.flow,
                StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
                None,
                &[],
            );
        };
        let tag =
            response_tag(&invite).unwrap_or_else(|| self.keys.dialog_tag(essentials).as_str().to_owned());
        let Ok(response) = ResponseBuilder::to_request(&stamped, StatusCode::OK).to_tag(&tag).build() else {
            return self.counters.unexpected += 1;
        };
        if self.has_room(true) {
            let (machine, effects) =
                ServerNonInvite::start(stamped.clone(), self.timing(flow.transport.is_reliable()));
            let machine = Machine::ServerNonInvite(machine);
            let mut cancel = Transaction::new(machine, Method::Cancel, route.flow, key);
            cancel.internal = true;
            self.counters.servers_begun += 1;
            let cancel = self.begin(cancel, effects, now);
            self.step(cancel, Input::Respond(&response), now);
        } else {
            self.send_stateless(response.as_bytes().clone(), route.flow);
        }
        if matches!(invite, ServerInvite::Proceeding { .. }) {
            let invite = self.slots.id(index);
            self.tell_user(TransactionEvent::Cancel { invite, request: stamped });
        }
    }

    fn receive_new(
        &mut self,
        request: &Request,
        essentials: &Essentials<'_>,
        key: super::key::Key,
        flow: &Flow,
        now: Now,
    ) {
        let in_dialog = essentials.to.tag().is_some();
        let route = ResponseRoute::of(&essentials.via, flow);
        let request = request.with_received(flow.remote.ip(), flow.remote.port());
        let merged = if in_dialog { 0 } else { self.keys.merged(essentials) };
        if merged != 0 && self.slots.find(merged).is_some() {
            self.counters.merged += 1;
            return self.reply(&request, route.flow, StatusCode::LOOP_DETECTED, None, &[]);
        }
        if !self.has_room(in_dialog) {
            return self.refuse_at_limit(&request, route.flow);
        }
        self.counters.servers_begun += 1;
        let timing = self.timing(flow.transport.is_reliable());
        let method = request.method().clone();
        let (machine, effects) = if method == Method::Invite {
            let (machine, effects) = ServerInvite::start(request.clone(), self.trying_at_once, timing);
            (Machine::ServerInvite(machine), effects)
        } else {
            let (machine, effects) = ServerNonInvite::start(request.clone(), timing);
            (Machine::ServerNonInvite(machine), effects)
        };
        let mut transaction = Transaction::new(machine, method, route.flow, key);
        transaction.other_port = route.otherwise.map_or(0, |other| other.port());
        transaction.merged = merged;
        let index = self.begin(transaction, effects, now);
        let id = self.slots.id(index);
        self.tell_user(TransactionEvent::Request { id, request, flow: *flow });
    }
}

/// The branch and method that a response is matched by. A refusal that lacks what only a dialog needs has them all the
/// same: unacknowledged, its sender would repeat it for 32 s.
fn matched_by(response: &Response) -> Option<(Option<&str>, Method)> {
    match validate_response(response) {
        Ok(essentials) => Some((essentials.via.branch, essentials.cseq.method)),
        Err(Discard::Header(_)) if response.status().is_refusal() => {
            let headers = response.headers();
            Some((headers.top_via().ok()?.branch, headers.cseq().ok()?.method))
        }
        Err(_) => None,
    }
}

fn has_second_via(response: &Response) -> bool {
    let headers = response.headers();
    // Only a comma can put a second one into the first field; reading the list again is for those that have one.
    headers.count(HeaderName::Via) > 1
        || headers.first(HeaderName::Via).is_some_and(|via| via.contains(','))
            && headers.vias().nth(1).is_some()
}

/// The To tag of the INVITE's last response: that of the CANCEL's answer should be the same (RFC 3261 §9.2).
fn response_tag(invite: &ServerInvite) -> Option<String> {
    let last = Message::parse(invite.response()?.clone(), &Limits::WIDEST).ok()?;
    last.headers().to().ok()?.tag().map(str::to_owned)
}
