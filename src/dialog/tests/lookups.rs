//! Targets that are names, that fail, and requests too long for a datagram: RFC 3261 §18.1.1, RFC 3263 §4.3.

use std::net::SocketAddr;
use std::time::Duration;

use super::bench::{Bench, answer_to, invite_to, sdp, settings};
use crate::dialog::{DialogSettings, LegState};
use crate::ground::leg::{InDialogMethod, Invite, LegEvent, LegFailure, LegId, LegIntent};
use crate::ground::{Asker, ListenerId, Transport};
use crate::sip::{HeaderName, Method};

fn addresses(list: &[&str]) -> Result<Vec<SocketAddr>, String> {
    Ok(list.iter().map(|address| address.parse().expect("an address")).collect())
}

fn resolved(bench: &mut Bench, query: u64, result: Result<Vec<SocketAddr>, String>) {
    bench.legs.resolved(query, &result, &mut bench.transactions, bench.now);
    bench.drain();
}

fn call(bench: &mut Bench, target: &str) -> LegId {
    let leg = bench.legs.open().unwrap();
    let invite = Invite { offer: Some(sdp("offer")), ..invite_to(target) };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    leg
}

/// Calls a name that leads to these addresses. Returns the leg.
fn call_name(bench: &mut Bench, list: &[&str]) -> LegId {
    let leg = call(bench, "sip:bob@proxy.example.com");
    let (query, ..) = bench.resolves.pop_front().unwrap();
    resolved(bench, query, addresses(list));
    leg
}

#[test]
fn an_invite_waits_for_its_look_up() {
    let mut bench = Bench::new();
    let leg = call(&mut bench, "sip:bob@proxy.example.com:5070;transport=tcp");
    bench.silent();
    let (query, host, port, transport) = bench.resolves.pop_front().unwrap();
    assert_eq!((host.as_str(), port, transport), ("proxy.example.com", Some(5070), Transport::Tcp));
    assert_eq!(bench.legs.dialogs(leg)[0].leg_state, LegState::Locating);
    assert_eq!(bench.legs.census().lookups, 1);
    resolved(&mut bench, query, addresses(&["198.51.100.20:5070"]));
    let (flow, _) = bench.sent[0];
    assert_eq!((flow.transport, flow.listener), (Transport::Tcp, ListenerId(1)));
    let invite = bench.request(&Method::Invite);
    assert_eq!(invite.request_uri(), "sip:bob@proxy.example.com:5070;transport=tcp");
    let contact = invite.headers().first(HeaderName::Contact).unwrap();
    assert!(contact.ends_with("@192.0.2.1:5060;transport=tcp>"), "{contact}");
    bench.answer(&invite, 486, "", None);
    assert!(matches!(bench.told(), LegEvent::Rejected(_)));
    bench.ended();
    bench.assert_empty();
}

