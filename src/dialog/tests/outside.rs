//! Requests outside of dialogs and INVITEs that cannot be taken: RFC 3261 §8.2, §11.

use super::bench::{Bench, TYPES_TAKEN, answer_to, header, sdp, settings};
use crate::dialog::{DialogSettings, Matching};
use crate::ground::leg::{LegEvent, LegIntent};
use crate::sip::{HeaderName, Message, Method, Request};

fn invite(bench: &mut Bench) -> Request {
    let head = bench.head(&Method::Invite, 1, None);
    Bench::offering(head, Some(&sdp("offer")))
}

#[test]
fn options_is_answered_without_keeping_anything() {
    let mut bench = Bench::new();
    let request = bench.head(&Method::Options, 1, None).build().unwrap();
    assert_eq!(bench.legs.matching(&request), Matching::Outside);
    bench.receive(&request.into());
    let response = bench.response(200, &Method::Options).into();
    for (name, value) in [
        (HeaderName::Allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE"),
        (HeaderName::Accept, TYPES_TAKEN),
        (HeaderName::AcceptEncoding, "identity"),
        (HeaderName::Server, "Callplane"),
    ] {
        assert_eq!(header(&response, name).as_deref(), Some(value), "{name:?}");
    }
    assert_eq!(header(&response, HeaderName::Supported), None, "a list of nothing says nothing");
    assert_eq!(bench.transactions.len(), 0);
    assert_eq!(bench.legs.len(), 0);
}

#[test]
fn every_method_outside_of_dialogs_gets_its_answer() {
    for (method, status) in [
        (Method::Register, 405),
        (Method::Subscribe, 405),
        (Method::Publish, 405),
        (Method::Refer, 405),
        (Method::Message, 405),
        (Method::Bye, 481),
        (Method::Info, 481),
        (Method::Update, 481),
        (Method::Prack, 481),
        (Method::Notify, 481),
        (Method::Other("FOO".into()), 501),
    ] {
        let mut bench = Bench::new();
        let request = bench.head(&method, 1, None).build().unwrap();
        bench.receive(&request.into());
        let response = bench.response(status, &method);
        assert_eq!(header(&response.into(), HeaderName::Allow).is_some(), status != 481, "{method}");
        bench.nothing_told();
        bench.assert_empty();
    }
}

#[test]
fn a_request_in_an_unknown_dialog_gets_481_and_an_ack_nothing() {
    let mut bench = Bench::new();
    for method in [Method::Invite, Method::Bye, Method::Info, Method::Options, Method::Refer] {
        let request = bench.head(&method, 3, Some("who")).build().unwrap();
        assert_eq!(bench.legs.matching(&request), Matching::UnknownDialog);
        bench.receive(&request.into());
        bench.response(481, &method);
    }
    bench.ack(3, "who", None);
    bench.silent();
    assert_eq!(bench.legs.counters().dialogs_unknown, 5);
    assert_eq!(bench.legs.counters().stray_acks, 1);
    bench.assert_empty();
}

#[test]
fn a_dialog_is_found_only_by_all_of_its_three_ids() {
    let mut bench = Bench::new();
    let (leg, tag) = bench.incoming_call();
    let request = bench.head(&Method::Info, 3, Some(&tag)).build().unwrap();
    assert_eq!(bench.legs.matching(&request), Matching::Leg(leg));
    let other = request.edit().set(HeaderName::CallId, "call-2").build().unwrap();
    assert_eq!(bench.legs.matching(&other), Matching::UnknownDialog);
    let other = request.edit().set(HeaderName::From, "<sip:alice@example.com>;tag=alice-2").build().unwrap();
    assert_eq!(bench.legs.matching(&other), Matching::UnknownDialog);
    assert_eq!(bench.legs.find("call-1", &tag, "alice-1"), Some(leg));
    assert_eq!(bench.legs.find("call-1", "alice-1", &tag), None);
    assert_eq!(bench.legs.ids(), [leg]);
    let fresh = invite(&mut bench);
    assert_eq!(bench.legs.matching(&fresh), Matching::NewCall);
}

#[test]
fn an_invite_that_cannot_be_taken_is_refused_with_its_reason() {
    type Change = fn(&Request) -> Request;
    let table: [(Change, u16, HeaderName, &str); 9] = [
        (
            |invite| invite.edit().append(HeaderName::Accept, "text/plain, text/html").build().unwrap(),
            406,
            HeaderName::Server,
            "Callplane",
        ),
        (
            |invite| invite.edit().append(HeaderName::Require, "100rel, timer").build().unwrap(),
            420,
            HeaderName::Unsupported,
            "100rel, timer",
        ),
        (
            |invite| invite.edit().body("application/unknown", "x".into()).build().unwrap(),
            415,
            HeaderName::Accept,
            TYPES_TAKEN,
        ),
        (
            |invite| invite.edit().append(HeaderName::ContentEncoding, "gzip").build().unwrap(),
            415,
            HeaderName::AcceptEncoding,
            "identity",
        ),
        (
            |invite| invite.edit().uri("http://example.com/").build().unwrap(),
            416,
            HeaderName::CallId,
            "call-1",
        ),
        (
            |invite| invite.edit().remove(HeaderName::ContentType).build().unwrap(),
            400,
            HeaderName::Server,
            "Callplane",
        ),
        (
            |invite| {
                invite
                    .edit()
                    .set(HeaderName::Contact, format!("<sip:{}@x>", "a".repeat(8160)))
                    .build()
                    .unwrap()
            },
            513,
            HeaderName::Server,
            "Callplane",
        ),
        (
            |invite| invite.edit().body("multipart/mixed", "x".into()).build().unwrap(),
            400,
            HeaderName::Warning,
            "399 callplane \"no boundary\"",
        ),
        (
            |invite| invite.edit().body("application/sdp", "a".repeat(30_000).into()).build().unwrap(),
            413,
            HeaderName::Warning,
            "399 callplane \"a session description of more than 16384 bytes\"",
        ),
    ];
    for (change, status, name, value) in table {
        let mut bench = Bench::new();
        let invite = invite(&mut bench);
        bench.receive(&change(&invite).into());
        let response = bench.response(status, &Method::Invite);
        assert_eq!(header(&response.into(), name).as_deref(), Some(value));
        bench.nothing_told();
        assert_eq!(bench.legs.len(), 0);
        bench.assert_empty();
    }
}

#[test]
fn an_accept_that_takes_descriptions_among_others_is_fine() {
    for accept in ["application/sdp", "text/plain, application/sdp;level=1", "application/*", "*/*"] {
        let mut bench = Bench::new();
        let invite = invite(&mut bench).edit().append(HeaderName::Accept, accept).build().unwrap();
        bench.receive(&invite.into());
        assert!(matches!(bench.told(), LegEvent::Invited(_)), "{accept}");
    }
}

#[test]
fn an_invite_over_the_bound_is_put_off() {
    let mut bench = Bench::with(DialogSettings { legs_max: 1, ..settings() });
    let (_, tag) = bench.incoming_call();
    let head = bench.head(&Method::Invite, 1, None);
    let second = Bench::offering(head, Some(&sdp("offer")));
    let second = second.edit().set(HeaderName::CallId, "call-2").build().unwrap();
    bench.receive(&second.into());
    let response = bench.response(503, &Method::Invite);
    assert_eq!(header(&response.into(), HeaderName::RetryAfter).as_deref(), Some("5"));
    assert!(bench.legs.open().is_err());
    assert_eq!(bench.legs.counters().refused_at_limit, 1);
    // The call that stands is not touched.
    bench.within(&Method::Bye, 2, &tag);
    bench.response(200, &Method::Bye);
}

/// RFC 2543 knew INVITEs without Contact and without tag (RFC 4475 §3.4.1): no cookie in the branch tells who speaks it.
#[test]
fn an_old_peer_without_contact_or_tag_is_reached_where_it_came_from() {
    let mut bench = Bench::new();
    let head = bench.head_with_branch(&Method::Invite, 1, None, "1");
    let invite = Bench::offering(head, Some(&sdp("offer")));
    let invite = invite.edit().remove(HeaderName::Contact);
    let old = invite.set(HeaderName::From, "sip:alice@198.51.100.8").build();
    bench.receive(&Message::from(old.unwrap()));
    let LegEvent::Invited(invited) = bench.told() else { panic!() };
    assert_eq!(invited.from.uri, "sip:alice@198.51.100.8");
    let source = format!("sip:{}", bench.source.remote);
    let view = &bench.legs.dialogs(bench.legs.ids()[0])[0];
    assert_eq!((view.remote_target.as_str(), view.remote_tag.as_str()), (source.as_str(), ""));
}

const UNUSABLE_CONTACTS: [(&str, &str); 9] = [
    ("", "Contact is missing"),
    ("*", "Contact is *"),
    ("<tel:+12015550123>", "Contact is no SIP URI"),
    ("<mailto:a@example.com>", "Contact is no SIP URI"),
    ("<sip:>", "Contact is no SIP URI"),
    ("<sip:alice@>", "Contact is no SIP URI"),
    ("<sips:>", "Contact is no SIP URI"),
    ("<sip:alice@198.51.100.7>, <sip:alice@198.51.100.8>", "more than one Contact"),
    // Malformed, as the transactions say.
    ("<sip:alice@198.51.100.7>, *", ""),
];

fn with_contact(invite: &Request, contact: &str) -> Message {
    let edit = invite.edit().remove(HeaderName::Contact);
    let edit = if contact.is_empty() { edit } else { edit.append(HeaderName::Contact, contact) };
    Message::from(edit.build().unwrap())
}

#[test]
fn an_invite_without_exactly_one_usable_contact_is_refused_and_told_why() {
    for (contact, why) in UNUSABLE_CONTACTS {
        let mut bench = Bench::new();
        let invite = invite(&mut bench);
        bench.receive(&with_contact(&invite, contact));
        let response = bench.response(400, &Method::Invite);
        let warning = header(&response.into(), HeaderName::Warning);
        let expected = (!why.is_empty()).then(|| format!("399 callplane \"{why}\""));
        assert_eq!(warning, expected, "{contact}");
        bench.nothing_told();
        bench.assert_empty();
    }
    // In two fields as in one.
    let mut bench = Bench::new();
    let twice = invite(&mut bench).edit().append(HeaderName::Contact, "<sip:alice@198.51.100.8>").build();
    bench.receive(&Message::from(twice.unwrap()));
    bench.response(400, &Method::Invite);
}

/// The call goes on with the target that it had.
#[test]
fn a_reinvite_without_exactly_one_usable_contact_is_refused_too() {
    for (contact, _) in UNUSABLE_CONTACTS {
        let mut bench = Bench::new();
        let (leg, tag) = bench.incoming_call();
        let before = bench.legs.dialogs(leg)[0].remote_target.clone();
        let head = bench.head(&Method::Invite, 2, Some(&tag));
        let invite = Bench::offering(head, Some(&sdp("offer")));
        bench.receive(&with_contact(&invite, contact));
        bench.response(400, &Method::Invite);
        bench.nothing_told();
        assert_eq!(bench.legs.dialogs(leg)[0].remote_target, before, "{contact}");
    }
}

/// A 2xx cannot be refused, and the callee is in the call: it is reached where it was called.
#[test]
fn a_callee_without_a_usable_contact_is_reached_by_what_was_called() {
    for (contact, _) in UNUSABLE_CONTACTS.into_iter().filter(|(contact, _)| !contact.contains(',')) {
        let mut bench = Bench::new();
        let (leg, invite) = bench.calling(Some(sdp("offer")));
        let accepted = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
        let edit = accepted.edit().remove(HeaderName::Contact);
        let edit = if contact.is_empty() { edit } else { edit.append(HeaderName::Contact, contact) };
        bench.receive(&Message::from(edit.build().unwrap()));
        assert!(matches!(bench.told(), LegEvent::Accepted { .. }), "{contact}");
        bench.request(&Method::Ack);
        bench.hang_up(leg);
        assert_eq!(bench.sent[0].0.remote, bench.source.remote);
        assert_eq!(bench.request(&Method::Bye).request_uri(), "sip:bob@198.51.100.7");
    }
}

/// Exactly one would be right (RFC 3261 §12.1.2), and a 2xx cannot be refused: the first counts, whatever follows it.
#[test]
fn of_several_contacts_of_a_callee_the_first_counts() {
    for contacts in [
        &["<sip:bob@198.51.100.8>, <sip:bob@198.51.100.9>"][..],
        &["<sip:bob@198.51.100.8>", "<sip:bob@198.51.100.9>"],
        &["<sip:bob@198.51.100.8>", "*"],
    ] {
        let mut bench = Bench::new();
        let (leg, invite) = bench.calling(Some(sdp("offer")));
        let accepted = answer_to(&invite, 200, "bob-1", Some(&sdp("answer")));
        let mut edit = accepted.edit().remove(HeaderName::Contact);
        for contact in contacts {
            edit = edit.append(HeaderName::Contact, contact);
        }
        bench.receive(&Message::from(edit.build().unwrap()));
        assert!(matches!(bench.told(), LegEvent::Accepted { .. }), "{contacts:?}");
        assert_eq!(bench.sent[0].0.remote.to_string(), "198.51.100.8:5060", "{contacts:?}");
        assert_eq!(bench.request(&Method::Ack).request_uri(), "sip:bob@198.51.100.8");
        bench.hang_up(leg);
        assert_eq!(bench.request(&Method::Bye).request_uri(), "sip:bob@198.51.100.8");
        bench.assert_empty();
    }
}

/// A BYE that has nowhere to go would leave the peer with its call.
#[test]
fn a_bye_goes_out_whatever_the_peer_gave_as_its_contact() {
    for contact in [
        "<sip:alice@198.51.100.7;transport=sctp>",
        "<sip:alice@phone.example.com;transport=tls>",
        "<sips:alice@phone.example.com>",
        "<sip:alice@198.51.100.7;maddr=a:b>",
    ] {
        let mut bench = Bench::new();
        let odd = self::invite(&mut bench).edit().set(HeaderName::Contact, contact).build();
        bench.receive(&Message::from(odd.unwrap()));
        let (leg, _) = bench.events.pop_front().expect("an INVITE that is taken");
        let accept = LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body: None };
        assert_eq!(bench.intent(leg, accept), Ok(()));
        let accepted = bench.response(200, &Method::Invite);
        let tag = accepted.headers().to().unwrap().tag().unwrap().to_owned();
        bench.ack(1, &tag, None);
        bench.hang_up(leg);
        let (flow, _) = bench.sent.front().unwrap_or_else(|| panic!("no BYE to {contact}"));
        assert_eq!(flow.remote, bench.source.remote, "{contact}");
        bench.request(&Method::Bye);
        bench.assert_empty();
    }
}

#[test]
fn a_contact_s_headers_are_no_part_of_the_target() {
    let mut bench = Bench::new();
    let invite = invite(&mut bench);
    let odd = invite.edit().set(HeaderName::Contact, "<sip:zz@192.0.2.9:5070;x=1?h=v>").build();
    bench.receive(&Message::from(odd.unwrap()));
    assert_eq!(bench.legs.dialogs(bench.legs.ids()[0])[0].remote_target, "sip:zz@192.0.2.9:5070;x=1");
}

#[test]
fn all_calls_can_be_cleared_at_once() {
    let mut bench = Bench::new();
    let (incoming, _) = bench.incoming_call();
    let (outgoing, _) = bench.calling(Some(sdp("offer")));
    bench.events.clear();
    assert_eq!(bench.legs.ids(), [incoming, outgoing]);
    assert_eq!(bench.legs.clear(&mut bench.transactions, bench.now), 2);
    bench.drain();
    bench.request(&Method::Bye);
    assert_eq!(bench.events.pop_front(), Some((incoming, LegEvent::Ended)));
    bench.assert_empty();
}
