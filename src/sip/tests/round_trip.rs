//! Properties: what is written reads back as what was meant; what the scan finds is what the parser finds.

use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{BytesDeserializer, Error as ValueError};

use super::super::*;
use super::invite;
use crate::ground::Transport;

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

fn uri() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z][a-z0-9-]{0,10}(\\.[a-z]{2,5})?",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
    ];
    let user = prop::option::of(any::<String>());
    let params = prop::collection::vec((token(), prop::option::of("[a-z0-9]{1,8}")), 0..4);
    (any::<bool>(), user, host, prop::option::of(any::<u16>()), params).prop_map(
        |(secure, user, host, port, params)| {
            let mut text = String::from(if secure { "sips:" } else { "sip:" });
            if let Some(user) = user.filter(|user| !user.is_empty()) {
                text.push_str(&format!("{}@", escape(&user, EscapeSet::User)));
            }
            text.push_str(&host);
            if let Some(port) = port {
                text.push_str(&format!(":{port}"));
            }
            for (name, value) in params {
                text.push_str(&format!(";{}", escape(&name, EscapeSet::Param)));
                if let Some(value) = value {
                    text.push_str(&format!("={value}"));
                }
            }
            text
        },
    )
}

/// Text without what no header field can carry.
fn printable() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace(['\r', '\n', '\0'], ""))
}

fn reread(bytes: &Bytes) -> Result<Message, TestCaseError> {
    Message::parse(bytes.clone(), &Limits::WIDEST).map_err(|error| TestCaseError::fail(error.to_string()))
}

fn fields(headers: Headers<'_>) -> Vec<(HeaderName, String, Vec<u8>)> {
    headers.iter().map(|field| (field.name(), field.name_text().to_owned(), field.raw().to_vec())).collect()
}

proptest! {
    #[test]
    fn a_written_request_reads_back_as_what_was_meant(
        (target, from, to) in (uri(), uri(), uri()),
        (tag, branch, call_id, method) in (token(), token(), token(), token()),
        (name, value) in (printable(), printable()),
        sequence: u32,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let method = Method::parse(&method).expect("a token");
        let via = ViaSpec { transport: Transport::Tcp, host: "::1", port: None, branch: &branch, rport: true };
        let written = RequestBuilder::new(&method, &target)
            .via(&via)
            .from(&NameAddrSpec::new(&from).with_tag(&tag).with_display_name(&name))
            .to(&NameAddrSpec::new(&to))
            .call_id(&call_id)
            .cseq(sequence)
            .header_named("X-Any", &value)
            .body("application/octet-stream", body.clone().into())
            .build()
            .expect("nothing in it begins a line");
        let read = reread(written.as_bytes())?;
        prop_assert_eq!(fields(written.headers()), fields(read.headers()));
        let read = read.as_request().expect("a request");
        let headers = read.headers();
        prop_assert_eq!((read.method(), read.request_uri(), read.body()), (&method, &target[..], &body[..]));
        prop_assert!(read.parse_request_uri().is_ok());
        let read_from = headers.from().expect("From");
        prop_assert_eq!(read_from.display_name().unwrap_or_default(), name);
        prop_assert_eq!((read_from.uri_text(), read_from.tag()), (&from[..], Some(&tag[..])));
        prop_assert_eq!(headers.to().expect("To").uri_text(), &to);
        prop_assert_eq!(headers.top_via().expect("Via").branch, Some(&branch[..]));
        prop_assert_eq!((headers.call_id(), headers.cseq()), (Ok(&call_id[..]), Ok(CSeq { sequence, method })));
        let key = scan::route_key(written.as_bytes()).expect("a key");
        prop_assert_eq!((key.call_id, key.has_to_tag, key.is_request), (&call_id[..], false, true));
    }

    #[test]
    fn a_uri_is_equivalent_to_itself_and_keeps_its_text(text in uri()) {
        let uri = Uri::parse(&text).map_err(|error| TestCaseError::fail(format!("{error} in {text}")))?;
        prop_assert!(uri.equivalent(&uri));
        prop_assert_eq!(uri.to_buf().to_string(), text);
    }

    #[test]
    fn a_uri_of_any_text_is_read_or_refused(text in "[ -~]{0,40}") {
        if let Ok(uri) = Uri::parse(&format!("sip:{text}")) {
            prop_assert_eq!(uri.as_str(), format!("sip:{text}"));
        }
    }

    #[test]
    fn a_quoted_name_reads_back(name in printable()) {
        let written = NameAddrSpec::new("sip:a").with_display_name(&name).to_string();
        let read = grammar::whole(&written, NameAddr::read).expect("an address");
        prop_assert_eq!(read.display_name().unwrap_or_default(), name);
    }

    #[test]
    fn any_header_value_is_read_or_refused_without_panic(value in printable(), kept in 0usize..HeaderName::KNOWN.len()) {
        let name = HeaderName::KNOWN[kept];
        let bytes = Bytes::from(format!("OPTIONS sip:a SIP/2.0\r\n{name}: {value}\r\n\r\n"));
        if let Ok(message) = Message::parse(bytes, &Limits::default()) {
            let headers = message.headers();
            let _ = (headers.top_via(), headers.from(), headers.to(), headers.cseq(), headers.call_id());
            let _ = (headers.contacts().count(), headers.accept().count(), headers.warnings().count());
            let _ = (headers.www_authenticate().count(), headers.replaces(), headers.date(), headers.retry_after());
            let _ = (headers.reasons().count(), headers.user_agent().count(), headers.session_expires());
        }
    }
}

