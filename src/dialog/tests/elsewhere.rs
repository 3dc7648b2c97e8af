//! Peers that name somebody else's address: what he gets of them is little, and less than they send.

use std::time::Duration;

use super::bench::{Bench, answer_to, sdp, settings, tag_of};
use crate::dialog::DialogSettings;
use crate::dialog::settings::REPEATED_FORKS_MAX;
use crate::ground::leg::{InDialogMethod, LegEvent, LegFailure, LegId, LegIntent};
use crate::sip::{HeaderName, Message, Method, Request};

const VICTIM: &str = "203.0.113.9";

fn invite(bench: &mut Bench, sequence: u32, tag: Option<&str>, contact: &str) -> Message {
    let head = bench.head(&Method::Invite, sequence, tag);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    invite.edit().set(HeaderName::Contact, contact).build().expect("an INVITE").into()
}

/// A call with this Contact comes in and is answered. Returns our tag.
fn answered(bench: &mut Bench, contact: &str) -> (LegId, String) {
    let invite = invite(bench, 1, None, contact);
    bench.receive(&invite);
    let (leg, _) = bench.events.pop_front().expect("an INVITE");
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    (leg, tag_of(&bench.response(200, &Method::Invite)))
}

/// What was sent: all to the victim, and those of them and of all others with this method.
fn counted(bench: &mut Bench, method: &Method) -> (usize, usize, usize) {
    let (mut to_victim, mut of_method, mut others) = (0, 0, 0);
    for (flow, message) in bench.sent.drain(..) {
        let is_of_method = message.as_request().is_some_and(|request| request.method() == method);
        if flow.remote.ip().to_string() == VICTIM {
            to_victim += 1;
            of_method += usize::from(is_of_method);
        } else {
            others += usize::from(is_of_method);
        }
    }
    (to_victim, of_method, others)
}

/// Lets all time pass. Returns the BYEs to the victim and to others.
fn byes(bench: &mut Bench) -> (usize, usize) {
    while let Some((query, ..)) = bench.resolves.pop_front() {
        let found = Ok(vec![format!("{VICTIM}:5060").parse().unwrap()]);
        bench.legs.resolved(query, &found, &mut bench.transactions, bench.now);
        bench.drain();
    }
    bench.advance(Duration::from_secs(40));
    let (_, to_victim, others) = counted(bench, &Method::Bye);
    (to_victim, others)
}

#[test]
fn a_bye_to_who_never_acknowledged_and_is_not_seen_there_is_sent_once() {
    for contact in ["<sip:x@203.0.113.9>", "<sip:x@victim.example.com>"] {
        for hung_up in [false, true] {
            let mut bench = Bench::new();
            let (leg, _) = answered(&mut bench, contact);
            if hung_up {
                bench.hang_up(leg);
            }
            bench.advance(Duration::from_secs(32));
            assert_eq!(byes(&mut bench), (1, 0), "{contact}");
            assert_eq!(bench.legs.counters().byes_once, 1);
            bench.assert_empty();
        }
    }
}

#[test]
fn a_bye_to_who_acknowledged_or_is_seen_there_is_repeated_little_where_nothing_was_heard() {
    // A phone behind a proxy that does not stay in the way.
    let mut bench = Bench::new();
    let (leg, tag) = answered(&mut bench, "<sip:x@203.0.113.9>");
    bench.ack(1, &tag, None);
    bench.hang_up(leg);
    assert_eq!(byes(&mut bench), (4, 0));
    // One whose ACK does not arrive.
    let mut bench = Bench::new();
    answered(&mut bench, "<sip:alice@198.51.100.7>");
    bench.advance(Duration::from_secs(32));
    assert_eq!(byes(&mut bench), (0, 4));
    // Another request shows the same as the ACK.
    let mut bench = Bench::new();
    let (_, tag) = answered(&mut bench, "<sip:x@203.0.113.9>");
    bench.within(&Method::Info, 2, &tag);
    bench.advance(Duration::from_secs(32));
    assert_eq!(byes(&mut bench), (4, 0));
    assert_eq!(bench.legs.counters().byes_once, 0);
}

#[test]
fn a_target_that_a_re_invite_names_is_not_shown_before_the_ack_to_its_answer() {
    for acknowledged in [false, true] {
        let mut bench = Bench::new();
        let (leg, tag) = bench.incoming_call();
        let reinvite = invite(&mut bench, 2, Some(&tag), "<sip:x@203.0.113.9>");
        bench.receive(&reinvite);
        assert!(matches!(bench.told(), LegEvent::Reoffered { .. }));
        assert_eq!(bench.intent(leg, LegIntent::AnswerReoffer { description: sdp("fine") }), Ok(()));
        if acknowledged {
            bench.ack(2, &tag, None);
            bench.hang_up(leg);
        } else {
            bench.advance(Duration::from_secs(32));
        }
        assert_eq!(byes(&mut bench), (if acknowledged { 4 } else { 1 }, 0));
        bench.assert_empty();
    }
}

/// A call of a caller who acknowledges and names the victim.
fn acknowledged(bench: &mut Bench) -> LegId {
    let (leg, tag) = answered(bench, "<sip:x@203.0.113.9>");
    bench.ack(1, &tag, None);
    assert_eq!(bench.told(), LegEvent::Confirmed { answer: None });
    leg
}

