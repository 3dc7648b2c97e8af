//! What comes after the answer, too often, or too late: 2xx of further forks, floods of them, 2xx to INVITEs that are
//! given up. Whoever answers an INVITE of ours chooses tags and Contacts: what he makes us send to others is bounded.

use std::time::Duration;

use super::bench::{Bench, answer_to, header, invite_to, sdp, settings};
use crate::dialog::settings::{
    PROVISIONALS_BURST, REPEATED_FORKS_MAX, REPEATED_FORKS_PER_SECOND, STRAYS_PER_SECOND,
};
use crate::dialog::strangers::STRANGER_REPEATS_MAX;
use crate::dialog::{DialogSettings, LegState};
use crate::ground::leg::{Invite, LegEvent, LegFailure, LegId, LegIntent};
use crate::sip::{HeaderName, Message, Method, Request};

const VICTIM: &str = "203.0.113.9";

/// A 2xx of this fork, with somebody else's address in Contact.
fn accepted_elsewhere(invite: &Request, tag: &str, contact: &str) -> Message {
    let response = answer_to(invite, 200, tag, Some(&sdp("answer")));
    response.edit().set(HeaderName::Contact, contact).build().expect("a response").into()
}

fn answered(bench: &mut Bench) -> (LegId, Request) {
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
    bench.events.clear();
    bench.request(&Method::Ack);
    (leg, invite)
}

fn to_victim(bench: &mut Bench) -> usize {
    let count = bench.sent.iter().filter(|(flow, _)| flow.remote.ip().to_string() == VICTIM).count();
    bench.sent.clear();
    count
}

#[test]
fn however_many_2xx_a_callee_makes_up_the_one_it_names_hears_little() {
    let mut bench = Bench::new();
    let (leg, invite) = answered(&mut bench);
    let forks = bench.legs.shared.settings.forks_max;
    for n in 0..5_000 {
        bench.receive(&accepted_elsewhere(&invite, &format!("x{n}"), "<sip:victim@203.0.113.9>"));
    }
    assert_eq!(to_victim(&mut bench), 2 * (forks - 1), "one ACK and one BYE to each fork that may be");
    assert_eq!(bench.transactions.len(), 1 + REPEATED_FORKS_MAX, "the INVITE's, and the first forks' BYEs");
    bench.advance(Duration::from_secs(31));
    let repeated = to_victim(&mut bench);
    assert!((1..=10 * REPEATED_FORKS_MAX).contains(&repeated), "{repeated} more");
    let counters = bench.legs.counters();
    assert_eq!(
        (counters.forks_ended, counters.accepted_dropped),
        (forks as u64 - 1, 5_000 - (forks as u64 - 1))
    );
    // The call goes on.
    assert_eq!(bench.legs.dialogs(leg)[0].leg_state, LegState::Confirmed);
    bench.hang_up(leg);
    bench.assert_empty();
}

/// BYEs to the victim; all else that was sent is forgotten.
fn byes_to_victim(bench: &mut Bench) -> usize {
    let is_bye = |message: &Message| message.as_request().is_some_and(|bye| *bye.method() == Method::Bye);
    bench.sent.retain(|(_, message)| is_bye(message));
    to_victim(bench)
}

/// However many INVITEs one makes us send.
#[test]
fn byes_to_forks_elsewhere_are_repeated_at_a_rate() {
    let mut bench = Bench::new();
    let mut invites = Vec::new();
    for n in 0..100 {
        let leg = bench.legs.open().expect("a leg");
        let call_id = format!("call-{n}");
        let invite = Invite { offer: Some(sdp("offer")), call_id, ..invite_to("sip:bob@198.51.100.7") };
        assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
        let invite = bench.request(&Method::Invite);
        bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
        bench.receive(&accepted_elsewhere(&invite, "x", "<sip:victim@203.0.113.9>"));
        assert_eq!(byes_to_victim(&mut bench), 1);
        invites.push(invite);
    }
    let repeated = bench.transactions.len() - 100;
    assert_eq!(repeated, 2 * REPEATED_FORKS_PER_SECOND as usize);
    // Those without a transaction go again with their ACK, and not by themselves.
    for invite in &invites {
        bench.receive(&accepted_elsewhere(invite, "x", "<sip:victim@203.0.113.9>"));
    }
    assert_eq!(byes_to_victim(&mut bench), 100 - repeated);
    bench.advance(Duration::from_secs(31));
    assert_eq!(byes_to_victim(&mut bench), repeated * usize::from(STRANGER_REPEATS_MAX));
}

