//! Requests within a dialog, both ways: RFC 3261 §12.2, RFC 3428, RFC 6086.

use std::time::Duration;

use super::bench::{Bench, TYPES_TAKEN, field, header, sdp, settings};
use crate::dialog::{DialogSettings, LegIntentError};
use crate::ground::Body;
use crate::ground::leg::{InDialogMethod, LegEvent, LegFailure, LegIntent, Unanswered};
use crate::sip::{HeaderName, Method};

fn dtmf() -> Body {
    Body { content_type: "application/dtmf-relay".into(), content: "Signal=5\r\n".into() }
}

fn info(key: u64) -> LegIntent {
    LegIntent::Request {
        key,
        method: InDialogMethod::Info,
        fields: vec![field("X-Key", &key.to_string())],
        body: Some(dtmf()),
    }
}

#[test]
fn info_and_message_of_the_peers_are_answered_and_handed_up() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    for (sequence, method, named) in
        [(2, Method::Info, InDialogMethod::Info), (3, Method::Message, InDialogMethod::Message)]
    {
        let head = bench.head(&method, sequence, Some(&tag)).header_named("X-Mark", "9");
        let request = head.body("application/dtmf-relay", dtmf().content).build().unwrap();
        bench.receive(&request.into());
        bench.response(200, &method);
        let fields = vec![field("X-Mark", "9")];
        assert_eq!(bench.told(), LegEvent::Received { method: named, body: Some(dtmf()), fields });
    }
}

#[test]
fn a_peer_that_asks_too_often_is_told_to_come_later_and_may_hang_up_all_the_same() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    let mut answered = 0;
    for sequence in 2..100 {
        let request = bench.head(&Method::Info, sequence, Some(&tag)).build().unwrap();
        bench.receive(&request.into());
        if answered < 40 {
            bench.response(200, &Method::Info);
            assert!(matches!(bench.told(), LegEvent::Received { .. }));
            answered += 1;
        } else {
            let refusal = bench.response(480, &Method::Info);
            assert_eq!(header(&refusal.into(), HeaderName::RetryAfter).as_deref(), Some("1"));
        }
    }
    bench.nothing_told();
    bench.advance(Duration::from_secs(1));
    for sequence in 100..120 {
        let request = bench.head(&Method::Message, sequence, Some(&tag)).build().unwrap();
        bench.receive(&request.into());
        bench.response(200, &Method::Message);
        assert!(matches!(bench.told(), LegEvent::Received { .. }));
    }
    let request = bench.head(&Method::Invite, 120, Some(&tag)).build().unwrap();
    bench.receive(&request.into());
    bench.response(500, &Method::Invite);
    let bye = bench.head(&Method::Bye, 121, Some(&tag)).build().unwrap();
    bench.receive(&bye.into());
    bench.response(200, &Method::Bye);
}

#[test]
fn info_of_ours_goes_out_and_its_answer_comes_up() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    assert_eq!(bench.intent(leg, info(41)), Ok(()));
    assert_eq!(bench.intent(leg, info(42)), Ok(()));
    let (first, second) = (bench.request(&Method::Info), bench.request(&Method::Info));
    assert_eq!(first.body(), &dtmf().content[..]);
    assert_eq!(header(&first.clone().into(), HeaderName::ContentType), Some(dtmf().content_type));
    assert_eq!(header(&first.clone().into(), HeaderName::UserAgent).as_deref(), Some("Callplane"));
    assert_eq!(second.headers().cseq().unwrap().sequence, 2);
    bench.answer(&second, 200, "", None);
    bench.answer(&first, 415, "", None);
    for (expected, status) in [(42, 200), (41, 415)] {
        let LegEvent::RequestDone { key, outcome: Ok(farewell) } = bench.told() else { panic!() };
        assert_eq!((key, farewell.status), (expected, status));
    }
    bench.nothing_told();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn no_more_requests_wait_than_may() {
    let mut bench = Bench::with(DialogSettings { requests_max: 2, ..settings() });
    let (leg, _) = bench.incoming_call();
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    assert_eq!(bench.intent(leg, info(2)), Ok(()));
    assert_eq!(bench.intent(leg, info(3)), Err(LegIntentError::Limit("requests of one leg")));
    let first = bench.request(&Method::Info);
    bench.answer(&first, 200, "", None);
    assert_eq!(bench.intent(leg, info(3)), Ok(()));
}

#[test]
fn a_peer_that_has_forgotten_the_dialog_loses_it() {
    for status in [481, 408] {
        let mut bench = Bench::new();
        let (leg, _) = bench.incoming_call();
        assert_eq!(bench.intent(leg, info(1)), Ok(()));
        let request = bench.request(&Method::Info);
        bench.answer(&request, status, "", None);
        assert!(matches!(bench.told(), LegEvent::RequestDone { key: 1, outcome: Ok(_) }));
        assert_eq!(bench.failed(), LegFailure::DialogLost);
        bench.ended();
        bench.request(&Method::Bye);
        bench.assert_empty();
    }
}

