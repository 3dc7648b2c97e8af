//! The 12 IPv6 messages of RFC 5118: what becomes of each and which layer says so, read and written in every way, cut
//! and mutated.

mod torture;

use std::net::IpAddr;

use bytes::Bytes;
use callplane::sip::{Host, Limits, Message, Request};
use torture::Verdict::{Fine, Message as Refused, User};
use torture::{Verdict, check_refusal, check_table, corpus, cut_everywhere, exercise, judge, mutate};

const TABLE: [(&str, Verdict); 12] = [
    ("ipv6-good", Fine),
    ("ipv6-bad", Refused(400)),
    ("port-ambiguous", Fine),
    ("port-unambiguous", Fine),
    ("via-received-param-with-delim", Fine),
    ("via-received-param-no-delim", Fine),
    ("ipv6-in-sdp", Fine),
    ("mult-ip-in-header", Fine),
    ("mult-ip-in-sdp", User("an offer of IPv4 and IPv6 lines, for media to answer")),
    ("ipv4-mapped-ipv6", User("mapped addresses in Contact and in the offer; the Content-Length is right")),
    ("ipv6-bug-abnf-3-colons", Fine),
    ("ipv6-correct-abnf-2-colons", Fine),
];

fn files() -> Vec<(String, Bytes)> {
    corpus("rfc5118")
}

fn request(bytes: Bytes) -> Request {
    match Message::parse(bytes, &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn file(name: &str) -> Request {
    request(files().into_iter().find(|(found, _)| found == name).expect("the file").1)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn every_message_gets_its_verdict() {
    check_table(&files(), &TABLE);
}

#[test]
fn the_refused_request_can_be_answered() {
    for (name, bytes) in files().into_iter().filter(|(name, _)| name == "ipv6-bad") {
        check_refusal(&name, &bytes);
    }
}

#[test]
fn cuts_and_flipped_bytes_never_panic() {
    for (name, bytes) in files() {
        mutate(&name, &bytes, 200);
        cut_everywhere(&name, &bytes);
    }
}

#[test]
fn a_port_inside_the_brackets_is_part_of_the_address() {
    let (inside, outside) = (file("port-ambiguous"), file("port-unambiguous"));
    let inside = inside.parse_request_uri().expect("a URI");
    assert_eq!(
        (inside.host().and_then(|host| host.ip()), inside.port()),
        (Some(address("2001:db8::10:5070")), None)
    );
    let outside = outside.parse_request_uri().expect("a URI");
    assert_eq!(
        (outside.host().and_then(|host| host.ip()), outside.port()),
        (Some(address("2001:db8::10")), Some(5070))
    );
}

#[test]
fn received_is_read_with_and_without_brackets() {
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let request = file(name);
        let via = request.headers().top_via().expect("Via");
        assert_eq!(via.received(), Some(address("2001:db8::9:255")), "{name}");
        assert_eq!(via.host.ip(), Some(address("2001:db8::9:1")), "{name}");
    }
}

#[test]
fn three_colons_name_the_same_host_as_two() {
    let (three, two) = (file("ipv6-bug-abnf-3-colons"), file("ipv6-correct-abnf-2-colons"));
    let (three, two) = (three.parse_request_uri().expect("a URI"), two.parse_request_uri().expect("a URI"));
    assert!(three.equivalent(&two));
}

#[test]
fn vias_of_both_families_stand_in_one_message() {
    let request = file("mult-ip-in-header");
    let vias: Vec<_> = request.headers().vias().map(|via| via.expect("Via")).collect();
    assert!(matches!(vias[0].host, Host::V6(_)) && vias[0].port == Some(6050));
    assert!(matches!(vias[1].host, Host::V4(_)));
    assert_eq!(vias[2].received(), Some(address("192.0.2.200")));
}

/// Cases of the same kinds, written by hand: Request-URI, top Via, verdict.
const BY_HAND: [(&str, &str, Verdict); 9] = [
    ("sip:[2001:db8::1]", "[2001:db8::2]:5062", Fine),
    ("sip:a@[::ffff:192.0.2.1]:5060;transport=tcp", "[::1]", Fine),
    ("sip:a@[fe80::1%25eth0]", "h", Refused(400)),
    ("sip:2001:db8::1", "h", Refused(400)),
    ("sip:[2001:db8::1", "h", Refused(400)),
    ("sip:[2001:db8::1]5060", "h", Refused(400)),
    ("sip:[2001:db8:::1]", "h;received=2001:db8:::9", Fine),
    ("sip:a@b", "[2001:db8::2", Refused(400)),
    ("sip:a@b", "2001:db8::2", Refused(400)),
];

#[test]
fn every_hand_written_case_gets_its_verdict() {
    for (uri, via, verdict) in BY_HAND {
        let text = format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\nTo: <sip:a@b>\r\nFrom: sip:c@d;tag=1\r\n\
             Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let bytes = Bytes::from(text);
        assert_eq!(judge(&bytes), verdict.here(), "{uri} {via}");
        exercise(&bytes);
        mutate(uri, &bytes, 100);
        cut_everywhere(uri, &bytes);
    }
}
