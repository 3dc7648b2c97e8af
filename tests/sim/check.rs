//! What must hold after every step, and what must be true at the end.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use callplane::ground::SessionId;
use callplane::session::command::Verb;
use callplane::session::event::{EndCause, EventPayload, Operation, Outcome, SessionEvent, SessionState};
use callplane::sip::{Limits, Message, Method};

/// What is known of one session.
#[derive(Debug, Default)]
struct Seen {
    revision: u64,
    call_id: String,
    connected: bool,
    ended: Option<EndCause>,
    /// An offer/answer operation was under way when it ended, or failed half-way.
    interrupted: bool,
    /// By kind: operations begun, and told as over.
    operations: BTreeMap<&'static str, (u32, u32)>,
}

/// The ledger of one agent.
#[derive(Debug, Default)]
pub struct Ledger {
    sessions: BTreeMap<SessionId, Seen>,
    /// Tickets of commands without a reply.
    tickets: BTreeMap<u64, (SessionId, Option<&'static str>)>,
    /// Final responses sent to INVITEs, by branch and CSeq.
    finals: BTreeMap<(String, u32), u16>,
    opened: BTreeSet<SessionId>,
    pub connected: u32,
    pub succeeded: BTreeMap<&'static str, u32>,
}

const fn kind_of_verb(verb: &Verb) -> Option<&'static str> {
    match verb {
        Verb::EarlyMedia { .. } => Some("EarlyMedia"),
        Verb::Hold => Some("Hold"),
        Verb::Resume => Some("Resume"),
        Verb::UpdateMedia { .. } => Some("UpdateMedia"),
        Verb::SendDtmf { .. } => Some("SendDtmf"),
        Verb::Mute { .. } => Some("Mute"),
        Verb::SendInfo { .. } => Some("SendInfo"),
        Verb::SendMessage { .. } => Some("SendMessage"),
        Verb::JoinBridge { .. } => Some("BridgeJoin"),
        Verb::LeaveBridge { .. } => Some("BridgeLeave"),
        Verb::Play { .. } => Some("Playback"),
        _ => None,
    }
}

const fn kind_of_operation(operation: Operation) -> &'static str {
    match operation {
        Operation::EarlyMedia => "EarlyMedia",
        Operation::Hold => "Hold",
        Operation::Resume => "Resume",
        Operation::UpdateMedia => "UpdateMedia",
        Operation::SendDtmf => "SendDtmf",
        Operation::Mute => "Mute",
        Operation::SendInfo => "SendInfo",
        Operation::SendMessage => "SendMessage",
        Operation::BridgeJoin => "BridgeJoin",
        Operation::BridgeLeave => "BridgeLeave",
        Operation::Playback => "Playback",
        Operation::Create | Operation::Answer | Operation::Terminate | Operation::RemoteUpdate => {
            "not by an event"
        }
    }
}

impl Ledger {
    pub fn asked(&mut self, ticket: u64, session: &SessionId, verb: &Verb) {
        self.tickets.insert(ticket, (session.clone(), kind_of_verb(verb)));
    }

    pub fn replied(&mut self, ticket: u64, taken: bool) {
        let (session, kind) = self.tickets.remove(&ticket).expect("a command is answered once");
        if let Some(kind) = kind.filter(|_| taken) {
            let seen =
                self.sessions.get_mut(&session).expect("a command was taken by a session that is known");
            seen.operations.entry(kind).or_default().0 += 1;
        }
    }

    pub fn opened(&mut self, session: &SessionId) {
        assert!(self.opened.insert(session.clone()), "{session} is opened twice");
    }

    pub fn closed(&self, session: &SessionId) {
        let ended = self.sessions.get(session).is_some_and(|seen| seen.ended.is_some());
        assert!(ended, "{session} is closed before its last event");
    }

    pub fn heard(&mut self, event: &SessionEvent) {
        let seen = self.sessions.entry(event.session.clone()).or_default();
        assert_eq!(event.revision, seen.revision + 1, "revisions of {} have no gaps", event.session);
        assert_eq!(seen.ended, None, "nothing follows the last event of {}", event.session);
        seen.revision = event.revision;
        match &event.payload {
            EventPayload::Created(view) => seen.call_id.clone_from(&view.call_id),
            EventPayload::IncomingCall(call) => seen.call_id.clone_from(&call.session.call_id),
            EventPayload::Connected { .. } => {
                seen.connected = true;
                self.connected += 1;
            }
            EventPayload::OperationCompleted { operation, outcome, .. } => {
                let kind = kind_of_operation(*operation);
                seen.operations.entry(kind).or_default().1 += 1;
                seen.interrupted |= matches!(outcome, Outcome::SessionEnded | Outcome::Failed);
                if *outcome == Outcome::Succeeded {
                    *self.succeeded.entry(kind).or_default() += 1;
                }
            }
            EventPayload::PlaybackEnded { .. } => seen.operations.entry("Playback").or_default().1 += 1,
            EventPayload::Ended(ended) => {
                assert_eq!(event.state, SessionState::Terminated);
                assert_ne!(ended.cause, EndCause::Internal, "{} ended by a fault of ours", event.session);
                seen.ended = Some(ended.cause);
            }
            _ => {}
        }
        for (kind, (begun, over)) in &seen.operations {
            assert!(over <= begun, "{kind} of {} is told as over {over} times of {begun}", event.session);
        }
    }

    /// A message leaves.
    pub fn sent(&mut self, bytes: &Bytes) {
        let message = Message::parse(bytes.clone(), &Limits::default()).expect("what is sent is a message");
        let Message::Response(response) = message else { return };
        let headers = response.headers();
        let cseq = headers.cseq().expect("a CSeq");
        if cseq.method != Method::Invite || response.status().is_provisional() {
            return;
        }
        let branch = headers.top_via().expect("a Via").branch.expect("a branch").to_owned();
        let status = response.status().code();
        let first = self.finals.entry((branch, cseq.sequence)).or_insert(status);
        // Admission refuses without keeping anything, and judges a repeated INVITE anew.
        if *first == 503 {
            *first = status;
        }
        assert_eq!(*first, status, "an INVITE gets one final response");
    }

    /// Calls that were up, ended by a hang-up and undisturbed, by Call-ID.
    pub fn undisturbed(&self) -> BTreeMap<&str, &SessionId> {
        let hung_up =
            |seen: &Seen| matches!(seen.ended, Some(EndCause::LocalHangup | EndCause::RemoteHangup));
        let fits =
            self.sessions.iter().filter(|(_, seen)| seen.connected && !seen.interrupted && hung_up(seen));
        fits.map(|(id, seen)| (seen.call_id.as_str(), id)).collect()
    }

    pub fn causes(&self) -> impl Iterator<Item = EndCause> + '_ {
        self.sessions.values().filter_map(|seen| seen.ended)
    }

    /// All is over: nothing was left out.
    pub fn close(&self) {
        assert!(self.tickets.is_empty(), "commands without a reply: {:?}", self.tickets);
        for (id, seen) in &self.sessions {
            assert!(seen.ended.is_some(), "{id} has not ended: {seen:?}");
            for (kind, (begun, over)) in &seen.operations {
                assert_eq!(begun, over, "{kind} of {id}: begun and told as over");
            }
        }
    }
}
