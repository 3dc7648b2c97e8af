//! What runs beside the states: requests in the dialog, digits, playbacks, bridges, muting.

use super::super::event::{Operation, Outcome};
use super::super::media::{MediaError, PlaybackCause};
use super::*;

#[test]
fn each_request_in_the_dialog_has_its_own_end() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("SendInfo")).expect("legal");
    bench.command(verb("SendMessage")).expect("legal");
    bench.command(verb("SendInfo")).expect("legal");
    bench.leg(LegEvent::RequestDone { key: 2, outcome: Ok(farewell(202)) });
    bench.leg(LegEvent::RequestDone { key: 1, outcome: Ok(farewell(415)) });
    bench.leg(LegEvent::RequestDone { key: 1, outcome: Ok(farewell(200)) });
    assert_eq!(bench.said(), "INFO, MESSAGE, INFO, SendMessage Succeeded, SendInfo Refused");
    bench.leg(LegEvent::RequestDone { key: 3, outcome: Err(unanswered(LegFailure::Timeout, "")) });
    assert_eq!((bench.said().as_str(), bench.absorbed), ("SendInfo TimedOut", 1));
    assert!(bench.session.running.is_none(), "no memory is kept for what is over");
    for _ in 0..REQUESTS_MAX {
        bench.command(verb("SendInfo")).expect("legal");
    }
    assert!(matches!(bench.command(verb("SendInfo")), Err(CommandError::LimitReached(_))));
}

#[test]
fn what_the_peer_never_answered_has_no_status_and_says_what_failed() {
    let reached = "198.51.100.7:5060 cannot be reached";
    for (failure, reason, outcome, phrase) in [
        (LegFailure::Timeout, "", Outcome::TimedOut, "the peer did not answer"),
        (LegFailure::Transport, "", Outcome::Failed, "the peer cannot be reached"),
        (LegFailure::Transport, reached, Outcome::Failed, reached),
        (LegFailure::Unlocated, "no address for x", Outcome::Failed, "no address for x"),
        (LegFailure::Limit, "", Outcome::Failed, "a bound is reached"),
    ] {
        for request in [true, false] {
            let mut bench = Bench::at(if request { Phase::Connected } else { Phase::ReofferSent });
            let unanswered = unanswered(failure, reason);
            if request {
                bench.command(verb("SendInfo")).expect("legal");
                bench.leg(LegEvent::RequestDone { key: 1, outcome: Err(unanswered) });
            } else {
                bench.leg(LegEvent::ReofferFailed(unanswered));
            }
            let told = bench.events.last().map(|event| event.payload.clone());
            let Some(EventPayload::OperationCompleted { outcome: how, status, phrase: said, .. }) = told
            else {
                panic!("{told:?}")
            };
            assert_eq!((how, status, said.as_str()), (outcome, 0, phrase));
        }
    }
}

#[test]
fn digits_are_sent_one_command_at_a_time() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("SendDtmf")).expect("legal");
    assert!(matches!(bench.command(verb("SendDtmf")), Err(CommandError::OperationRunning { .. })));
    bench.media_does_all();
    bench.event(MediaEvent::DtmfSent { key: 1 });
    assert_eq!(bench.said(), "dtmf 12#, SendDtmf Succeeded");
    bench.command(verb("SendDtmf")).expect("legal");
    bench.media_refuses(MediaFault::Refused(MediaError::NotNegotiated(String::new())));
    assert_eq!(bench.said(), "dtmf 12#, SendDtmf Failed");
}

fn play_ended(key: u64, cause: PlaybackCause) -> MediaEvent {
    MediaEvent::PlayEnded { key, cause, reason: String::new(), played: Duration::from_secs(1) }
}

