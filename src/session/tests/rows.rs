//! Phase × input → phase, and what comes out. A row for each input that a phase has a use for, and for those that must
//! not harm it.

use rstest::rstest;

use super::super::event::{EndCause, Operation};
use super::super::media::MediaError;
use super::*;
use crate::ground::Mismatch;

use Phase::*;

/// An input, as a row names it.
enum In {
    Leg(LegEvent),
    /// Media answers the oldest request rightly.
    Done,
    /// Media refuses the oldest request.
    Refused(MediaError),
    /// Media does not answer the oldest request.
    Silent,
    Timer(SessionTimer),
    Lost,
    GiveUp(EndCause),
    Do(&'static str),
}

use In::{Do, Done, GiveUp, Leg, Lost, Refused, Silent, Timer};

fn nothing() -> MediaError {
    MediaError::NothingAcceptable(Mismatch::AddressFormat)
}

fn confirmed(answer: Option<&str>) -> LegEvent {
    LegEvent::Confirmed { answer: answer.map(sdp) }
}

fn reoffered() -> LegEvent {
    LegEvent::Reoffered { offer: Some(sdp("offer")) }
}

fn re_accepted() -> LegEvent {
    LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None }
}

fn re_failed(failure: LegFailure) -> LegEvent {
    LegEvent::ReofferFailed(unanswered(failure, ""))
}

fn re_confirmed(answer: Option<&str>) -> LegEvent {
    LegEvent::ReofferConfirmed { answer: answer.map(sdp) }
}

