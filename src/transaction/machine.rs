//! The four machines under one roof: the layer's inputs, sorted to the machine that a transaction has.

use super::client_invite::{self, ClientInvite};
use super::client_non_invite::{self, ClientNonInvite};
use super::event::Outcome;
use super::server_invite::{self, ServerInvite};
use super::server_non_invite::{self, ServerNonInvite};
use super::step::Effects;
use super::timer::{Timer, Timing};
use crate::ground::Flow;
use crate::sip::{Request, Response};

/// The machine of one transaction.
#[derive(Clone, Debug)]
#[expect(clippy::enum_variant_names, reason = "the RFC names its machines so")]
pub(super) enum Machine {
    ClientInvite(ClientInvite),
    ClientNonInvite(ClientNonInvite),
    ServerInvite(ServerInvite),
    ServerNonInvite(ServerNonInvite),
}

/// What the layer puts into a transaction, with the message in hand.
#[derive(Clone, Copy, Debug)]
pub(super) enum Input<'a> {
    Timer(Timer),
    /// A response came.
    Response(&'a Response, &'a Flow),
    /// The request came again.
    Again,
    /// The INVITE's ACK came.
    Ack(&'a Request, &'a Flow),
    /// The user answers.
    Respond(&'a Response),
    /// The user withdraws the INVITE by this CANCEL.
    Cancel(&'a Request),
    /// A message could not be sent.
    TransportError,
    /// The connection of a client ended.
    ConnectionLost,
}

impl Machine {
    /// What stands in a transaction's place while it steps, and after its end.
    pub const OVER: Self = Self::ClientNonInvite(ClientNonInvite::Terminated);

    /// One input. One that is not of the machine's kind is unexpected and moves nothing.
    pub fn step(self, input: Input<'_>, timing: &Timing) -> (Self, Effects) {
        match self {
            Self::ClientInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => client_invite::Input::Timer(timer),
                    Input::Response(response, _) => client_invite::Input::Response(response),
                    Input::Cancel(request) => client_invite::Input::Cancel(request.clone()),
                    Input::TransportError => client_invite::Input::TransportError,
                    Input::ConnectionLost => client_invite::Input::ConnectionLost,
                    Input::Again | Input::Ack(..) | Input::Respond(_) => {
                        return (Self::ClientInvite(machine), Effects::unexpected());
                    }
                };
                let (machine, effects) = machine.step(input, timing);
                (Self::ClientInvite(machine), effects)
            }
            Self::ClientNonInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => client_non_invite::Input::Timer(timer),
                    Input::Response(response, _) => client_non_invite::Input::Response(response),
                    Input::TransportError => client_non_invite::Input::TransportError,
                    Input::ConnectionLost => client_non_invite::Input::ConnectionLost,
                    Input::Again | Input::Ack(..) | Input::Respond(_) | Input::Cancel(_) => {
                        return (Self::ClientNonInvite(machine), Effects::unexpected());
                    }
                };
                let (machine, effects) = machine.step(input, timing);
                (Self::ClientNonInvite(machine), effects)
            }
            Self::ServerInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => server_invite::Input::Timer(timer),
                    Input::Again => server_invite::Input::Invite,
                    Input::Ack(..) => server_invite::Input::Ack,
                    Input::Respond(response) => server_invite::Input::Respond(response),
                    Input::TransportError => server_invite::Input::TransportError,
                    Input::Response(..) | Input::Cancel(_) | Input::ConnectionLost => {
                        return (Self::ServerInvite(machine), Effects::unexpected());
                    }
                };
                let (machine, effects) = machine.step(input, timing);
                (Self::ServerInvite(machine), effects)
            }
            Self::ServerNonInvite(machine) => {
                let input = match input {
                    Input::Timer(timer) => server_non_invite::Input::Timer(timer),
                    Input::Again => server_non_invite::Input::Request,
                    Input::Respond(response) => server_non_invite::Input::Respond(response),
                    Input::TransportError => server_non_invite::Input::TransportError,
                    Input::Response(..) | Input::Ack(..) | Input::Cancel(_) | Input::ConnectionLost => {
                        return (Self::ServerNonInvite(machine), Effects::unexpected());
                    }
                };
                let (machine, effects) = machine.step(input, timing);
                (Self::ServerNonInvite(machine), effects)
            }
        }
    }

    pub const fn is_client(&self) -> bool {
        matches!(self, Self::ClientInvite(_) | Self::ClientNonInvite(_))
    }

    /// Whether it is a client that has heard nothing: in `Calling` or `Trying`.
    pub const fn is_unheard(&self) -> bool {
        matches!(
            self,
            Self::ClientInvite(ClientInvite::Calling { .. })
                | Self::ClientNonInvite(ClientNonInvite::Trying { .. })
        )
    }

    /// Whether another way of the same request is one too many (RFC 3261 §8.2.2.2): it waits for its answer, or has become
    /// a call. One that is refused is settled, also while the refusal waits for its ACK: a proxy that hunts through a group
    /// asks again with the next branch.
    pub const fn is_ongoing(&self) -> bool {
        matches!(
            self,
            Self::ServerInvite(ServerInvite::Proceeding { .. } | ServerInvite::Accepted)
                | Self::ServerNonInvite(ServerNonInvite::Trying { .. } | ServerNonInvite::Proceeding { .. })
        )
    }

    pub const fn is_over(&self) -> bool {
        matches!(
            self,
            Self::ClientInvite(ClientInvite::Terminated)
                | Self::ClientNonInvite(ClientNonInvite::Terminated)
                | Self::ServerInvite(ServerInvite::Terminated)
                | Self::ServerNonInvite(ServerNonInvite::Terminated)
        )
    }

    /// The request, as long as it is kept: until the final response.
    pub const fn request(&self) -> Option<&Request> {
        match self {
            Self::ClientInvite(machine) => machine.request(),
            Self::ClientNonInvite(machine) => machine.request(),
            Self::ServerInvite(machine) => machine.request(),
            Self::ServerNonInvite(machine) => machine.request(),
        }
    }

    /// The state's RFC name.
    pub const fn state(&self) -> &'static str {
        match self {
            Self::ClientInvite(machine) => machine.name(),
            Self::ClientNonInvite(machine) => machine.name(),
            Self::ServerInvite(machine) => machine.name(),
            Self::ServerNonInvite(machine) => machine.name(),
        }
    }

    /// Whether the final response is out or in.
    pub const fn outcome(&self) -> Outcome {
        if self.request().is_some() { Outcome::Pending } else { Outcome::Done }
    }
}
