//! What the layer says, to transport and to the transaction user, and what it answers when it is asked for something.

use bytes::Bytes;

use super::TransactionId;
use crate::ground::Flow;
use crate::sip::{Method, Request, Response, StatusCode};

/// What the layer wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Transmit {
        /// The way. Without a connection on a stream transport: reuse or open one to the peer.
        flow: Flow,
        /// One message.
        bytes: Bytes,
        /// Comes back with [`super::Transactions::send_failed`].
        tag: u64,
    },
    /// Tell the transaction user.
    ToUser(TransactionEvent),
}

/// What the transaction user hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionEvent {
    /// A new server transaction. Neither ACK nor CANCEL.
    Request {
        /// To be answered by [`super::Transactions::respond`].
        id: TransactionId,
        /// The request, with `received` and `rport` in its top Via.
        request: Request,
        /// The way it came.
        flow: Flow,
    },
    /// The INVITE is withdrawn (RFC 3261 §9.2). The CANCEL is answered already; the INVITE still wants its final
    /// response: 487, or whatever was decided before.
    Cancel {
        /// The INVITE's transaction, which has no final response yet.
        invite: TransactionId,
        /// The CANCEL, for its Reason.
        request: Request,
    },
    /// An ACK that is not the answer to a refusal: for a 2xx, so for a dialog.
    Ack {
        /// The ACK.
        request: Request,
        /// The way it came.
        flow: Flow,
    },
    /// A response to a client transaction: provisional ones each time they arrive, the final one once, except that every
    /// 2xx to INVITE comes up each time, also with another To tag (a forked INVITE, RFC 6026 §7.2).
    Response {
        /// Of which transaction.
        id: TransactionId,
        /// The response.
        response: Response,
        /// The way it came.
        flow: Flow,
    },
    /// A 2xx to INVITE that belongs to no transaction any more. A dialog may know it and must then acknowledge it.
    StrayAccepted {
        /// The response.
        response: Response,
        /// The way it came.
        flow: Flow,
    },
    /// A client transaction ends without a final response.
    Failed {
        /// Which.
        id: TransactionId,
        /// Why.
        error: ClientError,
    },
    /// Something about a server transaction went wrong.
    ServerFailed {
        /// Which.
        id: TransactionId,
        /// What.
        error: ServerError,
    },
    /// The transaction is no more; its id means nothing from here on.
    Terminated {
        /// Which.
        id: TransactionId,
    },
}

/// Why a client transaction ended without a final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Timer B or F: the peer did not answer within 64·T1. To be treated as a 408 (RFC 3261 §8.1.3.1).
    #[error("no answer within 64·T1")]
    Timeout,
    /// It could not be sent. To be treated as a 503.
    #[error("the request could not be sent")]
    Transport,
    /// A CANCEL was sent and no final response came within 64·T1 after it (RFC 3261 §9.1).
    #[error("cancelled, and no final answer within 64·T1 after that")]
    Cancelled,
}

/// What went wrong with a server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// Timer H: no ACK to a refusal came within 64·T1; or the user left a non-INVITE unanswered for that long.
    /// [`TransactionEvent::Terminated`] follows.
    #[error("no ACK, or no answer to give, within 64·T1")]
    Timeout,
    /// A response could not be sent. The transaction stays in its state (RFC 6026 §8.8): one without a final response
    /// still wants one.
    #[error("the response could not be sent")]
    Transport,
}

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// [`super::TransactionSettings::transactions_max`] is reached.
    #[error("as many transactions as there may be")]
    AtLimit,
    /// The top Via is not readable, or its branch lacks the magic cookie.
    #[error("the top Via needs a branch that begins with z9hG4bK")]
    Branch,
    /// A transaction with this branch and method exists.
    #[error("a transaction with this branch exists")]
    BranchInUse,
    /// ACK has no transaction of its own ([`super::Transactions::send_stateless`]), and CANCEL is sent by
    /// [`super::Transactions::cancel`].
    #[error("{0} is not sent as a transaction of its own")]
    Method(Method),
}

/// Why a response is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespondError {
    /// No such server transaction, or no longer.
    #[error("no such server transaction")]
    Unknown,
    /// A final response went before. (A 2xx to INVITE may be repeated.)
    #[error("already answered")]
    AlreadyFinal,
}

/// What became of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// The CANCEL is sent.
    Sent,
    /// It is sent as soon as a provisional response comes (RFC 3261 §9.1).
    AfterProvisional,
}

/// Why a request is not cancelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// No such client INVITE transaction, or no longer.
    #[error("no such client INVITE transaction")]
    Unknown,
    /// The final response has come: too late.
    #[error("already answered")]
    AlreadyFinal,
    /// It was cancelled before.
    #[error("already cancelled")]
    AlreadyCancelled,
    /// An extra header field cannot be written.
    #[error(transparent)]
    Header(#[from] crate::sip::BuildError),
}

/// How a transaction stands, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No final response yet.
    Pending,
    /// A final response came, or was given.
    Done,
    /// The client's request failed.
    Failed(ClientError),
}

/// A look at one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionInfo {
    /// Which.
    pub id: TransactionId,
    /// The request's method.
    pub method: Method,
    /// Whether we sent the request.
    pub is_client: bool,
    /// The state by its RFC name.
    pub state: &'static str,
    /// The request, as long as the transaction is pending: it is let go with the final response.
    pub request: Option<Request>,
    /// The status of the last response that came or was given.
    pub last_status: Option<StatusCode>,
    /// How it stands.
    pub outcome: Outcome,
}
