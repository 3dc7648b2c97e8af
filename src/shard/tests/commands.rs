//! Commands, and looking at sessions.

use super::*;
use crate::ground::HeaderField;

pub(super) fn made(bench: &mut Bench, text: &str, create: Create) -> Result<CommandDone, CommandError> {
    bench.command(&id(text), Some(engine("e1")), Verb::Create(Box::new(create)))
}

#[test]
fn a_command_is_answered_before_what_it_leads_to() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.order.clear();
    bench.do_verb(&session, Verb::Ring { status: 180, fields: Vec::new() });
    assert_eq!(bench.order.first(), Some(&"reply"));
    bench.order.clear();
    made(&mut bench, "o1", create("sip:b@198.51.100.7")).expect("a call");
    assert_eq!(bench.order[..2], ["reply", "event"]);
}

#[test]
fn call_ids_of_ours_fall_to_our_own_shard() {
    let mut bench = Bench::new();
    let placement = settings().placement;
    for call in 0..20 {
        made(&mut bench, &format!("o{call}"), create("sip:b@198.51.100.7")).expect("a call");
        let invite = bench.last_sent();
        let call_id = invite.lines().find_map(|line| line.strip_prefix("Call-ID: ")).expect("a Call-ID");
        assert_eq!(placement.shard_of(call_id.as_bytes()), 2);
    }
}

#[test]
fn an_id_that_is_taken_makes_no_other_session() {
    let mut bench = Bench::new();
    made(&mut bench, "o1", create("sip:b@198.51.100.7")).expect("a call");
    assert_eq!(
        made(&mut bench, "o1", create("sip:b@198.51.100.7")),
        Err(CommandError::SessionExists(id("o1")))
    );
}

#[test]
fn targets_that_cannot_be_called_are_refused() {
    let mut bench = Bench::new();
    for target in ["", "echo", "tel:+123", "mailto:a@b", "sip:"] {
        assert!(
            matches!(made(&mut bench, "o1", create(target)), Err(CommandError::BadTarget(_))),
            "{target}"
        );
    }
    let by_proxy = |proxy: &str| Create { outbound_proxy: Some(proxy.into()), ..create("tel:+123") };
    for proxy in ["nonsense", "sip:b@[", "tel:1", "sip:127.0.0.1?X=1"] {
        let refused = made(&mut bench, "o1", by_proxy(proxy));
        assert!(matches!(refused, Err(CommandError::BadProxy(_))), "{proxy}");
    }
    made(&mut bench, "o1", by_proxy("sip:198.51.100.7")).expect("a call");
    let invite = bench.last_sent();
    assert!(
        invite.starts_with("INVITE tel:+123 ") && invite.contains("Route: <sip:198.51.100.7;lr>"),
        "{invite}"
    );
}

#[test]
fn targets_that_no_listener_reaches_are_refused() {
    let mut bench = Bench::new();
    let unreached = [
        ("sip:b@198.51.100.7;transport=tls", "no listener for tls"),
        ("sip:b@phone.example.com;transport=ws", "no listener for ws"),
        ("sip:b@198.51.100.7;transport=wss", "no listener for wss"),
        ("sip:b@198.51.100.7;transport=sctp", "its transport is not served"),
        ("sips:b@phone.example.com", "no listener for tls"),
        ("sip:b@[2001:db8::7]", "no listener for its address"),
        ("sip:b@198.51.100.7;maddr=a:b", "it names no host"),
    ];
    for (uri, why) in unreached {
        let refused = Err(CommandError::BadTarget(why.into()));
        assert_eq!(made(&mut bench, "o1", create(uri)), refused, "{uri}");
        let by_proxy = Create { outbound_proxy: Some(uri.into()), ..create("sip:b@198.51.100.7") };
        let refused = Err(CommandError::BadProxy(why.into()));
        assert_eq!(made(&mut bench, "o1", by_proxy), refused, "{uri}");
    }
    assert!(bench.sent.is_empty() && bench.events.is_empty());
    // With a proxy the target itself may be anywhere.
    let by_proxy =
        Create { outbound_proxy: Some("sip:198.51.100.7".into()), ..create("sips:b@phone.example.com") };
    made(&mut bench, "o1", by_proxy).expect("a call");
}

