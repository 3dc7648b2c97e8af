//! Incoming legs before the final response (RFC 3261 §13.3): provisional responses, 2xx, refusals, CANCEL.

use std::time::Duration;

use crate::ground::leg::{HANG_UP_STATUS, LegEvent, LegFailure, LegIntent};
use crate::ground::{Body, Description, Flow, HeaderField, Mismatch};
use crate::sip::multipart::{self, PartSpec};
use crate::sip::{BuildError, HeaderName, NameAddrSpec, Request, Response, ResponseBuilder, StatusCode};
use crate::transaction::TransactionId;

use super::super::error::LegIntentError;
use super::super::fields;
use super::super::locate::Origin;
use super::super::offer_answer::{Breach, Carrier, Exchange, Meaning};
use super::super::refusal::{self, ALLOW, Refusal};
use super::super::request::{ContactOf, Content, SDP};
use super::super::settings::PROVISIONAL_INTERVAL;
use super::super::state::Dialog;
use super::accepted::{Accepted, AckWait};
use super::context::{Context, Timer};
use super::inside::{self, Handled};
use super::{State, Stepped};

/// An INVITE without final response.
pub(in crate::dialog) struct Proceeding {
    pub dialog: Dialog,
    pub transaction: TransactionId,
    request: Request,
    exchange: Exchange,
    /// The answer that went with a provisional response, for the 2xx.
    answer: Option<Description>,
    /// The last provisional response, to be sent again every minute.
    provisional: Option<Response>,
}

/// What a refusal says.
struct Reject {
    status: u16,
    phrase: Option<String>,
    contacts: Vec<String>,
    retry_after: Option<u32>,
    mismatch: Option<Mismatch>,
    fields: Vec<HeaderField>,
    body: Option<Body>,
}

fn status_within(status: u16, range: std::ops::RangeInclusive<u16>) -> Result<StatusCode, LegIntentError> {
    match StatusCode::new(status) {
        Ok(code) if range.contains(&status) => Ok(code),
        _ => Err(LegIntentError::Status(status)),
    }
}

/// A response that establishes or refreshes the dialog: Record-Route, Contact and Allow in it (RFC 3261 §12.1.1).
pub(super) fn dialog_response(
    ctx: &Context<'_>,
    dialog: &Dialog,
    request: &Request,
    status: StatusCode,
    given: &[HeaderField],
    content: Content,
) -> Result<Response, BuildError> {
    let mut builder = refusal::head(request, status, dialog.local_tag()).record_route();
    if let Some(listener) = ctx.listener_of(dialog) {
        let contact = ContactOf { listener, token: dialog.local_tag(), secure: dialog.secure };
        builder = builder.header(HeaderName::Contact, contact);
    }
    builder = builder.header(HeaderName::Allow, ALLOW);
    if status.is_success()
        && let Some(supported) = refusal::supported()
    {
        builder = builder.header(HeaderName::Supported, supported);
    }
    let builder = refusal::signed(builder, &ctx.shared.settings, given);
    match content {
        Content::Nothing => builder,
        Content::Description(Description(sdp)) => builder.body(SDP, sdp),
        Content::Body(Body { content_type, content }) => builder.body(&content_type, content),
    }
    .build()
}

/// A description and a body of the session's together. Whoever does not know the body's type may pass it over: a
/// response cannot be refused.
fn content(description: Option<&Description>, body: Option<&Body>, token: &str) -> Content {
    let (Some(Description(sdp)), Some(body)) = (description, body) else {
        return description.cloned().map_or_else(|| body.cloned().into(), Content::Description);
    };
    let mut boundary = format!("part-{token}");
    while memchr::memmem::find(&body.content, boundary.as_bytes()).is_some() {
        boundary.push('x');
    }
    let parts = [
        PartSpec { content_type: SDP, disposition: "session;handling=required", content: sdp },
        PartSpec {
            content_type: &body.content_type,
            disposition: "render;handling=optional",
            content: &body.content,
        },
    ];
    let content_type = format!("multipart/mixed;boundary=\"{boundary}\"");
    Content::Body(Body { content_type, content: multipart::write(&parts, &boundary) })
}

impl Proceeding {
    /// An INVITE was taken. Its Expires, if it has one, begins to run.
    pub fn begin(
        ctx: &mut Context<'_>,
        mut dialog: Dialog,
        transaction: TransactionId,
        request: Request,
        flow: &Flow,
        with_offer: bool,
    ) -> State {
        ctx.settle_hop(&mut dialog, &Origin::of_request(request.headers(), flow));
        if let Ok(Some(seconds)) = request.headers().expires() {
            ctx.after(Timer::Expires, Duration::from_secs(u64::from(seconds)));
        }
        let exchange = Exchange::begin(with_offer);
        State::Proceeding(Box::new(Self {
            dialog,
            transaction,
            request,
            exchange,
            answer: None,
            provisional: None,
        }))
    }

