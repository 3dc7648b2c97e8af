//! IP versions: what a connection line may say, and to whom.

use rstest::rstest;

use super::{Intent, LocalMedia, at_ipv6, described, described_at, lines_of, local};
use crate::ground::Mismatch::{self, AddressFormat, Multicast, NetworkProtocol};
use crate::sdp::{Negotiated, Offer, RemotePlace, SdpError, apply_answer, make_answer, make_offer};

const AUDIO: &str = "m=audio 4000 RTP/AVP 0";

fn answered(local: &LocalMedia, offer: &str) -> Result<RemotePlace, SdpError> {
    let answer = make_answer(offer.as_bytes(), local, Intent::default(), None)?;
    Ok(answer.negotiated.facts.stream.expect("there is audio").remote)
}

fn at(address: &str) -> Result<RemotePlace, Mismatch> {
    Ok(RemotePlace::At(format!("{address}:4000").parse().unwrap()))
}

fn named(host: &str) -> Result<RemotePlace, Mismatch> {
    Ok(RemotePlace::Named { host: host.into(), port: 4000 })
}

/// What the peer's connection line says; what an endpoint on IPv4 makes of it, and one on IPv6.
#[rstest]
#[case::ipv4("IN IP4 192.0.2.7", at("192.0.2.7"), Err(AddressFormat))]
#[case::ipv6("IN IP6 2001:db8::7", Err(AddressFormat), at("[2001:db8::7]"))]
#[case::in_small_letters("in ip6 2001:DB8::7", Err(AddressFormat), at("[2001:db8::7]"))]
#[case::an_unknown_version("IN IP9 192.0.2.7", Err(AddressFormat), Err(AddressFormat))]
#[case::an_unknown_version_and_a_name("IN IP9 phone.example", Err(AddressFormat), Err(AddressFormat))]
#[case::the_type_of_e_164("IN E164 +15551234", Err(AddressFormat), Err(AddressFormat))]
#[case::ipv4_said_to_be_ipv6("IN IP6 192.0.2.7", Err(AddressFormat), Err(AddressFormat))]
#[case::ipv6_said_to_be_ipv4("IN IP4 2001:db8::7", Err(AddressFormat), Err(AddressFormat))]
#[case::ipv4_mapped("IN IP6 ::ffff:192.0.2.7", Err(AddressFormat), Err(AddressFormat))]
#[case::unspecified_mapped("IN IP6 ::ffff:0.0.0.0", Err(AddressFormat), Err(AddressFormat))]
#[case::in_brackets("IN IP6 [2001:db8::7]", Err(AddressFormat), Err(AddressFormat))]
#[case::with_a_zone("IN IP6 fe80::1%eth0", Err(AddressFormat), Err(AddressFormat))]
#[case::a_name_on_ipv4("IN IP4 phone.example", named("phone.example"), Err(AddressFormat))]
#[case::a_name_on_ipv6("IN IP6 phone.example", Err(AddressFormat), named("phone.example"))]
#[case::multicast_of_ipv6("IN IP6 ff02::1/3", Err(Multicast), Err(Multicast))]
#[case::another_network("XX IP4 192.0.2.7", Err(NetworkProtocol), Err(NetworkProtocol))]
#[case::held_on_ipv4("IN IP4 0.0.0.0", Ok(RemotePlace::Nowhere), Ok(RemotePlace::Nowhere))]
#[case::held_on_ipv6("IN IP6 ::", Ok(RemotePlace::Nowhere), Ok(RemotePlace::Nowhere))]
#[case::held_on_none("IN IP9 0.0.0.0", Err(AddressFormat), Err(AddressFormat))]
fn an_address_is_of_the_version_that_its_line_says_and_of_ours(
    #[case] connection: &str,
    #[case] on_ipv4: Result<RemotePlace, Mismatch>,
    #[case] on_ipv6: Result<RemotePlace, Mismatch>,
) {
    for (local, expected) in [(local(), on_ipv4), (at_ipv6(), on_ipv6)] {
        let expected = expected.map_err(SdpError::NothingAcceptable);
        assert_eq!(answered(&local, &described_at(connection, AUDIO)), expected, "offered, session level");
        let on_the_line = described(&format!("{AUDIO}\nc={connection}"));
        assert_eq!(answered(&local, &on_the_line), expected, "offered, media level");
        let answer = described_at(connection, AUDIO);
        let applied = apply_answer(&offer(&local), answer.as_bytes());
        let place = applied.map(|negotiated| negotiated.facts.stream.unwrap().remote);
        let unfit = expected.map_err(|error| match error {
            SdpError::NothingAcceptable(mismatch) => SdpError::AnswerUnfit(mismatch.text()),
            other => other,
        });
        assert_eq!(place, unfit, "as an answer");
    }
}

fn offer(local: &LocalMedia) -> Offer {
    make_offer(local, Intent::default(), None).unwrap()
}