/// Peers' names have bounds of their own (see `transport/resolve.rs`).
#[test]
fn a_name_is_the_engines_that_makes_a_call_and_else_the_peers_that_gave_it() {
    let mut bench = Bench::new();
    let leg = call_name(&mut bench, &["198.51.100.20:5060"]);
    assert_eq!(bench.asker.take(), Some(Asker::Engine));
    let of_peer = Asker::Peer { at: Some(bench.source.remote.ip()), proven: true };
    let invite = bench.request(&Method::Invite);
    let ok = answer_to(&invite, 200, "b", Some(&sdp("answer")));
    let ok = ok.edit().set(HeaderName::Contact, "<sip:bob@slow.example.com>").build().unwrap();
    bench.receive(&ok.into());
    assert_eq!(bench.asker.take(), Some(of_peer), "for the ACK");
    assert_eq!(bench.intent(leg, LegIntent::HangUp { fields: Vec::new(), body: None }), Ok(()));

    let mut bench = Bench::new();
    let head = bench.head(&Method::Invite, 1, None);
    let invite = Bench::offering(head, Some(&sdp("offer")))
        .edit()
        .set(HeaderName::Contact, "<sip:alice@slow.example.com>")
        .build()
        .unwrap();
    bench.receive(&invite.into());
    let (leg, _) = bench.events.pop_front().unwrap();
    let accept = LegIntent::Accept { description: Some(sdp("o")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    let tag = bench.response(200, &Method::Invite).headers().to().unwrap().tag().unwrap().to_owned();
    bench.within(&Method::Ack, 1, &tag);
    assert_eq!(bench.intent(leg, LegIntent::HangUp { fields: Vec::new(), body: None }), Ok(()));
    assert_eq!(bench.asker.take(), Some(of_peer), "for the BYE");
}

#[test]
fn a_name_that_leads_nowhere_ends_the_call() {
    // An error, nothing, an address that no listener reaches, and silence.
    for result in [Some(Err("no such name".to_owned())), Some(Ok(Vec::new())), None] {
        let mut bench = Bench::new();
        call(&mut bench, "sip:bob@proxy.example.com");
        let (query, ..) = bench.resolves.pop_front().unwrap();
        match result {
            Some(result) => resolved(&mut bench, query, result),
            None => bench.advance(Duration::from_secs(32)),
        }
        let reason = "no address for proxy.example.com".to_owned();
        assert_eq!(bench.failed_because(), (LegFailure::Unlocated, reason));
        bench.ended();
        assert_eq!(bench.legs.len(), 0);
        // The answer comes after all.
        resolved(&mut bench, query, addresses(&["198.51.100.20:5060"]));
        bench.silent();
        bench.assert_empty();
    }
}

#[test]
fn a_hang_up_while_it_is_looked_up_is_the_end() {
    let mut bench = Bench::new();
    let leg = call(&mut bench, "sip:bob@proxy.example.com");
    let (query, ..) = bench.resolves.pop_front().unwrap();
    bench.hang_up(leg);
    bench.ended();
    assert_eq!(bench.legs.len(), 0);
    resolved(&mut bench, query, addresses(&["198.51.100.20:5060"]));
    bench.silent();
    bench.assert_empty();
}

#[test]
fn no_more_look_ups_than_may() {
    let mut bench = Bench::with(DialogSettings { lookups_max: 1, ..settings() });
    call(&mut bench, "sip:bob@one.example.com");
    call(&mut bench, "sip:bob@two.example.com");
    assert_eq!(bench.failed(), LegFailure::Limit);
    bench.ended();
}

#[test]
fn the_next_address_is_tried_when_one_fails() {
    let mut bench = Bench::new();
    call_name(&mut bench, &["198.51.100.20:5060", "198.51.100.21:5060", "198.51.100.22:5060"]);
    let first = bench.request(&Method::Invite);
    let tag = bench.tags.pop_back().unwrap();
    bench.send_failed(tag);
    bench.nothing_told();
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.21:5060");
    let second = bench.request(&Method::Invite);
    let branch =
        |request: &crate::sip::Request| request.headers().top_via().unwrap().branch.map(ToOwned::to_owned);
    assert_ne!(branch(&first), branch(&second));
    assert_eq!(first.headers().cseq(), second.headers().cseq());
    // The second says that it is not available.
    bench.answer(&second, 503, "", None);
    bench.request(&Method::Ack);
    bench.nothing_told();
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.22:5060");
    let third = bench.request(&Method::Invite);
    // There is no fourth.
    bench.answer(&third, 503, "", None);
    bench.request(&Method::Ack);
    let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.status, 503);
    bench.ended();
    assert_eq!(bench.legs.counters().failovers, 2);
    bench.assert_empty();
}

#[test]
fn a_silent_address_is_left_after_timer_b_and_a_ringing_one_kept() {
    let mut bench = Bench::new();
    let leg = call_name(&mut bench, &["198.51.100.20:5060", "198.51.100.21:5060"]);
    bench.advance(Duration::from_secs(32));
    bench.nothing_told();
    while bench.sent.len() > 1 {
        bench.sent.pop_front();
    }
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.21:5060");
    let invite = bench.request(&Method::Invite);
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    bench.hang_up(leg);
    bench.request(&Method::Cancel);
    bench.advance(Duration::from_secs(32));
    assert_eq!(bench.failed(), LegFailure::Timeout);
    bench.ended();
    bench.assert_empty();
}

#[test]
fn after_a_hang_up_no_other_address_is_tried() {
    let mut bench = Bench::new();
    let leg = call_name(&mut bench, &["198.51.100.20:5060", "198.51.100.21:5060"]);
    bench.request(&Method::Invite);
    bench.hang_up(leg);
    let tag = bench.tags.pop_back().unwrap();
    bench.send_failed(tag);
    bench.silent();
    let (failure, reason) = bench.failed_because();
    assert_eq!(failure, LegFailure::Transport);
    assert!(reason.ends_with(" cannot be reached"), "{reason}");
    bench.ended();
    bench.assert_empty();
}

#[test]
fn all_requests_of_a_dialog_wait_for_one_look_up_and_go_in_order() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let accepted = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
    let accepted = accepted.edit().set(HeaderName::Contact, "<sip:bob@phone.example.com>").build().unwrap();
    bench.receive(&accepted.clone().into());
    assert!(matches!(bench.told(), LegEvent::Accepted { .. }));
    bench.silent();
    // The 2xx comes again, and the session hangs up, before the name is known.
    bench.receive(&accepted.clone().into());
    bench.hang_up(leg);
    bench.ended();
    assert_eq!(bench.resolves.len(), 1);
    let (query, ..) = bench.resolves.pop_front().unwrap();
    resolved(&mut bench, query, addresses(&["198.51.100.30:5060"]));
    let ack = bench.request(&Method::Ack);
    let bye = bench.request(&Method::Bye);
    assert_eq!((ack.headers().cseq().unwrap().sequence, bye.headers().cseq().unwrap().sequence), (1, 2));
    bench.receive(&accepted.into());
    assert_eq!(bench.request(&Method::Ack), ack);
    bench.answer(&bye, 200, "", None);
    bench.assert_empty();
}

