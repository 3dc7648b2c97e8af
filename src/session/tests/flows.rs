//! Whole calls, read as a row of words.

use super::super::event::{EndCause, Outcome};
use super::super::media::MediaError;
use super::*;

fn ended(bench: &Bench) -> &super::super::event::Ended {
    match &bench.events.last().expect("events").payload {
        EventPayload::Ended(ended) => ended,
        other => panic!("the last event is {other:?}"),
    }
}

#[test]
fn a_call_comes_in_is_answered_and_hung_up() {
    let mut bench = Bench::incoming(true);
    assert_eq!(bench.said(), "timer Decision, IncomingCall");
    bench.command(verb("Ring")).expect("legal");
    bench.command(verb("Answer")).expect("legal");
    bench.media_does_all();
    bench.leg(LegEvent::Confirmed { answer: None });
    assert_eq!(bench.said(), "timer Ring, 180, Ringing 180, answer #1 to commit, 200(answer), Connected");
    assert_eq!(&*bench.events[2].caused_by, "answer");
    bench.now = bench.now.advanced(Duration::from_secs(9));
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    assert!(!bench.over, "the end waits for media's statistics");
    bench.media_does_all();
    assert_eq!(bench.said(), "close, Ended RemoteHangup");
    assert!(bench.over);
    let ended = ended(&bench);
    assert_eq!(ended.duration, Some(Duration::from_secs(9)));
    assert_eq!(ended.statistics.map(|seen| seen.packets_sent), Some(7));
    assert_eq!(&*bench.events[3].caused_by, "");
}

#[test]
fn a_call_whose_offer_is_left_to_us_is_up_when_the_ack_has_brought_the_answer() {
    let mut bench = Bench::incoming(false);
    bench.command(verb("Answer")).expect("legal");
    bench.media_does_all();
    bench.leg(LegEvent::Confirmed { answer: Some(sdp("answer")) });
    bench.media_does_all();
    assert_eq!(
        bench.said(),
        "timer Decision, IncomingCall, offer #1, 200(offer), apply #1, commit #1, Connected"
    );
}

#[test]
fn an_ack_without_the_answer_that_is_due_ends_the_call() {
    let mut bench = Bench::incoming(false);
    bench.command(verb("Answer")).expect("legal");
    bench.media_does_all();
    bench.said.clear();
    bench.leg(LegEvent::Confirmed { answer: None });
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "hang up, close, Ended MediaFailure");
}

#[test]
fn early_media_that_failed_can_be_tried_again_and_the_answer_negotiates_anew() {
    let mut bench = Bench::at(Phase::AwaitingEarlyMedia);
    bench.media_refuses(MediaFault::TimedOut);
    bench.media_does_all();
    bench.command(verb("EarlyMedia")).expect("legal");
    bench.media_refuses(MediaFault::Refused(MediaError::NoPort));
    bench.command(verb("Answer")).expect("legal");
    bench.media_does_all();
    assert_eq!(
        bench.said(),
        "rollback #1, EarlyMedia Failed, timer Ring, answer #2, EarlyMedia Failed, answer #3 to commit, 200(answer)"
    );
}

#[test]
fn the_first_fork_with_early_media_is_heard_until_another_answers() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(provisional("t1", 180, None));
    bench.leg(provisional("t1", 183, Some("answer1")));
    bench.leg(provisional("t2", 183, Some("answer2")));
    assert_eq!(bench.said(), "Progress 180, apply #1 of t1, apply #1 of t2");
    bench.media_does_all();
    assert_eq!(bench.said(), "commit #1 of t1, Progress 183 early, commit #1 of t2, Progress 183 early");
    bench.leg(provisional("t1", 183, None));
    bench.leg(accepted("t2", None, None));
    assert_eq!(bench.said(), "Progress 183 early, select t2, Connected");
}

#[test]
fn a_fork_that_answers_while_media_still_applies_its_early_answer_waits_for_it() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(provisional("t1", 183, Some("answer")));
    bench.leg(accepted("t1", None, None));
    assert_eq!(bench.said(), "apply #1 of t1, Progress 183");
    bench.media_does_all();
    assert_eq!(bench.said(), "commit #1 of t1, Connected");
}

