//! Outgoing calls: RFC 3261 §13.2, forks included.

use std::time::Duration;

use super::bench::{Bench, answer_to, body_of, field, header, invite_to, sdp, settings, tag_of};
use crate::dialog::{DialogSettings, DialogState, EarlyAnswers, LegIntentError, LegState};
use crate::ground::leg::{Invite, LegEvent, LegFailure, LegIntent, RemoteTag};
use crate::sip::{HeaderName, Message, Method};

fn remote(tag: &str) -> RemoteTag {
    RemoteTag(tag.into())
}

fn accepted(tag: &str, answer: Option<&str>) -> LegEvent {
    LegEvent::Accepted {
        remote: remote(tag),
        answer: answer.map(sdp),
        offer: None,
        fields: Vec::new(),
        body: None,
    }
}

fn provisional(tag: &str, status: u16, phrase: &str, answer: Option<&str>) -> LegEvent {
    LegEvent::Provisional {
        remote: remote(tag),
        status,
        phrase: phrase.to_owned(),
        answer: answer.map(sdp),
        fields: Vec::new(),
        body: None,
    }
}

#[test]
fn a_call_is_made_answered_and_hung_up() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let headers = invite.headers();
    assert_eq!(invite.request_uri(), "sip:bob@198.51.100.7");
    assert_eq!(headers.from().unwrap().display_name().as_deref(), Some("Us"));
    assert_eq!(headers.to().unwrap().uri_text(), "sip:bob@example.com");
    assert_eq!(headers.cseq().unwrap().sequence, 1);
    assert_eq!(headers.max_forwards(), Ok(Some(70)));
    assert_eq!(body_of(&invite.clone().into()), Some(sdp("offer")));
    let tag = headers.from().unwrap().tag().unwrap().to_owned();
    let contact = header(&Message::from(invite.clone()), HeaderName::Contact);
    assert_eq!(contact, Some(format!("<sip:{tag}@192.0.2.1:5060>")));
    bench.answer(&invite, 100, "", None);
    bench.nothing_told();
    bench.answer(&invite, 180, "bob-1", None);
    assert_eq!(bench.told(), provisional("bob-1", 180, "Ringing", None));
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    assert_eq!(bench.told(), accepted("bob-1", Some("answer")));
    let ack = bench.request(&Method::Ack);
    assert_eq!(ack.request_uri(), "sip:bob-1@198.51.100.7");
    assert_eq!(ack.headers().cseq().unwrap().sequence, 1);
    assert_eq!(ack.headers().to().unwrap().tag(), Some("bob-1"));
    assert_eq!(bench.legs.find("call-1", &tag, "bob-1"), Some(leg));
    bench.hang_up(leg);
    bench.ended();
    let bye = bench.request(&Method::Bye);
    assert_eq!(bye.headers().cseq().unwrap().sequence, 2);
    bench.answer(&bye, 200, "", None);
    assert_eq!(bench.legs.find("call-1", &tag, "bob-1"), None);
    bench.assert_empty();
}

#[test]
fn a_2xx_that_comes_again_is_acknowledged_again_also_after_the_call() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    bench.told();
    let ack = bench.request(&Method::Ack);
    for _ in 0..3 {
        bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
        assert_eq!(bench.request(&Method::Ack), ack, "the same ACK, byte for byte");
    }
    bench.hang_up(leg);
    bench.ended();
    let bye = bench.request(&Method::Bye);
    bench.answer(&bye, 200, "", None);
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    assert_eq!(bench.request(&Method::Ack), ack);
    bench.silent();
    bench.nothing_told();
    assert_eq!(bench.legs.counters().acks_repeated, 4);
    bench.assert_empty();
}

