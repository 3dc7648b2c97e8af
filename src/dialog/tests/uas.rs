//! Incoming calls: RFC 3261 §13.3, §15.

use std::time::Duration;

use super::bench::{Bench, body_of, field, header, sdp, tag_of};
use crate::dialog::{Breach, LegIntentError, LegState};
use crate::ground::Mismatch;
use crate::ground::leg::{LegEvent, LegFailure, LegIntent};
use crate::sip::{HeaderName, Message, Method};

fn accept(answer: &str) -> LegIntent {
    LegIntent::Accept { description: Some(sdp(answer)), fields: Vec::new(), body: None }
}

fn ring(status: u16) -> LegIntent {
    LegIntent::Provisional { status, description: None, fields: Vec::new() }
}

fn reject(status: u16) -> LegIntent {
    LegIntent::Reject {
        status,
        phrase: None,
        contacts: Vec::new(),
        retry_after: None,
        mismatch: None,
        fields: Vec::new(),
        body: None,
    }
}

#[test]
fn a_call_rings_is_answered_acknowledged_and_hung_up_by_the_caller() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, ring(180)), Ok(()));
    let ringing = bench.response(180, &Method::Invite);
    assert_eq!(bench.intent(leg, accept("answer")), Ok(()));
    let accepted = bench.response(200, &Method::Invite);
    assert_eq!(tag_of(&ringing), tag_of(&accepted));
    assert_eq!(body_of(&accepted.clone().into()), Some(sdp("answer")));
    let tag = tag_of(&accepted);
    let contact = header(&Message::from(accepted.clone()), HeaderName::Contact);
    assert_eq!(contact, Some(format!("<sip:{tag}@192.0.2.1:5060>")));
    assert_eq!(header(&accepted.into(), HeaderName::Server).as_deref(), Some("Callplane"));
    bench.ack(1, &tag, None);
    assert_eq!(bench.told(), LegEvent::Confirmed { answer: None });
    bench.within(&Method::Bye, 2, &tag);
    bench.response(200, &Method::Bye);
    assert!(matches!(bench.told(), LegEvent::HungUp(_)));
    bench.ended();
    assert_eq!(bench.legs.len(), 0, "nothing of the leg lingers");
    drop(invite);
    bench.assert_empty();
}

#[test]
fn a_call_is_hung_up_by_us() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    let fields = vec![field("Reason", "Q.850;cause=16")];
    assert_eq!(bench.intent(leg, LegIntent::HangUp { fields, body: None }), Ok(()));
    bench.ended();
    let bye = bench.request(&Method::Bye);
    assert_eq!(bye.request_uri(), "sip:alice@198.51.100.7");
    assert_eq!(bye.headers().from().unwrap().tag(), Some(tag.as_str()));
    assert_eq!(bye.headers().to().unwrap().tag(), Some("alice-1"));
    assert_eq!(bye.headers().cseq().unwrap().sequence, 1);
    assert_eq!(header(&bye.clone().into(), HeaderName::Reason).as_deref(), Some("Q.850;cause=16"));
    bench.answer(&bye, 200, "", None);
    bench.assert_empty();
}

#[test]
fn a_bye_without_an_answer_is_repeated_and_given_up() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    bench.hang_up(leg);
    bench.ended();
    bench.advance(Duration::from_millis(31_900));
    assert_eq!(bench.legs.len(), 1, "the leg lingers for its BYE");
    assert_eq!(bench.sent.iter().filter(|(_, message)| message.as_request().is_some()).count(), 11);
    bench.nothing_told();
    bench.assert_empty();
}

#[test]
fn two_byes_that_cross_are_both_answered() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    bench.hang_up(leg);
    bench.ended();
    let bye = bench.request(&Method::Bye);
    bench.within(&Method::Bye, 2, &tag);
    bench.response(200, &Method::Bye);
    bench.answer(&bye, 481, "", None);
    bench.nothing_told();
    bench.assert_empty();
}