#[test]
fn a_late_reply_about_a_fork_that_lost_changes_nothing() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(provisional("t1", 183, Some("answer")));
    bench.leg(accepted("t2", Some("answer"), None));
    bench.said.clear();
    bench.media_does();
    assert_eq!((bench.said().as_str(), bench.absorbed), ("", 1));
    bench.media_does();
    assert_eq!(bench.said(), "select t2, Connected");
}

#[test]
fn an_early_answer_that_media_cannot_apply_is_progress_without_media() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(provisional("t1", 183, Some("answer")));
    bench.media_refuses(MediaFault::Refused(MediaError::BadAnswer(String::new())));
    // What media could not do then it may do now.
    bench.leg(accepted("t1", None, None));
    assert_eq!(bench.said(), "apply #1 of t1, Progress 183, apply #1 of t1 to commit");
    bench.media_refuses(MediaFault::Refused(MediaError::BadAnswer(String::new())));
    assert_eq!(bench.said(), "hang up, close");
}

/// Gateways that ring by one port and speak by another.
#[test]
fn the_answer_in_the_2xx_counts_where_it_differs_from_the_early_one() {
    type OfMedia = fn(&mut Bench);
    // While media has the early one, while it works on it, after it could not apply it.
    let ways: [(OfMedia, &str); 3] = [
        (Bench::media_does_all, "apply #1 of t1 to commit, Connected"),
        (|_| {}, "apply #1 of t1 to commit, Connected"),
        (
            |bench| bench.media_refuses(MediaFault::Refused(MediaError::BadDescription(String::new()))),
            "apply #1 of t1 to commit, Connected",
        ),
    ];
    for (before, said) in ways {
        let mut bench = Bench::at(Phase::Calling);
        bench.leg(provisional("t1", 183, Some("early")));
        before(&mut bench);
        bench.leg(provisional("t1", 180, None));
        bench.said.clear();
        bench.leg(accepted("t1", Some("final"), None));
        let (_, asked) = bench.asked.last().cloned().expect("a request");
        let MediaRequest::Negotiate { step, .. } = asked else { panic!("{asked:?}") };
        assert_eq!(step, NegotiationStep::ApplyAnswer(sdp("final")));
        while bench.asked.len() > 1 {
            bench.media_does();
        }
        assert_eq!(bench.session.phase(), Phase::ApplyingAnswer, "the early one's reply is not this one's");
        bench.media_does_all();
        assert!(bench.said().ends_with(said), "{said}");
        assert_eq!(bench.session.phase(), Phase::Connected);
    }
}

#[test]
fn a_2xx_that_repeats_the_early_answer_asks_nothing_of_media_again() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(provisional("t1", 183, Some("answer")));
    bench.media_does_all();
    bench.said.clear();
    bench.leg(accepted("t1", Some("answer"), None));
    assert_eq!(bench.said(), "Connected");
}

#[test]
fn a_call_goes_on_with_the_early_answer_when_the_one_in_the_2xx_makes_no_sense() {
    for (fault, said) in [
        (MediaFault::Refused(MediaError::BadAnswer(String::new())), "Connected"),
        (MediaFault::Refused(MediaError::BadDescription(String::new())), "Connected"),
        (MediaFault::Refused(MediaError::NoPort), "hang up, close"),
        (MediaFault::TimedOut, "hang up, close"),
    ] {
        let mut bench = Bench::at(Phase::Calling);
        bench.leg(provisional("t1", 183, Some("early")));
        bench.media_does_all();
        bench.leg(accepted("t1", Some("final"), None));
        bench.said.clear();
        bench.media_refuses(fault);
        assert_eq!(bench.said(), said);
    }
}

/// Its answer is kept for the 2xx, which may repeat it or leave it out.
#[test]
fn a_fork_beyond_the_bound_of_early_media_that_answers_is_a_call() {
    for answer in [None, Some("answer"), Some("final")] {
        let mut bench = Bench::at(Phase::Calling);
        for fork in 0..FORKS_MAX {
            bench.leg(provisional(&format!("t{fork}"), 183, Some("answer")));
        }
        bench.media_does_all();
        bench.said.clear();
        bench.leg(accepted(&format!("t{EARLY_FORKS_MAX}"), answer, None));
        bench.media_does_all();
        assert_eq!(bench.said(), "apply #1 of t8 to commit, select t8, Connected");
    }
}

