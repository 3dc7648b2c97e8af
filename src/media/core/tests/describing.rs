//! Descriptions: generations, directions, holds, forks.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Exchange, description, intent, share};
use crate::codec::Codec;
use crate::ground::Mismatch;
use crate::media::core::{Ask, BridgeMode, Failure, Signaled, Step};
use crate::sdp::{Direction, RemotePlace};

fn text(bytes: &bytes::Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_answer_names_our_address_and_what_is_agreed() {
    let mut exchange = Exchange::new();
    let endpoint = exchange.open();
    let address = SocketAddr::from(([192, 0, 2, 9], 4000));
    let described = exchange.answer(endpoint, 1, &description(address, "8 0 101", ""), Direction::SendRecv);
    assert!(text(&described.local).contains("c=IN IP4 198.51.100.1\r\n"));
    assert!(text(&described.local).contains("m=audio 20002 RTP/AVP 8"));
    let agreed = described.agreed.unwrap();
    assert_eq!((agreed.direction, agreed.codec), (Direction::SendRecv, Some(Codec::Pcma)));
    assert_eq!(agreed.remote, Some(RemotePlace::At(address)));
    assert!(agreed.telephone_event && !agreed.held_by_peer);
    assert_eq!((described.descriptor[0], agreed.ptime_ms), (1, 20));
    assert!(described.descriptor.len() <= 4096);
    assert_eq!(exchange.fabric.codecs(endpoint), [Codec::Pcma, Codec::Pcmu]);
}

#[test]
fn what_pends_changes_nothing_until_it_is_committed() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    let held = Step::AnswerOffer(description(a.address, "0 101", "a=inactive\r\n").into());
    exchange.negotiate(a.endpoint, 2, "", Direction::SendRecv, held.clone()).unwrap();
    exchange.talk(&mut [&mut a, &mut b], 5);
    assert_eq!(exchange.sent().len(), 10);
    exchange.fabric.rollback(a.endpoint, 2).unwrap();
    exchange.talk(&mut [&mut a, &mut b], 5);
    assert_eq!(exchange.sent().len(), 10);
    exchange.negotiate(a.endpoint, 3, "", Direction::SendRecv, held).unwrap();
    assert!(matches!(
        exchange.fabric.commit(a.endpoint, 2, "", exchange.now),
        Err(Failure::StaleGeneration { asked: 2, seen: 3 })
    ));
    exchange.fabric.commit(a.endpoint, 3, "", exchange.now).unwrap();
    exchange.talk(&mut [&mut a, &mut b], 5);
    assert!(exchange.sent().is_empty());
}

#[test]
fn what_fails_changes_nothing() {
    let mut exchange = Exchange::new();
    let [a] = exchange.phones();
    let rows = [
        ("not a description", Failure::BadDescription(String::new())),
        (
            "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 4 RTP/AVP 18\r\n",
            Failure::NothingAcceptable(Mismatch::MediaFormat),
        ),
    ];
    for (offer, failure) in rows {
        let step = Step::AnswerOffer(offer.into());
        let refused = exchange.negotiate(a.endpoint, 2, "", Direction::SendRecv, step).unwrap_err();
        assert_eq!(std::mem::discriminant(&refused), std::mem::discriminant(&failure), "{refused}");
    }
    exchange.negotiate(a.endpoint, 2, "", Direction::SendRecv, Step::MakeOffer).unwrap();
    let unfit = Step::ApplyAnswer(description(a.address, "18", "").into());
    let refused = exchange.negotiate(a.endpoint, 2, "", Direction::SendRecv, unfit).unwrap_err();
    assert!(matches!(refused, Failure::BadAnswer(_)), "{refused}");
    let answer = Step::ApplyAnswer(description(a.address, "0 101", "").into());
    exchange.negotiate(a.endpoint, 2, "", Direction::SendRecv, answer).unwrap();
    exchange.fabric.commit(a.endpoint, 2, "", exchange.now).unwrap();
}

#[test]
fn every_direction_decides_who_is_sent_and_heard() {
    // The peer's attribute, our wish; whether the peer is sent its bridge, a playback, and whether it is heard.
    let rows = [
        ("", Direction::SendRecv, (true, true, true)),
        ("a=sendonly\r\n", Direction::SendRecv, (false, false, true)),
        ("a=recvonly\r\n", Direction::SendRecv, (true, true, false)),
        ("a=inactive\r\n", Direction::SendRecv, (false, false, false)),
        ("", Direction::SendOnly, (false, true, false)),
        ("", Direction::RecvOnly, (false, false, true)),
        ("", Direction::Inactive, (false, false, false)),
    ];
    for (attribute, wanted, expected) in rows {
        let mut exchange = Exchange::new();
        let [a, b] = exchange.phones();
        let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
        exchange.bridge(BridgeMode::Relay, &[&a, &b]);
        exchange.answer(a.endpoint, 2, &description(a.address, "0 101", attribute), wanted);
        exchange.talk(&mut [&mut a, &mut b], 5);
        let sent = exchange.sent();
        let (bridged, heard) = (!a.received(&sent).is_empty(), !b.received(&sent).is_empty());
        exchange.fabric.play(a.endpoint, super::playing::tone("p", 440.0, None), exchange.now).unwrap();
        exchange.pass(Duration::from_millis(100));
        let played = !a.received(&exchange.sent()).is_empty();
        assert_eq!((bridged, played, heard), expected, "{attribute:?} and {wanted:?}");
    }
}

