//! Where the top Via of a request sends its response (RFC 3261 §18.2.2, RFC 3581 §4).
//!
//! The flow is the truth about where a request came from; Via only says what its sender believes. Marking Via with that
//! truth is [`Request::with_received`](super::Request::with_received). Sending is left to transport, which knows whether
//! a connection is still there.

use std::net::SocketAddr;

use crate::ground::{Flow, Transport};

use super::header::{Rport, Via};

/// Where a response goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseRoute {
    /// The way it goes.
    pub flow: Flow,
    /// On a stream: the address to connect to if the request's connection is gone.
    pub otherwise: Option<SocketAddr>,
}

impl ResponseRoute {
    /// For a request with this top Via that came on `flow` (RFC 3261 §18.2.2).
    ///
    /// - A stream's response goes back on its connection, or to the source's address and sent-by's port. A WebSocket
    ///   client cannot be connected to (RFC 7118 §5).
    /// - `maddr` is not followed: with it anybody could have an answer sent to whom he likes, also inside our own network,
    ///   without forging an address. It is meant for requests that were sent to a multicast group, which none is joined to.
    /// - With `rport`, the response goes to the very source (RFC 3581 §4).
    /// - Else to the source's address and sent-by's port.
    #[must_use]
    pub fn of(top: &Via<'_>, flow: &Flow) -> Self {
        let port = top.port.filter(|&port| port != 0).unwrap_or(flow.transport.default_port());
        let mut by_sent_by = flow.remote;
        by_sent_by.set_port(port);
        match flow.transport {
            Transport::Ws | Transport::Wss => Self { flow: *flow, otherwise: None },
            Transport::Tcp | Transport::Tls => Self { flow: *flow, otherwise: Some(by_sent_by) },
            Transport::Udp => {
                let remote = match top.rport {
                    Rport::Absent => by_sent_by,
                    Rport::Asked | Rport::Port(_) => flow.remote,
                };
                Self { flow: Flow { remote, ..*flow }, otherwise: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{FieldValue, grammar};
    use super::*;
    use crate::ground::{ConnectionId, ListenerId};

    fn via(text: &str) -> Via<'_> {
        grammar::whole(text, Via::read).unwrap()
    }

    fn flow(transport: Transport, remote: &str) -> Flow {
        let connection = transport.is_reliable().then_some(ConnectionId(9));
        Flow { transport, listener: ListenerId(1), remote: remote.parse().unwrap(), connection }
    }

    #[rstest]
    #[case::sent_by_port("192.0.2.1:5080", "192.0.2.1:5080")]
    #[case::default_port("192.0.2.1", "192.0.2.1:5060")]
    #[case::port_zero("192.0.2.1:0", "192.0.2.1:5060")]
    #[case::the_name_is_not_looked_up("a.example.com:5080", "192.0.2.1:5080")]
    #[case::a_claimed_received_is_not_believed("10.0.0.1:5080;received=198.51.100.1", "192.0.2.1:5080")]
    #[case::rport("10.0.0.1:5080;rport", "192.0.2.1:4711")]
    #[case::a_maddr_is_not_followed("10.0.0.1:5080;maddr=198.51.100.9", "192.0.2.1:5080")]
    #[case::nor_into_our_own_network("10.0.0.1:5080;maddr=127.0.0.1;rport", "192.0.2.1:4711")]
    #[case::nor_to_a_group("10.0.0.1:5080;maddr=239.255.255.1;ttl=1", "192.0.2.1:5080")]
    #[case::nor_to_the_other_family("10.0.0.1:5080;maddr=[2001:db8::1]", "192.0.2.1:5080")]
    #[case::nor_by_name("10.0.0.1:5080;maddr=a.example.com", "192.0.2.1:5080")]
    fn a_datagram_is_answered_where_its_via_says(#[case] sent_by: &str, #[case] remote: &str) {
        let text = format!("SIP/2.0/UDP {sent_by}");
        let came = flow(Transport::Udp, "192.0.2.1:4711");
        let route = ResponseRoute::of(&via(&text), &came);
        let expected = Flow { remote: remote.parse().unwrap(), ..came };
        assert_eq!(route, ResponseRoute { flow: expected, otherwise: None });
    }

    #[rstest]
    #[case::sent_by_port(Transport::Tcp, "a.example.com:5080", Some("192.0.2.1:5080"))]
    #[case::default_port(Transport::Tcp, "a.example.com", Some("192.0.2.1:5060"))]
    #[case::default_port_of_tls(Transport::Tls, "a.example.com", Some("192.0.2.1:5061"))]
    #[case::websocket(Transport::Ws, "a.invalid", None)]
    fn a_stream_is_answered_on_its_connection_and_else_at_the_sent_by_port(
        #[case] transport: Transport,
        #[case] sent_by: &str,
        #[case] otherwise: Option<&str>,
    ) {
        let text = format!("SIP/2.0/{transport} {sent_by};rport");
        let came = flow(transport, "192.0.2.1:4711");
        let route = ResponseRoute::of(&via(&text), &came);
        assert_eq!(route, ResponseRoute { flow: came, otherwise: otherwise.map(|to| to.parse().unwrap()) });
    }

    #[test]
    fn an_ipv6_source_keeps_its_scope() {
        let came = flow(Transport::Udp, "[fe80::1%3]:4711");
        let route = ResponseRoute::of(&via("SIP/2.0/UDP [fe80::1]:5080"), &came);
        assert_eq!(route.flow.remote, "[fe80::1%3]:5080".parse().unwrap());
    }
}