#[test]
fn a_playback_ends_exactly_once_however_it_ends() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("Play")).expect("legal");
    assert_eq!(bench.command(verb("Play")), Err(CommandError::PlaybackExists));
    bench.event(MediaEvent::PlayStarted { key: 1 });
    bench.media_does_all();
    bench.command(verb("StopPlay")).expect("legal");
    bench.event(play_ended(1, PlaybackCause::Stopped));
    bench.event(play_ended(1, PlaybackCause::Finished));
    assert_eq!(bench.said(), "play #1, PlaybackStarted, stop #1, PlaybackEnded Stopped");
    bench.asked.clear();

    bench.command(verb("Play")).expect("legal");
    bench.media_refuses(MediaFault::TimedOut);
    bench.event(play_ended(2, PlaybackCause::Stopped));
    assert_eq!(bench.said(), "play #2, stop #2, PlaybackEnded Failed");
    bench.asked.clear();

    bench.command(verb("Play")).expect("legal");
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "play #3, close, PlaybackEnded SessionEnded, Ended RemoteHangup");
}

#[test]
fn news_of_an_earlier_playback_is_none_of_a_later_one_of_its_id() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("Play")).expect("legal");
    bench.media_refuses(MediaFault::TimedOut);
    bench.command(verb("Play")).expect("its id is free again");
    assert_eq!(bench.said(), "play #1, stop #1, PlaybackEnded Failed, play #2");
    bench.event(MediaEvent::PlayStarted { key: 1 });
    bench.event(play_ended(1, PlaybackCause::Stopped));
    assert_eq!((bench.said().as_str(), bench.absorbed), ("", 2));
    bench.event(MediaEvent::PlayStarted { key: 2 });
    bench.event(play_ended(2, PlaybackCause::Finished));
    assert_eq!(bench.said(), "PlaybackStarted, PlaybackEnded Finished");
}

#[test]
fn stopping_whatever_plays_stops_also_what_is_about_to() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("Play")).expect("legal");
    bench.command(Verb::Play { playback: playback("p2"), source: tone() }).expect("legal");
    bench.command(verb("StopPlay")).expect("legal");
    bench.command(Verb::StopPlay { playback: Some(playback("p2")) }).expect("legal");
    assert_eq!(bench.said(), "play #1, play #2, stop #1, stop #2, stop #2");
    let unknown = Verb::StopPlay { playback: Some(playback("p3")) };
    assert_eq!(bench.command(unknown), Err(CommandError::PlaybackNotFound));
}

#[test]
fn a_session_is_in_one_bridge_at_a_time() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    assert!(matches!(bench.command(verb("JoinBridge")), Err(CommandError::OperationRunning { .. })));
    bench.media_does_all();
    assert_eq!(bench.said(), "join b1, +b1, BridgeJoined, BridgeJoin Succeeded");
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    assert_eq!(bench.said(), "join b1, +b1, BridgeJoin Succeeded", "it is there already");
    bench.command(Verb::JoinBridge { bridge: bridge("b2"), mode: BridgeMode::Mix }).expect("legal");
    bench.media_does_all();
    assert_eq!(bench.said(), "join b2, -b1, BridgeLeft, +b2, BridgeJoined, BridgeJoin Succeeded");
    bench.event(MediaEvent::LeftBridge(bridge("b1")));
    assert_eq!(bench.said(), "");
    bench.command(Verb::LeaveBridge { bridge: bridge("b2") }).expect("legal");
    bench.media_does_all();
    assert_eq!(bench.said(), "leave b2, -b2, BridgeLeft, BridgeLeave Succeeded");
    assert_eq!(bench.session.view().bridge, None);
}

#[test]
fn a_bridge_that_media_does_not_know_is_not_joined_and_can_be_left() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_refuses(MediaFault::Refused(MediaError::NoBridge));
    assert_eq!(bench.said(), "join b1, !b1, BridgeJoin Failed");
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.command(verb("LeaveBridge")).expect("legal");
    bench.said.clear();
    bench.media_refuses(MediaFault::Refused(MediaError::NoBridge));
    assert_eq!(bench.said(), "-b1, BridgeLeft, BridgeLeave Succeeded");
}

