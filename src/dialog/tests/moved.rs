//! Answers that come when the dialog has moved on: a look-up's, the failure of a request sent to where the peer was.

use std::net::SocketAddr;
use std::time::Duration;

use super::bench::{Bench, answer_to, sdp, tag_of};
use crate::ground::Transport;
use crate::ground::leg::{InDialogMethod, LegEvent, LegId, LegIntent};
use crate::sip::{HeaderName, Method, NameAddrSpec, Request, RequestBuilder, ViaSpec};

fn addresses(list: &[&str]) -> Result<Vec<SocketAddr>, String> {
    Ok(list.iter().map(|address| address.parse().expect("an address")).collect())
}

fn resolved(bench: &mut Bench, query: u64, result: Result<Vec<SocketAddr>, String>) {
    bench.legs.resolved(query, &result, &mut bench.transactions, bench.now);
    bench.drain();
}

fn info(key: u64) -> LegIntent {
    LegIntent::Request { key, method: InDialogMethod::Info, fields: Vec::new(), body: None }
}

/// A call of ours, answered with a name in Contact. The ACK waits for it.
fn waiting(bench: &mut Bench) -> (LegId, Request, u64) {
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let ok = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
    let ok = ok.edit().set(HeaderName::Contact, "<sip:bob@old.example.com>").build().unwrap();
    bench.receive(&ok.into());
    assert!(matches!(bench.told(), LegEvent::Accepted { .. }));
    let (query, host, ..) = bench.resolves.pop_front().expect("a look-up");
    assert_eq!(host, "old.example.com");
    (leg, invite, query)
}

/// The callee moves: its re-INVITE names another Contact, and is answered.
fn moves(bench: &mut Bench, leg: LegId, invite: &Request, contact: &str) {
    let tag = invite.headers().from().unwrap().tag().unwrap().to_owned();
    let branch = bench.branch();
    let via =
        ViaSpec { transport: Transport::Udp, host: "198.51.100.7", port: None, branch: &branch, rport: true };
    let reinvite = RequestBuilder::new(&Method::Invite, "sip:us@192.0.2.1:5060")
        .via(&via)
        .max_forwards(70)
        .from(&NameAddrSpec::new("sip:bob@example.com").with_tag("bob-1"))
        .to(&NameAddrSpec { tag: Some(&tag), ..NameAddrSpec::new("sip:us@us.example.com") })
        .call_id("call-1")
        .cseq(9)
        .contact(&NameAddrSpec::new(contact))
        .body("application/sdp", sdp("moved").0)
        .build()
        .unwrap();
    bench.receive(&reinvite.into());
    assert!(matches!(bench.told(), LegEvent::Reoffered { .. }));
    assert_eq!(bench.intent(leg, LegIntent::AnswerReoffer { description: sdp("fine") }), Ok(()));
    bench.response(200, &Method::Invite);
    assert_eq!(bench.legs.dialogs(leg)[0].remote_target, contact);
}

#[test]
fn a_look_up_of_an_old_target_does_not_move_the_dialog_back() {
    let mut bench = Bench::new();
    let (leg, invite, query) = waiting(&mut bench);
    moves(&mut bench, leg, &invite, "sip:bob@198.51.100.77");
    resolved(&mut bench, query, addresses(&["203.0.113.66:5060"]));
    // What waited goes to where the peer is now.
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
    let ack = bench.request(&Method::Ack);
    assert_eq!(ack.request_uri(), "sip:bob@198.51.100.77");
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
    assert_eq!(bench.request(&Method::Info).request_uri(), "sip:bob@198.51.100.77");
}

#[test]
fn a_look_up_of_an_old_target_that_finds_nothing_ends_no_call() {
    for result in [Some(Err("no such name".to_owned())), None] {
        let mut bench = Bench::new();
        let (leg, invite, query) = waiting(&mut bench);
        moves(&mut bench, leg, &invite, "sip:bob@198.51.100.77");
        match result {
            Some(result) => resolved(&mut bench, query, result),
            None => {
                bench.sent.clear();
                bench.ack_of(&invite, 9);
                bench.advance(Duration::from_secs(33));
                bench.events.clear();
            }
        }
        assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
        bench.request(&Method::Ack);
        bench.nothing_told();
        bench.hang_up(leg);
    }
}

#[test]
fn a_peer_that_moves_to_another_name_is_looked_up_there() {
    let mut bench = Bench::new();
    let (leg, invite, query) = waiting(&mut bench);
    moves(&mut bench, leg, &invite, "sip:bob@new.example.com");
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    let (second, host, ..) = bench.resolves.pop_front().expect("a look-up of its own");
    assert_eq!(host, "new.example.com");
    resolved(&mut bench, second, addresses(&["198.51.100.77:5060"]));
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
    bench.request(&Method::Info);
    resolved(&mut bench, query, addresses(&["203.0.113.66:5060"]));
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
    bench.request(&Method::Ack);
}

