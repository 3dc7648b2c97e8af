//! Which IP version the offer of a call has, and when that has to be looked up first.

use std::net::SocketAddr;

use super::commands::made;
use super::*;
use crate::ground::IpVersion;
use crate::shard::offers::OFFER_LOOKUP_TIME;

/// Listeners for both versions by UDP, and by TCP for IPv6 alone.
fn both() -> ShardSettings {
    let mut settings = settings();
    let template = settings.dialogs.listeners[0].clone();
    let six = |id, transport| Listener { id: ListenerId(id), transport, ipv6: true, ..template.clone() };
    settings.dialogs.listeners.push(six(2, Transport::Udp));
    settings.dialogs.listeners.push(six(3, Transport::Tcp));
    settings
}

fn bench(settings: ShardSettings) -> Bench {
    let mut bench = Bench::with(settings);
    bench.media_answers = false;
    bench
}

fn found(addresses: &[&str]) -> Result<Vec<SocketAddr>, String> {
    Ok(addresses.iter().map(|address| address.parse().unwrap()).collect())
}

/// The version in which media was asked for an offer, if it was.
fn version_asked(bench: &Bench) -> Option<Option<IpVersion>> {
    bench.asked.iter().find_map(|(_, _, body)| match body {
        MediaRequest::Negotiate { step: NegotiationStep::MakeOffer, preferences, .. } => {
            Some(preferences.ip_version)
        }
        _ => None,
    })
}

#[test]
fn an_address_says_the_version_of_the_offer_and_so_does_what_listeners_there_are() {
    let rows = [
        ("sip:bob@198.51.100.7", None),
        ("sip:bob@[2001:db8::7]", Some(IpVersion::V6)),
        ("sip:bob@[2001:db8::7];transport=tcp", Some(IpVersion::V6)),
        // It is where the request goes.
        ("sip:bob@198.51.100.7;maddr=2001:db8::7", Some(IpVersion::V6)),
        // Over TCP nothing but IPv6 can be reached.
        ("sip:bob@phone.example.com;transport=tcp", Some(IpVersion::V6)),
    ];
    for (target, expected) in rows {
        let mut bench = bench(both());
        made(&mut bench, "o1", create(target)).expect("a call");
        assert_eq!(version_asked(&bench), Some(expected), "{target}");
        assert!(bench.resolves.is_empty(), "{target}");
    }
    let mut only_ipv4 = bench(settings());
    made(&mut only_ipv4, "o1", create("sip:bob@phone.example.com")).expect("a call");
    assert_eq!((version_asked(&only_ipv4), only_ipv4.resolves.len()), (Some(None), 0));
}

#[test]
fn a_call_that_came_in_without_an_offer_gets_one_of_the_version_that_it_came_by() {
    let by = |remote: &str, listener| Flow { remote: remote.parse().unwrap(), ..flow(listener) };
    let v6 = Some(IpVersion::V6);
    for (source, said, expected) in [
        (by("198.51.100.7:5060", 0), None, None),
        (by("[2001:db8::7]:5060", 2), None, v6),
        (by("[::ffff:198.51.100.7]:5060", 2), None, None),
        (by("[2001:db8::7]:5060", 2), Some(IpVersion::V4), Some(IpVersion::V4)),
        (by("198.51.100.7:5060", 0), v6, v6),
    ] {
        let mut bench = bench(both());
        let offerless = invite("c1").replace(
            "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\noffer",
            "Content-Length: 0\r\n\r\n",
        );
        bench.handle(Input::Received { bytes: Bytes::from(offerless), flow: source });
        let session = bench.session();
        let media = MediaPreferences { ip_version: said, ..MediaPreferences::default() };
        let (fields, body, limits) = (Vec::new(), None, CallLimits::default());
        bench.do_verb(&session, Verb::Answer { media, fields, body, limits });
        assert_eq!(version_asked(&bench), Some(expected), "{source:?}");
    }
}

#[test]
fn the_proxy_counts_where_there_is_one() {
    let mut bench = bench(both());
    let by_proxy =
        Create { outbound_proxy: Some("sip:[2001:db8::7]".into()), ..create("sip:bob@198.51.100.7") };
    made(&mut bench, "o1", by_proxy).expect("a call");
    assert_eq!(version_asked(&bench), Some(Some(IpVersion::V6)));
}