    pub fn intent(mut self: Box<Self>, ctx: &mut Context<'_>, intent: LegIntent) -> Stepped {
        match intent {
            LegIntent::Provisional { status, description, fields } => {
                let result = self.ring(ctx, status, description, &fields);
                (State::Proceeding(self), result)
            }
            LegIntent::Accept { description, fields, body } => {
                match self.accepted(ctx, description, &fields, body.as_ref()) {
                    Ok((response, exchange)) => (self.accept(ctx, response, exchange), Ok(())),
                    Err(error) => (State::Proceeding(self), Err(error)),
                }
            }
            LegIntent::Reject { status, phrase, contacts, retry_after, mismatch, fields, body } => {
                let reject = Reject { status, phrase, contacts, retry_after, mismatch, fields, body };
                self.reject(ctx, &reject)
            }
            LegIntent::HangUp { fields, body } => self.hang_up(ctx, fields, body),
            other => State::Proceeding(self).refuse(ctx, &other),
        }
    }

    fn ring(
        &mut self,
        ctx: &mut Context<'_>,
        status: u16,
        description: Option<Description>,
        given: &[HeaderField],
    ) -> Result<(), LegIntentError> {
        let status = status_within(status, 101..=199)?;
        fields::check(given)?;
        let (exchange, meaning) = self.exchange.step(Carrier::Provisional, description.is_some())?;
        self.same_answer(meaning, description.as_ref())?;
        let response =
            dialog_response(ctx, &self.dialog, &self.request, status, given, description.clone().into())?;
        ctx.respond(self.transaction, Ok(response.clone()));
        if meaning == Meaning::Answer {
            self.answer = description;
        }
        self.exchange = exchange;
        self.provisional = Some(response);
        self.dialog.active = ctx.now.wall;
        ctx.after(Timer::Provisional, PROVISIONAL_INTERVAL);
        Ok(())
    }

    /// An answer given once stands: it may be repeated, not changed (RFC 3261 §13.2.1).
    fn same_answer(&self, meaning: Meaning, description: Option<&Description>) -> Result<(), Breach> {
        match meaning {
            Meaning::Repetition if description != self.answer.as_ref() => Err(Breach::Misplaced),
            _ => Ok(()),
        }
    }

    fn accepted(
        &self,
        ctx: &mut Context<'_>,
        description: Option<Description>,
        given: &[HeaderField],
        body: Option<&Body>,
    ) -> Result<(Response, Exchange), LegIntentError> {
        fields::check_all(given, body)?;
        let (exchange, meaning) = self.exchange.step(Carrier::Success, description.is_some())?;
        self.same_answer(meaning, description.as_ref())?;
        let description = description.as_ref().or(self.answer.as_ref());
        let content = content(description, body, self.dialog.local_tag());
        let response = dialog_response(ctx, &self.dialog, &self.request, StatusCode::OK, given, content)?;
        Ok((response, exchange))
    }

    fn accept(mut self: Box<Self>, ctx: &mut Context<'_>, response: Response, exchange: Exchange) -> State {
        self.stop(ctx);
        self.dialog.active = ctx.now.wall;
        let sequence = self.dialog.remote_sequence.unwrap_or_default();
        let wait = AckWait::begin(ctx, self.transaction, response, sequence, exchange);
        State::Accepted(Box::new(Accepted::new(self.dialog, wait)))
    }

    fn reject(self: Box<Self>, ctx: &mut Context<'_>, reject: &Reject) -> Stepped {
        match self.rejection(ctx, reject) {
            Ok(response) => (self.finish(ctx, response), Ok(())),
            Err(error) => (State::Proceeding(self), Err(error)),
        }
    }

    fn rejection(&self, ctx: &Context<'_>, reject: &Reject) -> Result<Response, LegIntentError> {
        let status = status_within(reject.status, 300..=699)?;
        fields::check_all(&reject.fields, reject.body.as_ref())?;
        if !reject.contacts.is_empty() && !status.is_redirection() {
            return Err(LegIntentError::OwnedField("Contact".to_owned()));
        }
        let mut head = refusal::head(&self.request, status, self.dialog.local_tag());
        if let Some(phrase) = &reject.phrase {
            head = head.reason(phrase);
        }
        let mut builder = refusal::signed(head, &ctx.shared.settings, &reject.fields);
        for (place, contact) in reject.contacts.iter().enumerate() {
            builder = redirection(builder, contact, place);
        }
        if let Some(seconds) = reject.retry_after {
            builder = builder.header(HeaderName::RetryAfter, seconds);
        }
        if let Some(mismatch) = reject.mismatch {
            let warning = refusal::warning(ctx.listener_of(&self.dialog), mismatch);
            builder = builder.header(HeaderName::Warning, warning);
        }
        if let Some(body) = &reject.body {
            builder = builder.body(&body.content_type, body.content.clone());
        }
        Ok(builder.build()?)
    }