/// RFC 3261 §19.1.5: a URI may ask for header fields; they are fields then, and no part of the URI.
#[test]
fn what_a_target_asks_for_besides_goes_where_it_belongs() {
    let mut bench = Bench::new();
    let fields = vec![HeaderField { name: "priority".into(), value: "urgent".into() }];
    let target = "sip:b@198.51.100.7;method=INVITE;user=phone?Subject=hi%20there&X-A=1&Priority=normal";
    made(&mut bench, "o1", Create { fields, ..create(target) }).expect("a call");
    let invite = bench.last_sent();
    assert!(invite.starts_with("INVITE sip:b@198.51.100.7;user=phone SIP/2.0\r\n"), "{invite}");
    assert!(invite.contains("\r\nTo: <sip:b@198.51.100.7;user=phone>\r\n"), "{invite}");
    assert!(invite.contains("\r\nSubject: hi there\r\n") && invite.contains("\r\nX-A: 1\r\n"), "{invite}");
    assert!(invite.contains("\r\npriority: urgent\r\n") && !invite.contains("normal"), "{invite}");
    let Some((_, SessionEvent { payload: EventPayload::Created(view), .. })) = bench.events.first() else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(view.request_uri, "sip:b@198.51.100.7;user=phone");
}

#[test]
fn a_target_that_asks_for_what_is_not_to_be_had_is_refused() {
    let mut bench = Bench::new();
    for asked in [
        "?Replaces=x",
        "?Route=%3Csip:x%3E",
        "?Call-ID=1",
        "?body=x",
        "?X-A=b%0D%0AVia:%20c",
        ";method=REFER",
    ] {
        let target = format!("sip:b@198.51.100.7{asked}");
        assert!(
            matches!(made(&mut bench, "o1", create(&target)), Err(CommandError::BadTarget(_))),
            "{asked}"
        );
    }
    let by_proxy = Create { outbound_proxy: Some("sip:198.51.100.7?X-A=1".into()), ..create("sip:b@x") };
    assert!(matches!(made(&mut bench, "o1", by_proxy), Err(CommandError::BadProxy(_))));
    assert!(bench.sent.is_empty());
}

#[test]
fn header_fields_that_the_floors_own_are_refused() {
    let mut bench = Bench::new();
    let with = |name: &str, value: &str| {
        let fields = vec![HeaderField { name: name.into(), value: value.into() }];
        Create { fields, ..create("sip:b@198.51.100.7") }
    };
    for (name, value) in [("Via", "x"), ("call-id", "x"), ("X-A", "b\r\nVia: c"), ("X A", "b")] {
        assert!(
            matches!(made(&mut bench, "o1", with(name, value)), Err(CommandError::BadArgument(_))),
            "{name}"
        );
    }
    made(&mut bench, "o1", with("X-Account", "7")).expect("a call");
    assert!(bench.last_sent().contains("\r\nX-Account: 7\r\n"));
}

#[test]
fn whoever_calls_without_a_name_has_the_configured_one() {
    let mut bench = Bench::new();
    made(&mut bench, "o1", create("sip:b@198.51.100.7")).expect("a call");
    let invite = bench.last_sent();
    assert!(invite.contains("\r\nFrom: <sip:callplane@callplane.invalid>;tag="), "{invite}");
    assert!(invite.contains("\r\nTo: <sip:b@198.51.100.7>\r\n"), "{invite}");
}

