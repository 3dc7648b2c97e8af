//! What passes through: header fields and bodies, both ways (RFC 5621 for multipart bodies).

use bytes::Bytes;

use super::bench::{Bench, TYPES_TAKEN, answer_to, body_of, field, header, invite_to, sdp, settings};
use crate::dialog::settings::{FIELDS_BYTES_MAX, FIELDS_MAX};
use crate::dialog::{DialogSettings, is_owned_field};
use crate::ground::Body;
use crate::ground::leg::{Invite, Invited, LegEvent, LegIntent};
use crate::sip::{HeaderName, Limits, Message, Method, NameAddrSpec, Request, RequestBuilder};

fn invited_by(bench: &mut Bench, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Invited {
    let head = bench.head(&Method::Invite, 1, None).contact(&NameAddrSpec::new("sip:alice@198.51.100.7"));
    let request: Request = change(head).build().expect("an INVITE");
    bench.receive(&request.into());
    match bench.told() {
        LegEvent::Invited(invited) => *invited,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_comes_up_with_all_that_is_not_ours() {
    let mut bench = Bench::new();
    let invited = invited_by(&mut bench, |head| {
        head.header(HeaderName::Supported, "100rel, timer")
            .header(HeaderName::Allow, "INVITE")
            .header(HeaderName::Subject, "Lunch")
            .header(HeaderName::UserAgent, "Phone/1.0")
            .header(HeaderName::PAssertedIdentity, "<sip:alice@example.com>")
            .header_named("X-Tenant", "blue")
            .header_named("x-tenant", "green")
            .body("application/sdp", sdp("offer").0)
    });
    let expected = [
        field("Subject", "Lunch"),
        field("User-Agent", "Phone/1.0"),
        field("P-Asserted-Identity", "<sip:alice@example.com>"),
        field("X-Tenant", "blue"),
        field("x-tenant", "green"),
    ];
    assert_eq!(invited.fields, expected);
    assert_eq!(invited.request_user, "echo");
    assert_eq!(invited.from.display_name, "Alice");
    assert_eq!(invited.to.uri, "sip:echo@us.example.com");
    assert_eq!((invited.call_id.as_str(), invited.max_forwards), ("call-1", 70));
    assert_eq!((invited.offer, invited.body), (Some(sdp("offer")), None));
    assert_eq!(invited.source, bench.source);
}

#[test]
fn escapes_in_the_user_part_are_resolved() {
    let mut bench = Bench::new();
    let head = bench.head(&Method::Invite, 1, None);
    let request = Bench::offering(head, None).edit().uri("sip:room-%62%20lue;x=y@192.0.2.1").build().unwrap();
    bench.receive(&request.into());
    let LegEvent::Invited(invited) = bench.told() else { panic!() };
    assert_eq!(invited.request_user, "room-b lue;x=y");
    assert_eq!(invited.request_uri, "sip:room-%62%20lue;x=y@192.0.2.1");
}

#[test]
fn no_more_fields_come_up_than_may() {
    let mut bench = Bench::new();
    let invited = invited_by(&mut bench, |head| (0..70).fold(head, |head, i| head.header_named("X-Many", i)));
    assert_eq!(invited.fields.len(), FIELDS_MAX);
    assert_eq!(bench.legs.counters().fields_dropped, 6);
    let mut bench = Bench::new();
    let invited = invited_by(&mut bench, |head| {
        (0..5).fold(head, |head, _| head.header_named("X-Long", "y".repeat(FIELDS_BYTES_MAX / 4)))
    });
    assert_eq!(invited.fields.len(), 3);
    assert_eq!(bench.legs.counters().fields_dropped, 2);
}

const MIXED: &str = "multipart/mixed;boundary=b";
const SDP_PART: &str = "Content-Type: application/sdp\r\n\r\nv=0\r\ns=part\r\n";

/// A multipart body of these parts, each with its own header fields.
fn parts(parts: &[&str]) -> String {
    parts.iter().fold(String::new(), |body, part| body + "--b\r\n" + part + "\r\n") + "--b--\r\n"
}

fn isup(disposition: &str) -> String {
    format!("Content-Type: application/isup\r\n{disposition}\r\nxyz")
}

#[test]
fn a_description_is_found_in_a_multipart_body_and_the_rest_comes_up() {
    let optional = isup("Content-Disposition: signal;handling=optional\r\n");
    let content = parts(&[SDP_PART, &optional]);
    let mut bench = Bench::new();
    let invited = invited_by(&mut bench, |head| head.body(MIXED, content.clone().into()));
    assert_eq!(invited.offer, Some(sdp("part")));
    assert_eq!(invited.body, Some(Body { content_type: MIXED.into(), content: content.into() }));
    let mut bench = Bench::new();
    let invited = invited_by(&mut bench, |head| head.body(MIXED, parts(&[SDP_PART]).into()));
    assert_eq!((invited.offer, invited.body), (Some(sdp("part")), None));
}

/// RFC 3261 §8.2.3, RFC 5621 §4 and §6; of a part beside a description that says nothing of `handling` see `parts.rs`.
#[test]
fn a_part_that_must_be_understood_and_is_not_refuses_the_invite() {
    let (required, silent) = (isup("Content-Disposition: signal;handling=required\r\n"), isup(""));
    let optional = isup("Content-Disposition: signal;handling=optional\r\n");
    let early = SDP_PART.replacen("\r\n", "\r\nContent-Disposition: early-session\r\n", 1);
    let base64 = SDP_PART.replacen("\r\n", "\r\nContent-Transfer-Encoding: base64\r\n", 1);
    let nested = |kind: &str, disposition: &str, inner: &[&str]| {
        let inner = parts(inner).replace("--b", "--c");
        format!("Content-Type: multipart/{kind};boundary=c\r\n{disposition}\r\n{inner}")
    };
    let location = "Content-Type: application/pidf+xml\r\nContent-ID: <l>\r\n\r\n<presence/>";
    let related = format!("Content-ID: <r>\r\n{SDP_PART}");
    // A folded field means what it means on one line.
    let folded = isup("Content-Disposition: signal;\r\n handling=required\r\n");
    let table: &[(&str, &[&str], bool)] = &[
        ("mixed", &[SDP_PART, &required], false),
        ("mixed", &[SDP_PART, &folded], false),
        ("mixed", &[&silent, SDP_PART], true),
        ("mixed", &[SDP_PART, &optional], true),
        ("mixed", &[SDP_PART, location], true),
        ("mixed", &[location, &required, SDP_PART], false),
        ("mixed", &[&silent], false),
        ("mixed", &[&base64], false),
        ("mixed", &[&early], false),
        ("mixed", &[&nested("mixed", "", &[&silent, SDP_PART]), &silent], true),
        ("mixed", &[SDP_PART, &nested("mixed", "", &[&required])], false),
        (
            "mixed",
            &[SDP_PART, &nested("mixed", "Content-Disposition: render;handling=required\r\n", &[&silent])],
            false,
        ),
        ("mixed", &[SDP_PART, "\r\nplain text"], true),
        ("mixed", &[SDP_PART, "Content-Type: application/vnd.x\r\n\r\ntaken"], true),
        ("mixed", &[SDP_PART, &early], true),
        ("mixed", &[SDP_PART, &base64], true),
        ("mixed", &[SDP_PART, &nested("mixed", "", &[&silent])], true),
        (
            "mixed",
            &[SDP_PART, &nested("mixed", "Content-Disposition: render;handling=optional\r\n", &[&silent])],
            true,
        ),
        ("mixed", &[&nested("alternative", "", &[SDP_PART, &required])], true),
        ("alternative", &[&silent, SDP_PART], true),
        ("alternative", &[SDP_PART, &required], true),
        ("alternative", &[&silent, &required], false),
        ("related;start=\"<r>\"", &[&silent, &related], true),
        ("related;start=\"<r>\"", &[&required, &related], false),
        ("related", &[&silent, SDP_PART], false),
        ("signed", &[SDP_PART, &silent], true),
    ];
    for (kind, content, taken) in table {
        let settings = DialogSettings { accept: vec!["application/vnd.x".into()], ..settings() };
        let mut bench = Bench::with(settings);
        let head = bench.head(&Method::Invite, 1, None).contact(&NameAddrSpec::new("sip:alice@198.51.100.7"));
        let head = head.body(format!("multipart/{kind};boundary=b"), parts(content).into());
        bench.receive(&head.build().unwrap().into());
        if *taken {
            let LegEvent::Invited(invited) = bench.told() else { panic!("{kind} {content:?}") };
            assert_eq!(invited.offer, Some(sdp("part")), "{kind} {content:?}");
            continue;
        }
        let response = bench.response(415, &Method::Invite).into();
        let accept = header(&response, HeaderName::Accept);
        assert_eq!(accept, Some(format!("{TYPES_TAKEN}, application/vnd.x")), "{kind} {content:?}");
        assert_eq!(bench.legs.counters().bodies_refused, 1);
        bench.nothing_told();
        bench.assert_empty();
    }
}

#[test]
fn a_body_that_describes_no_session_comes_up_where_it_is_taken() {
    let taken = DialogSettings { accept: vec!["application/vnd.x".into()], ..settings() };
    let mut bench = Bench::with(taken);
    let invited = invited_by(&mut bench, |head| head.body("application/vnd.x;v=2", "x".into()));
    let body = Body { content_type: "application/vnd.x;v=2".into(), content: "x".into() };
    assert_eq!((invited.offer, invited.body), (None, Some(body)));
    // Optional ones need not be understood; a description for something else is not the offer.
    for (disposition, content_type) in
        [("render;handling=optional", "text/plain"), ("early-session;handling=optional", "application/sdp")]
    {
        let mut bench = Bench::new();
        let invited = invited_by(&mut bench, |head| {
            head.header(HeaderName::ContentDisposition, disposition).body(content_type, "v=0\r\n".into())
        });
        assert_eq!(invited.offer, None);
        assert_eq!(invited.body.unwrap().content_type, content_type);
    }
}

#[test]
fn a_single_body_that_must_be_understood_and_is_not_refuses_the_invite() {
    for (disposition, content_type) in [
        ("render", "text/plain"),
        ("render;handling=required", "text/plain"),
        // The type is known, what it is for is not.
        ("early-session", "application/sdp"),
    ] {
        let mut bench = Bench::new();
        let head = bench.head(&Method::Invite, 1, None).contact(&NameAddrSpec::new("sip:alice@198.51.100.7"));
        let head = head.header(HeaderName::ContentDisposition, disposition);
        bench.receive(&head.body(content_type, "v=0\r\n".into()).build().unwrap().into());
        let response = bench.response(415, &Method::Invite).into();
        assert!(
            header(&response, HeaderName::Accept).is_some_and(|accept| accept.starts_with("application/sdp"))
        );
        bench.assert_empty();
    }
}

#[test]
fn what_a_session_gives_goes_out() {
    let mut bench = Bench::new();
    let leg = bench.legs.open().unwrap();
    let fields = vec![field("User-Agent", "Engine/2"), field("X-Tenant", "blue"), field("Subject", "Lunch")];
    let invite = Invite { fields, offer: Some(sdp("o")), ..invite_to("sip:bob@198.51.100.7") };
    assert_eq!(bench.intent(leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    let invite = bench.request(&Method::Invite);
    assert_eq!(invite.headers().all(HeaderName::UserAgent).collect::<Vec<_>>(), ["Engine/2"]);
    assert_eq!(header(&invite.clone().into(), HeaderName::Subject).as_deref(), Some("Lunch"));
    assert_eq!(invite.headers().by_name("x-tenant").count(), 1);

    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    let reject = LegIntent::Reject {
        status: 403,
        phrase: Some("No".into()),
        contacts: Vec::new(),
        retry_after: None,
        mismatch: None,
        fields: vec![field("X-Code", "17")],
        body: Some(Body { content_type: "text/plain".into(), content: "why not".into() }),
    };
    assert_eq!(bench.intent(leg, reject), Ok(()));
    let response = bench.response(403, &Method::Invite);
    assert_eq!(response.reason(), "No");
    assert_eq!(response.headers().by_name("X-Code").count(), 1);
    assert_eq!(body_of(&response.into()).map(|body| body.0), Some("why not".into()));
}

#[test]
fn a_bye_brings_its_reason_and_its_fields() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    let bye = bench.head(&Method::Bye, 2, Some(&tag)).header(HeaderName::Reason, "Q.850;cause=16;text=\"x\"");
    bench.receive(&bye.header_named("X-Mos", "4.1").build().unwrap().into());
    let LegEvent::HungUp(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.reason.as_deref(), Some("Q.850;cause=16;text=\"x\""));
    assert_eq!((farewell.status, farewell.fields), (0, vec![field("X-Mos", "4.1")]));
}

fn with_reasons(message: &Message, reasons: &[&str]) -> Message {
    let fields: String = reasons.iter().map(|reason| format!("\r\nReason: {reason}")).collect();
    let text = String::from_utf8(message.as_bytes().to_vec()).unwrap();
    let text = text.replacen("\r\n\r\n", &format!("{fields}\r\n\r\n"), 1);
    Message::parse(text.into(), &Limits::default()).unwrap()
}

/// RFC 3326 §2: a message may have one Reason of each protocol, as several fields or as a list.
#[test]
fn all_reasons_of_a_message_come_up_as_one_list_in_their_order() {
    const SIP: &str = "SIP;cause=486";
    const Q850: &str = "Q.850;cause=17;text=\"User busy\"";
    let both = format!("{SIP}, {Q850}");
    let rows: [(&[&str], Option<&str>); 5] = [
        (&[], None),
        (&[SIP], Some(SIP)),
        (&[SIP, Q850], Some(&both)),
        (&[&both], Some(&both)),
        (&["", SIP, "", Q850], Some(&both)),
    ];
    for (fields, reason) in rows {
        // A BYE.
        let mut bench = Bench::new();
        let (_, tag) = bench.incoming_call();
        let bye = bench.head(&Method::Bye, 2, Some(&tag)).build().unwrap();
        bench.receive(&with_reasons(&bye.into(), fields));
        let LegEvent::HungUp(farewell) = bench.told() else { panic!() };
        assert_eq!(farewell.reason.as_deref(), reason);
        // A CANCEL.
        let mut bench = Bench::new();
        let (_, invite) = bench.invited(Some(&sdp("offer")));
        let cancel = crate::sip::build_cancel(&invite).unwrap();
        bench.receive(&with_reasons(&cancel.into(), fields));
        let LegEvent::Cancelled(farewell) = bench.told() else { panic!() };
        assert_eq!(farewell.reason.as_deref(), reason);
        // A final response.
        let mut bench = Bench::new();
        let (_, invite) = bench.calling(Some(sdp("offer")));
        let busy = answer_to(&invite, 486, "bob-1", None);
        bench.receive(&with_reasons(&busy.into(), fields));
        let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
        assert_eq!(farewell.reason.as_deref(), reason);
        assert!(farewell.fields.is_empty());
    }
}

#[test]
fn reasons_past_the_bound_of_what_is_handed_up_are_dropped_and_counted() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    let long = format!("SIP;text=\"{}\"", "x".repeat(FIELDS_BYTES_MAX / 2));
    let bye = bench.head(&Method::Bye, 2, Some(&tag)).build().unwrap();
    bench.receive(&with_reasons(&bye.into(), &[&long, &long, "Q.850;cause=16"]));
    let LegEvent::HungUp(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.reason, Some(format!("{long}, Q.850;cause=16")));
    assert_eq!(bench.legs.counters().fields_dropped, 1);
}

fn text(content: &str) -> Option<Body> {
    Some(Body { content_type: "text/plain".into(), content: content.to_owned().into() })
}

fn with_body(invite: &Request, status: u16, content_type: &str, content: Bytes) -> Message {
    answer_to(invite, status, "bob-1", None).edit().body(content_type, content).build().unwrap().into()
}

#[test]
fn a_bye_and_a_refusal_bring_their_bodies() {
    let mut bench = Bench::new();
    let (_, tag) = bench.incoming_call();
    let bye = bench.head(&Method::Bye, 2, Some(&tag)).body("text/plain", "the end".into());
    bench.receive(&bye.build().unwrap().into());
    let LegEvent::HungUp(farewell) = bench.told() else { panic!() };
    assert_eq!(farewell.body, text("the end"));

    let mut bench = Bench::new();
    let (_, invite) = bench.calling(Some(sdp("offer")));
    bench.receive(&with_body(&invite, 403, "text/plain", "no".into()));
    let LegEvent::Rejected(farewell) = bench.told() else { panic!() };
    assert_eq!((farewell.status, farewell.body), (403, text("no")));
}

#[test]
fn what_a_response_has_beside_its_answer_comes_up() {
    let mut bench = Bench::new();
    let (_, invite) = bench.calling(Some(sdp("offer")));
    bench.receive(&with_body(&invite, 180, "text/plain", "soon".into()));
    let LegEvent::Provisional { answer: None, body, .. } = bench.told() else { panic!() };
    assert_eq!(body.map(|body| *body), text("soon"));
    let content = parts(&[SDP_PART, &isup("")]);
    bench.receive(&with_body(&invite, 200, MIXED, content.clone().into()));
    let LegEvent::Accepted { answer, body, .. } = bench.told() else { panic!() };
    assert_eq!(answer, Some(sdp("part")), "nobody can refuse a response");
    assert_eq!(body.map(|body| *body), Some(Body { content_type: MIXED.into(), content: content.into() }));
}

#[test]
fn a_bye_takes_a_body_along_a_refusal_too_and_a_cancel_none() {
    let hang_up = || LegIntent::HangUp { fields: vec![field("Reason", "x")], body: text("so be it") };
    let mut bench = Bench::new();
    let (leg, _) = bench.incoming_call();
    assert_eq!(bench.intent(leg, hang_up()), Ok(()));
    let bye = bench.request(&Method::Bye);
    assert_eq!(bye.body(), b"so be it");
    assert_eq!(header(&bye.into(), HeaderName::ContentType).as_deref(), Some("text/plain"));

    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    assert_eq!(bench.intent(leg, hang_up()), Ok(()));
    assert_eq!(bench.response(480, &Method::Invite).body(), b"so be it");

    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 180, "bob-1", None);
    bench.told();
    assert_eq!(bench.intent(leg, hang_up()), Ok(()));
    let cancel = bench.request(&Method::Cancel);
    assert_eq!(cancel.body(), b"");
    assert_eq!(header(&cancel.into(), HeaderName::Reason).as_deref(), Some("x"));
}

#[test]
fn an_answer_with_a_body_beside_it_is_a_multipart_body() {
    let mut bench = Bench::new();
    let (leg, _) = bench.invited(Some(&sdp("offer")));
    let accept = |body| LegIntent::Accept { description: Some(sdp("answer")), fields: Vec::new(), body };
    let bad = Some(Body { content_type: "text/plain\r\nVia: x".into(), content: "".into() });
    assert!(bench.intent(leg, accept(bad)).is_err());
    assert_eq!(bench.intent(leg, accept(text("hello"))), Ok(()));
    let ok = bench.response(200, &Method::Invite);
    let (headers, body) = (ok.headers(), ok.body_bytes());
    let find = |kind, subtype| {
        crate::sip::multipart::find(headers, &body, kind, subtype, &Default::default()).unwrap()
    };
    assert_eq!(find("application", "sdp"), Some(sdp("answer").0));
    assert_eq!(find("text", "plain").as_deref(), Some(&b"hello"[..]));
}

#[test]
fn fields_are_ours_under_any_of_their_names() {
    for name in
        ["Via", "v", "CALL-ID", "i", "Content-Type", "c", "contact", "m", "Route", "Require", "Max-Forwards"]
    {
        assert!(is_owned_field(name), "{name}");
    }
    for name in ["X-Any", "Reason", "Subject", "s", "User-Agent", "Diversion", "P-Asserted-Identity"] {
        assert!(!is_owned_field(name), "{name}");
    }
}
