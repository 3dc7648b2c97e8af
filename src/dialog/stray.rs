//! A 2xx to an INVITE of ours of which nothing is kept: it came after timer B, or more than 64·T1 after the CANCEL
//! (RFC 3261 §9.1). Its sender is in a call with nobody and would repeat it for half a minute, so it gets its ACK and a
//! BYE, both without anything being kept.
//!
//! That we sent the INVITE shows in its From tag ([`super::mark`]). Whoever had one can show it again with another's
//! address in Contact, so that only [`STRAYS_PER_SECOND`] are answered, and no name is looked up for them: what names
//! none but a name is answered where it came from.

use crate::ground::{Flow, Now, Rate, Reason};
use crate::sip::{Method, Response};
use crate::transaction::Transactions;

use super::leg::Shared;
use super::legs::Legs;
use super::locate::{Located, Origin, locate};
use super::request::{Draft, Purpose};
use super::settings::STRAYS_PER_SECOND;
use super::state::Dialog;
use super::target::names_target;

/// How many are answered.
const STRAYS: Rate = Rate::new(STRAYS_PER_SECOND, STRAYS_PER_SECOND);

/// Why it is ended.
const TOO_LATE: Reason = Reason::q850(102, "Answered too late");

impl Legs {
    /// A 2xx without its INVITE came.
    pub(super) fn stray_accepted(
        &mut self,
        response: &Response,
        flow: &Flow,
        transactions: &mut Transactions,
        now: Now,
    ) {
        let shared = &mut self.shared;
        shared.counters.stray_accepted += 1;
        if !shared.sent_invite_of(response) {
            return;
        }
        if !shared.strays.allows(&STRAYS, now.mono) {
            shared.counters.accepted_dropped += 1;
            return;
        }
        let Ok(mut dialog) = Dialog::of_response(response, None, flow, now.wall) else {
            shared.counters.unexpected += 1;
            return;
        };
        let hop = shared.way_of_stray(&dialog, response, flow);
        let ack = Draft::bare(Purpose::ForkBye, Method::Ack, dialog.local_sequence);
        let mut bye = Draft::bare(Purpose::ForkBye, Method::Bye, dialog.next_sequence());
        bye.fields.push(TOO_LATE.field());
        for draft in [ack, bye] {
            match shared.write(&dialog, &draft, &hop) {
                Ok(request) => transactions.send_stateless(request.as_bytes().clone(), hop),
                Err(_) => shared.counters.unsent += 1,
            }
        }
        shared.counters.strays_ended += 1;
    }
}

impl Shared {
    /// Whether it is an answer to an INVITE of ours and none of a dialog that stands: that one has its ACK, and would be
    /// ended by the BYE.
    fn sent_invite_of(&self, response: &Response) -> bool {
        let headers = response.headers();
        let (Ok(call_id), Ok(from)) = (headers.call_id(), headers.from()) else { return false };
        let key = self.index.key_of_response(response);
        self.marks.made(call_id, from.tag().unwrap_or_default())
            && key.is_some_and(|key| self.index.get(key).is_none())
    }

    fn way_of_stray(&self, dialog: &Dialog, response: &Response, flow: &Flow) -> Flow {
        let back = Flow { connection: None, ..*flow };
        if !names_target(response) {
            return back;
        }
        let origin = Origin::of_response(flow);
        let located = dialog
            .next_hop()
            .and_then(|uri| locate(uri, &self.settings, Some(dialog.listener), Some(&origin)).ok());
        match located {
            Some(Located::Flows(flows)) => flows.first().copied().unwrap_or(back),
            Some(Located::Name(_)) | None => back,
        }
    }
}