    /// Gives the final refusal; the leg is over.
    fn finish(self: Box<Self>, ctx: &mut Context<'_>, response: Response) -> State {
        ctx.respond_finally(self.transaction, Ok(response));
        self.over(ctx)
    }

    fn over(self: Box<Self>, ctx: &mut Context<'_>) -> State {
        self.stop(ctx);
        ctx.forget(&self.dialog);
        ctx.end();
        State::Over
    }

    fn stop(&self, ctx: &mut Context<'_>) {
        ctx.stop(Timer::Provisional);
        ctx.stop(Timer::Expires);
    }

    fn hang_up(
        self: Box<Self>,
        ctx: &mut Context<'_>,
        fields: Vec<HeaderField>,
        body: Option<Body>,
    ) -> Stepped {
        let status = HANG_UP_STATUS;
        let (contacts, phrase, retry_after, mismatch) = (Vec::new(), None, None, None);
        self.reject(ctx, &Reject { status, phrase, contacts, retry_after, mismatch, fields, body })
    }

    /// The peer takes the INVITE back (RFC 3261 §9.2). The CANCEL itself is answered.
    pub fn cancelled(self: Box<Self>, ctx: &mut Context<'_>, cancel: &Request) -> State {
        inside::terminate_pending(ctx, self.transaction, &self.request, self.dialog.local_tag());
        let farewell = fields::farewell_of_request(cancel, &mut ctx.shared.counters);
        ctx.tell(LegEvent::Cancelled(farewell));
        self.over(ctx)
    }

    /// The transaction is gone: nobody can be answered.
    pub fn lost(self: Box<Self>, ctx: &mut Context<'_>) -> State {
        let reason = "the INVITE's transaction is gone: it cannot be answered".into();
        ctx.tell(LegEvent::Failed { failure: LegFailure::Transport, reason });
        self.over(ctx)
    }

    pub fn timer(mut self: Box<Self>, ctx: &mut Context<'_>, timer: Timer) -> State {
        match timer {
            Timer::Provisional => {
                if let Some(response) = &self.provisional {
                    ctx.respond(self.transaction, Ok(response.clone()));
                    ctx.after(Timer::Provisional, PROVISIONAL_INTERVAL);
                }
                State::Proceeding(self)
            }
            Timer::Expires => {
                self.provisional = None;
                inside::terminate_pending(ctx, self.transaction, &self.request, self.dialog.local_tag());
                ctx.tell(LegEvent::Cancelled(Box::default()));
                self.over(ctx)
            }
            Timer::Repeat | Timer::Ack | Timer::Glare | Timer::Reinvite | Timer::Lookup => {
                ctx.shared.counters.unexpected += 1;
                State::Proceeding(self)
            }
        }
    }

    /// A request in the early dialog. A second INVITE before the first is answered gets 500 (RFC 3261 §14.2).
    pub fn request(
        mut self: Box<Self>,
        ctx: &mut Context<'_>,
        transaction: TransactionId,
        request: &Request,
        flow: &Flow,
    ) -> State {
        match inside::receive(ctx, &mut self.dialog, transaction, request, flow) {
            Handled::Done => State::Proceeding(self),
            Handled::Invite => {
                let refusal = too_early(ctx);
                ctx.refuse(transaction, request, &refusal);
                State::Proceeding(self)
            }
            Handled::Bye => {
                inside::accept_bye(ctx, transaction, request);
                inside::terminate_pending(ctx, self.transaction, &self.request, self.dialog.local_tag());
                let farewell = fields::farewell_of_request(request, &mut ctx.shared.counters);
                ctx.tell(LegEvent::HungUp(farewell));
                self.over(ctx)
            }
        }
    }
}

/// 500 with a Retry-After of 0 to 10 seconds: an INVITE before the former is answered (RFC 3261 §14.2).
pub(super) fn too_early(ctx: &mut Context<'_>) -> Refusal {
    let seconds = ctx.shared.random.below(11);
    Refusal::with(StatusCode::SERVER_INTERNAL_ERROR, HeaderName::RetryAfter, seconds.to_string())
}

/// One Contact of a 3xx; q falls with the place, so that the order is kept (RFC 3261 §8.3, §20.10).
fn redirection<'a>(builder: ResponseBuilder<'a>, uri: &str, place: usize) -> ResponseBuilder<'a> {
    let q = 1000_usize.saturating_sub(place * 10);
    if place == 0 {
        return builder.contact(&NameAddrSpec::new(uri));
    }
    let params = format!(";q=0.{q:03}");
    builder.contact(&NameAddrSpec { params: &params, ..NameAddrSpec::new(uri) })
}