#[rstest]
// An incoming call waits for its engine.
#[case(Incoming, Do("Ring"), Alerting, "timer Ring, 180, Ringing 180")]
#[case(Incoming, Do("EarlyMedia"), AwaitingEarlyMedia, "timer Ring, answer #1")]
#[case(Incoming, Do("Answer"), AwaitingAnswerMedia, "answer #1 to commit")]
#[case(Incoming, Do("Reject"), Ending, "486")]
#[case(Incoming, Do("Redirect"), Ending, "302")]
#[case(Incoming, Do("Terminate"), Ending, "hang up")]
#[case(Incoming, Timer(SessionTimer::Decision), Ending, "503 after 5")]
#[case(Incoming, Leg(LegEvent::Cancelled(farewell(0))), Ending, "")]
#[case(Incoming, GiveUp(EndCause::EngineGone), Ending, "503 after 5")]
#[case(Incoming, Lost, Incoming, "")]
// It rings.
#[case(Alerting, Do("Ring"), Alerting, "180, Ringing 180")]
#[case(Alerting, Do("Answer"), AwaitingAnswerMedia, "answer #1 to commit")]
#[case(Alerting, Timer(SessionTimer::Decision), Alerting, "")]
#[case(Alerting, Timer(SessionTimer::Ring), Ending, "480")]
#[case(Alerting, Leg(LegEvent::Cancelled(farewell(0))), Ending, "")]
#[case(Alerting, Leg(failed(LegFailure::Transport)), Ending, "")]
// Media answers for a 183.
#[case(AwaitingEarlyMedia, Done, EarlyMedia, "183(answer), commit #1, Ringing 183, EarlyMedia Succeeded")]
#[case(AwaitingEarlyMedia, Refused(nothing()), Incoming, "EarlyMedia Failed")]
#[case(AwaitingEarlyMedia, Silent, Incoming, "rollback #1, EarlyMedia Failed")]
#[case(AwaitingEarlyMedia, Leg(LegEvent::Cancelled(farewell(0))), Ending, "close, EarlyMedia SessionEnded")]
#[case(AwaitingEarlyMedia, Do("Terminate"), Ending, "hang up, close, EarlyMedia SessionEnded")]
#[case(AwaitingEarlyMedia, Lost, Ending, "503 after 5, EarlyMedia SessionEnded")]
#[case(AwaitingEarlyMedia, Timer(SessionTimer::Ring), Ending, "480, close, EarlyMedia SessionEnded")]
// Early media is up.
#[case(EarlyMedia, Do("Answer"), AwaitingAck, "200")]
#[case(EarlyMedia, Do("Ring"), EarlyMedia, "180, Ringing 180")]
#[case(EarlyMedia, Do("Reject"), Ending, "486, close")]
#[case(EarlyMedia, Leg(LegEvent::Cancelled(farewell(0))), Ending, "close")]
#[case(EarlyMedia, Lost, Ending, "503 after 5")]
// Media answers for the 200.
#[case(AwaitingAnswerMedia, Done, AwaitingAck, "200(answer)")]
#[case(AwaitingAnswerMedia, Refused(nothing()), Ending, "488 warns 301, close")]
#[case(
    AwaitingAnswerMedia,
    Refused(MediaError::BadDescription(String::new())),
    Ending,
    "400 warns 399, close"
)]
#[case(AwaitingAnswerMedia, Refused(MediaError::NoPort), Ending, "503 after 5, close")]
#[case(AwaitingAnswerMedia, Refused(MediaError::Unavailable), Ending, "503 after 5, close")]
#[case(AwaitingAnswerMedia, Refused(MediaError::NoEndpoint), Ending, "500, close")]
#[case(AwaitingAnswerMedia, Silent, Ending, "504, close")]
#[case(AwaitingAnswerMedia, Leg(LegEvent::Cancelled(farewell(0))), Ending, "close")]
#[case(AwaitingAnswerMedia, Do("Terminate"), Ending, "hang up, close")]
#[case(AwaitingAnswerMedia, Lost, Ending, "503 after 5")]
#[case(AwaitingAnswerMedia, GiveUp(EndCause::Shutdown), Ending, "503 after 5, close")]
// The 200 is sent.
#[case(AwaitingAck, Leg(confirmed(None)), Connected, "Connected")]
#[case(AwaitingAck, Leg(confirmed(Some("answer"))), Connected, "Connected")]
#[case(AwaitingAck, Leg(LegEvent::AckTimeout), Ending, "close")]
#[case(AwaitingAck, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
#[case(AwaitingAck, Leg(reoffered()), AwaitingAck, "re-500")]
#[case(AwaitingAck, Do("Terminate"), Ending, "hang up, close")]
#[case(AwaitingAck, Lost, Ending, "hang up")]
#[case(AwaitingAck, GiveUp(EndCause::EngineGone), Ending, "hang up, close")]
#[case(AwaitingAck, Timer(SessionTimer::Ring), AwaitingAck, "")]
// Media applies what the ACK brought.
#[case(ApplyingAckAnswer, Done, Connected, "commit #1, Connected")]
#[case(ApplyingAckAnswer, Refused(MediaError::BadAnswer(String::new())), Ending, "hang up, close")]
#[case(ApplyingAckAnswer, Silent, Ending, "hang up, close")]
#[case(ApplyingAckAnswer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
#[case(ApplyingAckAnswer, Leg(reoffered()), ApplyingAckAnswer, "")]
#[case(ApplyingAckAnswer, Lost, Ending, "hang up")]
// Media makes the offer of a call of ours.
#[case(AwaitingOfferMedia, Done, Calling, "INVITE(offer), timer Ring")]
#[case(AwaitingOfferMedia, Refused(MediaError::NoPort), Ending, "close")]
#[case(AwaitingOfferMedia, Silent, Ending, "close")]
#[case(AwaitingOfferMedia, Do("Terminate"), Ending, "close")]
#[case(AwaitingOfferMedia, Lost, Over, "Ended MediaFailure")]
// The INVITE is sent.
#[case(Calling, Leg(provisional("t1", 180, None)), Calling, "Progress 180")]
#[case(Calling, Leg(provisional("t1", 183, Some("answer"))), Calling, "apply #1 of t1")]
#[case(Calling, Leg(accepted("t1", Some("answer"), None)), ApplyingAnswer, "apply #1 of t1 to commit")]
#[case(Calling, Leg(accepted("t1", None, None)), Ending, "hang up, close")]
#[case(Calling, Leg(LegEvent::Rejected(farewell(486))), Ending, "close")]
#[case(Calling, Leg(failed(LegFailure::Timeout)), Ending, "close")]
#[case(Calling, Timer(SessionTimer::Ring), Ending, "hang up, close")]
#[case(Calling, Do("Terminate"), Ending, "hang up, close")]
#[case(Calling, Lost, Ending, "hang up")]
// Media applies the winner's answer.
#[case(ApplyingAnswer, Done, Connected, "Connected")]
#[case(ApplyingAnswer, Refused(MediaError::BadAnswer(String::new())), Ending, "hang up, close")]
#[case(ApplyingAnswer, Silent, Ending, "hang up, close")]
#[case(ApplyingAnswer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
#[case(ApplyingAnswer, Leg(reoffered()), ApplyingAnswer, "")]
#[case(ApplyingAnswer, Lost, Ending, "hang up")]
// Media answers the callee's offer.
#[case(AnsweringOffer, Done, Connected, "ACK(answer), commit #1, Connected")]
#[case(AnsweringOffer, Refused(nothing()), Ending, "ACK, close")]
#[case(AnsweringOffer, Silent, Ending, "ACK, close")]
#[case(AnsweringOffer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
#[case(AnsweringOffer, Do("Terminate"), Ending, "hang up, close")]
#[case(AnsweringOffer, Lost, Ending, "hang up")]
// Up.
#[case(Connected, Do("Hold"), MakingReoffer, "offer #2 sendonly")]
#[case(Connected, Do("UpdateMedia"), MakingReoffer, "offer #2")]
#[case(Connected, Leg(reoffered()), AnsweringPeer, "answer #2")]
#[case(Connected, Leg(LegEvent::Reoffered { offer: None }), AnsweringPeer, "offer #2")]
#[case(Connected, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
#[case(Connected, Leg(failed(LegFailure::DialogLost)), Ending, "close")]
#[case(Connected, Leg(LegEvent::Ended), Ending, "close")]
#[case(Connected, Timer(SessionTimer::Duration), Ending, "hang up, close")]
#[case(Connected, Timer(SessionTimer::Ring), Connected, "")]
#[case(Connected, Lost, Ending, "hang up")]
#[case(Connected, Leg(confirmed(None)), Connected, "")]
#[case(Connected, Leg(re_accepted()), Connected, "")]
#[case(Holding, Do("Resume"), MakingReoffer, "offer #3")]
#[case(Holding, Leg(reoffered()), AnsweringPeer, "answer #3 sendonly")]
#[case(Held, Do("Hold"), MakingReoffer, "offer #3 sendonly")]
#[case(Held, Leg(reoffered()), AnsweringPeer, "answer #3")]
// Our re-INVITE.
#[case(MakingReoffer, Done, ReofferSent, "re-INVITE(offer)")]
#[case(MakingReoffer, Refused(MediaError::NoEndpoint), Connected, "rollback #2, Hold Failed")]
#[case(MakingReoffer, Silent, Connected, "rollback #2, Hold Failed")]
#[case(MakingReoffer, Leg(reoffered()), MakingReoffer, "re-500")]
#[case(MakingReoffer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close, Hold SessionEnded")]
#[case(MakingReoffer, Do("Terminate"), Ending, "hang up, close, Hold SessionEnded")]
#[case(MakingReoffer, Lost, Ending, "hang up, Hold SessionEnded")]
#[case(ReofferSent, Leg(re_accepted()), ApplyingReoffer, "apply #2 sendonly")]
#[case(ReofferSent, Leg(LegEvent::ReofferRefused(farewell(488))), Connected, "rollback #2, Hold Refused")]
#[case(ReofferSent, Leg(re_failed(LegFailure::Timeout)), Connected, "rollback #2, Hold TimedOut")]
#[case(ReofferSent, Leg(re_failed(LegFailure::Transport)), Connected, "rollback #2, Hold Failed")]
#[case(ReofferSent, Leg(reoffered()), AnsweringPeer, "rollback #2, answer #3")]
#[case(ReofferSent, Leg(LegEvent::HungUp(farewell(0))), Ending, "close, Hold SessionEnded")]
#[case(
    ReofferSent,
    Leg(LegEvent::ReofferAccepted { answer: None, offer: None }),
    Connected,
    "rollback #2, Hold Failed"
)]
#[case(ApplyingReoffer, Done, Holding, "commit #2, MediaChanged holding, Hold Succeeded")]
#[case(ApplyingReoffer, Refused(MediaError::BadAnswer(String::new())), Connected, "rollback #2, Hold Failed")]
#[case(ApplyingReoffer, Silent, Connected, "rollback #2, Hold Failed")]
#[case(ApplyingReoffer, Leg(reoffered()), ApplyingReoffer, "")]
#[case(ApplyingReoffer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close, Hold SessionEnded")]
// The peer's re-INVITE. What media agrees is what was before: nothing changes.
#[case(AnsweringPeer, Done, AwaitingReofferAck, "re-200(answer), commit #2")]
#[case(AnsweringPeer, Refused(nothing()), Connected, "re-488 warns 301, rollback #2")]
#[case(AnsweringPeer, Silent, Connected, "re-504, rollback #2")]
#[case(AnsweringPeer, Leg(LegEvent::ReofferAbandoned), Connected, "rollback #2")]
#[case(AnsweringPeer, Leg(reoffered()), AnsweringPeer, "re-500")]
#[case(AnsweringPeer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
#[case(AnsweringPeer, Do("Terminate"), Ending, "hang up, close")]
#[case(AwaitingReofferAck, Leg(re_confirmed(None)), Connected, "")]
#[case(AwaitingReofferAck, Leg(LegEvent::ReofferAbandoned), Connected, "")]
#[case(AwaitingReofferAck, Leg(LegEvent::AckTimeout), Ending, "close")]
#[case(AwaitingReofferAck, Leg(reoffered()), AwaitingReofferAck, "re-500")]
#[case(ApplyingPeerAnswer, Done, Connected, "commit #2")]
#[case(ApplyingPeerAnswer, Silent, Connected, "rollback #2")]
#[case(ApplyingPeerAnswer, Leg(reoffered()), ApplyingPeerAnswer, "")]
#[case(ApplyingPeerAnswer, Leg(LegEvent::HungUp(farewell(0))), Ending, "close")]
// The end: leg and endpoint in either order.
#[case(Ending, Done, Ending, "")]
#[case(Ending, Silent, Ending, "")]
#[case(Ending, Leg(LegEvent::Ended), Ending, "")]
#[case(Ending, Leg(LegEvent::HungUp(farewell(0))), Ending, "")]
#[case(Ending, Leg(accepted("t1", Some("answer"), None)), Ending, "")]
#[case(Ending, Timer(SessionTimer::Duration), Ending, "")]
#[case(Ending, Lost, Ending, "")]
#[case(Ending, GiveUp(EndCause::Shutdown), Ending, "")]
#[case(Over, Leg(LegEvent::Ended), Over, "")]
fn each_input_has_its_row(#[case] from: Phase, #[case] input: In, #[case] to: Phase, #[case] said: &str) {
    let mut bench = Bench::at(from);
    match input {
        Leg(event) => bench.leg(event),
        Done => bench.media_does(),
        Refused(error) => bench.media_refuses(MediaFault::Refused(error)),
        Silent => bench.media_refuses(MediaFault::TimedOut),
        Timer(timer) => bench.timer(timer),
        Lost => bench.event(MediaEvent::Lost("gone".into())),
        GiveUp(cause) => bench.step(|session, cx| session.give_up(cause, cx)),
        Do(name) => {
            bench.command(verb(name)).expect("a legal command");
        }
    }
    assert_eq!((bench.said().as_str(), bench.session.phase()), (said, to), "from {from}");
}

