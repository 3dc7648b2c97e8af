//! The seam between dialogs and sessions: what a session may ask of its leg, and what a leg tells.
//!
//! A *leg* is one INVITE usage: one INVITE of ours or of a peer's, the early dialogs it forks into, the one dialog that
//! is confirmed, and all requests within it. The dialog floor owns it; a session drives it with [`LegIntent`]s and
//! hears [`LegEvent`]s. The words stand here, below both, because neither floor imports the other.
//!
//! Offer/answer *state* belongs to the leg: it decides whether a description is an offer or an answer and where it
//! may stand (RFC 3261 §13, RFC 6337). Its *content* is opaque to both floors.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Body, Description, Flow, HeaderField, Mismatch};

/// One leg of one shard. Never used twice in a shard's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegId(pub u64);

/// Which fork of an INVITE: the peer's tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RemoteTag(pub Arc<str>);

/// One party: URI and display name, as in From and To.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The URI without angle brackets.
    pub uri: String,
    /// The display name, unescaped; empty when there is none.
    pub display_name: String,
}

/// What makes an outgoing INVITE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The request URI.
    pub target: String,
    /// From, without its tag.
    pub from: Party,
    /// To.
    pub to: Party,
    /// The Call-ID, drawn by the shard so that it hashes to itself.
    pub call_id: String,
    /// A preloaded Route set (RFC 3261 §8.1.1.1), first hop first, as URIs or as they stand in Route. Empty: straight to
    /// the target.
    pub routes: Vec<String>,
    /// Max-Forwards: 70, or the A-leg's less one.
    pub max_forwards: u8,
    /// The offer. `None`: a delayed offer is asked for.
    pub offer: Option<Description>,
    /// More header fields, already checked against those that the floor owns.
    pub fields: Vec<HeaderField>,
}

/// What a session asks of its leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegIntent {
    /// UAC: send the INVITE. The first intent of an outgoing leg.
    Invite(Box<Invite>),
    /// UAS: send a provisional response, 101 to 199. A description makes it early media.
    Provisional {
        /// 101 to 199.
        status: u16,
        /// An answer to the INVITE's offer, for early media.
        description: Option<Description>,
        /// More header fields.
        fields: Vec<HeaderField>,
    },
    /// UAS: answer with 200. The description is an answer, an offer when the INVITE had none, or `None` when the answer
    /// has gone with a provisional response: it is then repeated by the leg.
    Accept {
        /// As told above.
        description: Option<Description>,
        /// More header fields.
        fields: Vec<HeaderField>,
        /// A body. Beside a description both are parts of a multipart body.
        body: Option<Body>,
    },
    /// UAS: a final response of 300 to 699.
    Reject {
        /// 300 to 699.
        status: u16,
        /// The reason phrase; `None` for the usual one.
        phrase: Option<String>,
        /// Contact URIs of a 3xx, best first.
        contacts: Vec<String>,
        /// Retry-After, seconds.
        retry_after: Option<u32>,
        /// What does not fit in the peer's description, for a Warning (RFC 3261 §20.43).
        mismatch: Option<Mismatch>,
        /// More header fields.
        fields: Vec<HeaderField>,
        /// A body.
        body: Option<Body>,
    },
    /// UAC: the answer to the offer that a 2xx brought; goes with the ACK.
    Acknowledge {
        /// The answer. `None`: media could not make one; the leg sends ACK, then BYE.
        answer: Option<Description>,
    },
    /// Send a re-INVITE with this offer; `None` asks the peer for one.
    Reoffer {
        /// The offer.
        offer: Option<Description>,
    },
    /// Answer the peer's re-INVITE with 200: an answer, or an offer when it had none.
    AnswerReoffer {
        /// As told above.
        description: Description,
    },
    /// Refuse the peer's re-INVITE: nothing changes.
    RefuseReoffer {
        /// 400 to 699: 488 when media finds nothing acceptable, 500 with Retry-After when busy.
        status: u16,
        /// Retry-After, seconds.
        retry_after: Option<u32>,
        /// What does not fit in the peer's description, for a Warning.
        mismatch: Option<Mismatch>,
    },
    /// Send INFO or MESSAGE in the dialog.
    Request {
        /// Comes back in [`LegEvent::RequestDone`].
        key: u64,
        /// Which method.
        method: InDialogMethod,
        /// More header fields.
        fields: Vec<HeaderField>,
        /// A body.
        body: Option<Body>,
    },
    /// End the leg in whatever state: CANCEL, a final response ([`HANG_UP_STATUS`]), or BYE, as fits. [`LegEvent::Ended`] follows at once,
    /// whatever becomes of a BYE; after a CANCEL it follows the INVITE's final response or 64·T1, and nothing but
    /// [`LegEvent::Rejected`] or [`LegEvent::Failed`] comes before it.
    HangUp {
        /// More header fields, for example Reason.
        fields: Vec<HeaderField>,
        /// A body of the BYE or the final response. A CANCEL has none (RFC 3261 §20, table 2).
        body: Option<Body>,
    },
}