#[test]
fn a_peer_that_is_silent_loses_the_dialog_too() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    bench.advance(std::time::Duration::from_secs(32));
    let unanswered = Unanswered { failure: LegFailure::Timeout, reason: "".into() };
    assert_eq!(bench.told(), LegEvent::RequestDone { key: 1, outcome: Err(unanswered) });
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn a_request_that_could_not_be_sent_leaves_the_dialog() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    bench.tags.clear();
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    let tag = bench.tags.pop_front().unwrap();
    bench.send_failed(tag);
    let reason = "198.51.100.7:5060 cannot be reached".into();
    let unanswered = Unanswered { failure: LegFailure::Transport, reason };
    assert_eq!(bench.told(), LegEvent::RequestDone { key: 1, outcome: Err(unanswered) });
    bench.nothing_told();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn options_within_the_dialog_says_what_is_served_there() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    bench.within(&Method::Options, 2, &tag);
    let response = bench.response(200, &Method::Options).into();
    let allow = header(&response, HeaderName::Allow).unwrap();
    assert_eq!(allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE");
    assert_eq!(header(&response, HeaderName::Accept).as_deref(), Some(TYPES_TAKEN));
    assert_eq!(header(&response, HeaderName::Supported), None);
    bench.nothing_told();
}

#[test]
fn what_is_not_served_within_the_dialog_is_refused_and_says_why() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    for (sequence, method, status) in [
        (2, Method::Update, 405),
        (3, Method::Prack, 405),
        (4, Method::Refer, 405),
        (5, Method::Subscribe, 405),
        (6, Method::Notify, 405),
        (7, Method::Other("FOO".into()), 501),
    ] {
        bench.within(&method, sequence, &tag);
        let response = bench.response(status, &method);
        assert!(header(&response.into(), HeaderName::Allow).is_some());
    }
    let head = bench.head(&Method::Info, 8, Some(&tag)).header(HeaderName::Require, "precondition, foo");
    bench.receive(&head.build().unwrap().into());
    let response = bench.response(420, &Method::Info).into();
    assert_eq!(header(&response, HeaderName::Unsupported).as_deref(), Some("precondition, foo"));
    let head = bench.head(&Method::Info, 9, Some(&tag)).header(HeaderName::InfoPackage, "conference");
    bench.receive(&head.build().unwrap().into());
    assert_eq!(header(&bench.response(469, &Method::Info).into(), HeaderName::RecvInfo).as_deref(), Some(""));
    bench.nothing_told();
    assert_eq!(bench.legs.counters().methods_refused, 6);
}

#[test]
fn a_request_out_of_order_gets_500_and_one_with_the_same_number_passes() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    bench.within(&Method::Info, 5, &tag);
    bench.response(200, &Method::Info);
    bench.within(&Method::Info, 4, &tag);
    bench.response(500, &Method::Info);
    bench.within(&Method::Options, 5, &tag);
    bench.response(200, &Method::Options);
    bench.within(&Method::Bye, 3, &tag);
    bench.response(500, &Method::Bye);
    assert_eq!(bench.events.len(), 1);
    assert_eq!(bench.legs.counters().out_of_order, 2);
}

/// Whoever knows the ids of a call can send requests in it; the numbers that he gives them must not lock the peer out.
#[test]
fn a_stranger_s_cseq_is_never_in_the_peer_s_way() {
    let (peer, stranger) = (super::bench::udp(super::bench::PEER), super::bench::udp("203.0.113.66:5060"));
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    bench.source = stranger;
    for (sequence, status) in
        [(i32::MAX as u32, 500), (65_537, 500), (60_000, 200), (59_000, 500), (120_000, 200)]
    {
        bench.within(&Method::Options, sequence, &tag);
        bench.response(status, &Method::Options);
    }
    assert_eq!(bench.legs.counters().sequence_jumps, 2);
    bench.source = peer;
    bench.within(&Method::Info, 2, &tag);
    bench.response(200, &Method::Info);
    // Gaps of the peer's own are legal, from whatever port.
    bench.source.remote.set_port(40_001);
    bench.within(&Method::Info, 2_000_000_000, &tag);
    bench.response(200, &Method::Info);
    bench.within(&Method::Bye, 2_000_000_001, &tag);
    bench.response(200, &Method::Bye);
    bench.assert_empty();
}

/// A peer that has moved without a word, or comes by another of its proxies.
#[test]
fn a_peer_that_comes_from_elsewhere_is_heard_and_held_to_its_order() {
    let mut bench = Bench::new();
    let (_, invite) = bench.outgoing_call();
    let ours = invite.headers().from().unwrap().tag().unwrap().to_owned();
    bench.source = super::bench::udp("203.0.113.66:5060");
    let request = |bench: &mut Bench, method: &Method, sequence| {
        let head = bench.head(method, sequence, Some(&ours));
        let request = head.build().unwrap();
        let request = request.edit().set(HeaderName::From, "<sip:bob@example.com>;tag=bob-1");
        bench.receive(&request.build().unwrap().into());
    };
    // It begins where it likes (RFC 3261 §12.2.1.1).
    for (method, sequence, status) in
        [(Method::Info, 900_000, 200), (Method::Info, 899_999, 500), (Method::Bye, 900_001, 200)]
    {
        request(&mut bench, &method, sequence);
        bench.response(status, &method);
    }
    bench.assert_empty();
}

#[test]
fn after_bye_of_ours_only_bye_is_answered_well() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    bench.hang_up(leg);
    let bye = bench.request(&Method::Bye);
    bench.within(&Method::Info, 2, &tag);
    bench.response(481, &Method::Info);
    let head = bench.head(&Method::Invite, 3, Some(&tag));
    bench.receive(&Bench::offering(head, Some(&sdp("hold"))).into());
    bench.response(481, &Method::Invite);
    bench.answer(&bye, 200, "", None);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn intents_that_need_a_confirmed_dialog_are_refused_before() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert!(matches!(bench.intent(leg, info(1)), Err(LegIntentError::Unexpected { intent: "Request", .. })));
    let (leg, _) = Bench::new().calling(None);
    assert!(matches!(bench.intent(leg, info(1)), Err(LegIntentError::Unexpected { .. })));
}
