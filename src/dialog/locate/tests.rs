use super::*;
use crate::dialog::Listener;

fn listener(id: u16, transport: Transport, ipv6: bool) -> Listener {
    Listener { id: ListenerId(id), transport, host: "us.example.com".into(), port: 5060, ipv6 }
}

fn settings() -> DialogSettings {
    DialogSettings {
        listeners: vec![
            listener(0, Transport::Udp, false),
            listener(1, Transport::Tcp, false),
            listener(2, Transport::Udp, true),
            listener(3, Transport::Udp, false),
        ],
        ..DialogSettings::default()
    }
}

fn flow(transport: Transport, listener: u16, remote: &str) -> Flow {
    Flow { transport, listener: ListenerId(listener), remote: remote.parse().unwrap(), connection: None }
}

fn first(uri: &str, source: Option<&Flow>) -> Result<Flow, Unlocated> {
    match locate(uri, &settings(), None, source)? {
        Located::Flows(flows) => Ok(flows[0]),
        Located::Name(question) => panic!("{question:?}"),
    }
}

#[test]
fn a_literal_address_leads_to_a_flow_at_once() {
    use Transport::{Tcp, Tls, Udp};
    for (uri, expected) in [
        ("sip:bob@192.0.2.1", Ok(flow(Udp, 0, "192.0.2.1:5060"))),
        ("sip:192.0.2.1:5080", Ok(flow(Udp, 0, "192.0.2.1:5080"))),
        ("sip:bob@192.0.2.1;transport=tcp", Ok(flow(Tcp, 1, "192.0.2.1:5060"))),
        ("sip:bob@192.0.2.1;transport=TCP;lr", Ok(flow(Tcp, 1, "192.0.2.1:5060"))),
        ("sip:bob@[2001:db8::1]:5070", Ok(flow(Udp, 2, "[2001:db8::1]:5070"))),
        ("sip:bob@example.com;maddr=192.0.2.9", Ok(flow(Udp, 0, "192.0.2.9:5060"))),
        // No listener for IPv6 over TCP, none for TLS, an unknown transport, no SIP URI, no URI.
        ("sip:bob@[2001:db8::1];transport=tcp", Err(Unlocated::NoListener { transport: Tcp, ipv6: true })),
        ("sips:bob@192.0.2.1", Err(Unlocated::NoListener { transport: Tls, ipv6: false })),
        ("sip:bob@192.0.2.1;transport=sctp", Err(Unlocated::Transport)),
        ("sips:bob@192.0.2.1;transport=udp", Err(Unlocated::Transport)),
        ("sip:bob@192.0.2.1;maddr=a:b", Err(Unlocated::NoHost)),
        ("tel:+4930123456", Err(Unlocated::NoSipUri)),
        ("bob", Err(Unlocated::NoSipUri)),
    ] {
        assert_eq!(first(uri, None), expected, "{uri}");
    }
}

#[test]
fn a_name_is_to_be_looked_up() {
    let located = locate("sip:bob@proxy.example.com:5062;transport=tcp", &settings(), None, None);
    let question = Question { host: "proxy.example.com".into(), port: Some(5062), transport: Transport::Tcp };
    assert_eq!(located, Ok(Located::Name(question)));
    let located = locate("sips:proxy.example.com", &settings(), None, None);
    assert_eq!(located, Err(Unlocated::NoListener { transport: Transport::Tls, ipv6: false }));
    assert_eq!(located.unwrap_err().to_string(), "no listener for tls");
}

#[test]
fn the_listener_of_the_dialog_is_kept_where_it_reaches_the_peer() {
    let towards = |listener| match locate("sip:192.0.2.1", &settings(), Some(ListenerId(listener)), None) {
        Ok(Located::Flows(flows)) => flows[0].listener,
        other => panic!("{other:?}"),
    };
    assert_eq!(towards(3), ListenerId(3));
    assert_eq!(towards(1), ListenerId(0));
}

#[test]
fn a_private_contact_is_not_believed_of_a_peer_that_came_from_elsewhere() {
    let public = flow(Transport::Udp, 0, "198.51.100.7:40001");
    for private in ["10.1.2.3", "192.168.0.5:5060", "172.16.9.9", "100.64.1.1", "127.0.0.1", "0.0.0.0"] {
        assert_eq!(first(&format!("sip:bob@{private}"), Some(&public)), Ok(public), "{private}");
    }
    assert_eq!(first("sip:bob@203.0.113.4", Some(&public)), Ok(flow(Transport::Udp, 0, "203.0.113.4:5060")));
    let inside = flow(Transport::Udp, 0, "10.0.0.9:5060");
    assert_eq!(first("sip:bob@10.1.2.3", Some(&inside)), Ok(flow(Transport::Udp, 0, "10.1.2.3:5060")));
}

#[test]
fn over_a_stream_the_connection_it_came_on_is_the_second_way() {
    let source = flow(Transport::Tcp, 1, "192.0.2.1:40001");
    let located = locate("sip:bob@192.0.2.1:5060;transport=tcp", &settings(), None, Some(&source));
    let ways: Flows = smallvec![flow(Transport::Tcp, 1, "192.0.2.1:5060"), source];
    assert_eq!(located, Ok(Located::Flows(ways)));
    // A contact that cannot be reached directly at all leaves only the way it came.
    let located = locate("sip:bob@[2001:db8::1];transport=tcp", &settings(), None, Some(&source));
    assert_eq!(located, Ok(Located::Flows(smallvec![source])));
}