/// RFC 3261 §14.2 refuses a re-INVITE with 500 before the final response to a former one; here the peer has seen the
/// whole of the former exchange, and only our media is behind.
#[rstest]
#[case(ApplyingAckAnswer, "commit #1, Connected, answer #2")]
#[case(ApplyingAnswer, "Connected, answer #2")]
#[case(ApplyingReoffer, "commit #2, MediaChanged holding, Hold Succeeded, answer #3 sendonly")]
#[case(ApplyingPeerAnswer, "commit #2, answer #3")]
fn a_reinvite_that_comes_while_media_applies_an_answer_has_its_turn_next(
    #[case] phase: Phase,
    #[case] said: &str,
) {
    let mut bench = Bench::at(phase);
    bench.leg(reoffered());
    assert_eq!(bench.said(), "");
    bench.media_does();
    assert_eq!((bench.said().as_str(), bench.session.phase()), (said, AnsweringPeer));
    bench.media_does_all();
    assert_eq!(bench.session.phase(), AwaitingReofferAck);
    assert!(bench.session.running.is_none(), "no memory is kept for it");

    let mut bench = Bench::at(phase);
    bench.leg(reoffered());
    bench.leg(LegEvent::ReofferAbandoned);
    bench.media_does();
    assert!(matches!(bench.session.phase(), Connected | Holding), "it was taken back");
    assert!(bench.session.running.is_none());

    let mut bench = Bench::at(phase);
    bench.leg(reoffered());
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.session.phase(), Over);
}