#[test]
fn early_media_gives_the_answer_and_the_2xx_repeats_it() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    let early = |text: Option<&str>| LegIntent::Provisional {
        status: 183,
        description: text.map(sdp),
        fields: vec![field("Alert-Info", "<http://example.com/ring>")],
    };
    assert_eq!(bench.intent(leg, early(Some("answer"))), Ok(()));
    let progress = bench.response(183, &Method::Invite);
    assert_eq!(body_of(&progress.into()), Some(sdp("answer")));
    // The same again is fine, another is not.
    assert_eq!(bench.intent(leg, early(Some("answer"))), Ok(()));
    bench.response(183, &Method::Invite);
    let breach = Err(LegIntentError::OfferAnswer(Breach::Misplaced));
    assert_eq!(bench.intent(leg, early(Some("other"))), breach);
    assert_eq!(bench.intent(leg, accept("other")), breach);
    bench.silent();
    assert_eq!(
        bench.intent(leg, LegIntent::Accept { description: None, fields: Vec::new(), body: None }),
        Ok(())
    );
    let accepted = bench.response(200, &Method::Invite);
    assert_eq!(body_of(&accepted.clone().into()), Some(sdp("answer")));
    bench.ack(1, &tag_of(&accepted), None);
    assert_eq!(bench.told(), LegEvent::Confirmed { answer: None });
}

#[test]
fn an_invite_without_offer_gets_one_in_the_2xx_and_its_answer_in_the_ack() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(None);
    let early = LegIntent::Provisional { status: 183, description: Some(sdp("x")), fields: Vec::new() };
    assert_eq!(bench.intent(leg, early), Err(LegIntentError::OfferAnswer(Breach::Misplaced)));
    let bare = LegIntent::Accept { description: None, fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, bare), Err(LegIntentError::OfferAnswer(Breach::Missing)));
    assert_eq!(bench.intent(leg, accept("our offer")), Ok(()));
    let tag = tag_of(&bench.response(200, &Method::Invite));
    bench.ack(1, &tag, Some(&sdp("their answer")));
    assert_eq!(bench.told(), LegEvent::Confirmed { answer: Some(sdp("their answer")) });
}

#[test]
fn an_ack_that_owes_the_answer_and_has_none_ends_the_call() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(None);
    assert_eq!(bench.intent(leg, accept("our offer")), Ok(()));
    let tag = tag_of(&bench.response(200, &Method::Invite));
    bench.ack(1, &tag, None);
    assert_eq!(bench.failed(), LegFailure::Protocol);
    bench.ended();
    bench.request(&Method::Bye);
    assert_eq!(bench.legs.counters().breaches, 1);
    bench.assert_empty();
}

#[test]
fn a_2xx_is_repeated_at_t1_doubling_to_t2_and_then_the_call_is_ended() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, accept("answer")), Ok(()));
    bench.response(200, &Method::Invite);
    let mut at = Vec::new();
    for tick in 1..=640 {
        bench.advance(Duration::from_millis(50));
        while let Some((_, message)) = bench.sent.pop_front() {
            if message.as_response().is_some() {
                at.push(tick * 50);
            } else {
                assert_eq!(message.as_request().map(|request| request.method().clone()), Some(Method::Bye));
                assert_eq!(tick * 50, 32_000);
            }
        }
    }
    assert_eq!(at, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(bench.told(), LegEvent::AckTimeout);
    bench.ended();
    assert_eq!(bench.legs.counters().ack_timeouts, 1);
    bench.assert_empty();
}

#[test]
fn an_ack_that_comes_again_means_nothing() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    bench.ack(1, &tag, None);
    bench.ack(1, &tag, None);
    bench.nothing_told();
    bench.silent();
    assert_eq!(bench.legs.counters().stray_acks, 2);
}