#[test]
fn each_fork_has_its_own_early_dialog_and_its_own_early_answer() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    for tag in ["bob-1", "bob-2", "bob-3"] {
        bench.answer(&invite, 180, tag, None);
        assert_eq!(bench.told(), provisional(tag, 180, "Ringing", None));
    }
    bench.answer(&invite, 183, "bob-2", Some(&sdp("two")));
    assert_eq!(bench.told(), provisional("bob-2", 183, "Session Progress", Some("two")));
    bench.answer(&invite, 183, "bob-3", Some(&sdp("three")));
    assert_eq!(bench.told(), provisional("bob-3", 183, "Session Progress", Some("three")));
    // The first description of a fork is its answer; later ones are not looked at.
    bench.answer(&invite, 183, "bob-2", Some(&sdp("changed")));
    assert_eq!(bench.told(), provisional("bob-2", 183, "Session Progress", None));
    let views = bench.legs.dialogs(leg);
    assert_eq!(
        views.iter().map(|view| view.remote_tag.as_str()).collect::<Vec<_>>(),
        ["bob-1", "bob-2", "bob-3"]
    );
    assert!(views.iter().all(|view| view.state == DialogState::Early));
    assert_eq!(bench.legs.census().dialogs, 3);
    // One answers; it has given its answer before, and what it says now counts.
    bench.answer(&invite, 200, "bob-2", Some(&sdp("final")));
    assert_eq!(bench.told(), accepted("bob-2", Some("final")));
    bench.request(&Method::Ack);
    assert_eq!(bench.legs.census().dialogs, 1, "the other early dialogs are over");
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn by_the_letter_what_a_fork_answers_first_is_its_answer() {
    let mut bench = Bench::with(DialogSettings { early_answers: EarlyAnswers::Binding, ..settings() });
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 183, "bob-1", Some(&sdp("early")));
    bench.told();
    bench.answer(&invite, 200, "bob-1", Some(&sdp("final")));
    assert_eq!(bench.told(), accepted("bob-1", None));
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_2xx_without_description_confirms_the_early_answer() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 183, "bob-1", Some(&sdp("early")));
    bench.told();
    bench.answer(&invite, 200, "bob-1", None);
    assert_eq!(bench.told(), accepted("bob-1", None));
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn the_first_2xx_wins_and_others_are_acknowledged_and_ended() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.answer(&invite, 180, "bob-2", None);
    bench.events.clear();
    bench.answer(&invite, 200, "bob-2", Some(&sdp("two")));
    assert_eq!(bench.told(), accepted("bob-2", Some("two")));
    bench.request(&Method::Ack);
    for _ in 0..2 {
        bench.answer(&invite, 200, "bob-1", Some(&sdp("one")));
        let ack = bench.request(&Method::Ack);
        assert_eq!(ack.headers().to().unwrap().tag(), Some("bob-1"));
        if let Some((_, bye)) = bench.sent.pop_front() {
            let bye = bye.as_request().unwrap().clone();
            assert_eq!(bye.request_uri(), "sip:bob-1@198.51.100.7");
            assert_eq!(bye.headers().cseq().unwrap().sequence, 2);
            bench.answer(&bye, 200, "", None);
        }
    }
    bench.silent();
    bench.nothing_told();
    assert_eq!(bench.legs.counters().forks_ended, 1);
    assert_eq!(bench.legs.dialogs(leg)[0].leg_state, LegState::Confirmed);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn more_forks_than_there_may_be_are_dropped_but_may_still_win() {
    let mut bench = Bench::with(DialogSettings { forks_max: 2, ..settings() });
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    for tag in ["bob-1", "bob-2", "bob-3"] {
        bench.answer(&invite, 180, tag, None);
    }
    assert_eq!(bench.events.len(), 2);
    bench.events.clear();
    assert_eq!(bench.legs.counters().forks_dropped, 1);
    bench.answer(&invite, 200, "bob-3", Some(&sdp("three")));
    assert_eq!(bench.told(), accepted("bob-3", Some("three")));
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_delayed_offer_is_answered_in_the_ack() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(None);
    assert_eq!(body_of(&invite.clone().into()), None);
    bench.answer(&invite, 183, "bob-1", Some(&sdp("unreliable offer")));
    assert_eq!(bench.told(), provisional("bob-1", 183, "Session Progress", None));
    assert_eq!(bench.legs.counters().descriptions_ignored, 1);
    bench.answer(&invite, 200, "bob-1", Some(&sdp("their offer")));
    let offer = Some(sdp("their offer"));
    assert_eq!(
        bench.told(),
        LegEvent::Accepted { remote: remote("bob-1"), answer: None, offer, fields: Vec::new(), body: None }
    );
    // It comes again while media thinks.
    bench.answer(&invite, 200, "bob-1", Some(&sdp("their offer")));
    bench.silent();
    let unexpected = LegIntentError::Unexpected { state: LegState::Answering, intent: "Reoffer" };
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: None }), Err(unexpected));
    assert_eq!(bench.intent(leg, LegIntent::Acknowledge { answer: Some(sdp("our answer")) }), Ok(()));
    let ack = bench.request(&Method::Ack);
    assert_eq!(body_of(&ack.clone().into()), Some(sdp("our answer")));
    bench.answer(&invite, 200, "bob-1", Some(&sdp("their offer")));
    assert_eq!(bench.request(&Method::Ack), ack);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_delayed_offer_that_media_cannot_answer_is_acknowledged_and_ended() {
    for hang_up in [false, true] {
        let mut bench = Bench::new();
        let (leg, invite) = bench.calling(None);
        bench.answer(&invite, 200, "bob-1", Some(&sdp("their offer")));
        bench.told();
        let intent = match hang_up {
            true => LegIntent::HangUp { fields: Vec::new(), body: None },
            false => LegIntent::Acknowledge { answer: None },
        };
        assert_eq!(bench.intent(leg, intent), Ok(()));
        bench.ended();
        assert_eq!(body_of(&bench.request(&Method::Ack).into()), None);
        bench.request(&Method::Bye);
        bench.assert_empty();
    }
}