#[test]
fn a_2xx_that_comes_again_and_again_is_acknowledged_so_often_and_no_more() {
    for contact in ["<sip:victim@203.0.113.9>", "<sip:bob@198.51.100.7>"] {
        let mut bench = Bench::new();
        let (leg, invite) = answered(&mut bench);
        for _ in 0..1_000 {
            bench.receive(&accepted_elsewhere(&invite, "bob-1", contact));
        }
        let acks = bench.sent.iter().filter(|(_, message)| {
            message.as_request().is_some_and(|request| *request.method() == Method::Ack)
        });
        assert_eq!(acks.count(), 33);
        bench.sent.clear();
        // So for the call itself.
        for _ in 0..1_000 {
            bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
        }
        assert_eq!(bench.sent.len(), 32);
        assert_eq!(bench.legs.counters().accepted_dropped, 2 * 967 + 1);
        bench.hang_up(leg);
        bench.assert_empty();
    }
}

#[test]
fn a_fork_that_is_looked_up_counts_and_is_not_looked_up_again() {
    let mut bench = Bench::new();
    let (leg, invite) = answered(&mut bench);
    for n in 0..100 {
        for _ in 0..2 {
            bench.receive(&accepted_elsewhere(&invite, &format!("x{n}"), "<sip:v@phone.example.com>"));
        }
    }
    assert_eq!(bench.resolves.len(), 15);
    bench.silent();
    bench.hang_up(leg);
    bench.assert_empty();
}