#[test]
fn what_nobody_wants_any_more_is_not_sent_when_its_look_up_comes_back() {
    let mut bench = Bench::new();
    let (leg, _, query) = waiting(&mut bench);
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
    bench.hang_up(leg);
    bench.ended();
    resolved(&mut bench, query, addresses(&["198.51.100.30:5060"]));
    bench.request(&Method::Ack);
    let bye = bench.request(&Method::Bye);
    bench.silent();
    bench.answer(&bye, 200, "", None);
    bench.assert_empty();
}

/// A call of ours that is reached by a connection first, then by another way.
fn with_two_ways(bench: &mut Bench) -> (LegId, Request, u64) {
    let (leg, invite, query) = waiting(bench);
    resolved(bench, query, addresses(&["198.51.100.30:5060", "198.51.100.31:5060"]));
    bench.request(&Method::Ack);
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.30:5060");
    bench.request(&Method::Info);
    let tag = bench.tags.pop_back().unwrap();
    (leg, invite, tag)
}

#[test]
fn a_request_that_fails_at_the_old_place_is_sent_to_the_new_one_and_moves_nothing() {
    let mut bench = Bench::new();
    let (leg, invite, tag) = with_two_ways(&mut bench);
    moves(&mut bench, leg, &invite, "sip:bob@198.51.100.77");
    bench.send_failed(tag);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
    assert_eq!(bench.request(&Method::Info).request_uri(), "sip:bob@198.51.100.77");
    assert_eq!(bench.intent(leg, info(2)), Ok(()));
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.77:5060");
}

#[test]
fn a_second_failure_of_the_first_way_does_not_undo_what_the_first_has_found() {
    let mut bench = Bench::new();
    let (leg, _, first) = with_two_ways(&mut bench);
    assert_eq!(bench.intent(leg, info(2)), Ok(()));
    bench.request(&Method::Info);
    let second = bench.tags.pop_back().unwrap();
    bench.send_failed(first);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.31:5060");
    bench.request(&Method::Info);
    bench.send_failed(second);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.31:5060");
    bench.request(&Method::Info);
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.31:5060");
}

/// The route stays when the target moves, and with it the way of the next try.
#[test]
fn a_request_that_is_tried_again_by_the_same_route_names_where_the_peer_is_now() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    let ok = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
    let ok = ok.edit().append(HeaderName::RecordRoute, "<sip:proxy.example.com;lr>").build().unwrap();
    bench.receive(&ok.into());
    assert!(matches!(bench.told(), LegEvent::Accepted { .. }));
    let (query, ..) = bench.resolves.pop_front().expect("a look-up");
    resolved(&mut bench, query, addresses(&["198.51.100.30:5060", "198.51.100.31:5060"]));
    bench.request(&Method::Ack);
    assert_eq!(bench.intent(leg, info(1)), Ok(()));
    let first = bench.request(&Method::Info);
    assert_eq!(first.request_uri(), "sip:bob-1@198.51.100.7");
    let tag = bench.tags.pop_back().unwrap();
    moves(&mut bench, leg, &invite, "sip:bob@198.51.100.77");
    bench.send_failed(tag);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.31:5060");
    let second = bench.request(&Method::Info);
    assert_eq!(second.request_uri(), "sip:bob@198.51.100.77");
    assert_eq!(second.headers().cseq(), first.headers().cseq());
}

/// An INVITE to a name that leads to two addresses.
fn called_by_name(bench: &mut Bench) -> (LegId, Request) {
    let leg = bench.legs.open().unwrap();
    let invite = crate::ground::leg::Invite {
        offer: Some(sdp("offer")),
        ..super::bench::invite_to("sip:bob@proxy.example.com")
    };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    let (query, ..) = bench.resolves.pop_front().unwrap();
    resolved(bench, query, addresses(&["198.51.100.20:5060", "198.51.100.21:5060"]));
    let invite = bench.request(&Method::Invite);
    (leg, invite)
}