#[test]
fn a_2xx_that_owes_a_description_ends_the_call() {
    for (offer, owed) in [(None, "offer"), (Some(sdp("offer")), "answer")] {
        let mut bench = Bench::new();
        let (_, invite) = bench.calling(offer);
        bench.answer(&invite, 200, "bob-1", None);
        let reason = format!("the 200 to our INVITE has no {owed}");
        assert_eq!(bench.failed_because(), (LegFailure::Protocol, reason));
        bench.ended();
        bench.request(&Method::Ack);
        bench.request(&Method::Bye);
        bench.assert_empty();
    }
}

#[test]
fn refusals_come_up_with_all_that_they_bring() {
    let mut bench = Bench::new();
    let (_, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    let moved = answer_to(&invite, 302, "", None);
    let response = moved
        .edit()
        .append(HeaderName::Contact, "<sip:second@example.com>;q=0.2, <sip:first@example.com>;q=0.9")
        .append(HeaderName::Reason, "Q.850;cause=41")
        .append(HeaderName::RetryAfter, 5)
        .append_named("X-Mark", "7")
        .build()
        .unwrap();
    bench.receive(&response.into());
    bench.request(&Method::Ack);
    let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
    assert_eq!((farewell.status, farewell.phrase.as_str()), (302, "Moved Temporarily"));
    assert_eq!(farewell.contacts, ["sip:first@example.com", "sip:second@example.com"]);
    assert_eq!(farewell.reason.as_deref(), Some("Q.850;cause=41"));
    assert_eq!(farewell.retry_after, Some(Duration::from_secs(5)));
    assert_eq!(farewell.fields, [field("X-Mark", "7")]);
    bench.ended();
    assert_eq!(bench.legs.census().dialogs, 0);
    bench.assert_empty();
}

#[test]
fn a_peer_that_never_answers_is_given_up_by_timer_b() {
    let mut bench = Bench::new();
    bench.calling(Some(sdp("offer")));
    bench.advance(Duration::from_millis(31_999));
    bench.nothing_told();
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn a_peer_that_rings_for_ever_is_not_given_up_here() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    bench.advance(Duration::from_secs(3600));
    bench.nothing_told();
    assert_eq!(bench.legs.dialogs(leg)[0].state, DialogState::Early);
}

#[test]
fn an_early_dialog_that_is_said_to_be_over_is_forgotten() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.answer(&invite, 199, "bob-1", None);
    assert_eq!(bench.events.len(), 2);
    assert_eq!(bench.legs.census().dialogs, 0);
    assert_eq!(bench.legs.dialogs(leg)[0].state, DialogState::Trying);
}

