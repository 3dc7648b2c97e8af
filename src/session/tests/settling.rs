//! What media has to do in any case, and did not at first.

use super::super::event::EndCause;
use super::super::media::MediaError;
use super::*;

fn full() -> MediaFault {
    MediaFault::Refused(MediaError::Limit(String::new()))
}

/// The three that do not say that there is nothing to be done.
fn faults() -> [MediaFault; 3] {
    [full(), MediaFault::TimedOut, MediaFault::Refused(MediaError::Unavailable)]
}

fn again(bench: &mut Bench) -> String {
    bench.said.clear();
    bench.step(|session, cx| session.settle_again(cx));
    bench.said()
}

/// In bridge b1, its join to b2 not answered: out of both, and both leaves are asked for.
fn between_bridges() -> Bench {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.command(Verb::JoinBridge { bridge: bridge("b2"), mode: BridgeMode::Mix }).expect("legal");
    bench.media_refuses(MediaFault::TimedOut);
    bench
}

#[test]
fn a_bridge_that_was_to_be_left_is_left_whatever_media_says_first() {
    for fault in faults() {
        let mut bench = between_bridges();
        bench.media_refuses(fault.clone());
        bench.media_does();
        for _ in 0..3 {
            assert!(bench.session.is_unsettled());
            assert_eq!(again(&mut bench), "leave b2", "{fault:?}");
            bench.media_refuses(fault.clone());
        }
        again(&mut bench);
        bench.media_does();
        assert!(!bench.session.is_unsettled() && bench.session.running.is_none(), "no memory is kept for it");
    }
}

#[test]
fn a_leave_that_is_owed_does_not_undo_a_later_join() {
    let mut bench = between_bridges();
    bench.media_refuses(full());
    bench.media_refuses(full());
    bench.command(verb("JoinBridge")).expect("legal");
    assert_eq!(again(&mut bench), "", "the join may make them needless");
    bench.media_does_all();
    assert_eq!(again(&mut bench), "", "it has left all others with that");
    assert!(!bench.session.is_unsettled());
    assert_eq!(bench.session.view().bridge, Some(bridge("b1")));
}

#[test]
fn a_leave_that_is_owed_is_asked_for_after_a_join_that_failed() {
    let mut bench = between_bridges();
    bench.media_refuses(full());
    bench.media_refuses(full());
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_refuses(full());
    assert_eq!(again(&mut bench), "leave b2, leave b1");
}

#[test]
fn a_leave_that_media_does_not_answer_leaves_the_session_out_of_the_bridge() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.command(verb("LeaveBridge")).expect("legal");
    bench.said.clear();
    bench.media_refuses(MediaFault::TimedOut);
    assert_eq!(bench.said(), "leave b1, -b1, BridgeLeft, BridgeLeave Failed");
    assert_eq!(bench.session.view().bridge, None);
    bench.command(verb("JoinBridge")).expect("legal");
    bench.media_does_all();
    bench.command(verb("LeaveBridge")).expect("legal");
    bench.said.clear();
    bench.media_refuses(full());
    assert_eq!(bench.said(), "BridgeLeave Failed", "it is known to be in it still");
}

#[test]
fn whatever_else_was_to_be_settled_is_asked_for_again() {
    let mut bench = Bench::at(Phase::MakingReoffer);
    bench.media_refuses(MediaFault::TimedOut);
    bench.media_refuses(full());
    assert_eq!(again(&mut bench), "rollback #2");
    bench.media_does_all();
    bench.command(verb("Play")).expect("legal");
    bench.media_does_all();
    bench.command(verb("StopPlay")).expect("legal");
    bench.media_refuses(full());
    assert_eq!(again(&mut bench), "stop #1");
    bench.media_does_all();
    bench.reply(Asked::Settlement(Settlement::PeerReached), Err(full()));
    assert_eq!(again(&mut bench), "peer reached");
    bench.media_refuses(MediaFault::Refused(MediaError::NoEndpoint));
    assert_eq!(again(&mut bench), "", "that is an answer");
}

/// Commands to mute and unmute, and what media says of each: the earlier one may be carried out late.
#[test]
fn a_mute_that_is_not_confirmed_is_taken_back_though_a_later_one_was_refused() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(Verb::Mute { muted: true }).expect("legal");
    bench.command(Verb::Mute { muted: true }).expect("legal");
    bench.said.clear();
    bench.media_refuses(MediaFault::TimedOut);
    bench.media_refuses(full());
    assert_eq!(bench.said(), "Mute Failed, mute false, Mute Failed");
    bench.media_refuses(full());
    assert_eq!(again(&mut bench), "mute false");
    bench.media_does_all();
    assert_eq!((again(&mut bench).as_str(), bench.session.view().muted), ("", false));
}

#[test]
fn a_mute_that_was_confirmed_later_needs_no_taking_back() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(Verb::Mute { muted: true }).expect("legal");
    bench.media_refuses(MediaFault::TimedOut);
    bench.media_refuses(full());
    bench.command(Verb::Mute { muted: true }).expect("legal");
    assert_eq!(again(&mut bench), "", "it waits for the command");
    bench.media_does_all();
    assert_eq!((again(&mut bench).as_str(), bench.session.view().muted), ("", true));
    assert!(bench.session.running.is_none());
}

#[test]
fn a_call_of_which_too_much_is_to_be_settled_ends() {
    let mut bench = Bench::at(Phase::Connected);
    for key in 0..SETTLEMENTS_MAX as u64 {
        bench.reply(Asked::Settlement(Settlement::StopPlay { key }), Err(full()));
        bench.reply(Asked::Settlement(Settlement::StopPlay { key }), Err(full()));
    }
    assert_eq!(bench.session.phase(), Phase::Connected, "none is kept twice");
    bench.reply(Asked::Settlement(Settlement::StopPlay { key: 99 }), Err(full()));
    assert_eq!(bench.said(), "hang up, close");
    assert_eq!(again(&mut bench), "", "the close settles all");
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    let Some(EventPayload::Ended(ended)) = bench.events.last().map(|event| &event.payload) else { panic!() };
    assert_eq!(ended.cause, EndCause::MediaFailure);
}