#[test]
fn a_join_that_is_not_confirmed_leaves_the_session_in_no_bridge() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.command(Verb::JoinBridge { bridge: bridge("b2"), mode: BridgeMode::Mix }).expect("legal");
    bench.said.clear();
    bench.media_refuses(MediaFault::TimedOut);
    assert_eq!(bench.said(), "leave b2, leave b1, -b1, BridgeLeft, !b2, BridgeJoin Failed");
}

#[test]
fn a_bridged_call_that_ends_leaves_its_bridge_first() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.said.clear();
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "close, -b1, BridgeLeft, Ended RemoteHangup");
}

fn reserve(name: &str) -> Verb {
    Verb::ReserveJoin { bridge: bridge(name), mode: BridgeMode::Mix }
}

#[test]
fn a_session_that_is_kept_for_a_bridge_joins_and_leaves_no_other_and_nobody_is_told() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.said.clear();
    bench.command(reserve("b2")).expect("legal");
    let others = [
        reserve("b3"),
        Verb::JoinBridge { bridge: bridge("b3"), mode: BridgeMode::Mix },
        Verb::LeaveBridge { bridge: bridge("b1") },
    ];
    for other in others {
        let refused = bench.command(other);
        assert!(matches!(refused, Err(CommandError::OperationRunning { running: Operation::BridgeJoin })));
    }
    assert_eq!(bench.session.view().running, None);
    bench.command(Verb::ReleaseJoin { bridge: bridge("b3") }).expect("of no use");
    assert!(bench.command(reserve("b3")).is_err());
    bench.command(Verb::ReleaseJoin { bridge: bridge("b2") }).expect("it is not made");
    assert_eq!(bench.said(), "", "nothing has happened");
    bench.command(reserve("b2")).expect("legal");
    bench.command(Verb::JoinBridge { bridge: bridge("b2"), mode: BridgeMode::Mix }).expect("it is made");
    bench.media_does_all();
    assert_eq!(bench.said(), "join b2, -b1, BridgeLeft, +b2, BridgeJoined, BridgeJoin Succeeded");
}

/// Its Ended waits: what comes of the command that keeps it is not known yet.
fn ended_while_kept() -> Bench {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(reserve("b1")).expect("legal");
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "close, !b1");
    bench
}

#[test]
fn a_session_that_ends_while_it_is_kept_for_a_bridge_that_is_given_up_tells_nothing_of_it() {
    let mut bench = ended_while_kept();
    bench.command(Verb::ReleaseJoin { bridge: bridge("b2") }).expect("of no use");
    assert_eq!(bench.said(), "");
    bench.command(Verb::ReleaseJoin { bridge: bridge("b1") }).expect("in every state");
    assert_eq!(bench.said(), "Ended RemoteHangup");
    assert!(bench.over);
}

#[test]
fn a_session_that_ends_between_the_promise_and_the_join_tells_the_join_as_over_before_its_end() {
    let mut bench = ended_while_kept();
    let other = Verb::JoinBridge { bridge: bridge("b2"), mode: BridgeMode::Mix };
    assert!(matches!(bench.command(other), Err(CommandError::WrongState { .. })));
    bench.command(Verb::JoinBridge { bridge: bridge("b1"), mode: BridgeMode::Mix }).expect("promised");
    assert_eq!(bench.said(), "BridgeJoin SessionEnded, Ended RemoteHangup");
    assert!(bench.over);
}

#[test]
fn a_join_that_was_promised_is_taken_in_a_phase_that_takes_no_new_one() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(provisional("t1", 183, Some("answer")));
    bench.media_does_all();
    bench.command(reserve("b1")).expect("legal");
    bench.leg(accepted("t2", None, Some("offer")));
    assert_eq!(bench.session.phase(), Phase::AnsweringOffer);
    let other = Verb::JoinBridge { bridge: bridge("b2"), mode: BridgeMode::Mix };
    assert!(matches!(bench.command(other), Err(CommandError::WrongState { .. })));
    bench.said.clear();
    bench.command(Verb::JoinBridge { bridge: bridge("b1"), mode: BridgeMode::Mix }).expect("promised");
    bench.media_does_all();
    assert!(bench.said().contains("+b1, BridgeJoined, BridgeJoin Succeeded"));
}

