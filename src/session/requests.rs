//! INFO and MESSAGE within the dialog, both ways.

use std::sync::Arc;

use super::action::{Action, Context};
use super::command::CommandError;
use super::event::{EventPayload, Operation};
use super::settings::REQUESTS_MAX;
use super::state::Request;
use super::{Session, failure};
use crate::ground::leg::{Farewell, InDialogMethod, LegIntent, Unanswered};
use crate::ground::{Body, HeaderField};

impl Session {
    pub(super) fn send_info(
        &mut self,
        body: Option<Body>,
        fields: Vec<HeaderField>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        self.request(Operation::SendInfo, InDialogMethod::Info, body, fields, by, cx)
    }

    pub(super) fn send_message(
        &mut self,
        body: Body,
        fields: Vec<HeaderField>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        self.request(Operation::SendMessage, InDialogMethod::Message, Some(body), fields, by, cx)
    }

    fn request(
        &mut self,
        operation: Operation,
        method: InDialogMethod,
        body: Option<Body>,
        fields: Vec<HeaderField>,
        by: Arc<str>,
        cx: &mut Context<'_>,
    ) -> Result<(), CommandError> {
        if self.running.as_ref().is_some_and(|running| running.requests.len() >= REQUESTS_MAX) {
            return Err(CommandError::LimitReached("requests_max"));
        }
        let key = self.next_key();
        self.running.get_or_insert_default().requests.push(Request { key, operation, by });
        cx.out.push(Action::Leg(LegIntent::Request { key, method, fields, body }));
        Ok(())
    }

    pub(super) fn request_done(
        &mut self,
        key: u64,
        outcome: Result<Box<Farewell>, Unanswered>,
        cx: &mut Context<'_>,
    ) {
        let requests = self.running.as_mut().map(|running| &mut running.requests);
        let Some(request) = requests.and_then(|requests| {
            let place = requests.iter().position(|request| request.key == key)?;
            Some(requests.remove(place))
        }) else {
            return self.absorb("RequestDone", cx);
        };
        self.rest();
        let (outcome, farewell) = failure::outcome_of_request(outcome);
        self.complete_with(request.operation, outcome, farewell, &request.by, cx);
    }

    pub(super) fn received(
        &mut self,
        method: InDialogMethod,
        body: Option<Body>,
        fields: Vec<HeaderField>,
        cx: &mut Context<'_>,
    ) {
        let payload = match method {
            InDialogMethod::Info => EventPayload::InfoReceived { body, fields },
            InDialogMethod::Message => EventPayload::MessageReceived { body, fields },
        };
        self.tell_paced(payload, cx);
    }

    /// What an answer is known again by.
    pub(super) const fn next_key(&mut self) -> u64 {
        self.keys_given += 1;
        self.keys_given
    }

    /// Gives back the memory of what runs beside the states when nothing does.
    pub(super) fn rest(&mut self) {
        if self.running.as_ref().is_some_and(|running| running.is_empty()) {
            self.running = None;
        }
    }
}