/// The BYE of a fork that answers where it was called may be lost: it is repeated like any other.
#[test]
fn a_fork_at_the_address_that_was_called_is_ended_by_a_bye_that_is_repeated() {
    let mut bench = Bench::new();
    let (leg, invite) = answered(&mut bench);
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    bench.request(&Method::Ack);
    let bye = bench.request(&Method::Bye);
    let reason = header(&bye.clone().into(), HeaderName::Reason);
    assert_eq!(reason.as_deref(), Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    bench.advance(Duration::from_millis(500));
    assert_eq!(bench.request(&Method::Bye), bye);
    bench.answer(&bye, 200, "", None);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_flood_of_provisional_responses_is_told_at_a_rate() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    for n in 0..10_000 {
        bench.answer(&invite, 180 + n % 4, "bob-1", None);
    }
    assert_eq!(bench.events.len(), PROVISIONALS_BURST as usize);
    assert_eq!(bench.legs.counters().provisionals_dropped, 10_000 - u64::from(PROVISIONALS_BURST));
    bench.advance(Duration::from_secs(2));
    for _ in 0..10 {
        bench.answer(&invite, 180, "bob-1", None);
    }
    assert_eq!(bench.events.len(), PROVISIONALS_BURST as usize + 2);
    bench.events.clear();
    // The answer comes through.
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    assert!(matches!(bench.told(), LegEvent::Accepted { .. }));
    bench.hang_up(leg);
    bench.assert_empty();
}

/// Rings until it is given up, or does not even ring. Returns the INVITE; nothing is left of it.
fn given_up(bench: &mut Bench, rings: bool) -> Request {
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    if rings {
        bench.answer(&invite, 180, "bob-1", None);
        bench.told();
        bench.hang_up(leg);
    }
    bench.advance(Duration::from_secs(33));
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    assert_eq!((bench.legs.len(), bench.transactions.len()), (0, 0));
    bench.sent.clear();
    invite
}

#[test]
fn a_2xx_after_timer_b_or_64_t1_after_the_cancel_gets_its_ack_and_a_bye() {
    for rings in [false, true] {
        let mut bench = Bench::new();
        let invite = given_up(&mut bench, rings);
        for _ in 0..2 {
            bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
            let source = bench.source;
            assert_eq!(bench.sent[0].0.remote, source.remote);
            let ack = bench.request(&Method::Ack);
            assert_eq!(ack.request_uri(), "sip:bob-1@198.51.100.7");
            assert_eq!(ack.headers().cseq().unwrap().sequence, 1);
            assert_eq!(ack.headers().to().unwrap().tag(), Some("bob-1"));
            let bye = bench.request(&Method::Bye);
            assert_eq!(bye.headers().cseq().unwrap().sequence, 2);
            assert_eq!(bye.headers().from(), ack.headers().from());
            assert!(header(&bye.clone().into(), HeaderName::Reason).is_some());
            bench.answer(&bye, 200, "", None);
            bench.silent();
        }
        bench.nothing_told();
        assert_eq!(bench.legs.counters().strays_ended, 2);
        bench.assert_empty();
    }
}

#[test]
fn a_late_2xx_to_an_invite_that_we_never_sent_is_dropped() {
    let mut bench = Bench::new();
    let invite = given_up(&mut bench, false);
    let from = invite.headers().first(HeaderName::From).unwrap().to_owned();
    let tag = invite.headers().from().unwrap().tag().unwrap().to_owned();
    for (name, value) in [
        (HeaderName::CallId, "another-call".to_owned()),
        (HeaderName::From, from.replace(&tag, "made-up")),
        (HeaderName::From, from.replace(&tag, &tag[1..])),
        (HeaderName::From, "<sip:us@us.example.com>".to_owned()),
    ] {
        let response = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
        bench.receive(&response.edit().set(name, value).build().unwrap().into());
        bench.silent();
    }
    // After a restart nobody knows what was sent before it.
    let mut restarted = Bench::seeded(settings(), 8);
    restarted.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    restarted.silent();
}

#[test]
fn a_late_2xx_of_a_call_that_stands_does_not_end_it() {
    let mut bench = Bench::new();
    let (leg, invite) = answered(&mut bench);
    bench.advance(Duration::from_secs(40));
    assert_eq!(bench.transactions.len(), 0);
    bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
    bench.silent();
    assert_eq!(bench.legs.dialogs(leg)[0].leg_state, LegState::Confirmed);
    assert_eq!(bench.legs.counters().stray_accepted, 1);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn late_2xx_are_answered_at_a_rate_and_nothing_is_looked_up_or_kept_for_them() {
    let mut bench = Bench::new();
    let invite = given_up(&mut bench, false);
    for n in 0..1_000 {
        bench.receive(&accepted_elsewhere(&invite, &format!("x{n}"), "<sip:victim@203.0.113.9>"));
    }
    assert_eq!(to_victim(&mut bench), 2 * STRAYS_PER_SECOND as usize);
    assert_eq!(bench.legs.counters().accepted_dropped, 1_000 - u64::from(STRAYS_PER_SECOND));
    bench.advance(Duration::from_secs(1));
    bench.receive(&accepted_elsewhere(&invite, "named", "<sip:victim@phone.example.com>"));
    assert!(bench.resolves.is_empty());
    assert!(bench.sent.iter().all(|(flow, _)| flow.remote == bench.source.remote));
    bench.receive(&accepted_elsewhere(&invite, "inside", "<sip:victim@10.0.0.5>"));
    assert!(bench.sent.iter().all(|(flow, _)| flow.remote == bench.source.remote));
    assert_eq!((bench.sent.len(), bench.transactions.len(), bench.legs.len()), (4, 0, 0));
    bench.assert_empty();
}

#[test]
fn with_one_fork_only_no_other_is_answered() {
    let mut bench = Bench::with(DialogSettings { forks_max: 1, ..settings() });
    let (leg, invite) = answered(&mut bench);
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    bench.silent();
    bench.hang_up(leg);
    bench.assert_empty();
}
