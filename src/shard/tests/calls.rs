//! Calls through all floors.

use super::*;

#[test]
fn a_call_comes_in_is_answered_and_hung_up_and_nothing_is_left() {
    let mut bench = Bench::new();
    let (_, ok) = bench.up("c1");
    bench.receive(&inside("BYE", 2, &ok, "c1"));
    assert_eq!(bench.sent(), ["200"]);
    assert_eq!(bench.end_cause(), EndCause::RemoteHangup);
    bench.assert_empty();
    let counters = bench.shard.counters();
    assert_eq!((counters.calls_in, counters.sessions_over, counters.intents_refused), (1, 1, 0));
    assert_eq!(counters.media_requests, 3, "negotiate with its commit, the peer is reached, close");
}

#[test]
fn an_answer_has_medias_description_and_comes_from_the_listener_that_was_called() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.do_verb(&session, answer());
    let ok = bench.last_sent();
    assert!(ok.starts_with("SIP/2.0 200 ") && ok.ends_with("\r\n\r\nour answer"), "{ok}");
    assert!(ok.contains("@192.0.2.1:5060"), "{ok}");
}

#[test]
fn a_cancel_ends_the_session_and_the_late_answer_is_refused() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.pass(ms(300));
    bench.receive(
        &invite("c1").replace("INVITE", "CANCEL").replace("offer", "").replace("Length: 5", "Length: 0"),
    );
    assert_eq!(bench.sent(), ["100", "200", "487"]);
    assert_eq!(bench.end_cause(), EndCause::Cancelled);
    let late = bench.command(&session, Some(engine("e1")), answer());
    assert_eq!(late, Err(CommandError::SessionNotFound(session)));
    bench.assert_empty();
}

#[test]
fn an_ack_that_never_comes_ends_the_call() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.do_verb(&session, answer());
    bench.pass(Duration::from_secs(33));
    assert_eq!(bench.end_cause(), EndCause::AckTimeout);
    assert!(bench.sent().contains(&"BYE".to_owned()));
    bench.assert_empty();
}

#[test]
fn a_call_goes_out_rings_is_answered_and_hung_up() {
    let mut bench = Bench::new();
    let session = id("out-1");
    let made =
        bench.command(&session, Some(engine("e1")), Verb::Create(Box::new(create("sip:b@198.51.100.7"))));
    assert_eq!(made.map(|done| done.revision), Ok(1));
    let invite = bench.last_sent();
    assert!(
        invite.starts_with("INVITE sip:b@198.51.100.7 SIP/2.0") && invite.ends_with("our offer"),
        "{invite}"
    );
    bench.sent.clear();
    bench.receive(&response("180 Ringing", &invite));
    let ok = response("200 OK", &invite);
    let ok = ok.replace(
        "Content-Length: 0\r\n\r\n",
        "Content-Type: application/sdp\r\nContent-Length: 6\r\n\r\nanswer",
    );
    bench.receive(&ok);
    assert_eq!(bench.sent(), ["ACK"]);
    assert!(matches!(bench.events.last().expect("events").1.payload, EventPayload::Connected { .. }));
    bench.do_verb(&session, terminate());
    let bye = bench.last_sent();
    bench.receive(&response("200 OK", &bye));
    assert_eq!(bench.end_cause(), EndCause::LocalHangup);
    bench.assert_empty();
}

#[test]
fn a_reinvite_that_gets_no_more_than_100_is_withdrawn_and_ends_the_call() {
    let mut bench = Bench::new();
    let (session, _) = bench.up("c1");
    bench.do_verb(&session, Verb::Hold);
    let reinvite = bench.last_sent();
    bench.receive(&response("100 Trying", &reinvite));
    bench.sent.clear();
    bench.pass(Duration::from_secs(31));
    assert!(bench.sent().is_empty());
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.sent().first().map(String::as_str), Some("CANCEL"));
    bench.pass(Duration::from_secs(33));
    assert_eq!(bench.end_cause(), EndCause::DialogLost);
    bench.assert_empty();
}

#[test]
fn a_call_that_ends_while_its_reinvite_has_only_a_100_leaves_nothing() {
    for before in [true, false] {
        let mut bench = Bench::new();
        let (session, ok) = bench.up("c1");
        bench.do_verb(&session, Verb::Hold);
        let reinvite = bench.last_sent();
        let trying = response("100 Trying", &reinvite);
        if before {
            bench.receive(&trying);
        }
        bench.receive(&inside("BYE", 2, &ok, "c1"));
        if !before {
            bench.receive(&trying);
        }
        assert!(bench.sent().contains(&"CANCEL".to_owned()));
        bench.assert_empty();
    }
}

#[test]
fn a_call_that_rings_for_ever_is_refused_in_the_end() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.do_verb(&session, Verb::Ring { status: 180, fields: Vec::new() });
    bench.pass(Duration::from_secs(599));
    assert!(bench.query(Query::One(session)).len() == 1);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.end_cause(), EndCause::Timeout);
    assert_eq!(bench.sent().last().map(String::as_str), Some("480"));
    bench.assert_empty();
}

#[test]
fn a_call_to_a_port_where_nobody_is_ends_as_soon_as_the_network_says_so() {
    let mut bench = Bench::new();
    let verb = Verb::Create(Box::new(create("sip:b@198.51.100.7")));
    bench.command(&id("o1"), Some(engine("e1")), verb).expect("a call");
    let unreachable =
        |listener| Input::Unreachable { listener, remote: "198.51.100.7:5060".parse().unwrap() };
    bench.handle(unreachable(ListenerId(1)));
    assert_eq!(bench.query(Query::One(id("o1"))).len(), 1, "another listener's error is not ours");
    bench.pass(ms(10));
    bench.handle(unreachable(ListenerId(0)));
    assert_eq!(bench.end_cause(), EndCause::NetworkFailure);
    assert_eq!(bench.sent(), ["INVITE"]);
    bench.assert_empty();
}