/// The final response to an INVITE of the peer's when the leg is ended by [`LegIntent::HangUp`].
pub const HANG_UP_STATUS: u16 = 480;

/// The methods that sessions send within a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InDialogMethod {
    /// RFC 6086.
    Info,
    /// RFC 3428.
    Message,
}

/// An INVITE that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The request URI.
    pub request_uri: String,
    /// Its user part, unescaped; empty when it has none.
    pub request_user: String,
    /// From.
    pub from: Party,
    /// To.
    pub to: Party,
    /// The Call-ID.
    pub call_id: String,
    /// Max-Forwards as received, 70 when absent.
    pub max_forwards: u8,
    /// The offer, if it brought one.
    pub offer: Option<Description>,
    /// A body that is no session description.
    pub body: Option<Body>,
    /// Header fields that the floor does not own, in order.
    pub fields: Vec<HeaderField>,
    /// Where it came from.
    pub source: Flow,
}

/// What came with a final response, a CANCEL or a BYE.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// The status; 0 when it was no response.
    pub status: u16,
    /// The reason phrase.
    pub phrase: String,
    /// The Reason header (RFC 3326) as it stands; of several fields one list.
    pub reason: Option<String>,
    /// Contact URIs of a 3xx.
    pub contacts: Vec<String>,
    /// Retry-After.
    pub retry_after: Option<Duration>,
    /// Header fields that the floor does not own.
    pub fields: Vec<HeaderField>,
    /// Its body.
    pub body: Option<Body>,
}

/// Why no final response came, or why the leg could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum LegFailure {
    /// The peer did not answer in time (timers B, F, 64·T1).
    #[error("the peer did not answer")]
    Timeout,
    /// The transport could not deliver: refused, reset, no route.
    #[error("the peer cannot be reached")]
    Transport,
    /// The target could not be located: unknown host, no listener for it, an unusable URI.
    #[error("the peer's address cannot be found")]
    Unlocated,
    /// The peer no longer knows the dialog: 481, or 408 to a request in it (RFC 3261 §12.2.1.2).
    #[error("the peer no longer knows the call")]
    DialogLost,
    /// The peer broke the offer/answer rules.
    #[error("the peer broke the rules of offer and answer")]
    Protocol,
    /// A bound of ours was reached, or the request makes no message.
    #[error("a bound is reached")]
    Limit,
}

/// Why a request of ours within the dialog has no final response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswered {
    /// Why.
    pub failure: LegFailure,
    /// What exactly could not be done, for people; empty when `failure` says all.
    pub reason: Box<str>,
}