#[test]
fn a_call_made_for_another_has_one_hop_less_to_go() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1").replace("Max-Forwards: 70", "Max-Forwards: 9"));
    let parent = bench.session();
    let child = Create { parent: Some(parent), ..create("sip:b@198.51.100.7") };
    made(&mut bench, "o1", child).expect("a call");
    assert!(bench.last_sent().contains("\r\nMax-Forwards: 8\r\n"));
    bench.receive(&invite("c2").replace("Max-Forwards: 70", "Max-Forwards: 1"));
    let parent = bench.session();
    let child = Create { parent: Some(parent), ..create("sip:b@198.51.100.7") };
    made(&mut bench, "o2", child).expect("the last hop");
    assert!(bench.last_sent().contains("\r\nMax-Forwards: 0\r\n"));
    bench.receive(&invite("c3").replace("Max-Forwards: 70", "Max-Forwards: 0"));
    let parent = bench.session();
    let child = Create { parent: Some(parent), ..create("sip:b@198.51.100.7") };
    assert!(matches!(made(&mut bench, "o4", child), Err(CommandError::LimitReached(_))));
    let orphan = Create { parent: Some(id("nobody")), ..create("sip:b@198.51.100.7") };
    assert_eq!(made(&mut bench, "o3", orphan), Err(CommandError::SessionNotFound(id("nobody"))));
}

#[test]
fn sessions_are_told_in_pages_by_id() {
    let mut bench = Bench::new();
    for name in ["o3", "o1", "o2"] {
        made(&mut bench, name, create("sip:b@198.51.100.7")).expect("a call");
    }
    let page = |after: &str, limit: u32, owner: &str| Query::Page {
        group: "default".into(),
        engine: owner.into(),
        after: after.into(),
        limit,
    };
    assert_eq!(bench.query(page("", 2, "")), ["o1", "o2"]);
    assert_eq!(bench.query(page("o2", 2, "e1")), ["o3"]);
    assert!(bench.query(page("", 2, "e2")).is_empty());
    assert_eq!(bench.query(Query::One(id("o2"))), ["o2"]);
    assert!(bench.query(Query::One(id("o9"))).is_empty());
    assert_eq!(bench.shard.sessions_by_state().dialing, 3);
}

fn unwritable(content_type: &str) -> Option<crate::ground::Body> {
    Some(crate::ground::Body { content_type: content_type.into(), content: Bytes::new() })
}

/// The API refuses such bodies; whoever else drives a shard may give one.
#[test]
fn a_refusal_that_makes_no_message_still_refuses_the_call() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    let body = unwritable("text/plain\r\nX: y");
    bench.sent.clear();
    bench.do_verb(
        &session,
        Verb::Reject { status: 486, phrase: None, retry_after: None, fields: Vec::new(), body },
    );
    assert_eq!(bench.sent(), ["486"], "the status without what cannot be written");
    assert_eq!(bench.end_cause(), EndCause::Busy);
    bench.assert_empty();
}

#[test]
fn a_redirection_that_makes_no_message_still_ends_the_call() {
    let mut bench = Bench::new();
    bench.receive(&invite("c1"));
    let session = bench.session();
    bench.sent.clear();
    let contacts = vec!["sip:a@b>\r\nX: y".into()];
    bench.do_verb(&session, Verb::Redirect { status: 302, contacts, fields: Vec::new() });
    assert_eq!(bench.sent(), ["480"]);
    assert_eq!(bench.shard.load().sessions, 0);
    bench.assert_empty();
}

#[test]
fn a_bye_that_makes_no_message_still_ends_the_call() {
    let mut bench = Bench::new();
    let (session, _) = bench.up("c1");
    bench.do_verb(&session, Verb::Terminate { fields: Vec::new(), body: unwritable("") });
    assert_eq!(bench.sent(), ["BYE"]);
    assert_eq!(bench.end_cause(), EndCause::LocalHangup);
    bench.assert_empty();
}

/// However it ends, it does not end late: what waits for a callee that says nothing more waits twice 64·T1 at most.
#[test]
fn a_session_that_ends_is_over_within_twice_64_t1() {
    let mut bench = Bench::new();
    made(&mut bench, "o1", create("sip:b@198.51.100.7")).expect("a call");
    let invite = bench.last_sent();
    bench.do_verb(&id("o1"), terminate());
    bench.pass(ms(31_900));
    assert_eq!(bench.shard.load().sessions, 1, "the CANCEL waits for a provisional response");
    bench.receive(&response("180 Ringing", &invite));
    bench.pass(ms(31_900));
    assert_eq!(bench.shard.load().sessions, 1);
    bench.pass(ms(200));
    assert_eq!((bench.shard.load().sessions, bench.end_cause()), (0, EndCause::Cancelled));
    bench.assert_empty();
}