#[test]
fn what_was_looked_up_is_kept_until_the_target_changes() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let at = |name: &str, request: &crate::sip::Request, tag: &str| {
        let accepted = answer_to(request, 200, tag, Some(&sdp("answer")));
        accepted.edit().set(HeaderName::Contact, format!("<sip:bob@{name}.example.com>")).build().unwrap()
    };
    bench.receive(&at("phone", &invite, "bob-1").into());
    let (query, ..) = bench.resolves.pop_front().unwrap();
    resolved(&mut bench, query, addresses(&["198.51.100.30:5060"]));
    bench.request(&Method::Ack);
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
    assert!(bench.resolves.is_empty());
    let reinvite = bench.request(&Method::Invite);
    bench.receive(&at("moved", &reinvite, "").into());
    let (_, host, ..) = bench.resolves.pop_front().unwrap();
    assert_eq!(host, "moved.example.com");
}

/// What a look-up brings that finds nothing: an error, nothing, silence.
fn nothing_found(bench: &mut Bench, result: Option<&Result<Vec<SocketAddr>, String>>) {
    let (query, ..) = bench.resolves.pop_front().expect("a look-up");
    match result {
        Some(result) => resolved(bench, query, result.clone()),
        None => bench.advance(Duration::from_secs(32)),
    }
}

