use std::time::Duration;

use super::{CODECS, Check};
use crate::codec::Codec;
use crate::dialog::OWNED_FIELDS;
use crate::proto::session::v1::{self as proto, Party};

const TYPES: &str = include_str!("../../../../proto/callplane/session/v1/types.proto");

/// What the contract's comment says between two phrases, as a list.
fn told(from: &str, to: &str) -> Vec<String> {
    let comment: Vec<&str> = TYPES.lines().map(|line| line.trim_start().trim_start_matches("// ")).collect();
    let comment = comment.join(" ");
    let (_, rest) = comment.split_once(from).expect("the phrase before it");
    let (list, _) = rest.split_once(to).expect("the phrase behind it");
    list.split(", ").map(|name| name.trim().to_owned()).collect()
}

#[test]
fn a_length_of_time_out_of_its_bounds_is_told_in_words() {
    let told = |most| {
        let mut check = Check::default();
        let value = prost_types::Duration { seconds: 0, nanos: 1 };
        check.duration("limits.max_duration", Some(value), Duration::from_millis(1)..=most);
        check.bad[0].problem.clone()
    };
    assert_eq!(told(Duration::MAX), "is not at least 1ms");
    assert_eq!(told(Duration::from_secs(5)), "is not within 1ms to 5s");
}

#[test]
fn the_contract_names_the_header_fields_that_are_refused() {
    let owned: Vec<&str> = OWNED_FIELDS.iter().map(|name| name.as_str()).collect();
    assert_eq!(told("Callplane owns these, in their compact forms too: ", ". It writes them"), owned);
}

#[test]
fn the_codecs_that_can_be_asked_for_are_those_that_media_has() {
    let spoken = Codec::ALL.map(|codec| format!("{}/{}", codec.name(), codec.clock_rate_hz()));
    assert_eq!(CODECS.map(|(name, rate)| format!("{name}/{rate}")), spoken);
    let told = told("best first. Served: ", ". Another name");
    assert_eq!(told, Codec::ALL.map(|codec| codec.name().to_owned()));
}

/// What is wrong with a field, as told; nothing when it is taken.
fn wrong(check: impl FnOnce(&mut Check)) -> Vec<(String, String)> {
    let mut checked = Check::default();
    check(&mut checked);
    checked.bad.into_iter().map(|bad| (bad.field, bad.problem)).collect()
}

#[test]
fn a_uri_that_goes_into_a_message_is_one() {
    let taken = [
        "sip:a@b",
        "sips:a@b:5061",
        "sip:b;tag=x",
        "sip:b@[2001:db8::1]:5060",
        "sip:a%20b@c;transport=tcp",
        "tel:+123",
        "tel:112;phone-context=+49",
        "mailto:a@b",
        "x:y",
    ];
    let refused = [
        ("sip:", "is no URI: nothing stands behind its scheme"),
        ("bob", "is no URI: it has no scheme, as sip: or tel:"),
        (":bob", "is no URI: it has no scheme, as sip: or tel:"),
        ("sip:a b", "is no URI: it holds a space or an angle bracket"),
        ("<sip:a@b>", "is no URI: it holds a space or an angle bracket"),
        ("sip:b@[", "is no URI: bad host at byte 6"),
        ("sip:a,b", "is no URI: unexpected text after the value at byte 5"),
        ("sip:b@h:99999", "is no URI: bad port at byte 8"),
        ("sip:b@h;x=\"y", "is no URI: bad URI at byte 10"),
        ("sip:bé@h", "is no URI: bad URI at byte 5"),
        ("tel:1?x", "is no URI: number expected at byte 5"),
        ("sip:a@b\r\n", "holds a line end or another control character"),
        ("sip:a@b\u{85}", "holds a line end or another control character"),
    ];
    let party = |uri: &str| Some(Party { uri: uri.into(), display_name: String::new() });
    for uri in taken {
        let told = wrong(|check| {
            check.uri("contact_uris[0]", uri.into());
            check.party("from", party(uri));
        });
        assert_eq!(told, [], "{uri}");
    }
    for (uri, problem) in refused {
        let told = wrong(|check| {
            check.uri("contact_uris[0]", uri.into());
            check.party("from", party(uri));
            check.party("to", party(uri));
        });
        let expected = ["contact_uris[0]", "from.uri", "to.uri"].map(|field| (field.into(), problem.into()));
        assert_eq!(told, expected, "{uri}");
    }
}

#[test]
fn whether_a_target_can_be_called_is_not_for_the_fields_to_say() {
    for uri in ["sip:b@[", "sip:a,b", "tel:1", "sip:127.0.0.1?X=1"] {
        assert_eq!(wrong(|check| drop(check.target("target_uri", uri.into()))), [], "{uri}");
    }
    let told = wrong(|check| drop(check.target("target_uri", "sip:".into())));
    assert_eq!(told[0].1, "is no URI: nothing stands behind its scheme");
}

#[test]
fn a_body_s_type_is_a_media_type() {
    let told = |content_type: &str| {
        let body = proto::Body { content_type: content_type.into(), ..Default::default() };
        wrong(|check| drop(check.body(Some(body))))
    };
    for taken in [
        "text/plain",
        "application/dtmf-relay",
        "text/plain;charset=UTF-8",
        "multipart/mixed; boundary=\"a b\"",
        "application/vnd.x+json ; q=1",
    ] {
        assert_eq!(told(taken), [], "{taken}");
    }
    for refused in [
        "",
        "text",
        "garbage no slash",
        "text/",
        "/plain",
        "text/plain;;;=,",
        "text/plain, text/html",
        "text/plain x",
        "text/plain\r\nX: y",
    ] {
        let told = told(refused);
        assert_eq!(told.len(), 1, "{refused:?}: {told:?}");
        assert_eq!(told[0].0, "body.content_type");
    }
}

#[test]
fn a_value_that_an_enumeration_has_not_is_refused() {
    let media = |rtp_sources, ip_version| {
        let media = proto::MediaPreferences { rtp_sources, ip_version, ..Default::default() };
        let told = wrong(|check| drop(check.media(Some(media))));
        told.into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    assert_eq!(media(3, 2), [""; 0]);
    assert_eq!(media(99, 99), ["media.rtp_sources", "media.ip_version"]);
    assert_eq!(media(-1, 0), ["media.rtp_sources"]);
}

#[test]
fn control_characters_of_either_set_are_refused_in_what_goes_into_a_message() {
    for control in ["\0", "\n", "\x1b", "\x7f", "\u{80}", "\u{85}", "\u{9f}"] {
        let value = format!("a{control}b");
        let told = wrong(|check| {
            check.text("reason_phrase", &value);
            check.headers(vec![proto::Header { name: "X-A".into(), value: value.clone() }]);
        });
        let fields: Vec<&str> = told.iter().map(|(field, _)| &**field).collect();
        assert_eq!(fields, ["reason_phrase", "headers[0].value"], "{control:?}");
    }
    for legal in ["a\tb", "é", "a\u{a0}b", "\u{2028}"] {
        let told = wrong(|check| {
            check.text("reason_phrase", legal);
            check.headers(vec![proto::Header { name: "X-A".into(), value: legal.into() }]);
        });
        assert_eq!(told, [], "{legal:?}");
    }
}