#[test]
fn what_outlasts_its_bound_of_forks_rings_without_media() {
    let mut bench = Bench::at(Phase::Calling);
    for fork in 0..=EARLY_FORKS_MAX {
        bench.leg(provisional(&format!("t{fork}"), 183, Some("answer")));
    }
    assert_eq!(bench.asked.len(), EARLY_FORKS_MAX);
    assert!(bench.said().ends_with("Progress 183"));
}

#[test]
fn a_call_of_ours_that_is_ended_before_its_answer_is_cancelled() {
    let mut bench = Bench::at(Phase::Calling);
    bench.command(verb("Terminate")).expect("legal");
    bench.leg(LegEvent::Rejected(farewell(487)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "hang up, close, Ended Cancelled 487");
    assert_eq!(&*bench.events.last().expect("events").caused_by, "terminate");
}

#[test]
fn a_call_that_is_ended_before_its_invite_needs_no_leg() {
    let mut bench = Bench::at(Phase::AwaitingOfferMedia);
    bench.command(verb("Terminate")).expect("legal");
    bench.media_does_all();
    assert_eq!(bench.said(), "close, Ended Cancelled");
}

#[test]
fn the_end_of_a_call_that_was_never_up_is_the_end_of_the_command_that_made_it() {
    let mut bench = Bench::at(Phase::Calling);
    bench.leg(LegEvent::Rejected(farewell(603)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "close, Ended Declined 603");
    assert_eq!(&*bench.events.last().expect("events").caused_by, "create");
}

#[test]
fn a_call_that_is_cancelled_says_487() {
    let mut bench = Bench::at(Phase::AwaitingAnswerMedia);
    bench.leg(LegEvent::Cancelled(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "close, Ended Cancelled 487");
}

#[test]
fn hold_and_resume_change_who_holds_and_keep_the_preferences() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("UpdateMedia")).expect("legal");
    bench.media_does_all();
    bench.leg(LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None });
    bench.media_does_all();
    assert_eq!(bench.said(), "offer #2, re-INVITE(offer), apply #2, commit #2, UpdateMedia Succeeded");
    bench.command(Verb::Hold).expect("legal");
    match &bench.asked[0].1 {
        MediaRequest::Negotiate { preferences, .. } => assert_eq!(preferences.codecs, ["PCMA"]),
        other => panic!("{other:?}"),
    }
    bench.media_does_all();
    bench.leg(LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None });
    bench.media_does_all();
    assert!(bench.session.view().hold.local);
    bench.said.clear();
    bench.command(Verb::Resume).expect("legal");
    bench.media_does_all();
    bench.leg(LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None });
    bench.media_does_all();
    assert_eq!(
        bench.said(),
        "offer #4, re-INVITE(offer), apply #4, commit #4, MediaChanged, Resume Succeeded"
    );
}