#[rstest]
#[case::no_version("IN 192.0.2.7")]
#[case::no_network("IP4 192.0.2.7")]
#[case::no_address("IN IP4")]
#[case::a_word_too_many("IN IP4 192.0.2.7 192.0.2.8")]
#[case::nothing("")]
fn a_connection_line_that_lacks_a_word_is_no_description(#[case] connection: &str) {
    let text = described(&format!("{AUDIO}\nc={connection}"));
    assert!(matches!(answered(&local(), &text), Err(SdpError::Malformed(_))));
    let applied = apply_answer(&offer(&local()), text.as_bytes());
    assert!(matches!(applied, Err(SdpError::Malformed(_))), "{applied:?}");
}

#[rstest]
#[case::another_version("IN IP6 2001:db8::7")]
#[case::an_unknown_version("IN IP9 192.0.2.7")]
#[case::ipv4_said_to_be_ipv6("IN IP6 192.0.2.7")]
#[case::another_network("XX YY zz")]
#[case::a_name("IN IP4 phone.example")]
#[case::no_address("IN IP4")]
fn the_address_of_the_origin_matters_to_nobody(#[case] origin: &str) {
    let offer = described(AUDIO).replace("o=peer 1 1 IN IP4 198.51.100.7", &format!("o=peer 1 1 {origin}"));
    assert!(offer.contains(origin));
    assert_eq!(answered(&local(), &offer), at("198.51.100.7").map_err(SdpError::NothingAcceptable));
}

#[test]
fn the_address_of_the_line_counts_whatever_the_session_says() {
    let rows = [
        (local(), "IN IP6 2001:db8::7", "IN IP4 192.0.2.7", "192.0.2.7"),
        (local(), "IN IP9 nothing", "IN IP4 192.0.2.7", "192.0.2.7"),
        (at_ipv6(), "IN IP4 192.0.2.7", "IN IP6 2001:db8::7", "[2001:db8::7]"),
    ];
    for (local, session, line, expected) in rows {
        let offer = described_at(session, &format!("{AUDIO}\nc={line}"));
        assert_eq!(answered(&local, &offer), at(expected).map_err(SdpError::NothingAcceptable));
        let applied = apply_answer(&self::offer(&local), offer.as_bytes()).unwrap();
        assert_eq!(Ok(applied.facts.stream.unwrap().remote), at(expected));
    }
}

#[test]
fn of_two_audio_lines_the_one_of_our_version_is_taken() {
    let lines = "m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::7\nm=audio 4000 RTP/AVP 0\nc=IN IP4 192.0.2.7";
    let offer = described(lines);
    assert_eq!(answered(&local(), &offer), at("192.0.2.7").map_err(SdpError::NothingAcceptable));
    assert_eq!(answered(&at_ipv6(), &offer), at("[2001:db8::7]").map_err(SdpError::NothingAcceptable));
}

#[test]
fn an_answer_of_the_other_version_is_refused_in_every_direction_and_in_a_re_offer() {
    let six = |attribute: &str| described_at("IN IP6 2001:db8::7", &format!("{AUDIO}\n{attribute}"));
    let unfit = SdpError::AnswerUnfit(AddressFormat.text());
    let settled = apply_answer(&offer(&local()), described(AUDIO).as_bytes()).unwrap();
    let again = make_offer(&local(), Intent::default(), Some(&settled)).unwrap();
    for attribute in ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"] {
        for offer in [&offer(&local()), &again] {
            let refused = apply_answer(offer, six(attribute).as_bytes());
            assert_eq!(refused.map(|_| ()), Err(unfit.clone()), "{attribute}");
        }
    }
    let stopped = described_at("IN IP6 2001:db8::7", "m=audio 0 RTP/AVP 0");
    assert!(apply_answer(&again, stopped.as_bytes()).is_ok(), "of a refused line nothing counts");
}

#[test]
fn a_session_that_changes_its_ip_version_keeps_its_origin() {
    let settle = |local: &LocalMedia, offer: &str, settled: Option<&Negotiated>| {
        make_answer(offer.as_bytes(), local, Intent::default(), settled).unwrap().negotiated
    };
    let first = settle(&local(), &described(AUDIO), None);
    let moved = LocalMedia { address: "2001:db8::2".parse().unwrap(), ..local() };
    let second = settle(&moved, &described_at("IN IP6 2001:db8::7", AUDIO), Some(&first));
    assert_eq!(lines_of(&second.local, "o="), ["o=- 4711 2 IN IP4 192.0.2.1"]);
    assert_eq!(lines_of(&second.local, "c="), ["c=IN IP6 2001:db8::2"]);
    let back = settle(&local(), &described(AUDIO), Some(&second));
    assert_eq!(lines_of(&back.local, "o="), ["o=- 4711 3 IN IP4 192.0.2.1"]);
}