#[test]
fn what_the_engine_says_counts_before_anything_else() {
    for (target, version) in
        [("sip:bob@[2001:db8::7]", IpVersion::V4), ("sip:bob@phone.example.com", IpVersion::V6)]
    {
        let mut bench = bench(both());
        let media = MediaPreferences { ip_version: Some(version), ..MediaPreferences::default() };
        made(&mut bench, "o1", Create { media, ..create(target) }).expect("a call");
        assert_eq!((version_asked(&bench), bench.resolves.len()), (Some(Some(version)), 0), "{target}");
    }
}

#[test]
fn a_name_is_looked_up_before_the_offer_is_made() {
    let rows: [(Result<Vec<SocketAddr>, String>, _); 5] = [
        (found(&["198.51.100.7:5060"]), None),
        (found(&["[2001:db8::7]:5060"]), Some(IpVersion::V6)),
        (found(&["[2001:db8::7]:5060", "198.51.100.7:5060"]), Some(IpVersion::V6)),
        (found(&["198.51.100.7:5060", "[2001:db8::7]:5060"]), None),
        (Err("no such name".into()), None),
    ];
    for (result, expected) in rows {
        let mut bench = bench(both());
        made(&mut bench, "o1", create("sip:bob@phone.example.com")).expect("a call");
        assert_eq!((version_asked(&bench), bench.sent.len()), (None, 0));
        let [query] = bench.resolves[..] else { panic!("{:?}", bench.resolves) };
        bench.handle(Input::Resolved { query, result: result.clone() });
        assert_eq!(version_asked(&bench), Some(expected), "{result:?}");
        bench.handle(Input::Resolved { query, result });
        assert_eq!(bench.asked.len(), 1, "an answer that comes twice is of no use");
    }
}

#[test]
fn a_look_up_that_takes_too_long_keeps_no_call_waiting() {
    let mut bench = bench(both());
    made(&mut bench, "o1", create("sip:bob@phone.example.com")).expect("a call");
    bench.pass(OFFER_LOOKUP_TIME - ms(1));
    assert_eq!(version_asked(&bench), None);
    bench.pass(ms(1));
    assert_eq!(version_asked(&bench), Some(None));
    let query = bench.resolves[0];
    bench.handle(Input::Resolved { query, result: found(&["[2001:db8::7]:5060"]) });
    assert_eq!(bench.asked.len(), 1);
}

#[test]
fn more_look_ups_than_there_may_be_keep_no_call_waiting() {
    let mut settings = both();
    settings.dialogs.lookups_max = 1;
    let mut bench = bench(settings);
    for id in ["o1", "o2"] {
        made(&mut bench, id, create("sip:bob@phone.example.com")).expect("a call");
    }
    assert_eq!((bench.resolves.len(), bench.asked.len()), (1, 1));
}

#[test]
fn a_call_that_is_given_up_while_its_name_is_looked_up_makes_no_endpoint() {
    let mut bench = bench(both());
    made(&mut bench, "o1", create("sip:bob@phone.example.com")).expect("a call");
    let session = id("o1");
    bench.do_verb(&session, Verb::Terminate { fields: Vec::new(), body: None });
    let query = bench.resolves[0];
    bench.handle(Input::Resolved { query, result: found(&["[2001:db8::7]:5060"]) });
    let asked: Vec<_> = bench.asked.iter().map(|(_, _, body)| body.clone()).collect();
    assert_eq!(asked, [MediaRequest::Close]);
    let (request, ..) = bench.asked.remove(0);
    bench.handle(Input::MediaReply { request, result: Err(MediaError::NoEndpoint) });
    bench.pass_all();
    bench.assert_empty();
}

#[test]
fn calls_that_wait_for_a_look_up_end_with_media() {
    let mut bench = bench(both());
    made(&mut bench, "o1", create("sip:bob@phone.example.com")).expect("a call");
    bench.handle(Input::MediaLost);
    assert_eq!(bench.end_cause(), EndCause::MediaFailure);
    let query = bench.resolves[0];
    bench.handle(Input::Resolved { query, result: found(&["[2001:db8::7]:5060"]) });
    bench.pass_all();
    bench.assert_empty();
}

#[test]
fn an_offer_that_is_left_to_the_callee_needs_no_version() {
    let mut bench = bench(both());
    let delayed = Create { delayed_offer: true, ..create("sip:bob@phone.example.com") };
    made(&mut bench, "o1", delayed).expect("a call");
    assert_eq!((bench.asked.len(), bench.resolves.len()), (0, 1), "the leg looks its target up");
    made(&mut bench, "o2", create("sip:bob@198.51.100.7")).expect("a call");
    assert_eq!(version_asked(&bench), Some(None));
}
