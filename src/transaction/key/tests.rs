use super::*;
use crate::sip::{Limits, Message, validate};

fn keys() -> Keys {
    Keys::draw(&mut Random::from_key([1, 2]))
}

fn request(text: &str) -> Request {
    let message = Message::parse(text.to_owned().into(), &Limits::default()).unwrap();
    message.as_request().cloned().unwrap()
}

const INVITE: &str = "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h.example.com;branch=z9hG4bK1\r\n\
    From: <sip:a@example.com>;tag=a1\r\nTo: <sip:b@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\
    Contact: <sip:a@h.example.com>\r\nMax-Forwards: 70\r\n\r\n";

#[test]
fn invite_its_ack_and_its_cancel_have_one_tag_for_replies_and_one_for_the_dialog() {
    let invite = request(INVITE);
    let tag = keys().tag(&validate(&invite).unwrap());
    for method in ["ACK", "CANCEL"] {
        let other = request(&INVITE.replace("INVITE", method));
        assert_eq!(keys().tag(&validate(&other).unwrap()), tag);
        assert_eq!(keys().tag_of_fragments(other.headers()), tag);
        let dialog_tag = keys().dialog_tag(&validate(&other).unwrap());
        assert_eq!(dialog_tag, keys().dialog_tag_of(invite.headers()));
    }
    assert_ne!(keys().dialog_tag(&validate(&invite).unwrap()), tag);
    for (from, to) in [("c1", "c2"), ("a1", "a2"), ("CSeq: 1", "CSeq: 2"), ("bK1", "bK2")] {
        let other = request(&INVITE.replace(from, to));
        assert_ne!(keys().tag(&validate(&other).unwrap()), tag, "{to}");
    }
}

#[test]
fn neighbouring_fields_do_not_run_together() {
    let one = request(&INVITE.replace("tag=a1", "tag=ab").replace("Call-ID: c1", "Call-ID: c"));
    let two = request(&INVITE.replace("tag=a1", "tag=a").replace("Call-ID: c1", "Call-ID: bc"));
    let keys = keys();
    assert_ne!(keys.merged(&validate(&one).unwrap()), keys.merged(&validate(&two).unwrap()));
}

#[test]
fn kinds_of_keys_never_meet() {
    let keys = keys();
    let invite = request(INVITE);
    let essentials = validate(&invite).unwrap();
    let server = keys.server(&invite, &essentials, &Method::Invite);
    let client = keys.client("z9hG4bK1", &Method::Invite);
    let merged = keys.merged(&essentials);
    assert!(server != client && client != merged && server != merged);
}

#[test]
fn an_ack_is_looked_for_as_its_invite_and_a_cancel_as_itself() {
    let keys = keys();
    assert_eq!(keys.client("b", &Method::Ack), keys.client("b", &Method::Invite));
    assert_ne!(keys.client("b", &Method::Cancel), keys.client("b", &Method::Invite));
}

#[test]
fn a_host_longer_than_a_piece_is_hashed_whole() {
    let keys = keys();
    let long = |last: char| {
        let host = format!("{}{last}.example.com", "a".repeat(70));
        let invite = request(&INVITE.replace("h.example.com;", &format!("{host};")));
        keys.server(&invite, &validate(&invite).unwrap(), &Method::Invite)
    };
    assert_ne!(long('x'), long('y'));
    assert_eq!(long('x'), long('X'));
}
