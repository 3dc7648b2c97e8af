use smallvec::smallvec;

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

fn first(uri: &str, origin: Option<&Origin>) -> Result<Flow, Unlocated> {
    match locate(uri, &settings(), None, origin)? {
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

fn seen_at(source: &Flow) -> Origin {
    Origin::of_response(source)
}

#[test]
fn an_address_is_believed_that_reaches_as_far_as_the_peer_does() {
    let (public, inside, local) = ("198.51.100.7:40001", "10.0.0.9:5060", "127.0.0.9:5060");
    for (named, source, believed) in [
        ("203.0.113.4", public, true),
        ("10.1.2.3", public, false),
        ("192.168.0.5:5060", public, false),
        ("172.16.9.9", public, false),
        ("100.64.1.1", public, false),
        ("169.254.169.254", public, false),
        ("127.0.0.1", public, false),
        ("0.0.0.0", public, false),
        ("0.0.0.1", public, false),
        ("224.0.1.75", public, false),
        ("255.255.255.255", public, false),
        ("203.0.113.4", inside, true),
        ("10.1.2.3", inside, true),
        ("192.168.7.7", inside, true),
        ("169.254.169.254", inside, false),
        ("127.0.0.1", inside, false),
        ("239.255.255.250", inside, false),
        ("127.0.0.1", local, true),
        ("10.1.2.3", local, true),
    ] {
        let source = flow(Transport::Udp, 0, source);
        let direct = flow(
            Transport::Udp,
            0,
            &if named.contains(':') { named.into() } else { format!("{named}:5060") },
        );
        let expected = if believed { direct } else { source };
        for uri in [format!("sip:bob@{named}"), format!("sip:bob@example.com;maddr={named}")] {
            if uri.contains("maddr") && named.contains(':') {
                continue;
            }
            assert_eq!(first(&uri, Some(&seen_at(&source))), Ok(expected), "{uri} of {source:?}");
        }
    }
    // An engine may name what it likes.
    assert_eq!(first("sip:bob@127.0.0.1", None), Ok(flow(Transport::Udp, 0, "127.0.0.1:5060")));
}

#[test]
fn an_ipv4_address_written_as_an_ipv6_one_is_judged_as_what_it_is() {
    let source = flow(Transport::Udp, 2, "[2001:db8::7]:40001");
    let origin = seen_at(&source);
    for (address, believed) in [
        ("2001:db8::9", true),
        ("::ffff:203.0.113.4", true),
        ("::ffff:127.0.0.1", false),
        ("::ffff:10.0.0.1", false),
        ("::1", false),
        ("::", false),
        ("fd00::1", false),
        ("fe80::1", false),
        ("ff02::1", false),
    ] {
        assert_eq!(origin.may_name(address.parse().unwrap()), believed, "{address}");
    }
}

fn request_via(via: &str) -> crate::sip::Request {
    let text = format!(
        "OPTIONS sip:us@192.0.2.1 SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:us@192.0.2.1>\r\n\
         Call-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    match crate::sip::Message::parse(text.into_bytes().into(), &crate::sip::Limits::default()) {
        Ok(crate::sip::Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn between_two_private_networks_a_peer_behind_nat_is_reached_where_it_is_seen() {
    let source = flow(Transport::Udp, 0, "172.17.0.1:41000");
    let named = flow(Transport::Udp, 0, "10.244.1.5:5060");
    for (via, expected) in [
        ("SIP/2.0/UDP 10.244.1.5:5060;branch=z9hG4bK1;rport", source),
        // It does not ask to be answered where it is seen; a proxy; no address.
        ("SIP/2.0/UDP 10.244.1.5:5060;branch=z9hG4bK1", named),
        ("SIP/2.0/UDP 172.17.0.1:5060;branch=z9hG4bK1;rport", named),
        ("SIP/2.0/UDP phone.example.com;branch=z9hG4bK1;rport", named),
    ] {
        let origin = Origin::of_request(request_via(via).headers(), &source);
        assert_eq!(first("sip:bob@10.244.1.5", Some(&origin)), Ok(expected), "{via}");
    }
    // Over a stream the other way is left.
    let source = flow(Transport::Tcp, 1, "172.17.0.1:41000");
    let request = request_via("SIP/2.0/TCP 10.244.1.5:5060;branch=z9hG4bK1;rport");
    let origin = Origin::of_request(request.headers(), &source);
    let ways: Flows = smallvec![source, flow(Transport::Tcp, 1, "10.244.1.5:5060")];
    let located = locate("sip:bob@10.244.1.5;transport=tcp", &settings(), None, Some(&origin));
    assert_eq!(located, Ok(Located::Flows(ways)));
}

#[test]
fn over_a_stream_the_connection_it_came_on_is_the_second_way() {
    let source = flow(Transport::Tcp, 1, "192.0.2.1:40001");
    let origin = seen_at(&source);
    let located = locate("sip:bob@192.0.2.1:5060;transport=tcp", &settings(), None, Some(&origin));
    let ways: Flows = smallvec![flow(Transport::Tcp, 1, "192.0.2.1:5060"), source];
    assert_eq!(located, Ok(Located::Flows(ways)));
    // A contact that cannot be reached directly at all leaves only the way it came.
    let located = locate("sip:bob@[2001:db8::1];transport=tcp", &settings(), None, Some(&origin));
    assert_eq!(located, Ok(Located::Flows(smallvec![source])));
}
