//! The two tables of a leg: which intent is legal in which state, and what a request of the peer's meets there.

use super::bench::{Bench, invite_to, sdp, tag_of};
use crate::dialog::{LegIntentError, LegState};
use crate::ground::leg::{InDialogMethod, Invite, LegId, LegIntent};
use crate::sip::{HeaderName, Method};

/// A leg in one state, and the two tags of its dialog.
struct Placed {
    bench: Bench,
    leg: LegId,
    ours: String,
    theirs: &'static str,
}

fn accept(bench: &mut Bench, leg: LegId) -> String {
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    tag_of(&bench.response(200, &Method::Invite))
}

fn incoming(state: LegState) -> Placed {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    let ring = LegIntent::Provisional { status: 180, description: None, fields: Vec::new() };
    assert_eq!(bench.intent(leg, ring), Ok(()));
    let mut ours = tag_of(&bench.response(180, &Method::Invite));
    if state != LegState::Proceeding {
        ours = accept(&mut bench, leg);
    }
    if matches!(state, LegState::Confirmed | LegState::Closing) {
        bench.ack(1, &ours, None);
    }
    if state == LegState::Closing {
        bench.hang_up(leg);
    }
    Placed { bench, leg, ours, theirs: "<sip:alice@example.com>;tag=alice-1" }
}

fn outgoing(state: LegState) -> Placed {
    let mut bench = Bench::new();
    let theirs = "<sip:bob@example.com>;tag=bob-1";
    if matches!(state, LegState::Opened | LegState::Locating) {
        let leg = bench.legs.open().expect("room");
        if state == LegState::Locating {
            let invite = invite_to("sip:bob@example.com");
            assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
        }
        return Placed { bench, leg, ours: String::new(), theirs };
    }
    let (leg, invite) = bench.calling(None);
    bench.answer(&invite, 180, "bob-1", None);
    if state == LegState::Answering {
        bench.answer(&invite, 200, "bob-1", Some(&sdp("offer")));
    }
    let ours = invite.headers().from().expect("From").tag().expect("a tag").to_owned();
    Placed { bench, leg, ours, theirs }
}

fn placed(state: LegState) -> Placed {
    let mut placed = match state {
        LegState::Opened | LegState::Locating | LegState::Calling | LegState::Answering => outgoing(state),
        LegState::Proceeding | LegState::Accepted | LegState::Confirmed | LegState::Closing => {
            incoming(state)
        }
        LegState::Over => unreachable!("nothing of it can be reached"),
    };
    placed.bench.sent.clear();
    placed.bench.events.clear();
    placed
}