#[test]
fn a_503_after_a_100_fails_over_and_one_after_ringing_is_the_answer() {
    for (before, fails_over) in [(100, true), (180, false), (183, false)] {
        let mut bench = Bench::new();
        let (leg, invite) = called_by_name(&mut bench);
        bench.answer(&invite, before, if before == 100 { "" } else { "bob-1" }, None);
        bench.events.clear();
        bench.answer(&invite, 503, "bob-1", None);
        bench.request(&Method::Ack);
        if fails_over {
            bench.nothing_told();
            assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.21:5060");
            let second = bench.request(&Method::Invite);
            // What the first still says is of no use.
            bench.answer(&invite, 200, "bob-1", Some(&sdp("answer")));
            bench.nothing_told();
            bench.sent.clear();
            bench.answer(&second, 200, "bob-2", Some(&sdp("answer")));
            assert!(matches!(bench.told(), LegEvent::Accepted { .. }));
            bench.hang_up(leg);
        } else {
            let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
            assert_eq!(farewell.status, 503);
            bench.silent();
        }
        bench.assert_empty();
    }
}

#[test]
fn a_503_to_a_call_that_is_taken_back_keeps_its_status_and_retry_after() {
    let mut bench = Bench::new();
    let (leg, invite) = called_by_name(&mut bench);
    bench.answer(&invite, 100, "", None);
    bench.hang_up(leg);
    bench.request(&Method::Cancel);
    let busy = answer_to(&invite, 503, "bob-1", None);
    bench.receive(&busy.edit().append(HeaderName::RetryAfter, "17").build().unwrap().into());
    let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
    assert_eq!((farewell.status, farewell.retry_after), (503, Some(Duration::from_secs(17))));
    bench.ended();
    bench.assert_empty();
}

/// An INVITE of a peer on the Internet with this Contact, and Record-Route if given, answered, acknowledged, hung up.
/// Returns where the BYE went; a look-up leads to these addresses.
fn bye_goes_to(contact: &str, route: Option<&str>, leads_to: &[&str]) -> String {
    let mut bench = Bench::new();
    let head = bench.head(&Method::Invite, 1, None);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    let invite = invite.edit().set(HeaderName::Contact, contact);
    let invite = match route {
        Some(route) => invite.append(HeaderName::RecordRoute, route),
        None => invite,
    };
    bench.receive(&invite.build().unwrap().into());
    let (leg, _) = bench.events.pop_front().expect("an INVITE");
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    let accepted = bench.response(200, &Method::Invite);
    bench.ack(1, &tag_of(&accepted), None);
    bench.hang_up(leg);
    if let Some((query, ..)) = bench.resolves.pop_front() {
        resolved(&mut bench, query, addresses(leads_to));
    }
    let (flow, _) = bench.sent.pop_front().expect("a BYE");
    flow.remote.to_string()
}

#[test]
fn a_name_does_not_lead_a_peer_s_requests_into_our_network() {
    let seen = "198.51.100.7:5060";
    for (leads_to, expected) in [
        (["127.0.0.1:7777"], seen),
        (["10.0.0.5:7777"], seen),
        (["169.254.169.254:80"], seen),
        (["0.0.0.0:7777"], seen),
        (["203.0.113.4:5060"], "203.0.113.4:5060"),
    ] {
        for contact in [
            "<sip:x@localhost:7777>",
            "<sip:x@localhost:7777;transport=tcp>",
            "<sip:x@a.example;maddr=b.example>",
        ] {
            assert_eq!(bye_goes_to(contact, None, &leads_to), expected, "{contact} {leads_to:?}");
        }
        let route = Some("<sip:localhost:7777;lr>");
        assert_eq!(bye_goes_to("<sip:x@203.0.113.4>", route, &leads_to), expected, "{leads_to:?}");
    }
    let route = Some("<sip:127.0.0.1:7777;transport=tcp;lr>");
    assert_eq!(bye_goes_to("<sip:x@203.0.113.4>", route, &[]), seen);
    // Of several addresses those that are believed.
    assert_eq!(
        bye_goes_to("<sip:x@phone.example>", None, &["10.0.0.5:1", "203.0.113.4:5060"]),
        "203.0.113.4:5060"
    );
}

#[test]
fn a_callee_s_name_does_not_lead_into_our_network_either() {
    let mut bench = Bench::new();
    let (leg, _, query) = waiting(&mut bench);
    resolved(&mut bench, query, addresses(&["127.0.0.1:5060"]));
    assert_eq!(bench.sent[0].0.remote, bench.source.remote);
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0.remote, bench.source.remote);
}

/// An engine may call whom it likes.
#[test]
fn a_target_of_an_engine_s_may_lead_anywhere() {
    let mut bench = Bench::new();
    let leg = bench.legs.open().unwrap();
    let invite = super::bench::invite_to("sip:bob@localhost");
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    let (query, ..) = bench.resolves.pop_front().unwrap();
    resolved(&mut bench, query, addresses(&["127.0.0.1:5060"]));
    assert_eq!(bench.sent[0].0.remote.to_string(), "127.0.0.1:5060");
}
