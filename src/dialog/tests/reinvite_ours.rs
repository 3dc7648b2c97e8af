//! Re-INVITEs of ours: RFC 3261 §14.1.

use std::time::Duration;

use super::bench::{Bench, answer_to, body_of, header, sdp, settings};
use crate::dialog::{DialogSettings, EarlyAnswers, LegIntentError};
use crate::ground::Description;
use crate::ground::leg::{LegEvent, LegFailure, LegId, LegIntent, Unanswered};
use crate::sip::{HeaderName, Method, Request};

fn reoffer(text: &str) -> LegIntent {
    LegIntent::Reoffer { offer: Some(sdp(text)) }
}

/// Sends a re-INVITE of ours.
fn reinvite(bench: &mut Bench, leg: LegId, offer: Option<Description>) -> Request {
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer }), Ok(()));
    bench.request(&Method::Invite)
}

#[test]
fn our_offer_is_answered_and_acknowledged() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    let invite = reinvite(&mut bench, leg, Some(sdp("hold")));
    assert_eq!(body_of(&invite.clone().into()), Some(sdp("hold")));
    assert!(header(&invite.clone().into(), HeaderName::Contact).is_some());
    bench.answer(&invite, 100, "", None);
    bench.answer(&invite, 200, "", Some(&sdp("held")));
    assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: Some(sdp("held")), offer: None });
    let ack = bench.request(&Method::Ack);
    assert_eq!(ack.headers().cseq().unwrap().sequence, invite.headers().cseq().unwrap().sequence);
    bench.answer(&invite, 200, "", Some(&sdp("held")));
    assert_eq!(bench.request(&Method::Ack), ack);
    // The next one goes at once.
    let invite = reinvite(&mut bench, leg, Some(sdp("resume")));
    assert_eq!(invite.headers().cseq().unwrap().sequence, 2);
    bench.answer(&invite, 183, "", Some(&sdp("early")));
    bench.answer(&invite, 200, "", None);
    assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: Some(sdp("early")), offer: None });
    bench.hang_up(leg);
    bench.assert_empty();
}

/// As in the first INVITE (RFC 3261 §13.2.1, RFC 6337 §3.1.1).
#[test]
fn of_two_answers_to_a_re_invite_that_differ_the_settings_say_which_counts() {
    for (early_answers, expected) in [(EarlyAnswers::Preview, "final"), (EarlyAnswers::Binding, "early")] {
        let mut bench = Bench::with(DialogSettings { early_answers, ..settings() });
        let (leg, _) = bench.incoming_call();
        let invite = reinvite(&mut bench, leg, Some(sdp("hold")));
        bench.answer(&invite, 183, "", Some(&sdp("early")));
        bench.answer(&invite, 183, "", Some(&sdp("another")));
        bench.answer(&invite, 200, "", Some(&sdp("final")));
        assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: Some(sdp(expected)), offer: None });
        bench.nothing_told();
        bench.request(&Method::Ack);
        bench.hang_up(leg);
        bench.assert_empty();
    }
}

#[test]
fn an_empty_re_invite_of_ours_brings_an_offer_that_the_ack_answers() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    let invite = reinvite(&mut bench, leg, None);
    bench.answer(&invite, 200, "", Some(&sdp("their offer")));
    assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: None, offer: Some(sdp("their offer")) });
    bench.silent();
    assert_eq!(bench.intent(leg, reoffer("x")), Err(LegIntentError::Pending));
    // INFO between 2xx and ACK does not change the ACK's number.
    let info = LegIntent::Request {
        key: 1,
        method: crate::ground::leg::InDialogMethod::Info,
        fields: Vec::new(),
        body: None,
    };
    assert_eq!(bench.intent(leg, info), Ok(()));
    bench.request(&Method::Info);
    assert_eq!(bench.intent(leg, LegIntent::Acknowledge { answer: Some(sdp("ours")) }), Ok(()));
    let ack = bench.request(&Method::Ack);
    assert_eq!(body_of(&ack.clone().into()), Some(sdp("ours")));
    assert_eq!(ack.headers().cseq().unwrap().sequence, 1);
    assert_eq!(reinvite(&mut bench, leg, None).headers().cseq().unwrap().sequence, 3);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn an_offer_that_media_cannot_answer_ends_the_call() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    let invite = reinvite(&mut bench, leg, None);
    bench.answer(&invite, 200, "", Some(&sdp("their offer")));
    bench.told();
    assert_eq!(bench.intent(leg, LegIntent::Acknowledge { answer: None }), Ok(()));
    bench.ended();
    bench.request(&Method::Ack);
    bench.request(&Method::Bye);
    bench.assert_empty();
}

