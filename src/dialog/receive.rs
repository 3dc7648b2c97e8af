//! What comes up from the transactions: requests find their dialog or begin one, responses find the leg that asked
//! (RFC 3261 §8.2, §12.2.2, §13.2.2).

use crate::ground::leg::{Invited, LegEvent, LegId};
use crate::ground::{Body, Description, Flow, HeaderField, Now};
use crate::sip::{HeaderError, HeaderName, Method, Request, Response, StatusCode, unescape};
use crate::transaction::{ClientError, TransactionEvent, TransactionId, Transactions};

use super::body;
use super::fields;
use super::leg::{Context, Owner, Proceeding, Retry, State};
use super::legs::Legs;
use super::refusal::{self, Refusal};
use super::state::{Dialog, DialogError};
use super::target;

/// Retry-After of a 503 for want of room, in seconds.
const RETRY_AFTER: &str = "5";

impl Legs {
    /// A transaction has something to say.
    pub fn transaction(&mut self, event: TransactionEvent, transactions: &mut Transactions, now: Now) {
        match event {
            TransactionEvent::Request { id, request, flow } => {
                self.request(id, &request, &flow, transactions, now)
            }
            TransactionEvent::Cancel { invite, request } => {
                let Some(Owner::Server(leg)) = self.shared.owners.get(&invite) else {
                    self.shared.counters.unexpected += 1;
                    return;
                };
                self.step(*leg, transactions, now, |state, ctx| (state.cancelled(ctx, &request), ()));
            }
            TransactionEvent::Ack { request, flow } => {
                let leg = self.key_of(&request).and_then(|key| self.shared.index.get(key));
                match leg {
                    Some(leg) => {
                        self.shared.strangers.heard(flow.remote.ip(), now.mono);
                        self.step(leg, transactions, now, |state, ctx| {
                            ctx.common.heard = Some(flow);
                            (state.ack(ctx, &request), ())
                        });
                    }
                    None => self.shared.counters.stray_acks += 1,
                }
            }
            TransactionEvent::Response { id, response, flow } => {
                self.response(id, &response, &flow, transactions, now)
            }
            TransactionEvent::StrayAccepted { response, flow } => {
                self.stray_accepted(&response, &flow, transactions, now);
            }
            TransactionEvent::Failed { id, error } => self.failed(id, error, transactions, now),
            // Its response is repeated, or the request comes again: what must happen then happens by itself.
            TransactionEvent::ServerFailed { .. } => {}
            TransactionEvent::Terminated { id } => self.terminated(id, transactions, now),
        }
    }

    fn request(
        &mut self,
        id: TransactionId,
        request: &Request,
        flow: &Flow,
        transactions: &mut Transactions,
        now: Now,
    ) {
        let tagged = request.headers().to().is_ok_and(|to| to.tag().is_some());
        let refusal = if tagged {
            let key = self.key_of(request);
            match key.and_then(|key| self.shared.index.get(key).map(|leg| (leg, key))) {
                Some((leg, key)) => {
                    self.shared.strangers.heard(flow.remote.ip(), now.mono);
                    self.step(leg, transactions, now, |state, ctx| {
                        ctx.common.heard = Some(*flow);
                        (state.request(ctx, key, id, request, flow), ())
                    });
                    return;
                }
                None => Refusal::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
            }
        } else {
            match request.method() {
                Method::Invite => match self.invited(id, request, flow, transactions, now) {
                    Ok(()) => return,
                    Err(refusal) => refusal,
                },
                Method::Options => match refusal::extensions(request) {
                    Ok(()) => return self.answer_options(id, transactions),
                    Err(refusal) => refusal,
                },
                method => refusal::method_outside(method),
            }
        };
        refusal.count(&mut self.shared.counters);
        let field = refusal.field.map(|(name, value)| HeaderField { name: name.as_str().to_owned(), value });
        self.answer(id, refusal.status, field.into_iter().collect(), transactions);
    }

    /// OPTIONS outside of dialogs (RFC 3261 §11.2).
    fn answer_options(&mut self, id: TransactionId, transactions: &mut Transactions) {
        let fields = refusal::capabilities(&self.shared.settings).into_iter();
        let fields = fields.map(|(name, value)| HeaderField { name: name.as_str().to_owned(), value });
        self.answer(id, StatusCode::OK, fields.collect(), transactions);
    }

    /// Requests outside of dialogs are answered without keeping anything: a repeated one gets the same answer again.
    fn answer(
        &mut self,
        id: TransactionId,
        status: StatusCode,
        mut extra: Vec<HeaderField>,
        transactions: &mut Transactions,
    ) {
        let product = &self.shared.settings.product;
        if !product.is_empty() {
            extra.push(HeaderField { name: HeaderName::Server.as_str().to_owned(), value: product.clone() });
        }
        if transactions.respond_statelessly(id, status, &extra).is_err() {
            self.shared.counters.unsent += 1;
        }
    }

    /// An INVITE outside of dialogs: a new leg, unless it must be refused.
    fn invited(
        &mut self,
        id: TransactionId,
        request: &Request,
        flow: &Flow,
        transactions: &mut Transactions,
        now: Now,
    ) -> Result<(), Refusal> {
        refusal::scheme(request)?;
        refusal::extensions(request)?;
        refusal::descriptions_accepted(request)?;
        target::check(request)?;
        let content = body::of_invite(request, &self.shared.settings)?;
        if self.legs.len() >= self.shared.settings.legs_max {
            self.shared.counters.refused_at_limit += 1;
            return Err(Refusal::with(StatusCode::SERVICE_UNAVAILABLE, HeaderName::RetryAfter, RETRY_AFTER));
        }
        let dialog = self.dialog_for(request, flow, transactions, now)?;
        let invited = self.describe(request, flow, content.description, content.body)?;
        let leg = self.next_id();
        self.insert(leg, State::Opened);
        self.shared.owners.insert(id, Owner::Server(leg));
        self.step(leg, transactions, now, |_, ctx| {
            let with_offer = invited.offer.is_some();
            let mut dialog = dialog;
            ctx.enter(&mut dialog);
            ctx.tell(LegEvent::Invited(Box::new(invited)));
            (Proceeding::begin(ctx, dialog, id, request.clone(), flow, with_offer), ())
        });
        Ok(())
    }

