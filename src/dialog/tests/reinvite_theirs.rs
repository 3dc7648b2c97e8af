//! Re-INVITEs of the peer's, and glare: RFC 3261 §14.2.

use std::time::Duration;

use super::bench::{Bench, body_of, header, sdp, tag_of};
use crate::dialog::{Breach, LegIntentError};
use crate::ground::leg::{LegEvent, LegId, LegIntent};
use crate::ground::{Description, Mismatch};
use crate::sip::{HeaderName, Method, Request, Response};

fn reoffer(text: &str) -> LegIntent {
    LegIntent::Reoffer { offer: Some(sdp(text)) }
}

/// Sends a re-INVITE of ours.
fn reinvite(bench: &mut Bench, leg: LegId, offer: Option<Description>) -> Request {
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer }), Ok(()));
    bench.request(&Method::Invite)
}

/// A re-INVITE of the peer's comes in.
fn reinvited(bench: &mut Bench, tag: &str, sequence: u32, offer: Option<&Description>) -> Request {
    let head = bench.head(&Method::Invite, sequence, Some(tag));
    let request = Bench::offering(head, offer);
    bench.receive(&request.clone().into());
    request
}

fn accept(bench: &mut Bench, leg: LegId, text: &str) -> Response {
    assert_eq!(bench.intent(leg, LegIntent::AnswerReoffer { description: sdp(text) }), Ok(()));
    bench.response(200, &Method::Invite)
}

#[test]
fn the_peers_re_invite_takes_the_place_of_ours_that_backs_off() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    let invite = reinvite(&mut bench, leg, Some(sdp("ours")));
    bench.answer(&invite, 491, "", None);
    bench.request(&Method::Ack);
    reinvited(&mut bench, &tag, 2, Some(&sdp("theirs")));
    assert_eq!(bench.told(), LegEvent::Reoffered { offer: Some(sdp("theirs")) });
    accept(&mut bench, leg, "answer");
    bench.ack(2, &tag, None);
    assert_eq!(bench.told(), LegEvent::ReofferConfirmed { answer: None });
    bench.advance(Duration::from_secs(5));
    bench.silent();
    reinvite(&mut bench, leg, Some(sdp("ours anew")));
}

#[test]
fn the_peers_offer_is_answered_and_confirmed() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    reinvited(&mut bench, &tag, 2, Some(&sdp("hold")));
    assert_eq!(bench.told(), LegEvent::Reoffered { offer: Some(sdp("hold")) });
    let accepted = accept(&mut bench, leg, "held");
    assert_eq!(body_of(&accepted.clone().into()), Some(sdp("held")));
    assert_eq!(tag_of(&accepted), tag);
    bench.advance(Duration::from_millis(500));
    bench.response(200, &Method::Invite);
    bench.ack(2, &tag, None);
    assert_eq!(bench.told(), LegEvent::ReofferConfirmed { answer: None });
    bench.advance(Duration::from_secs(5));
    bench.silent();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn the_peers_empty_re_invite_gets_an_offer_and_its_ack_the_answer() {
    for answer in [Some(sdp("their answer")), None] {
        let mut bench = Bench::new();
        let (leg, tag) = bench.incoming_call();
        reinvited(&mut bench, &tag, 2, None);
        assert_eq!(bench.told(), LegEvent::Reoffered { offer: None });
        accept(&mut bench, leg, "our offer");
        bench.ack(2, &tag, answer.as_ref());
        let expected = match answer {
            Some(answer) => LegEvent::ReofferConfirmed { answer: Some(answer) },
            None => LegEvent::ReofferAbandoned,
        };
        assert_eq!(bench.told(), expected);
        bench.nothing_told();
        bench.hang_up(leg);
        bench.assert_empty();
    }
}