/// A command that was given up as unanswered may have its digits sent all the same.
#[test]
fn digits_of_an_earlier_command_do_not_complete_a_later_one() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("SendDtmf")).expect("legal");
    bench.media_refuses(MediaFault::TimedOut);
    bench.command(verb("SendDtmf")).expect("legal");
    bench.event(MediaEvent::DtmfSent { key: 1 });
    bench.media_does_all();
    assert_eq!(bench.said(), "dtmf 12#, SendDtmf Failed, dtmf 12#");
    bench.reply(Asked::Dtmf { key: 1 }, Err(MediaFault::Refused(MediaError::Unavailable)));
    assert_eq!(bench.said(), "", "nor does a failure");
    bench.event(MediaEvent::DtmfSent { key: 2 });
    bench.event(MediaEvent::DtmfSent { key: 2 });
    assert_eq!(bench.said(), "SendDtmf Succeeded");
}

fn mute(muted: bool) -> Verb {
    Verb::Mute { muted }
}

#[test]
fn muting_ends_with_its_outcome() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(mute(true)).expect("legal");
    assert_eq!((bench.said().as_str(), bench.session.view().muted), ("mute true", true));
    bench.media_does_all();
    assert_eq!(bench.said(), "Mute Succeeded");
    bench.command(mute(true)).expect("legal");
    assert_eq!(bench.said(), "Mute Succeeded", "it is muted already");
    bench.command(mute(false)).expect("legal");
    bench.media_refuses(MediaFault::Refused(MediaError::NoEndpoint));
    assert_eq!((bench.said().as_str(), bench.session.view().muted), ("mute false, Mute Failed", true));
    assert!(bench.session.running.is_none(), "no memory is kept for it");
}

#[test]
fn of_several_commands_to_mute_the_last_that_media_carries_out_counts() {
    for (first, second, muted) in
        [(true, true, false), (false, true, false), (true, false, true), (false, false, false)]
    {
        let mut bench = Bench::at(Phase::Connected);
        bench.command(mute(true)).expect("legal");
        bench.command(mute(false)).expect("legal");
        assert_eq!((bench.said().as_str(), bench.session.view().muted), ("mute true, mute false", false));
        for done in [first, second] {
            if done {
                bench.media_does()
            } else {
                bench.media_refuses(MediaFault::Refused(MediaError::NoEndpoint))
            }
        }
        assert_eq!(bench.session.view().muted, muted, "{first} {second}");
        let outcome = |done| if done { "Mute Succeeded" } else { "Mute Failed" };
        assert_eq!(bench.said(), format!("{}, {}", outcome(first), outcome(second)));
    }
}

#[test]
fn a_mute_that_is_not_confirmed_is_taken_back_at_media_too() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(mute(true)).expect("legal");
    bench.media_refuses(MediaFault::TimedOut);
    assert_eq!(
        (bench.said().as_str(), bench.session.view().muted),
        ("mute true, mute false, Mute Failed", false)
    );
    bench.media_does_all();
    assert_eq!(bench.said(), "");
}

#[test]
fn no_more_commands_to_mute_wait_than_may_and_those_that_do_end_with_the_call() {
    let mut bench = Bench::at(Phase::Connected);
    for n in 0..MUTES_MAX {
        bench.command(mute(n % 2 == 0)).expect("legal");
    }
    assert!(matches!(bench.command(mute(true)), Err(CommandError::LimitReached(_))));
    bench.said.clear();
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.asked.retain(|(asked, _)| *asked == Asked::Close);
    bench.media_does_all();
    assert_eq!(bench.said().matches("Mute SessionEnded").count(), MUTES_MAX);
}
