//! The 49 messages of RFC 4475: what becomes of each and which layer says so, read and written in every way, cut and
//! mutated.

mod torture;

use bytes::Bytes;
use callplane::sip::{Frame, HeaderName, Limits, Message, Method, Request, StreamFramer, multipart};
use torture::Verdict::{Discard, Fine, Message as Refused, Syntax, Transaction, Transport, User};
use torture::{Verdict, check_refusal, check_table, corpus, cut_everywhere, exercise, judge, mutate};

const TABLE: [(&str, Verdict); 49] = [
    // §3.1.1: valid, however odd.
    ("wsinv", Fine),
    ("intmeth", User("405: a method nobody serves")),
    ("esc01", Fine),
    ("escnull", Fine),
    ("esc02", User("405: escapes are not resolved in methods or field names, so this is no REGISTER")),
    ("lwsdisp", Fine),
    ("longreq", Fine),
    ("dblreq", Transport("what follows the body in a datagram is not part of the message")),
    ("semiuri", Fine),
    ("transports", Fine),
    ("mpart01", User("a multipart body, for who serves MESSAGE")),
    ("unreason", Transaction("a response nobody waits for is dropped")),
    ("noreason", Transaction("a response nobody waits for is dropped")),
    // §3.1.2: invalid.
    ("badinv01", Refused(400)),
    ("clerr", Refused(400)),
    ("ncl", Refused(400)),
    ("scalar02", Refused(400)),
    ("scalarlg", Discard),
    ("quotbal", Refused(400)),
    ("ltgtruri", Syntax(400)),
    ("lwsruri", Syntax(400)),
    ("lwsstart", Syntax(400)),
    ("trws", Syntax(400)),
    ("escruri", Refused(400)),
    ("baddate", User("Date is not used; who does use it finds it malformed")),
    ("regbadct", Refused(400)),
    ("badaspec", Refused(400)),
    // The file also lacks the empty line after its header fields, which a datagram may.
    ("baddn", Refused(400)),
    ("badvers", Refused(505)),
    ("mismatch01", Refused(400)),
    ("mismatch02", Refused(400)),
    ("bigcode", Discard),
    // §3.2: transaction semantics.
    ("badbranch", Transaction("a branch of nothing but the cookie is matched by the rules of RFC 2543")),
    // §3.3: application semantics.
    ("insuf", Refused(400)),
    ("unkscm", Refused(416)),
    ("novelsc", Refused(416)),
    ("unksm2", User("a registrar refuses a To it has no addresses of record for")),
    ("bext01", User("420: Require holds options nobody knows")),
    ("invut", User("415: a body type nobody reads")),
    ("regaut01", User("401: credentials of an unknown scheme are none")),
    ("multi01", Refused(400)),
    ("mcl01", Refused(400)),
    ("bcast", Transaction("a response nobody waits for is dropped")),
    ("zeromf", User("an endpoint answers it; who forwards it says 483")),
    ("cparam01", Fine),
    ("cparam02", Fine),
    ("regescrt", User("a binding with a Route header in its URI")),
    ("sdp01", User("406: the Accept list has nothing to answer with")),
    // §3.4: RFC 2543.
    ("inv2543", Transaction("without a branch it is matched by the rules of RFC 2543")),
];

fn files() -> Vec<(String, Bytes)> {
    corpus("rfc4475")
}

fn file(name: &str) -> Bytes {
    files().into_iter().find(|(found, _)| found == name).expect("the file").1
}