#[test]
fn a_refused_offer_of_the_peers_leaves_everything_as_it_was() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    let head = bench.head(&Method::Invite, 2, Some(&tag));
    let invite = Bench::offering(head, Some(&sdp("video")));
    let invite = invite.edit().set(HeaderName::Contact, "<sip:alice@203.0.113.9>").build().unwrap();
    bench.receive(&invite.into());
    bench.told();
    let wrong = LegIntent::RefuseReoffer { status: 200, retry_after: None, mismatch: None };
    assert_eq!(bench.intent(leg, wrong), Err(LegIntentError::Status(200)));
    let mismatch = Some(Mismatch::AddressFormat);
    let refuse = LegIntent::RefuseReoffer { status: 488, retry_after: Some(3), mismatch };
    assert_eq!(bench.intent(leg, refuse.clone()), Ok(()));
    let refusal = bench.response(488, &Method::Invite).into();
    assert_eq!(header(&refusal, HeaderName::RetryAfter).as_deref(), Some("3"));
    let warning = "301 192.0.2.1:5060 \"Incompatible network address formats\"";
    assert_eq!(header(&refusal, HeaderName::Warning).as_deref(), Some(warning));
    assert_eq!(bench.legs.dialogs(leg)[0].remote_target, "sip:alice@198.51.100.7");
    assert!(bench.intent(leg, refuse).is_err());
    bench.nothing_told();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn the_peers_accepted_re_invite_moves_the_target() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    let head = bench.head(&Method::Invite, 2, Some(&tag));
    let invite = Bench::offering(head, Some(&sdp("move")));
    let invite = invite.edit().set(HeaderName::Contact, "<sip:alice@198.51.100.77:5090>").build().unwrap();
    bench.receive(&invite.into());
    bench.told();
    accept(&mut bench, leg, "moved");
    bench.ack(2, &tag, None);
    bench.told();
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5090");
    assert_eq!(bench.request(&Method::Bye).request_uri(), "sip:alice@198.51.100.77:5090");
}

/// State of ours × re-INVITE of the peer's → status (§14.2).
#[test]
fn glare_is_told_by_491_and_haste_by_500() {
    let glare = |status: u16, prepare: fn(&mut Bench, LegId, &str)| {
        let mut bench = Bench::new();
        let (leg, tag) = bench.incoming_call();
        prepare(&mut bench, leg, &tag);
        bench.sent.clear();
        bench.events.clear();
        reinvited(&mut bench, &tag, 9, Some(&sdp("theirs")));
        let response = bench.response(status, &Method::Invite);
        assert_eq!(response.headers().retry_after().unwrap().is_some(), status == 500);
        bench.nothing_told();
        bench.hang_up(leg);
        bench.assert_empty();
    };
    glare(491, |bench, leg, _| drop(reinvite(bench, leg, Some(sdp("ours")))));
    glare(491, |bench, leg, _| {
        let invite = reinvite(bench, leg, None);
        bench.answer(&invite, 200, "", Some(&sdp("their offer")));
    });
    glare(500, |bench, _, tag| drop(reinvited(bench, tag, 2, Some(&sdp("first")))));
    glare(491, |bench, leg, tag| {
        reinvited(bench, tag, 2, Some(&sdp("first")));
        accept(bench, leg, "answer");
    });
}

#[test]
fn no_re_invite_of_ours_while_the_peers_is_pending() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    reinvited(&mut bench, &tag, 2, Some(&sdp("theirs")));
    assert_eq!(bench.intent(leg, reoffer("ours")), Err(LegIntentError::Pending));
    accept(&mut bench, leg, "answer");
    assert_eq!(bench.intent(leg, reoffer("ours")), Err(LegIntentError::Pending));
    bench.ack(2, &tag, None);
    assert_eq!(bench.intent(leg, reoffer("ours")), Ok(()));
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_2xx_to_the_peers_re_invite_without_ack_ends_the_call() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    reinvited(&mut bench, &tag, 2, Some(&sdp("theirs")));
    bench.told();
    accept(&mut bench, leg, "answer");
    bench.advance(Duration::from_secs(32));
    assert_eq!(bench.told(), LegEvent::AckTimeout);
    bench.ended();
    let byes = bench.sent.iter().filter(|(_, message)| message.as_request().is_some()).count();
    assert_eq!(byes, 1);
    bench.assert_empty();
}

#[test]
fn hanging_up_answers_the_peers_pending_re_invite_with_487() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    reinvited(&mut bench, &tag, 2, Some(&sdp("theirs")));
    bench.told();
    bench.hang_up(leg);
    bench.response(487, &Method::Invite);
    bench.request(&Method::Bye);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn the_peers_bye_answers_its_own_pending_re_invite_with_487() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    reinvited(&mut bench, &tag, 2, Some(&sdp("theirs")));
    bench.told();
    bench.within(&Method::Bye, 3, &tag);
    bench.response(200, &Method::Bye);
    bench.response(487, &Method::Invite);
    assert!(matches!(bench.told(), LegEvent::HungUp(_)));
    bench.ended();
    bench.assert_empty();
}

#[test]
fn reoffer_words_without_a_re_invite_are_refused() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    for intent in [
        LegIntent::AnswerReoffer { description: sdp("x") },
        LegIntent::RefuseReoffer { status: 488, retry_after: None, mismatch: None },
        LegIntent::Acknowledge { answer: Some(sdp("x")) },
    ] {
        assert!(matches!(bench.intent(leg, intent), Err(LegIntentError::Unexpected { .. })));
    }
    assert_eq!(bench.legs.counters().unexpected, 3);
    assert_ne!(LegIntentError::OfferAnswer(Breach::Missing), LegIntentError::Pending);
}