    /// The dialog that the INVITE will make. Its tag is the one that a reply to a CANCEL has (RFC 3261 §9.2), unless a
    /// dialog of that id exists: somebody sends an old INVITE again.
    fn dialog_for(
        &mut self,
        request: &Request,
        flow: &Flow,
        transactions: &Transactions,
        now: Now,
    ) -> Result<Dialog, Refusal> {
        let refuse = |error| match error {
            DialogError::Header(error) => Refusal::bad(&error.to_string()),
            DialogError::TooLarge => Refusal::new(StatusCode::MESSAGE_TOO_LARGE),
        };
        let dialog =
            Dialog::of_request(request, &transactions.to_tag(request), flow, now.wall).map_err(refuse)?;
        if self.find(dialog.call_id(), dialog.local_tag(), dialog.remote_tag()).is_none() {
            return Ok(dialog);
        }
        Dialog::of_request(request, &self.shared.random.token(), flow, now.wall).map_err(refuse)
    }

    fn describe(
        &mut self,
        request: &Request,
        flow: &Flow,
        offer: Option<Description>,
        body: Option<Body>,
    ) -> Result<Invited, Refusal> {
        let bad = |error: HeaderError| Refusal::bad(&error.to_string());
        let headers = request.headers();
        let uri = request.parse_request_uri().map_err(|_| Refusal::bad("the Request-URI is malformed"))?;
        Ok(Invited {
            request_uri: request.request_uri().to_owned(),
            request_user: uri.user().map_or_else(String::new, |user| unescape(user).into_owned()),
            from: fields::party(&headers.from().map_err(bad)?),
            to: fields::party(&headers.to().map_err(bad)?),
            call_id: headers.call_id().map_err(bad)?.to_owned(),
            max_forwards: headers.max_forwards().map_err(bad)?.unwrap_or(70),
            offer,
            body,
            fields: fields::handed_up(headers, &mut self.shared.counters),
            source: *flow,
        })
    }

    fn response(
        &mut self,
        id: TransactionId,
        response: &Response,
        flow: &Flow,
        transactions: &mut Transactions,
        now: Now,
    ) {
        let Some(Owner::Client { leg, purpose, to, retry, .. }) = self.shared.owners.get_mut(&id) else {
            self.shared.counters.unexpected += 1;
            return;
        };
        let (leg, purpose) = (*leg, *purpose);
        // Only who reads what was sent to `to` can answer it, from wherever.
        let (to, from) = (*to, flow.remote.ip());
        self.shared.strangers.heard(to, now.mono);
        if from != to {
            self.shared.strangers.heard(from, now.mono);
        }
        // 100 says that it was received. Further provisional responses say that it is worked on: after them 503 is the
        // answer, and another address would let it ring twice.
        let retry = if response.status() == StatusCode::TRYING { None } else { retry.take() };
        let unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
        let retry = retry.filter(|_| unavailable).and_then(Retry::elsewhere);
        let gone =
            self.step(leg, transactions, now, |state, ctx| match state.try_next(ctx, purpose, retry) {
                // Another address may serve it (RFC 3263 §4.3): what this transaction still says is of no use.
                Ok(state) => {
                    ctx.common.running = ctx.common.running.saturating_sub(1);
                    (state, true)
                }
                Err(state) => {
                    ctx.common.heard = Some(*flow);
                    (state.response(ctx, id, purpose, response, flow), false)
                }
            });
        if gone == Some(true) {
            self.shared.owners.remove(&id);
        }
    }

    fn failed(&mut self, id: TransactionId, error: ClientError, transactions: &mut Transactions, now: Now) {
        let Some(Owner::Client { leg, purpose, retry, .. }) = self.shared.owners.remove(&id) else {
            self.shared.counters.unexpected += 1;
            return;
        };
        let retry = retry.filter(|_| error != ClientError::Cancelled);
        self.step(leg, transactions, now, |state, ctx| {
            ctx.common.running = ctx.common.running.saturating_sub(1);
            (state.transaction_failed(ctx, purpose, error, retry), ())
        });
    }

    fn terminated(&mut self, id: TransactionId, transactions: &mut Transactions, now: Now) {
        match self.shared.owners.remove(&id) {
            Some(Owner::Client { leg, purpose, .. }) => {
                self.step(leg, transactions, now, |state, ctx| {
                    ctx.common.running = ctx.common.running.saturating_sub(1);
                    (state.transaction_gone(ctx, purpose, id), ())
                });
            }
            Some(Owner::Server(leg)) => self.server_gone(leg, id, transactions, now),
            // One that was answered at once, or has failed before.
            None => {}
        }
    }

    /// A server transaction that went away unanswered: the INVITE cannot be answered any more.
    fn server_gone(&mut self, leg: LegId, id: TransactionId, transactions: &mut Transactions, now: Now) {
        self.step(leg, transactions, now, |state, ctx: &mut Context<'_>| (state.server_gone(ctx, id), ()));
    }
}
