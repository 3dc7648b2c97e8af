//! 2xx to a re-INVITE of ours with another To tag than the dialog's: of a proxy that forks what it must not, or of somebody
//! who makes up tags (RFC 3261 §12.2.1.2, §13.2.2.4).

use std::time::Duration;

use super::bench::{Bench, answer_to, sdp};
use crate::dialog::LegState;
use crate::dialog::settings::REPEATED_FORKS_MAX;
use crate::ground::leg::{LegEvent, LegFailure, LegId, LegIntent, Unanswered};
use crate::sip::{HeaderName, Message, Method, Request};

/// A call that is up, and a re-INVITE of ours in it.
fn reinviting(bench: &mut Bench) -> (LegId, Request) {
    let (leg, _) = bench.outgoing_call();
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
    (leg, bench.request(&Method::Invite))
}

fn of_another(reinvite: &Request, status: u16, tag: &str) -> Message {
    let answer = answer_to(reinvite, status, "", Some(&sdp("theirs")));
    let edit = answer.edit().set(HeaderName::To, format!("<sip:bob@example.com>;tag={tag}"));
    edit.append(HeaderName::Contact, "<sip:v@203.0.113.9>").build().expect("a response").into()
}

#[test]
fn a_2xx_of_another_dialog_moves_nothing_and_is_acknowledged_and_ended() {
    let mut bench = Bench::new();
    let (leg, reinvite) = reinviting(&mut bench);
    let before = bench.legs.dialogs(leg)[0].remote_target.clone();
    for _ in 0..2 {
        bench.receive(&of_another(&reinvite, 200, "other"));
        assert_eq!(bench.sent[0].0.remote.to_string(), "203.0.113.9:5060");
        let ack = bench.request(&Method::Ack);
        assert_eq!(ack.headers().to().unwrap().tag(), Some("other"));
        if let Some((_, Message::Request(bye))) = bench.sent.pop_front() {
            assert_eq!((bye.method(), bye.headers().to().unwrap().tag()), (&Method::Bye, Some("other")));
            assert_eq!(bye.headers().cseq().unwrap().sequence, 3);
        }
        bench.silent();
        bench.nothing_told();
        assert_eq!(bench.legs.dialogs(leg)[0].remote_target, before);
    }
    assert_eq!(bench.legs.counters().forks_ended, 1);
    // The peer's own counts.
    bench.answer(&reinvite, 200, "", Some(&sdp("held")));
    assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: Some(sdp("held")), offer: None });
    let ack = bench.request(&Method::Ack);
    assert_eq!(ack.headers().to().unwrap().tag(), Some("bob-1"));
    bench.hang_up(leg);
    bench.assert_empty();
}

/// Before the peer's own and after it.
#[test]
fn however_many_2xx_with_other_tags_come_to_a_re_invite_the_one_they_name_hears_little() {
    for answered in [false, true] {
        let mut bench = Bench::new();
        let (leg, reinvite) = reinviting(&mut bench);
        if answered {
            bench.answer(&reinvite, 200, "", Some(&sdp("held")));
            bench.told();
            bench.request(&Method::Ack);
        }
        for _ in 0..5 {
            for tag in 0..1_000 {
                bench.receive(&of_another(&reinvite, 200, &format!("x{tag}")));
            }
        }
        let forks = bench.legs.shared.settings.forks_max - usize::from(answered);
        assert_eq!(bench.legs.counters().forks_ended, forks as u64);
        let sent = bench.sent.len();
        assert!((2 * forks..=2 * (forks + 32)).contains(&sent), "{sent}");
        bench.sent.clear();
        // Both INVITEs, and the first forks' BYEs.
        assert_eq!(bench.transactions.len(), 2 + REPEATED_FORKS_MAX);
        bench.nothing_told();
        assert_eq!(bench.legs.dialogs(leg)[0].leg_state, LegState::Confirmed);
        if !answered {
            bench.answer(&reinvite, 200, "", Some(&sdp("held")));
            assert!(matches!(bench.told(), LegEvent::ReofferAccepted { .. }));
            bench.request(&Method::Ack);
        }
        bench.hang_up(leg);
        bench.assert_empty();
    }
}

#[test]
fn a_re_invite_that_only_others_accept_is_not_answered() {
    for rings in [false, true] {
        let mut bench = Bench::new();
        let (_, reinvite) = reinviting(&mut bench);
        if rings {
            bench.answer(&reinvite, 180, "", None);
        }
        bench.receive(&of_another(&reinvite, 200, "other"));
        bench.nothing_told();
        bench.advance(Duration::from_secs(33));
        let unanswered = Unanswered { failure: LegFailure::Timeout, reason: "".into() };
        assert_eq!(bench.told(), LegEvent::ReofferFailed(unanswered));
        assert_eq!(bench.failed(), LegFailure::Timeout);
        bench.ended();
        bench.assert_empty();
    }
}

#[test]
fn what_another_dialog_answers_in_a_provisional_response_is_no_answer() {
    let mut bench = Bench::new();
    let (leg, reinvite) = reinviting(&mut bench);
    bench.receive(&of_another(&reinvite, 183, "other"));
    bench.answer(&reinvite, 200, "", None);
    assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: None, offer: None });
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn a_2xx_of_another_dialog_after_a_bye_is_ended_too() {
    let mut bench = Bench::new();
    let (leg, reinvite) = reinviting(&mut bench);
    bench.hang_up(leg);
    bench.ended();
    bench.request(&Method::Bye);
    bench.receive(&of_another(&reinvite, 200, "other"));
    bench.request(&Method::Ack);
    let bye = bench.request(&Method::Bye);
    assert_eq!(bye.headers().to().unwrap().tag(), Some("other"));
    bench.answer(&reinvite, 200, "", Some(&sdp("held")));
    bench.request(&Method::Ack);
    bench.silent();
    bench.assert_empty();
}