#[test]
fn bye_of_ours_waits_for_the_ack_but_the_session_does_not() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, accept("answer")), Ok(()));
    let tag = tag_of(&bench.response(200, &Method::Invite));
    bench.hang_up(leg);
    bench.ended();
    bench.silent();
    bench.ack(1, &tag, None);
    bench.request(&Method::Bye);
    bench.nothing_told();
    bench.assert_empty();
}

#[test]
fn bye_of_ours_without_an_ack_goes_after_64_t1() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, accept("answer")), Ok(()));
    bench.response(200, &Method::Invite);
    bench.hang_up(leg);
    bench.ended();
    bench.advance(Duration::from_millis(31_999));
    assert!(bench.sent.drain(..).all(|(_, message)| message.as_response().is_some()));
    bench.advance(Duration::from_millis(1));
    bench.request(&Method::Bye);
    bench.nothing_told();
    bench.assert_empty();
}

#[test]
fn bye_of_the_peers_before_its_ack_ends_the_call_and_the_2xx_is_not_repeated() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, accept("answer")), Ok(()));
    let tag = tag_of(&bench.response(200, &Method::Invite));
    bench.within(&Method::Bye, 2, &tag);
    bench.response(200, &Method::Bye);
    assert!(matches!(bench.told(), LegEvent::HungUp(_)));
    bench.ended();
    bench.advance(Duration::from_secs(2));
    bench.silent();
    bench.assert_empty();
}

#[test]
fn bye_in_the_early_dialog_ends_the_invite_with_487() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, ring(180)), Ok(()));
    let tag = tag_of(&bench.response(180, &Method::Invite));
    bench.within(&Method::Bye, 2, &tag);
    bench.response(200, &Method::Bye);
    bench.response(487, &Method::Invite);
    assert!(matches!(bench.told(), LegEvent::HungUp(_)));
    bench.ended();
    bench.assert_empty();
}

#[test]
fn every_kind_of_refusal_goes_out_as_it_was_asked_for() {
    let unfit = LegIntent::Reject {
        status: 488,
        phrase: None,
        contacts: Vec::new(),
        retry_after: None,
        mismatch: Some(Mismatch::MediaFormat),
        fields: Vec::new(),
        body: None,
    };
    for (intent, status, name, value) in [
        (reject(486), 486, HeaderName::Server, "Callplane"),
        (unfit, 488, HeaderName::Warning, "305 192.0.2.1:5060 \"Incompatible media format\""),
        (
            LegIntent::Reject {
                status: 503,
                phrase: Some("Come back later".into()),
                contacts: Vec::new(),
                retry_after: Some(7),
                mismatch: None,
                fields: Vec::new(),
                body: None,
            },
            503,
            HeaderName::RetryAfter,
            "7",
        ),
        (
            LegIntent::Reject {
                status: 302,
                phrase: None,
                contacts: vec!["sip:a@example.com".into(), "sip:b@example.com".into()],
                retry_after: None,
                mismatch: None,
                fields: vec![field("X-Why", "moved")],
                body: None,
            },
            302,
            HeaderName::Contact,
            "<sip:a@example.com>",
        ),
        (LegIntent::HangUp { fields: Vec::new(), body: None }, 480, HeaderName::Server, "Callplane"),
    ] {
        let mut bench = Bench::new();
        let (leg, invite) = bench.invited(Some(&sdp("offer")));
        assert_eq!(bench.intent(leg, intent), Ok(()));
        let response = bench.response(status, &Method::Invite);
        assert_eq!(header(&response.clone().into(), name).as_deref(), Some(value));
        if status == 302 {
            let contacts: Vec<_> =
                response.headers().contacts().flatten().filter_map(|c| c.address()).collect();
            assert_eq!(contacts[1].q(), Some(990));
        }
        bench.ended();
        assert_eq!(bench.legs.len(), 0);
        let ack = crate::sip::build_ack(&invite, &response).unwrap();
        bench.receive(&ack.into());
        assert_eq!(bench.legs.counters().stray_acks, 0, "the transaction takes it");
        bench.assert_empty();
    }
}