fn intents() -> [(&'static str, LegIntent); 10] {
    let fields = Vec::new;
    [
        (
            "Invite",
            LegIntent::Invite(Box::new(Invite {
                offer: Some(sdp("o")),
                ..invite_to("sip:bob@198.51.100.7")
            })),
        ),
        ("Provisional", LegIntent::Provisional { status: 182, description: None, fields: fields() }),
        ("Accept", LegIntent::Accept { description: Some(sdp("answer")), fields: fields(), body: None }),
        (
            "Reject",
            LegIntent::Reject {
                status: 486,
                phrase: None,
                contacts: Vec::new(),
                retry_after: None,
                mismatch: None,
                fields: fields(),
                body: None,
            },
        ),
        ("Acknowledge", LegIntent::Acknowledge { answer: Some(sdp("answer")) }),
        ("Reoffer", LegIntent::Reoffer { offer: Some(sdp("hold")) }),
        ("AnswerReoffer", LegIntent::AnswerReoffer { description: sdp("answer") }),
        ("RefuseReoffer", LegIntent::RefuseReoffer { status: 488, retry_after: None, mismatch: None }),
        (
            "Request",
            LegIntent::Request { key: 1, method: InDialogMethod::Info, fields: fields(), body: None },
        ),
        ("HangUp", LegIntent::HangUp { fields: fields(), body: None }),
    ]
}

/// Legal intents by state. `AnswerReoffer`, `RefuseReoffer` and `Acknowledge` are legal in `Confirmed` only while a
/// re-INVITE waits for them.
const LEGAL: [(LegState, &[&str]); 7] = [
    (LegState::Opened, &["Invite", "HangUp"]),
    (LegState::Locating, &["HangUp"]),
    (LegState::Calling, &["HangUp"]),
    (LegState::Answering, &["Acknowledge", "HangUp"]),
    (LegState::Proceeding, &["Provisional", "Accept", "Reject", "HangUp"]),
    (LegState::Accepted, &["HangUp"]),
    (LegState::Confirmed, &["Reoffer", "Request", "HangUp"]),
];

#[test]
fn each_intent_is_legal_in_its_states_and_elsewhere_changes_nothing() {
    for (state, legal) in LEGAL {
        for (name, intent) in intents() {
            let Placed { mut bench, leg, .. } = placed(state);
            let result = bench.intent(leg, intent);
            if legal.contains(&name) {
                assert_eq!(result, Ok(()), "{name} in {state}");
            } else {
                assert_eq!(result, Err(LegIntentError::Unexpected { state, intent: name }), "{state}");
                assert!(bench.sent.is_empty() && bench.events.is_empty(), "{name} in {state}");
                if state != LegState::Opened {
                    assert_eq!(bench.legs.dialogs(leg)[0].leg_state, state, "{name}");
                }
            }
            // Its session goes away in whatever state.
            bench.legs.clear(&mut bench.transactions, bench.now);
            bench.drain();
            bench.assert_empty();
        }
    }
}

#[test]
fn no_intent_reaches_a_leg_that_has_ended() {
    for (name, intent) in intents() {
        let Placed { mut bench, leg, .. } = placed(LegState::Closing);
        assert_eq!(bench.intent(leg, intent), Err(LegIntentError::Unknown(leg)), "{name}");
        bench.assert_empty();
    }
}

/// What the peer's requests meet by state: INVITE, BYE, INFO, OPTIONS, UPDATE, and one in another dialog. 0: nothing at
/// once.
const MET: [(LegState, [u16; 6]); 6] = [
    (LegState::Calling, [491, 200, 200, 200, 405, 481]),
    (LegState::Answering, [491, 200, 200, 200, 405, 481]),
    (LegState::Proceeding, [500, 200, 200, 200, 405, 481]),
    (LegState::Accepted, [491, 200, 200, 200, 405, 481]),
    (LegState::Confirmed, [0, 200, 200, 200, 405, 481]),
    (LegState::Closing, [481, 200, 481, 481, 481, 481]),
];

#[test]
fn each_request_meets_the_same_answer_in_a_state() {
    let methods = [Method::Invite, Method::Bye, Method::Info, Method::Options, Method::Update, Method::Info];
    for (state, statuses) in MET {
        for (at, (method, status)) in methods.iter().zip(statuses).enumerate() {
            let Placed { mut bench, ours, theirs, .. } = placed(state);
            let from = if at == 5 { "<sip:mallory@example.com>;tag=mallory" } else { theirs };
            let head = bench.head(method, 5, Some(&ours));
            let request =
                Bench::offering(head, None).edit().set(HeaderName::From, from).build().expect("a request");
            bench.receive(&request.into());
            let answers = bench.sent.iter().filter_map(|(_, message)| message.as_response());
            let met: Vec<u16> = answers
                .filter(|response| response.headers().cseq().is_ok_and(|cseq| cseq.sequence == 5))
                .map(|response| response.status().code())
                .collect();
            let expected: &[u16] = if status == 0 { &[] } else { &[status] };
            assert_eq!(met, expected, "{method} in {state}");
            bench.legs.clear(&mut bench.transactions, bench.now);
            bench.drain();
            bench.assert_empty();
        }
    }
}
