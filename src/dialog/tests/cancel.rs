//! CANCEL in every race: RFC 3261 §9, both sides.

use std::time::Duration;

use super::bench::{Bench, field, header, sdp, tag_of};
use crate::ground::leg::{LegEvent, LegFailure, LegId, LegIntent};
use crate::sip::{HeaderName, Method, Request};

fn cancel_of(invite: &Request) -> Request {
    let cancel = crate::sip::build_cancel(invite).expect("a CANCEL");
    cancel.edit().append(HeaderName::Reason, "SIP;cause=200;text=\"Elsewhere\"").build().expect("a CANCEL")
}

fn accept(bench: &mut Bench, leg: LegId) {
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
}

/// The CANCEL is answered 200 and the INVITE 487, and the session hears of it.
fn cancelled(bench: &mut Bench, invite: &Request) {
    bench.receive(&cancel_of(invite).into());
    let ok = bench.response(200, &Method::Cancel);
    let terminated = bench.response(487, &Method::Invite);
    assert_eq!(tag_of(&ok), tag_of(&terminated));
    let LegEvent::Cancelled(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.reason.as_deref(), Some("SIP;cause=200;text=\"Elsewhere\""));
    bench.ended();
    assert_eq!(bench.legs.len(), 0);
}

#[test]
fn a_cancel_before_any_response_wins() {
    let mut bench = Bench::new();
    let (_, invite) = bench.invited(Some(&sdp("offer")));
    cancelled(&mut bench, &invite);
    bench.assert_empty();
}

#[test]
fn a_cancel_while_it_rings_or_has_early_media_wins() {
    for description in [None, Some(sdp("early"))] {
        let mut bench = Bench::new();
        let (leg, invite) = bench.invited(Some(&sdp("offer")));
        let ring = LegIntent::Provisional { status: 183, description, fields: Vec::new() };
        assert_eq!(bench.intent(leg, ring), Ok(()));
        bench.response(183, &Method::Invite);
        cancelled(&mut bench, &invite);
        assert_eq!(bench.legs.census().dialogs, 0);
        bench.assert_empty();
    }
}

#[test]
fn a_cancel_after_the_2xx_is_answered_and_has_no_effect() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.invited(Some(&sdp("offer")));
    accept(&mut bench, leg);
    let tag = tag_of(&bench.response(200, &Method::Invite));
    bench.receive(&cancel_of(&invite).into());
    bench.response(200, &Method::Cancel);
    bench.silent();
    bench.nothing_told();
    bench.ack(1, &tag, None);
    assert_eq!(bench.told(), LegEvent::Confirmed { answer: None });
    bench.receive(&cancel_of(&invite).into());
    bench.nothing_told();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_cancel_after_a_refusal_or_a_hang_up_changes_nothing() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.invited(Some(&sdp("offer")));
    bench.hang_up(leg);
    bench.response(480, &Method::Invite);
    bench.ended();
    bench.receive(&cancel_of(&invite).into());
    bench.response(200, &Method::Cancel);
    bench.nothing_told();
    bench.assert_empty();
}

#[test]
fn an_intent_after_the_cancel_finds_no_leg() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.invited(Some(&sdp("offer")));
    cancelled(&mut bench, &invite);
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Err(crate::dialog::LegIntentError::Unknown(leg)));
    bench.silent();
    bench.assert_empty();
}

#[test]
fn our_cancel_waits_for_a_provisional_response() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let fields = vec![field("Reason", "SIP;cause=200")];
    assert_eq!(bench.intent(leg, LegIntent::HangUp { fields, body: None }), Ok(()));
    bench.silent();
    bench.nothing_told();
    bench.answer(&invite, 180, "bob-1", None);
    let cancel = bench.request(&Method::Cancel);
    assert_eq!(header(&cancel.clone().into(), HeaderName::Reason).as_deref(), Some("SIP;cause=200"));
    bench.nothing_told();
    bench.answer(&cancel, 200, "bob-1", None);
    bench.answer(&invite, 487, "bob-1", None);
    bench.request(&Method::Ack);
    let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.status, 487);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn our_cancel_goes_at_once_when_it_rings_and_a_second_hang_up_is_one() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    bench.hang_up(leg);
    bench.request(&Method::Cancel);
    bench.hang_up(leg);
    bench.silent();
    bench.answer(&invite, 603, "bob-1", None);
    let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.status, 603);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn a_2xx_that_crosses_our_cancel_is_acknowledged_and_ended() {
    // Before the CANCEL could be sent, and after it was.
    for rings in [false, true] {
        let mut bench = Bench::new();
        let (leg, invite) = bench.calling(Some(sdp("offer")));
        if rings {
            bench.answer(&invite, 180, "bob-1", None);
            bench.told();
        }
        bench.hang_up(leg);
        if rings {
            bench.request(&Method::Cancel);
        }
        bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
        bench.request(&Method::Ack);
        let bye = bench.request(&Method::Bye);
        bench.ended();
        bench.answer(&bye, 200, "", None);
        // Another fork was quick, too.
        bench.answer(&invite, 200, "bob-2", Some(&sdp("answer")));
        bench.request(&Method::Ack);
        bench.request(&Method::Bye);
        bench.nothing_told();
        bench.assert_empty();
    }
}

#[test]
fn our_cancel_that_nobody_answers_is_given_up() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    bench.hang_up(leg);
    bench.advance(Duration::from_millis(31_999));
    bench.nothing_told();
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn an_invite_that_was_never_heard_is_given_up_by_timer_b_after_a_hang_up() {
    let mut bench = Bench::new();
    let (leg, _) = bench.calling(Some(sdp("offer")));
    bench.hang_up(leg);
    bench.advance(Duration::from_secs(32));
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn after_a_hang_up_nothing_of_the_ringing_is_told() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.hang_up(leg);
    bench.answer(&invite, 183, "bob-1", Some(&sdp("early")));
    bench.nothing_told();
    assert_eq!(bench.legs.census().dialogs, 0);
    bench.assert_empty();
}

#[test]
fn the_peer_cancels_its_re_invite() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    let head = bench.head(&Method::Invite, 2, Some(&tag));
    let reinvite = Bench::offering(head, Some(&sdp("hold")));
    bench.receive(&reinvite.clone().into());
    assert_eq!(bench.told(), LegEvent::Reoffered { offer: Some(sdp("hold")) });
    bench.receive(&cancel_of(&reinvite).into());
    bench.response(200, &Method::Cancel);
    bench.response(487, &Method::Invite);
    assert_eq!(bench.told(), LegEvent::ReofferAbandoned);
    let late = LegIntent::AnswerReoffer { description: sdp("late") };
    assert!(bench.intent(leg, late).is_err());
    bench.silent();
    bench.hang_up(leg);
    bench.ended();
    bench.assert_empty();
}