#[test]
fn what_is_not_legal_is_refused_and_changes_nothing() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    let unexpected = |intent, state| Err(LegIntentError::Unexpected { state, intent });
    assert_eq!(
        bench.intent(leg, LegIntent::Reoffer { offer: None }),
        unexpected("Reoffer", LegState::Proceeding)
    );
    assert_eq!(bench.intent(leg, ring(200)), Err(LegIntentError::Status(200)));
    assert_eq!(bench.intent(leg, ring(100)), Err(LegIntentError::Status(100)));
    assert_eq!(bench.intent(leg, reject(200)), Err(LegIntentError::Status(200)));
    assert_eq!(bench.intent(leg, reject(700)), Err(LegIntentError::Status(700)));
    let owned = LegIntent::Accept {
        description: Some(sdp("a")),
        fields: vec![field("v", "SIP/2.0/UDP x")],
        body: None,
    };
    assert_eq!(bench.intent(leg, owned), Err(LegIntentError::OwnedField("v".into())));
    let bad = LegIntent::HangUp { fields: vec![field("X-Bad", "a\r\nVia: b")], body: None };
    assert_eq!(bench.intent(leg, bad), Err(LegIntentError::BadField("X-Bad".into())));
    bench.silent();
    assert_eq!(bench.intent(leg, accept("answer")), Ok(()));
    bench.response(200, &Method::Invite);
    assert_eq!(bench.intent(leg, accept("answer")), unexpected("Accept", LegState::Accepted));
    assert_eq!(bench.intent(leg, reject(486)), unexpected("Reject", LegState::Accepted));
    bench.hang_up(leg);
    assert_eq!(bench.intent(leg, accept("answer")), Err(LegIntentError::Unknown(leg)));
}

#[test]
fn a_provisional_response_is_repeated_every_minute() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, ring(180)), Ok(()));
    bench.response(180, &Method::Invite);
    bench.advance(Duration::from_secs(59));
    bench.silent();
    bench.advance(Duration::from_secs(61));
    bench.response(180, &Method::Invite);
    bench.response(180, &Method::Invite);
    bench.silent();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn an_invite_expires_when_it_says_so() {
    let mut bench = Bench::new();
    let head = bench.head(&Method::Invite, 1, None).header(HeaderName::Expires, 20);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    bench.receive(&invite.into());
    assert!(matches!(bench.told(), LegEvent::Invited(_)));
    bench.advance(Duration::from_secs(19));
    bench.nothing_told();
    bench.advance(Duration::from_secs(1));
    bench.response(100, &Method::Invite);
    bench.response(487, &Method::Invite);
    assert_eq!(bench.told(), LegEvent::Cancelled(Box::default()));
    bench.ended();
    bench.assert_empty();
}

#[test]
fn a_second_invite_in_the_early_dialog_is_put_off() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, ring(180)), Ok(()));
    let tag = tag_of(&bench.response(180, &Method::Invite));
    bench.within(&Method::Invite, 2, &tag);
    let response = bench.response(500, &Method::Invite);
    let seconds = response.headers().retry_after().unwrap().unwrap().seconds;
    assert!(seconds <= 10);
    bench.nothing_told();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn an_old_invite_that_is_sent_again_makes_another_dialog() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    bench.advance(Duration::from_secs(40));
    // The very same message: the transaction knows nothing of the first any more.
    let head = bench.head_with_branch(&Method::Invite, 1, None, "z9hG4bKpeer1");
    let invite = Bench::offering(head, Some(&sdp("offer")));
    bench.receive(&invite.into());
    let (second, event) = bench.events.pop_front().unwrap();
    assert!(matches!(event, LegEvent::Invited(_)));
    assert_eq!(bench.intent(second, accept("answer")), Ok(()));
    assert_ne!(tag_of(&bench.response(200, &Method::Invite)), tag);
    assert_eq!(bench.legs.census().dialogs, 2);
}