#[test]
fn a_refused_re_invite_leaves_everything_as_it_was() {
    for status in [488, 500, 603, 401] {
        let mut bench = Bench::new();
        let (leg, tag) = bench.incoming_call();
        let before = bench.legs.dialogs(leg)[0].remote_target.clone();
        let invite = reinvite(&mut bench, leg, Some(sdp("hold")));
        let refusal = answer_to(&invite, status, "", None);
        let refusal = refusal.edit().set(HeaderName::Contact, "<sip:elsewhere@203.0.113.1>").build().unwrap();
        bench.receive(&refusal.into());
        bench.request(&Method::Ack);
        let LegEvent::ReofferRefused(farewell) = bench.told() else { panic!() };
        assert_eq!(farewell.status, status);
        assert_eq!(bench.legs.dialogs(leg)[0].remote_target, before);
        bench.within(&Method::Bye, 2, &tag);
        bench.response(200, &Method::Bye);
        bench.assert_empty();
    }
}

#[test]
fn a_re_invite_into_a_forgotten_dialog_ends_it() {
    for status in [481, 408] {
        let mut bench = Bench::new();
        let (leg, _) = bench.incoming_call();
        let invite = reinvite(&mut bench, leg, Some(sdp("hold")));
        bench.answer(&invite, status, "", None);
        bench.request(&Method::Ack);
        assert!(matches!(bench.told(), LegEvent::ReofferRefused(_)));
        assert_eq!(bench.failed(), LegFailure::DialogLost);
        bench.ended();
        bench.request(&Method::Bye);
        bench.assert_empty();
    }
}

#[test]
fn a_re_invite_that_is_never_answered_ends_the_call() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    reinvite(&mut bench, leg, Some(sdp("hold")));
    bench.advance(Duration::from_secs(32));
    let unanswered = Unanswered { failure: LegFailure::Timeout, reason: "".into() };
    assert_eq!(bench.told(), LegEvent::ReofferFailed(unanswered));
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn a_re_invite_that_could_not_be_sent_fails_and_says_why() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    bench.tags.clear();
    reinvite(&mut bench, leg, Some(sdp("hold")));
    let tag = bench.tags.pop_front().unwrap();
    bench.send_failed(tag);
    let reason = "198.51.100.7:5060 cannot be reached".into();
    let unanswered = Unanswered { failure: LegFailure::Transport, reason };
    assert_eq!(bench.told(), LegEvent::ReofferFailed(unanswered));
    bench.nothing_told();
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_2xx_to_our_re_invite_moves_the_target() {
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    let invite = reinvite(&mut bench, leg, Some(sdp("move")));
    let accepted = answer_to(&invite, 200, "", Some(&sdp("moved")));
    let accepted =
        accepted.edit().set(HeaderName::Contact, "<sip:alice@198.51.100.77:5090>").build().unwrap();
    bench.receive(&accepted.into());
    bench.told();
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5090");
    assert_eq!(bench.request(&Method::Ack).request_uri(), "sip:alice@198.51.100.77:5090");
    assert_eq!(bench.legs.dialogs(leg)[0].remote_target, "sip:alice@198.51.100.77:5090");
}

