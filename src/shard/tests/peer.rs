//! What media is told of the peer.

use std::net::IpAddr;

use super::*;
use crate::session::media::RtpSources;

const PEER: [u8; 4] = [198, 51, 100, 7];

/// Of each request to media its name, the peer's address, and whether the peer has shown that it gets what we send.
fn told(bench: &mut Bench) -> Vec<(&'static str, Option<IpAddr>, bool)> {
    let name = |body: &MediaRequest| match body {
        MediaRequest::Negotiate { step: NegotiationStep::MakeOffer, .. } => "offer",
        MediaRequest::Negotiate { step: NegotiationStep::AnswerOffer(_), .. } => "answer",
        MediaRequest::Negotiate { step: NegotiationStep::ApplyAnswer(_), .. } => "apply",
        MediaRequest::Commit { .. } => "commit",
        MediaRequest::SelectRemote { .. } => "select",
        MediaRequest::PeerReached => "reached",
        MediaRequest::Close => "close",
        _ => "other",
    };
    bench.peers.drain(..).map(|(body, peer)| (name(&body), peer.address, peer.reached)).collect()
}

#[test]
fn a_caller_by_udp_is_reached_when_it_acknowledges() {
    let mut bench = Bench::new();
    let (_, ok) = bench.up("c1");
    let peer = Some(IpAddr::from(PEER));
    assert_eq!(told(&mut bench), [("answer", peer, false), ("reached", peer, true)]);
    // A re-INVITE comes from somebody who has read our 200; it may come from elsewhere.
    let reinvite = inside("INVITE", 2, &ok, "c1").replace(
        "Content-Length: 0\r\n\r\n",
        "Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\noffer",
    );
    let elsewhere = Flow { remote: ([198, 51, 100, 99], 5060).into(), ..flow(0) };
    bench.handle(Input::Received { bytes: reinvite.into(), flow: elsewhere });
    assert_eq!(told(&mut bench)[0], ("answer", Some(IpAddr::from([198, 51, 100, 99])), true));
}

#[test]
fn a_caller_over_a_connection_is_reached_from_the_beginning() {
    let mut bench = Bench::new();
    let flow = Flow { transport: Transport::Tcp, ..flow(0) };
    let invite = invite("c1").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    bench.handle(Input::Received { bytes: invite.into(), flow });
    let session = bench.session();
    bench.do_verb(&session, answer());
    let ack = inside("ACK", 1, &bench.last_sent(), "c1").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    bench.handle(Input::Received { bytes: ack.into(), flow });
    assert!(matches!(bench.events.last().expect("events").1.payload, EventPayload::Connected { .. }));
    assert_eq!(told(&mut bench), [("answer", Some(IpAddr::from(PEER)), true)]);
}

#[test]
fn a_callee_is_reached_when_it_answers() {
    let mut bench = Bench::new();
    let target = Verb::Create(Box::new(create("sip:b@198.51.100.7")));
    assert!(bench.command(&id("out-1"), Some(engine("e1")), target).is_ok());
    assert_eq!(told(&mut bench), [("offer", None, false)]);
    let ok = response("200 OK", &bench.last_sent()).replace(
        "Content-Length: 0\r\n\r\n",
        "Content-Type: application/sdp\r\nContent-Length: 6\r\n\r\nanswer",
    );
    bench.receive(&ok);
    let told = told(&mut bench);
    assert!(
        !told.is_empty() && told.iter().all(|told| (told.1, told.2) == (Some(PEER.into()), true)),
        "{told:?}"
    );
}

#[test]
fn a_caller_is_familiar_once_a_call_from_there_was_confirmed_lately() {
    let mut bench = Bench::new();
    bench.up("c1");
    assert!(!bench.peers[0].1.familiar);
    bench.peers.clear();
    bench.up("c2");
    assert!(bench.peers[0].1.familiar);
    bench.peers.clear();
    bench.pass(Duration::from_secs(3_700));
    bench.up("c3");
    assert!(!bench.peers[0].1.familiar);
}

#[test]
fn who_may_send_is_said_by_the_listener_or_by_what_holds_for_all() {
    let mut settings = settings();
    settings.rtp_sources = RtpSources::Subnet;
    settings.listener_sources.insert(ListenerId(1), RtpSources::Any);
    for (listener, sources) in [(0, RtpSources::Subnet), (1, RtpSources::Any)] {
        let mut bench = Bench::with(settings.clone());
        bench.receive_on(listener, &invite("c1"));
        let session = bench.session();
        bench.do_verb(&session, answer());
        assert_eq!(bench.peers[0].1.sources, sources);
    }
}