#[test]
fn an_invite_that_cannot_be_written_or_sent_says_so() {
    let mut bench = Bench::new();
    let leg = bench.legs.open().unwrap();
    let bad = Invite { call_id: "a\r\nb".to_owned(), ..invite_to("sip:bob@198.51.100.7") };
    assert!(matches!(
        bench.intent(leg, LegIntent::Invite(Box::new(bad))),
        Err(LegIntentError::Unwritable(_))
    ));
    let owned = Invite { fields: vec![field("Via", "x")], ..invite_to("sip:bob@198.51.100.7") };
    assert!(matches!(
        bench.intent(leg, LegIntent::Invite(Box::new(owned))),
        Err(LegIntentError::OwnedField(_))
    ));
    // The leg is still there to be used or hung up.
    for (target, reason) in [
        ("tel:+4930123", "it is no SIP URI"),
        ("not a uri", "it is no SIP URI"),
        ("sip:bob@198.51.100.7;transport=ws", "no listener for ws"),
        ("sip:bob@[2001:db8::7];transport=tcp", "no listener for tcp over IPv6"),
    ] {
        let leg = bench.legs.open().unwrap();
        assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite_to(target)))), Ok(()), "{target}");
        assert_eq!(bench.failed_because(), (LegFailure::Unlocated, reason.to_owned()), "{target}");
        bench.ended();
    }
    bench.hang_up(leg);
    bench.ended();
    bench.silent();
    bench.assert_empty();
}

#[test]
fn headers_in_the_target_do_not_reach_the_request_line() {
    let mut bench = Bench::new();
    let leg = bench.legs.open().unwrap();
    let invite = Invite { max_forwards: 12, ..invite_to("sip:bob@198.51.100.7;x=y?Subject=hello") };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    let invite = bench.request(&Method::Invite);
    assert_eq!(invite.request_uri(), "sip:bob@198.51.100.7;x=y");
    assert_eq!(invite.headers().max_forwards(), Ok(Some(12)));
}

#[test]
fn a_preloaded_route_set_is_followed_loosely_or_strictly() {
    for (route, uri, routes) in [
        ("<sip:198.51.100.9;lr>", "sip:bob@example.com", vec!["<sip:198.51.100.9;lr>", "<sip:p2;lr>"]),
        ("sip:198.51.100.9;lr", "sip:bob@example.com", vec!["<sip:198.51.100.9;lr>", "<sip:p2;lr>"]),
        ("sip:198.51.100.9", "sip:198.51.100.9", vec!["<sip:p2;lr>", "<sip:bob@example.com>"]),
    ] {
        let mut bench = Bench::new();
        let leg = bench.legs.open().unwrap();
        let routes_given = vec![route.to_owned(), "<sip:p2;lr>".to_owned()];
        let invite =
            Invite { routes: routes_given, offer: Some(sdp("o")), ..invite_to("sip:bob@example.com") };
        assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
        assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.9:5060");
        let invite = bench.request(&Method::Invite);
        assert_eq!(invite.request_uri(), uri);
        assert_eq!(invite.headers().all(HeaderName::Route).collect::<Vec<_>>(), routes);
    }
}

#[test]
fn the_route_set_of_the_dialog_is_record_route_turned_round() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let accepted = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
    let accepted = accepted
        .edit()
        .append(HeaderName::RecordRoute, "<sip:p2.example.com;lr>, <sip:198.51.100.9;lr>")
        .build()
        .unwrap();
    assert_eq!(tag_of(&accepted), "bob-1");
    bench.receive(&accepted.into());
    bench.told();
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.9:5060");
    let ack = bench.request(&Method::Ack);
    let routes: Vec<_> = ack.headers().all(HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:198.51.100.9;lr>", "<sip:p2.example.com;lr>"]);
    assert_eq!(ack.request_uri(), "sip:bob-1@198.51.100.7");
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_request_in_an_early_dialog_is_served_and_a_bye_there_is_believed() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    let ours = invite.headers().from().unwrap().tag().unwrap().to_owned();
    let mut from_bob = |method: &Method, sequence: u32| {
        let request = bench.head(method, sequence, Some(&ours)).build().unwrap();
        let request =
            request.edit().set(HeaderName::From, "<sip:bob@example.com>;tag=bob-1").build().unwrap();
        bench.receive(&request.into());
        bench.sent.pop_front().and_then(|(_, message)| message.as_response().map(|r| r.status().code()))
    };
    assert_eq!(from_bob(&Method::Options, 1), Some(200));
    assert_eq!(from_bob(&Method::Invite, 2), Some(491));
    assert_eq!(from_bob(&Method::Bye, 3), Some(200));
    assert_eq!(from_bob(&Method::Options, 4), Some(481));
    bench.hang_up(leg);
    bench.assert_empty();
}