/// 491 is tried again by the owner of the Call-ID after 2.1 to 4 s, by the other side within 2 s (§14.1).
#[test]
fn a_re_invite_that_met_491_is_tried_again_in_the_time_of_its_role() {
    for (outgoing, earliest, latest) in [(true, 2100, 4000), (false, 0, 2000)] {
        let mut waits = Vec::new();
        for seed in 0..20 {
            let mut bench = Bench::seeded(settings(), seed);
            let leg = if outgoing { bench.outgoing_call().0 } else { bench.incoming_call().0 };
            let first = reinvite(&mut bench, leg, Some(sdp("hold")));
            bench.answer(&first, 491, "", None);
            bench.request(&Method::Ack);
            let mut waited = 0;
            while bench.sent.is_empty() && waited <= 4000 {
                bench.advance(Duration::from_millis(10));
                waited += 10;
            }
            let again = bench.request(&Method::Invite);
            assert_eq!(body_of(&again.clone().into()), Some(sdp("hold")));
            let number = |request: &Request| request.headers().cseq().unwrap().sequence;
            assert_eq!(number(&again), number(&first) + 1);
            waits.push(waited);
            bench.nothing_told();
            bench.answer(&again, 200, "", Some(&sdp("held")));
            assert!(matches!(bench.told(), LegEvent::ReofferAccepted { .. }));
            bench.hang_up(leg);
            bench.assert_empty();
        }
        assert!(waits.iter().all(|wait| (earliest..=latest + 10).contains(wait)), "{waits:?}");
        assert!(waits.iter().max() > waits.iter().min().map(|min| min + 500).as_ref(), "{waits:?}");
    }
}

#[test]
fn a_re_invite_that_meets_491_for_ever_is_refused_in_the_end() {
    let mut bench = Bench::new();
    let (leg, _) = bench.outgoing_call();
    let mut invite = reinvite(&mut bench, leg, Some(sdp("hold")));
    for _ in 0..crate::dialog::settings::GLARE_RETRIES_MAX {
        bench.answer(&invite, 491, "", None);
        bench.request(&Method::Ack);
        while bench.sent.is_empty() {
            bench.advance(Duration::from_millis(10));
        }
        invite = bench.request(&Method::Invite);
    }
    bench.answer(&invite, 491, "", None);
    let LegEvent::ReofferRefused(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.status, 491);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_hang_up_while_backing_off_is_the_end_of_it() {
    let mut bench = Bench::new();
    let (leg, _) = bench.outgoing_call();
    let invite = reinvite(&mut bench, leg, Some(sdp("hold")));
    bench.answer(&invite, 491, "", None);
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.ended();
    let bye = bench.request(&Method::Bye);
    bench.answer(&bye, 200, "", None);
    bench.advance(Duration::from_secs(5));
    bench.silent();
    bench.assert_empty();
}

#[test]
fn a_2xx_to_our_re_invite_that_comes_after_a_bye_is_acknowledged() {
    for ours in [true, false] {
        let mut bench = Bench::new();
        let (leg, tag) = bench.incoming_call();
        let invite = reinvite(&mut bench, leg, Some(sdp("hold")));
        if ours {
            bench.hang_up(leg);
            bench.request(&Method::Bye);
        } else {
            bench.within(&Method::Bye, 2, &tag);
            bench.response(200, &Method::Bye);
            bench.told();
        }
        bench.ended();
        for _ in 0..2 {
            bench.answer(&invite, 200, "", Some(&sdp("held")));
            let ack = bench.request(&Method::Ack);
            assert_eq!(ack.headers().cseq().unwrap().sequence, 1);
        }
        bench.silent();
        bench.nothing_told();
        bench.assert_empty();
    }
}

#[test]
fn a_2xx_to_our_re_invite_that_owes_a_description_leaves_everything_as_it_was() {
    for offer in [Some(sdp("hold")), None] {
        let mut bench = Bench::new();
        let (leg, _) = bench.incoming_call();
        let invite = reinvite(&mut bench, leg, offer);
        bench.answer(&invite, 200, "", None);
        assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: None, offer: None });
        bench.nothing_told();
        bench.request(&Method::Ack);
        bench.silent();
        let again = reinvite(&mut bench, leg, Some(sdp("again")));
        bench.answer(&again, 200, "", Some(&sdp("answer")));
        assert!(matches!(bench.told(), LegEvent::ReofferAccepted { answer: Some(_), .. }));
        bench.hang_up(leg);
        bench.assert_empty();
    }
}
