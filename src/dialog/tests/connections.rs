//! Connections that end in the middle of a call: what was sent over one is answered over another (RFC 3261 §18.2.2).

use super::bench::{Bench, answer_to, invite_to, sdp};
use crate::ground::leg::{Invite, LegEvent, LegId, LegIntent};
use crate::ground::{ConnectionId, Description, Flow, ListenerId, Transport};
use crate::sip::{HeaderName, Method, Request};

const PHONE: &str = "sip:bob@198.51.100.7:5060;transport=tcp";

fn tcp(connection: u64) -> Flow {
    Flow { connection: Some(ConnectionId(connection)), ..anew() }
}

/// The way to the phone by whatever connection there is, or a new one.
fn anew() -> Flow {
    let remote = "198.51.100.7:5060".parse().unwrap();
    Flow { transport: Transport::Tcp, listener: ListenerId(1), remote, connection: None }
}

/// Calls the phone over TCP.
fn calling(bench: &mut Bench) -> (LegId, Request) {
    let leg = bench.legs.open().unwrap();
    let invite = Invite { offer: Some(sdp("offer")), ..invite_to(PHONE) };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    assert_eq!(bench.sent[0].0, anew());
    (leg, bench.request(&Method::Invite))
}

/// The phone answers by this connection.
fn answer(bench: &mut Bench, over: u64, request: &Request, status: u16, description: Option<&Description>) {
    bench.source = tcp(over);
    let tag = if status == 100 { "" } else { "bob-1" };
    let answer = answer_to(request, status, tag, description);
    let answer = answer.edit().set(HeaderName::Contact, format!("<{PHONE}>")).build().unwrap();
    bench.receive(&answer.into());
}

fn end(bench: &mut Bench, connection: u64) {
    bench.transactions.flow_down(ConnectionId(connection), bench.now);
    bench.drain();
}

#[test]
fn a_phone_that_rings_outlives_its_connection_and_answers_by_another() {
    let mut bench = Bench::new();
    let (leg, invite) = calling(&mut bench);
    answer(&mut bench, 1, &invite, 180, None);
    assert!(matches!(bench.told(), LegEvent::Provisional { .. }));
    end(&mut bench, 1);
    bench.nothing_told();
    bench.silent();
    answer(&mut bench, 2, &invite, 200, Some(&sdp("answer")));
    assert!(matches!(bench.told(), LegEvent::Accepted { .. }));
    assert_eq!(bench.sent[0].0, anew());
    bench.request(&Method::Ack);
    end(&mut bench, 2);
    bench.hang_up(leg);
    bench.ended();
    assert_eq!(bench.sent[0].0, anew());
    let bye = bench.request(&Method::Bye);
    answer(&mut bench, 3, &bye, 200, None);
    bench.assert_empty();
}

#[test]
fn a_phone_that_rings_is_cancelled_after_its_connection_ended() {
    let mut bench = Bench::new();
    let (leg, invite) = calling(&mut bench);
    answer(&mut bench, 1, &invite, 180, None);
    bench.told();
    end(&mut bench, 1);
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0, anew());
    let cancel = bench.request(&Method::Cancel);
    answer(&mut bench, 2, &cancel, 200, None);
    answer(&mut bench, 2, &invite, 487, None);
    assert!(matches!(bench.told(), LegEvent::Rejected(_)));
    bench.ended();
    bench.request(&Method::Ack);
    bench.assert_empty();
}

#[test]
fn a_re_invite_of_ours_that_has_a_100_is_answered_by_another_connection() {
    let mut bench = Bench::new();
    let (leg, invite) = calling(&mut bench);
    answer(&mut bench, 1, &invite, 200, Some(&sdp("answer")));
    bench.told();
    bench.request(&Method::Ack);
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
    let hold = bench.request(&Method::Invite);
    answer(&mut bench, 1, &hold, 100, None);
    end(&mut bench, 1);
    bench.nothing_told();
    bench.silent();
    answer(&mut bench, 2, &hold, 200, Some(&sdp("held")));
    assert_eq!(bench.told(), LegEvent::ReofferAccepted { answer: Some(sdp("held")), offer: None });
    assert_eq!(bench.sent[0].0, anew());
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.assert_empty();
}