/// A call comes in whose Contact is a name, and is answered, and acknowledged or not. The leg.
fn called_by_a_name(bench: &mut Bench, acknowledged: bool) -> LegId {
    let head = bench.head(&Method::Invite, 1, None);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    let invite = invite.edit().set(HeaderName::Contact, "<sip:alice@slow.example.com>").build().unwrap();
    bench.receive(&invite.into());
    let (leg, _) = bench.events.pop_front().unwrap();
    let accept = LegIntent::Accept { description: Some(sdp("o")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    let tag = super::bench::tag_of(&bench.response(200, &Method::Invite));
    if acknowledged {
        bench.ack(1, &tag, None);
        assert_eq!(bench.told(), LegEvent::Confirmed { answer: None });
    }
    leg
}

#[test]
fn who_has_not_acknowledged_is_not_proven() {
    let mut bench = Bench::new();
    called_by_a_name(&mut bench, false);
    bench.advance(Duration::from_secs(32));
    let of_peer = Asker::Peer { at: Some(bench.source.remote.ip()), proven: false };
    assert_eq!(bench.asker.take(), Some(of_peer), "for the BYE");
}

#[test]
fn a_bye_whose_name_is_not_found_goes_where_the_peer_is_seen() {
    for result in [Some(Err("no such name".to_owned())), Some(Ok(Vec::new())), None] {
        let mut bench = Bench::new();
        let leg = called_by_a_name(&mut bench, true);
        bench.hang_up(leg);
        bench.silent();
        nothing_found(&mut bench, result.as_ref());
        assert_eq!(bench.sent[0].0, bench.source, "{result:?}");
        let bye = bench.request(&Method::Bye);
        assert_eq!(bye.request_uri(), "sip:alice@slow.example.com");
        assert_eq!(bench.legs.counters().lookups_failed, 1);
        bench.answer(&bye, 200, "", None);
        bench.assert_empty();
    }
}

#[test]
fn a_bye_for_which_there_is_no_look_up_left_goes_where_the_peer_is_seen() {
    let mut bench = Bench::with(DialogSettings { lookups_max: 0, ..settings() });
    let leg = called_by_a_name(&mut bench, true);
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0, bench.source);
    let bye = bench.request(&Method::Bye);
    bench.answer(&bye, 200, "", None);
    bench.assert_empty();
}

#[test]
fn a_name_that_was_not_found_once_is_asked_for_again() {
    let mut bench = Bench::new();
    let leg = called_by_a_name(&mut bench, true);
    let info = |key| LegIntent::Request { key, method: InDialogMethod::Info, fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    nothing_found(&mut bench, Some(&Err("refused".to_owned())));
    assert_eq!(bench.sent[0].0, bench.source);
    bench.request(&Method::Info);
    assert_eq!(bench.intent(leg, info(2)), Ok(()));
    let (query, ..) = bench.resolves.pop_front().expect("it is asked for again");
    resolved(&mut bench, query, addresses(&["198.51.100.30:5060"]));
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.30:5060");
    bench.request(&Method::Info);
}

#[test]
fn an_ack_whose_name_is_not_found_goes_where_the_2xx_came_from() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let accepted = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
    let accepted = accepted.edit().set(HeaderName::Contact, "<sip:bob@phone.example.com>").build().unwrap();
    bench.receive(&accepted.into());
    bench.told();
    nothing_found(&mut bench, Some(&Err("no such name".to_owned())));
    assert_eq!(bench.sent[0].0, bench.source);
    bench.request(&Method::Ack);
    bench.nothing_told();
    bench.hang_up(leg);
    bench.ended();
    nothing_found(&mut bench, Some(&Err("no such name".to_owned())));
    assert_eq!(bench.sent[0].0, bench.source);
    let bye = bench.request(&Method::Bye);
    bench.answer(&bye, 200, "", None);
    bench.assert_empty();
}

#[test]
fn a_request_too_long_for_a_datagram_goes_by_tcp_and_falls_back() {
    let mut bench = Bench::new();
    let leg = bench.legs.open().unwrap();
    let offer = Some(sdp(&"x".repeat(1300)));
    let invite = Invite { offer, ..invite_to("sip:bob@198.51.100.7") };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    assert_eq!(bench.sent[0].0.transport, Transport::Tcp);
    let invite = bench.request(&Method::Invite);
    assert_eq!(invite.headers().top_via().unwrap().transport(), Some(Transport::Tcp));
    let tag = bench.tags.pop_back().unwrap();
    bench.send_failed(tag);
    assert_eq!(bench.sent[0].0.transport, Transport::Udp);
    let invite = bench.request(&Method::Invite);
    assert_eq!(invite.headers().top_via().unwrap().transport(), Some(Transport::Udp));
    bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
    assert_eq!(bench.sent[0].0.transport, Transport::Udp);
    assert_eq!(bench.legs.counters().moved_to_stream, 1);
    bench.hang_up(leg);
    bench.assert_empty();
}

#[test]
fn without_a_tcp_listener_a_long_request_goes_as_it_can() {
    let mut only_udp = settings();
    only_udp.listeners.truncate(1);
    let mut bench = Bench::with(only_udp);
    let leg = bench.legs.open().unwrap();
    let invite = Invite { offer: Some(sdp(&"x".repeat(1300))), ..invite_to("sip:bob@198.51.100.7") };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    assert_eq!(bench.sent[0].0.transport, Transport::Udp);
}

#[test]
fn a_peer_behind_nat_is_reached_where_it_came_from() {
    let mut bench = Bench::new();
    let head = bench.head(&Method::Invite, 1, None);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    let invite = invite.edit().set(HeaderName::Contact, "<sip:alice@192.168.1.2:5062>").build().unwrap();
    bench.receive(&invite.into());
    bench.told();
    let leg = bench.legs.ids()[0];
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    let accepted = bench.response(200, &Method::Invite);
    bench.ack(1, &super::bench::tag_of(&accepted), None);
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0, bench.source);
    assert_eq!(bench.request(&Method::Bye).request_uri(), "sip:alice@192.168.1.2:5062");
}