fn request(bytes: Bytes) -> Request {
    match Message::parse(bytes, &Limits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

#[test]
fn every_message_gets_its_verdict() {
    check_table(&files(), &TABLE);
}

#[test]
fn every_refused_request_can_be_answered() {
    for (name, bytes) in files() {
        let verdict = TABLE.iter().find(|(row, _)| *row == name).map(|(_, verdict)| *verdict);
        if matches!(verdict, Some(Syntax(_) | Refused(_))) {
            check_refusal(&name, &bytes);
        }
    }
}

#[test]
fn an_accepted_message_writes_back_byte_for_byte() {
    for (name, bytes) in files() {
        let Ok(message) = Message::parse(bytes.clone(), &Limits::default()) else { continue };
        // Two files end with more than their Content-Length; that is not part of the message.
        let surplus = ["dblreq", "lwsruri", "mcl01"].contains(&name.as_str());
        assert!(bytes.starts_with(message.as_bytes()), "{name}");
        assert!(surplus || *message.as_bytes() == bytes, "{name}");
    }
}

#[test]
fn cuts_and_flipped_bytes_never_panic() {
    for (name, bytes) in files() {
        mutate(&name, &bytes, 200);
    }
}

#[test]
fn a_stream_gives_the_same_frames_wherever_it_is_cut() {
    for (name, bytes) in files() {
        cut_everywhere(&name, &bytes);
    }
}

#[test]
fn the_tortuous_invite_reads_as_what_it_means() {
    let bytes = file("wsinv");
    let request = request(bytes);
    let headers = request.headers();
    let to = headers.to().expect("To");
    assert_eq!((to.uri_text(), to.tag()), ("sip:vivekg@chair-dnrc.example.com", Some("1918181833n")));
    let from = headers.from().expect("From");
    assert_eq!(from.display_name().as_deref(), Some(r#"J Rosenberg \""#));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().map(|cseq| (cseq.sequence, cseq.method)), Ok((9, Method::Invite)));
    let vias: Vec<_> = headers.vias().map(|via| via.expect("Via")).collect();
    let hosts: Vec<_> = vias.iter().map(|via| via.host_text).collect();
    assert_eq!(hosts, ["192.0.2.2", "spindle.example.com", "192.168.255.111"]);
    assert_eq!(vias[1].branch, Some("z9hG4bK9ikj8"));
    assert_eq!(vias[2].magic_branch(), Some("z9hG4bK30239"));
    assert_eq!(headers.subject(), Some(""));
    let fangled = headers.by_name("newfangledheader").next().expect("NewFangledHeader");
    assert_eq!(fangled.raw(), b"newfangled value\r\n continued newfangled value");
    let contact = headers.first_contact().expect("Contact").expect("a contact");
    assert_eq!(contact.display_name().as_deref(), Some(r#"Quoted string """#));
    assert_eq!(contact.params().get("newparam"), Some("newvalue"));
    assert_eq!(contact.q(), Some(330));
    let route = headers.routes().next().expect("Route").expect("a route");
    assert!(route.uri().expect("a URI").is_loose_router());
}

#[test]
fn two_requests_in_one_datagram_are_one_and_in_a_stream_two() {
    let bytes = file("dblreq");
    assert_eq!(request(bytes.clone()).method(), &Method::Register);
    let mut framer = StreamFramer::new(Limits::default());
    framer.push(&bytes);
    let mut messages = Vec::new();
    while let Ok(Some(frame)) = framer.pull() {
        if let Frame::Message(bytes) = frame {
            messages.push(request(bytes).method().clone());
        }
    }
    assert_eq!(messages, [Method::Register, Method::Invite]);
}

#[test]
fn the_multipart_body_gives_its_parts() {
    let bytes = file("mpart01");
    let request = request(bytes);
    let body = request.body_bytes();
    let text = multipart::find(request.headers(), &body, "text", "plain", &Limits::default());
    assert_eq!(text, Ok(Some(Bytes::from_static(b"Hello"))));
    let signature =
        multipart::find(request.headers(), &body, "application", "octet-stream", &Limits::default());
    assert!(signature.is_ok_and(|part| part.is_some_and(|part| part.starts_with(&[0x30, 0x82]))));
}

#[test]
fn the_wide_range_of_characters_is_kept() {
    let bytes = file("intmeth");
    let request = request(bytes);
    assert_eq!(request.method().as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    let headers = request.headers();
    let to = headers.to().expect("To");
    assert_eq!(to.display_name().as_deref(), Some("BEL:\u{7} NUL:\u{0} DEL:\u{7f}"));
    assert_eq!(headers.from().expect("From").tag(), Some("_token~1'+`*%!-."));
    assert!(headers.call_id().is_ok_and(|id| id.ends_with("'@word`~)(><:\\/\"][?}{")));
    let extension = headers.by_name("extensionHeader-!.%*+_`'~").next().expect("the extension header");
    assert_eq!(extension.raw(), "\u{feff}大停電".as_bytes());
}

/// Messages of the same kinds, written by hand: they run where the files are not.
const BY_HAND: [(&str, Verdict, &str); 21] = [
    (
        "plain",
        Fine,
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS|Max-Forwards: 70||",
    ),
    (
        "folded and compact",
        Fine,
        "OPTIONS sip:a@b SIP/2.0|v : SIP / 2.0|  / UDP h ; branch = z9hG4bK1|t:|\t\"A \\\" B\" <sip:a@b>|f: sip:c@d ;|  tag = 1|i: 1@h|cSEQ: 0001|  OPTIONS||",
    ),
    (
        "line ends before it",
        Fine,
        "||OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "response",
        Fine,
        "SIP/2.0 200 |Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>;tag=2|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "comma in a bare display name",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: A, B <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "space in a URI",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: < sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "open quote",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: \"A <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "question mark without brackets",
        Refused(400),
        "REGISTER sip:b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: sip:a@b|From: sip:a@b;tag=1|Call-ID: 1|CSeq: 1 REGISTER|Contact: sip:a@c?x=y||",
    ),
    (
        "empty parameters",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;;,|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "no Via",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "two To",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|To: <sip:x@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "other method in CSeq",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 INVITE||",
    ),
    (
        "CSeq too large",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 2147483648 OPTIONS||",
    ),
    (
        "more Content-Length than body",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS|Content-Length: 9||body",
    ),
    (
        "negative Content-Length",
        Refused(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS|Content-Length: -1||body",
    ),
    (
        "unknown scheme",
        Refused(416),
        "OPTIONS weird:a SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "unknown version",
        Refused(505),
        "OPTIONS sip:a@b SIP/7.0|Via: SIP/7.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "brackets round the Request-URI",
        Syntax(400),
        "OPTIONS <sip:a@b> SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "no empty line",
        Fine,
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS|",
    ),
    (
        "a line without a colon",
        Syntax(400),
        "OPTIONS sip:a@b SIP/2.0|Via: SIP/2.0/UDP h;branch=z9hG4bK1|nonsense|To: <sip:a@b>|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
    (
        "status out of range",
        Discard,
        "SIP/2.0 1000 x|Via: SIP/2.0/UDP h;branch=z9hG4bK1|To: <sip:a@b>;tag=2|From: sip:c@d;tag=1|Call-ID: 1|CSeq: 1 OPTIONS||",
    ),
];

fn by_hand() -> impl Iterator<Item = (&'static str, Verdict, Bytes)> {
    BY_HAND.into_iter().map(|(name, verdict, text)| (name, verdict, Bytes::from(text.replace('|', "\r\n"))))
}

#[test]
fn every_hand_written_case_gets_its_verdict() {
    for (name, verdict, bytes) in by_hand() {
        assert_eq!(judge(&bytes), verdict.here(), "{name}");
        exercise(&bytes);
        if matches!(verdict, Syntax(_) | Refused(_)) {
            check_refusal(name, &bytes);
        }
    }
}

#[test]
fn hand_written_cases_survive_cuts_and_flipped_bytes() {
    for (name, _, bytes) in by_hand() {
        mutate(name, &bytes, 300);
        cut_everywhere(name, &bytes);
    }
}

#[test]
fn a_value_that_is_not_utf8_is_kept_and_only_its_own_field_is_unreadable() {
    let bytes = Bytes::from_static(
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a@b>\r\nFrom: sip:c@d\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nX-Odd: caf\xe9\r\n\r\n",
    );
    let request = request(bytes);
    let odd = request.headers().by_name("x-odd").next().expect("the field");
    assert_eq!((odd.value(), odd.raw()), (None, &b"caf\xe9"[..]));
    assert_eq!(odd.name(), HeaderName::Other);
    assert!(callplane::sip::validate(&request).is_ok());
}
