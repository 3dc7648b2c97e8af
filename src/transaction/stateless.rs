//! Replies without a transaction (RFC 3261 §8.2.7): 503 when there is no room, 482 for merged requests, 400 for what
//! cannot be read, and whatever else is refused without being remembered.
//!
//! Their To tag is a keyed hash of Call-ID, From tag, CSeq number and branch. The ACK to such a reply has all of these in
//! common with its INVITE, so it is recognised without memory, and vanishes.

use super::layer::Transactions;
use super::{Output, TransactionId};
use crate::ground::{Flow, HeaderField};
use crate::sip::via_route::ResponseRoute;
use crate::sip::{
    BuildError, HeaderName, Method, Reject, Request, Response, ResponseBuilder, Salvage, StatusCode,
};

impl Transactions {
    /// Answers a request that has no transaction. An ACK is not answered.
    pub fn reply_statelessly(
        &mut self,
        request: &Request,
        flow: Flow,
        status: StatusCode,
        extra: &[HeaderField],
    ) {
        if let Some(route) = route(request, &flow) {
            let stamped = request.with_received(flow.remote.ip(), flow.remote.port());
            self.reply(&stamped, route, status, None, extra);
        }
    }

    /// Answers what is no message but can be made out as a request.
    pub fn reply_to_salvage(&mut self, salvage: &Salvage, flow: Flow, status: StatusCode) {
        let headers = salvage.headers();
        // A Via that cannot be read in all its parts leads to the source.
        let route = headers.top_via().map_or(flow, |via| ResponseRoute::of(&via, &flow).flow);
        let tag = self.keys.tag_of_fragments(headers);
        let stamped = salvage.with_received(flow.remote.ip(), flow.remote.port());
        self.send_reply(stamped.respond(status).to_tag(tag.as_str()).build(), route);
    }

    /// A To tag for the dialog that this INVITE makes: a keyed hash of Call-ID, From tag, CSeq number and branch, other than
    /// that of stateless replies. A user that takes it gives INVITE and CANCEL the same one (RFC 3261 §9.2).
    #[must_use]
    pub fn to_tag(&self, request: &Request) -> String {
        self.keys.dialog_tag_of(request.headers()).as_str().to_owned()
    }

    /// Answers a request that failed its first examination.
    pub(super) fn reject(&mut self, request: &Request, flow: &Flow, reject: &Reject) {
        self.counters.unreadable += 1;
        if *request.method() == Method::Ack {
            return;
        }
        if let Some(route) = route(request, flow) {
            let stamped = request.with_received(flow.remote.ip(), flow.remote.port());
            self.reply(&stamped, route, reject.status, Some(reject.reason), &[]);
        }
    }

    /// 503, with when to come again.
    pub(super) fn refuse_at_limit(&mut self, request: &Request, route: Flow) {
        self.counters.refused_at_limit += 1;
        let tag = self.keys.tag_of_fragments(request.headers());
        let response = ResponseBuilder::to_request(request, StatusCode::SERVICE_UNAVAILABLE)
            .to_tag(tag.as_str())
            .header(HeaderName::RetryAfter, self.settings.retry_after_seconds)
            .build();
        self.send_reply(response, route);
    }

    /// Builds and sends a reply to a request that bears `received` already, along a known route.
    pub(super) fn reply(
        &mut self,
        request: &Request,
        route: Flow,
        status: StatusCode,
        reason: Option<&str>,
        extra: &[HeaderField],
    ) {
        if *request.method() == Method::Ack {
            return;
        }
        let tag = self.keys.tag_of_fragments(request.headers());
        let builder = ResponseBuilder::to_request(request, status).to_tag(tag.as_str());
        let builder = match reason {
            Some(reason) => builder.reason(reason),
            None => builder,
        };
        let builder =
            extra.iter().fold(builder, |builder, field| builder.header_named(&field.name, &field.value));
        self.send_reply(builder.build(), route);
    }

    fn send_reply(&mut self, response: Result<Response, BuildError>, flow: Flow) {
        // What cannot be written is left unsaid: a stateless reply owes nobody anything.
        let Ok(response) = response else {
            self.counters.unexpected += 1;
            return;
        };
        self.counters.stateless_replies += 1;
        self.push(Output::Transmit { flow, bytes: response.as_bytes().clone(), tag: TransactionId::NO_TAG });
    }
}

/// Where the answer goes. A Via that cannot be read in all its parts leads to the source; one that is none leads nowhere.
fn route(request: &Request, flow: &Flow) -> Option<Flow> {
    let headers = request.headers();
    match headers.top_via() {
        Ok(via) => Some(ResponseRoute::of(&via, flow).flow),
        Err(_) => headers.has_via_of_sip().then_some(*flow),
    }
}