#[test]
fn a_reply_of_a_former_negotiation_is_absorbed() {
    for phase in Phase::ALL {
        let mut bench = Bench::at(phase);
        let reply = MediaReply::Negotiated { local: Some(sdp("late")), facts: Some(facts()) };
        bench.reply(Asked::Negotiation { generation: 99, fork: None, early: false }, Ok(reply));
        assert_eq!((bench.said().as_str(), bench.session.phase()), ("", phase));
        assert!(bench.absorbed > 0, "it is counted");
    }
}

#[test]
fn the_end_says_what_the_leg_said_of_its_failure() {
    let mut bench = Bench::at(Calling);
    bench.leg(failed(LegFailure::Unlocated));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    let Some(EventPayload::Ended(ended)) = bench.events.last().map(|event| &event.payload) else { panic!() };
    assert_eq!((ended.cause, ended.phrase.as_str()), (EndCause::NetworkFailure, "why"));
}

#[test]
fn a_reply_that_lacks_what_was_asked_for_is_a_fault_of_media() {
    let mut bench = Bench::at(AwaitingAnswerMedia);
    let (asked, _) = bench.asked.remove(0);
    bench.reply(asked, Ok(MediaReply::Done));
    assert_eq!(bench.said(), "500, close");
}

#[test]
fn a_commit_that_fails_ends_the_call_and_one_that_is_not_confirmed_does_not() {
    for (fault, phase) in [
        (MediaFault::TimedOut, Connected),
        (MediaFault::Refused(MediaError::Unavailable), Connected),
        (MediaFault::Refused(MediaError::NoEndpoint), Ending),
    ] {
        let mut bench = Bench::at(AwaitingAck);
        bench.leg(confirmed(None));
        bench.reply(Asked::Commit, Err(fault));
        assert_eq!(bench.session.phase(), phase);
    }
}

#[test]
fn early_media_needs_the_callers_offer() {
    let mut bench = Bench::incoming(false);
    assert_eq!(bench.command(verb("EarlyMedia")), Err(CommandError::NoMedia));
    assert_eq!(bench.session.running_operation(), None::<Operation>);
}