#[test]
fn folded_and_plain_messages_mean_the_same() {
    let folded = super::request("BYE sip:b SIP/2.0|To:|\t<sip:b>|  ;tag=1|Via: SIP/2.0/UDP|  h||");
    let headers = folded.headers();
    assert_eq!(headers.to().map(|to| to.tag()), Ok(Some("1")));
    assert_eq!(headers.first(HeaderName::To), Some("<sip:b> ;tag=1"));
    assert_eq!(headers.fields(HeaderName::To).next().map(|to| to.raw()), Some(&b"<sip:b>\r\n  ;tag=1"[..]));
    assert!(headers.top_via().is_ok());
}

#[test]
fn a_folded_value_stays_joined_when_the_message_is_marked_edited_or_stored() {
    let folded = "X-One: one| \t two|Via: SIP/2.0/UDP h;branch=z9hG4bK1; |  rport|Subject: a |\tb|  c";
    let request = super::request(&format!("BYE sip:b SIP/2.0|{folded}|Content-Length: 2||xy"));
    let values = |request: &Request| {
        let values = request.headers().iter().filter_map(|field| field.value().map(str::to_owned));
        values.collect::<Vec<_>>()
    };
    assert_eq!(values(&request), ["one two", "SIP/2.0/UDP h;branch=z9hG4bK1; rport", "a b c", "2"]);
    let stamped = request.with_received([192, 0, 2, 1].into(), 5070);
    let via = "SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1;rport=5070";
    assert_eq!(values(&stamped), ["one two", via, "a b c", "2"]);
    let again = reread(stamped.as_bytes()).expect("a message");
    assert_eq!(again.as_request().map(values), Some(values(&stamped)));
    assert_eq!((stamped.body(), again.body()), (&b"xy"[..], &b"xy"[..]));
    let edited = request.edit().append_named("X-New", 1).build().expect("a message");
    assert_eq!(edited.headers().first(HeaderName::Subject), Some("a b c"));
}

#[test]
fn a_stored_message_comes_back() {
    let request = invite("Subject: a|  b|");
    let stored: BytesDeserializer<'_, ValueError> = request.as_bytes()[..].into_deserializer();
    assert_eq!(Request::deserialize(stored), Ok(request.clone()));
    let other: BytesDeserializer<'_, ValueError> = request.as_bytes()[..].into_deserializer();
    assert!(Response::deserialize(other).is_err());
    let broken: BytesDeserializer<'_, ValueError> = b"nonsense"[..].into_deserializer();
    assert!(Message::deserialize(broken).is_err());
}