/// What a leg tells its session. Those of one leg come in order; [`LegEvent::Ended`] comes last, exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegEvent {
    /// A new leg: an INVITE came in. The first event of an incoming leg.
    Invited(Box<Invited>),
    /// Incoming: the peer gave up before our 2xx went out, or the INVITE's Expires passed; 487 is sent.
    Cancelled(Box<Farewell>),
    /// Incoming: the ACK to our 2xx came, with the answer when our 2xx carried the offer.
    Confirmed {
        /// The answer.
        answer: Option<Description>,
    },
    /// No ACK came within 64·T1 to our 2xx, of the INVITE or of a re-INVITE; a BYE is sent (RFC 3261 §13.3.1.4, §14.2).
    AckTimeout,
    /// Outgoing: a provisional response above 100.
    Provisional {
        /// Which fork; empty when the response has no tag.
        remote: RemoteTag,
        /// 101 to 199. 199 says that this fork is over.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// An answer to our offer, for early media. Each fork's first only.
        answer: Option<Description>,
        /// Header fields that the floor does not own.
        fields: Vec<HeaderField>,
        /// A body that is no session description, or holds more than it.
        body: Option<Box<Body>>,
    },
    /// Outgoing: the first 2xx. The ACK is sent, unless `offer` is set: then the leg waits for
    /// [`LegIntent::Acknowledge`].
    Accepted {
        /// Which fork won; the others are ended by the leg.
        remote: RemoteTag,
        /// The answer to our offer in it. Where this fork has given one before, that one was a preview; `None` when the 2xx
        /// brings none, or what came first counts.
        answer: Option<Description>,
        /// The peer's offer, when our INVITE had none.
        offer: Option<Description>,
        /// Header fields that the floor does not own.
        fields: Vec<HeaderField>,
        /// A body that is no session description, or holds more than it.
        body: Option<Box<Body>>,
    },
    /// Outgoing: a final response of 300 to 699.
    Rejected(Box<Farewell>),
    /// The peer sends a re-INVITE, with an offer or asking for one. To be answered with
    /// [`LegIntent::AnswerReoffer`] or [`LegIntent::RefuseReoffer`]. When it comes while our own re-INVITE waits out a
    /// 491 (RFC 3261 §14.1), it takes that one's place: the leg forgets ours without a word, and the session offers
    /// anew when the peer's is done. It never comes while ours is under way (491) or a former one is unanswered (500):
    /// the leg refuses those by itself.
    Reoffered {
        /// The offer.
        offer: Option<Description>,
    },
    /// The ACK to our 2xx of the peer's re-INVITE came, with the answer when ours was the offer.
    ReofferConfirmed {
        /// The answer.
        answer: Option<Description>,
    },
    /// The peer took back its re-INVITE (CANCEL), or never answered our offer in it: what was before stands.
    ReofferAbandoned,
    /// Our re-INVITE was accepted; with the peer's offer when ours had none: then [`LegIntent::Acknowledge`] is due.
    /// With neither the 2xx lacked the description that it owed: what was before stands.
    ReofferAccepted {
        /// The answer to our offer.
        answer: Option<Description>,
        /// The peer's offer.
        offer: Option<Description>,
    },
    /// Our re-INVITE was refused, 491 and its retries included; what was before stands. After 481 or 408
    /// [`LegEvent::Failed`] follows.
    ReofferRefused(Box<Farewell>),
    /// Our re-INVITE has no final response: it could not be sent, and what was before stands, or the peer was silent, and
    /// [`LegEvent::Failed`] follows.
    ReofferFailed(Unanswered),
    /// A request that we sent has its final response, or failed. None comes for requests that are pending when the leg
    /// ends.
    RequestDone {
        /// As given with the intent.
        key: u64,
        /// The response, or why there is none.
        outcome: Result<Box<Farewell>, Unanswered>,
    },
    /// INFO or MESSAGE came and was answered with 200.
    Received {
        /// Which.
        method: InDialogMethod,
        /// Its body.
        body: Option<Body>,
        /// Header fields that the floor does not own.
        fields: Vec<HeaderField>,
    },
    /// The peer hung up: its BYE was answered.
    HungUp(Box<Farewell>),
    /// The leg cannot go on; what could be sent to end it is sent.
    Failed {
        /// Why.
        failure: LegFailure,
        /// What exactly could not be done, for people; empty when `failure` says all.
        reason: Box<str>,
    },
    /// The last event. Transactions may linger; the session need not.
    Ended,
}