#[test]
fn a_zero_address_is_sent_nothing_in_any_bridge() {
    for mode in [BridgeMode::Relay, BridgeMode::Mesh, BridgeMode::Mix, BridgeMode::Echo] {
        let mut exchange = Exchange::new();
        let [a, b] = exchange.phones();
        let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
        exchange.bridge(mode, &[&a, &b]);
        exchange.talk(&mut [&mut a, &mut b], 10);
        let zero = SocketAddr::from(([0, 0, 0, 0], a.address.port()));
        let described = exchange.answer(a.endpoint, 2, &description(zero, "0 101", ""), Direction::SendRecv);
        assert!(described.agreed.unwrap().held_by_peer, "{mode:?}");
        exchange.sent();
        exchange.talk(&mut [&mut a, &mut b], 50);
        let sent = exchange.sent();
        assert!(sent.iter().all(|packet| packet.from != a.endpoint), "{mode:?}");
        exchange.answer(a.endpoint, 3, &description(a.address, "0 101", ""), Direction::SendRecv);
        exchange.talk(&mut [&mut a, &mut b], 10);
        assert!(!a.received(&exchange.sent()).is_empty(), "{mode:?}");
    }
}

#[test]
fn an_address_changed_in_mid_call_is_followed_at_once() {
    let mut exchange = Exchange::new();
    let [a, b] = exchange.phones();
    let (mut a, mut b) = (a.with_tone(440.0), b.with_tone(880.0));
    exchange.bridge(BridgeMode::Relay, &[&a, &b]);
    exchange.talk(&mut [&mut a, &mut b], 500);
    exchange.sent();
    a.address = SocketAddr::from(([192, 0, 2, 200], 5000));
    exchange.answer(a.endpoint, 2, &description(a.address, "8 101", ""), Direction::SendRecv);
    (a.header.payload_type, a.codec) = (8, Codec::Pcma);
    exchange.talk(&mut [&mut a, &mut b], 50);
    let sent = exchange.sent();
    assert_eq!((a.received(&sent).len(), b.received(&sent).len()), (50, 50));
    assert!(a.received(&sent).iter().all(|packet| packet.header().payload_type == 8));
    assert!(share(&a.heard(&sent), 880.0) > 0.95 && share(&b.heard(&sent), 440.0) > 0.95);
}

#[test]
fn forked_dialogs_are_remotes_of_which_one_is_heard() {
    let mut exchange = Exchange::new();
    let [mut other] = exchange.phones();
    other = other.with_tone(880.0);
    let [mut first, mut second] = exchange.phones();
    let endpoint = exchange.open();
    let offered = exchange.negotiate(endpoint, 1, "", Direction::SendRecv, Step::MakeOffer).unwrap();
    assert!(offered.agreed.is_none() && text(&offered.local).contains("m=audio 20008"));
    for (tag, phone) in [("first", &mut first), ("second", &mut second)] {
        phone.endpoint = endpoint;
        *phone = phone.clone().with_tone(440.0);
        let answer = Step::ApplyAnswer(description(phone.address, "0 101", "").into());
        exchange.negotiate(endpoint, 1, tag, Direction::SendRecv, answer).unwrap();
        exchange.fabric.commit(endpoint, 1, tag, exchange.now).unwrap();
    }
    exchange.bridge(BridgeMode::Relay, &[&first, &other]);
    let counted = |exchange: &mut Exchange, first: &mut _, second: &mut _, other: &mut super::Phone| {
        exchange.talk(&mut [first, second, other], 10);
        let sent = exchange.sent();
        (first.received(&sent).len(), second.received(&sent).len(), other.received(&sent).len())
    };
    assert_eq!(counted(&mut exchange, &mut first, &mut second, &mut other), (10, 0, 10));
    exchange.fabric.select_remote(endpoint, "second", exchange.now).unwrap();
    assert_eq!(counted(&mut exchange, &mut first, &mut second, &mut other), (0, 10, 10));
    assert!(matches!(
        exchange.fabric.select_remote(endpoint, "first", exchange.now),
        Err(Failure::NotNegotiated(_))
    ));
    let late = Step::ApplyAnswer(description(first.address, "0 101", "").into());
    let refused = exchange.negotiate(endpoint, 1, "third", Direction::SendRecv, late);
    assert!(matches!(refused, Err(Failure::StaleGeneration { .. })));
    let statistics = exchange.fabric.close(endpoint).unwrap();
    assert_eq!(statistics.packets_received, 30, "the dropped remote's packets are nobody's");
}

#[test]
fn the_version_of_our_description_grows_over_offers_that_come_to_nothing() {
    let mut exchange = Exchange::new();
    let [a] = exchange.phones();
    let mut versions = Vec::new();
    for generation in [2, 3] {
        let ask = Ask {
            generation,
            remote: String::new(),
            intent: intent(if generation == 2 { Direction::SendOnly } else { Direction::Inactive }),
            peer: Signaled::default(),
            site: None,
            step: Step::MakeOffer,
        };
        let described = exchange.fabric.negotiate(a.endpoint, ask).unwrap();
        let origin = text(&described.local).lines().find(|line| line.starts_with("o=")).unwrap().to_owned();
        versions.push(origin.split(' ').nth(2).unwrap().parse::<u64>().unwrap());
        exchange.fabric.rollback(a.endpoint, generation).unwrap();
    }
    assert_eq!(versions, [2, 3]);
}