fn info(key: u64) -> LegIntent {
    LegIntent::Request { key, method: InDialogMethod::Info, fields: Vec::new(), body: None }
}

#[test]
fn a_host_that_nothing_came_from_is_sent_few_requests_and_each_few_times() {
    let mut bench = Bench::with(DialogSettings { requests_max: 100, ..settings() });
    let leg = acknowledged(&mut bench);
    for key in 0..30 {
        assert_eq!(bench.intent(leg, info(key)), Ok(()));
    }
    assert_eq!(bench.events.len(), 10, "so many fail at once");
    for (_, event) in bench.events.drain(..) {
        let LegEvent::RequestDone { outcome: Err(unanswered), .. } = event else { panic!("{event:?}") };
        assert_eq!(unanswered.failure, LegFailure::Limit);
    }
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
    assert!(matches!(bench.told(), LegEvent::ReofferFailed(_)));
    bench.hang_up(leg);
    assert_eq!(counted(&mut bench, &Method::Bye), (21, 1, 0), "the BYE goes all the same");
    bench.advance(Duration::from_secs(31));
    assert_eq!(counted(&mut bench, &Method::Info), (60, 60, 0), "each three times more, and no BYE");
    assert_eq!(bench.legs.counters().strangers_spared, 12);
    bench.assert_empty();
}

#[test]
fn a_re_invite_to_a_host_that_nothing_came_from_is_repeated_little() {
    let mut bench = Bench::new();
    let leg = acknowledged(&mut bench);
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
    bench.advance(Duration::from_secs(31));
    assert_eq!(counted(&mut bench, &Method::Invite), (4, 4, 0));
    bench.advance(Duration::from_secs(60));
    assert_eq!(counted(&mut bench, &Method::Bye), (4, 4, 0));
}

#[test]
fn a_host_that_has_answered_once_is_sent_what_there_is() {
    let mut bench = Bench::with(DialogSettings { requests_max: 100, ..settings() });
    let leg = acknowledged(&mut bench);
    assert_eq!(bench.intent(leg, info(0)), Ok(()));
    let first = bench.request(&Method::Info);
    // It answers from another address than it is reached at.
    bench.answer(&first, 200, "", None);
    assert!(matches!(bench.told(), LegEvent::RequestDone { outcome: Ok(_), .. }));
    for key in 1..50 {
        assert_eq!(bench.intent(leg, info(key)), Ok(()));
    }
    bench.nothing_told();
    assert_eq!(counted(&mut bench, &Method::Info), (49, 49, 0));
    bench.hang_up(leg);
    let (all, byes, _) = counted(&mut bench, &Method::Bye);
    assert_eq!((all, byes), (1, 1));
    bench.advance(Duration::from_secs(40));
    assert_eq!(counted(&mut bench, &Method::Bye).1, 10);
    assert_eq!(bench.legs.counters().strangers_spared, 0);
}

/// Over a stream a BYE is sent once anyway, and may fail.
#[test]
fn a_long_bye_that_does_not_go_by_tcp_goes_once_by_udp() {
    let mut bench = Bench::new();
    let (leg, _) = answered(&mut bench, "<sip:x@203.0.113.9>");
    let body = crate::ground::Body { content_type: "text/plain".into(), content: vec![b'x'; 1400].into() };
    assert_eq!(bench.intent(leg, LegIntent::HangUp { fields: Vec::new(), body: Some(body) }), Ok(()));
    bench.advance(Duration::from_secs(32));
    assert_eq!(counted(&mut bench, &Method::Bye), (1, 1, 0));
    let tag = bench.tags.pop_back().unwrap();
    bench.send_failed(tag);
    assert_eq!(byes(&mut bench), (1, 0));
    bench.assert_empty();
}

fn accepted_elsewhere(invite: &Request, tag: &str) -> Message {
    let response = answer_to(invite, 200, tag, Some(&sdp("answer")));
    response.edit().set(HeaderName::Contact, "<sip:v@203.0.113.9>").build().expect("a response").into()
}

/// As many forks as are answered, each of which repeats its 2xx for ever.
#[test]
fn forks_that_repeat_their_2xx_bring_their_victim_a_bounded_number_of_messages() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
    bench.request(&Method::Ack);
    for _ in 0..100 {
        for fork in 0..15 {
            bench.receive(&accepted_elsewhere(&invite, &format!("x{fork}")));
        }
    }
    let (all, byes, _) = counted(&mut bench, &Method::Bye);
    // ACK and BYE to each, and to two the BYE is repeated by a transaction instead of with its ACK.
    assert!((15 + 15 + 32..=2 * 15 + 2 * 32).contains(&all), "{all}");
    assert!((15..=15 + 32).contains(&byes), "{byes}");
    bench.advance(Duration::from_secs(31));
    let (all, byes, _) = counted(&mut bench, &Method::Bye);
    assert_eq!(all, byes);
    assert!(byes <= 10 * REPEATED_FORKS_MAX, "{byes}");
    // The dialog that the INVITE was for has its own measure.
    bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.assert_empty();
}