#[test]
fn a_refused_update_leaves_the_preferences_as_they_were() {
    let mut bench = Bench::at(Phase::Connected);
    bench.command(verb("UpdateMedia")).expect("legal");
    bench.media_does_all();
    bench.leg(LegEvent::ReofferRefused(farewell(488)));
    bench.media_does_all();
    bench.command(Verb::Hold).expect("legal");
    match &bench.asked[0].1 {
        MediaRequest::Negotiate { preferences, .. } => assert!(preferences.codecs.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_peer_holds_and_takes_off_hold() {
    let mut bench = Bench::at(Phase::AnsweringPeer);
    let (asked, _) = bench.asked.remove(0);
    let result = MediaReply::Negotiated { local: Some(sdp("answer")), facts: Some(held_facts()) };
    bench.reply(asked, Ok(result));
    bench.leg(LegEvent::ReofferConfirmed { answer: None });
    bench.media_does_all();
    assert_eq!(bench.said(), "re-200(answer), commit #2, MediaChanged by peer held");
    bench.leg(LegEvent::Reoffered { offer: Some(sdp("offer")) });
    bench.media_does_all();
    bench.leg(LegEvent::ReofferConfirmed { answer: None });
    assert_eq!(bench.said(), "answer #3, re-200(answer), commit #3, MediaChanged by peer");
}

#[test]
fn a_reinvite_that_comes_during_our_back_off_goes_first_and_ours_after_it() {
    let mut bench = Bench::at(Phase::ReofferSent);
    bench.leg(LegEvent::Reoffered { offer: Some(sdp("offer")) });
    assert_eq!(
        bench.command(Verb::Resume),
        Err(CommandError::OperationRunning { running: event::Operation::Hold })
    );
    bench.media_does_all();
    bench.leg(LegEvent::ReofferConfirmed { answer: None });
    bench.media_does_all();
    bench.leg(LegEvent::ReofferAccepted { answer: Some(sdp("answer")), offer: None });
    bench.media_does_all();
    assert_eq!(
        bench.said(),
        "rollback #2, answer #3, re-200(answer), commit #3, offer #4 sendonly, re-INVITE(offer), \
         apply #4 sendonly, commit #4, MediaChanged holding, Hold Succeeded"
    );
}

#[test]
fn a_back_off_that_ends_with_the_call_ends_its_operation_too() {
    let mut bench = Bench::at(Phase::ReofferSent);
    bench.leg(LegEvent::Reoffered { offer: Some(sdp("offer")) });
    bench.said.clear();
    bench.leg(LegEvent::HungUp(farewell(0)));
    assert_eq!(bench.said(), "close, Hold SessionEnded");
}

#[test]
fn silence_ends_a_call_unless_somebody_holds() {
    let silent = || MediaEvent::RtpSilent { silent_for: Duration::from_secs(30) };
    let mut bench = Bench::at(Phase::Connected);
    bench.event(silent());
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(bench.said(), "MediaHealth, hang up, close, Ended MediaTimeout");
    for phase in [Phase::Holding, Phase::Held, Phase::EarlyMedia] {
        let mut bench = Bench::at(phase);
        bench.event(silent());
        assert_eq!((bench.said().as_str(), bench.session.phase()), ("MediaHealth", phase));
    }
    let mut bench = Bench::at(Phase::Connected);
    bench.settings.end_on_rtp_silence = false;
    bench.event(silent());
    assert_eq!((bench.said().as_str(), bench.session.phase()), ("MediaHealth", Phase::Connected));
}

#[test]
fn a_call_lasts_no_longer_than_its_engine_allows() {
    let mut bench = Bench::incoming(true);
    let limits = CallLimits { max_duration: Some(Duration::from_secs(60)), ring_timeout: None };
    let media = MediaPreferences::default();
    bench.command(Verb::Answer { media, fields: Vec::new(), body: None, limits }).expect("legal");
    bench.media_does_all();
    bench.said.clear();
    bench.leg(LegEvent::Confirmed { answer: None });
    assert_eq!(bench.said(), "timer Duration, Connected");
    bench.timer(SessionTimer::Duration);
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    assert_eq!(ended(&bench).cause, EndCause::DurationLimit);
}

#[test]
fn an_operation_that_runs_when_the_call_ends_is_told_as_ended_before_it() {
    let mut bench = Bench::at(Phase::ReofferSent);
    bench.command(verb("SendInfo")).expect("legal");
    bench.command(verb("SendDtmf")).expect("legal");
    bench.command(verb("JoinBridge")).expect("legal");
    bench.command(verb("Play")).expect("legal");
    bench.asked.clear();
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.said.clear();
    bench.media_does_all();
    assert_eq!(
        bench.said(),
        "PlaybackEnded SessionEnded, SendDtmf SessionEnded, !b1, BridgeJoin SessionEnded, SendInfo SessionEnded, \
         Ended RemoteHangup"
    );
    let outcomes = bench.events.iter().filter(|event| {
        matches!(event.payload, EventPayload::OperationCompleted { outcome: Outcome::SessionEnded, .. })
    });
    assert_eq!(outcomes.count(), 4, "Hold among them");
}

#[test]
fn a_held_session_is_small() {
    let size = std::mem::size_of::<Session>();
    assert!(size <= 400, "{size} bytes, without what it points to");
}
