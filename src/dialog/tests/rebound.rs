//! Peers whose NAT gives them another port in the middle of a call: their Contact stays as it was, and where they are seen
//! is another place (RFC 3581 §4, for requests).

use super::bench::{Bench, PEER, answer_to, sdp, tag_of, udp};
use crate::ground::leg::{InDialogMethod, LegEvent, LegId, LegIntent};
use crate::sip::{HeaderName, Method, Request};

const INSIDE: &str = "<sip:alice@192.168.1.2:5062>";
const BEFORE: &str = "198.51.100.7:40000";
const AFTER: &str = "198.51.100.7:40001";

/// A call of a peer with this Contact, or none, seen at this address.
fn call(bench: &mut Bench, contact: &str, seen: &str) -> (LegId, String) {
    bench.source = udp(seen);
    let invite = invite(bench, 1, None, contact);
    bench.receive(&invite.into());
    let (leg, _) = bench.events.pop_front().expect("an INVITE");
    let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
    assert_eq!(bench.intent(leg, accept), Ok(()));
    let tag = tag_of(&bench.response(200, &Method::Invite));
    bench.ack(1, &tag, None);
    bench.told();
    (leg, tag)
}

fn invite(bench: &mut Bench, sequence: u32, tag: Option<&str>, contact: &str) -> Request {
    // Without Contact it has to be one of RFC 2543.
    let branch = if contact.is_empty() { sequence.to_string() } else { bench.branch() };
    let head = bench.head_with_branch(&Method::Invite, sequence, tag, &branch);
    let invite = Bench::offering(head, Some(&sdp("offer")));
    let edit = invite.edit().remove(HeaderName::Contact);
    let edit = if contact.is_empty() { edit } else { edit.append(HeaderName::Contact, contact) };
    edit.build().unwrap()
}

/// The peer sends a re-INVITE from another place.
fn reinvited(bench: &mut Bench, leg: LegId, tag: &str, contact: &str) {
    bench.source = udp(AFTER);
    let reinvite = invite(bench, 2, Some(tag), contact);
    bench.receive(&reinvite.into());
    assert!(matches!(bench.told(), LegEvent::Reoffered { .. }));
    assert_eq!(bench.intent(leg, LegIntent::AnswerReoffer { description: sdp("fine") }), Ok(()));
    bench.response(200, &Method::Invite);
    bench.ack(2, tag, None);
    bench.told();
}

fn info(bench: &mut Bench, leg: LegId) {
    let (method, fields) = (InDialogMethod::Info, Vec::new());
    assert_eq!(bench.intent(leg, LegIntent::Request { key: 1, method, fields, body: None }), Ok(()));
}

/// The name is one of ours: a caller on the Internet is not believed.
fn found(bench: &mut Bench) {
    let (query, ..) = bench.resolves.pop_front().expect("a look-up");
    let found = Ok(vec!["127.0.0.1:5060".parse().unwrap()]);
    bench.legs.resolved(query, &found, &mut bench.transactions, bench.now);
    bench.drain();
}

fn bye_goes_to(bench: &mut Bench, leg: LegId) -> String {
    bench.hang_up(leg);
    if !bench.resolves.is_empty() {
        found(bench);
    }
    let to = bench.sent.front().expect("a BYE").0.remote.to_string();
    bench.request(&Method::Bye);
    to
}

/// Contact, where the peer is seen first → where its BYE goes after a re-INVITE from elsewhere.
#[test]
fn a_peer_that_re_invites_from_a_new_port_is_reached_there_where_it_was_reached_by_what_is_seen() {
    for (contact, before, expected) in [
        (INSIDE, BEFORE, AFTER),
        ("<sip:alice@198.51.100.7:5062;transport=tls>", BEFORE, AFTER),
        // Says where it listens, and sends from wherever it likes.
        ("<sip:alice@198.51.100.7>", BEFORE, PEER),
        ("<sip:alice@198.51.100.7>", PEER, PEER),
        // No Contact: it is where it is seen.
        ("", PEER, AFTER),
    ] {
        let mut bench = Bench::new();
        let (leg, tag) = call(&mut bench, contact, before);
        reinvited(&mut bench, leg, &tag, contact);
        assert_eq!(bye_goes_to(&mut bench, leg), expected, "{contact}, {before}");
        bench.assert_empty();
    }
}

#[test]
fn a_name_that_is_not_believed_is_so_from_the_new_place_too() {
    let mut bench = Bench::new();
    let (leg, tag) = call(&mut bench, "<sip:alice@localhost>", BEFORE);
    info(&mut bench, leg);
    found(&mut bench);
    assert_eq!(bench.sent[0].0.remote.to_string(), BEFORE);
    let info = bench.request(&Method::Info);
    bench.answer(&info, 200, "", None);
    bench.told();
    reinvited(&mut bench, leg, &tag, "<sip:alice@localhost>");
    assert_eq!(bye_goes_to(&mut bench, leg), AFTER);
}

/// The look-up began when the peer was still at its old place.
#[test]
fn a_look_up_under_way_leads_to_where_the_peer_is_seen_now() {
    let mut bench = Bench::new();
    let (leg, tag) = call(&mut bench, "<sip:alice@localhost>", BEFORE);
    info(&mut bench, leg);
    reinvited(&mut bench, leg, &tag, "<sip:alice@localhost>");
    found(&mut bench);
    assert_eq!(bench.sent[0].0.remote.to_string(), AFTER);
    bench.request(&Method::Info);
    assert_eq!(bye_goes_to(&mut bench, leg), AFTER);
}

/// With the same Contact in it, and with none.
#[test]
fn a_peer_that_answers_our_re_invite_from_a_new_port_is_reached_there() {
    for contact in [INSIDE, ""] {
        let mut bench = Bench::new();
        let (leg, _) = call(&mut bench, INSIDE, BEFORE);
        assert_eq!(bench.intent(leg, LegIntent::Reoffer { offer: Some(sdp("hold")) }), Ok(()));
        assert_eq!(bench.sent[0].0.remote.to_string(), BEFORE);
        let reinvite = bench.request(&Method::Invite);
        let accepted = answer_to(&reinvite, 200, "", Some(&sdp("held")));
        let edit = accepted.edit();
        let edit = if contact.is_empty() { edit } else { edit.append(HeaderName::Contact, contact) };
        bench.source = udp(AFTER);
        bench.receive(&edit.build().unwrap().into());
        bench.told();
        assert_eq!(bench.sent[0].0.remote.to_string(), AFTER);
        assert_eq!(bench.request(&Method::Ack).request_uri(), "sip:alice@192.168.1.2:5062");
        assert_eq!(bye_goes_to(&mut bench, leg), AFTER);
        bench.assert_empty();
    }
}

/// What comes from there is the peer's: its CSeq is not a stranger's.
#[test]
fn a_peer_that_has_moved_is_known_at_its_new_address() {
    let mut bench = Bench::new();
    let (leg, tag) = call(&mut bench, INSIDE, BEFORE);
    bench.source = udp("198.51.100.99:40000");
    let reinvite = invite(&mut bench, 2, Some(&tag), INSIDE);
    bench.receive(&reinvite.into());
    bench.told();
    assert_eq!(bench.intent(leg, LegIntent::AnswerReoffer { description: sdp("fine") }), Ok(()));
    bench.response(200, &Method::Invite);
    bench.ack(2, &tag, None);
    bench.within(&Method::Info, 2_000_000_000, &tag);
    bench.response(200, &Method::Info);
    bench.hang_up(leg);
    assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.99:40000");
    bench.assert_empty();
}
