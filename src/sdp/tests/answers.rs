//! Named cases of a first offer and its answer.

use rstest::rstest;

use super::{answer, at_ipv6, described, described_at, lines_of, local, stream};
use crate::codec::Codec::{self, Pcma, Pcmu};
use crate::ground::Mismatch;
use crate::sdp::Direction::{self, Inactive, RecvOnly, SendOnly, SendRecv};
use crate::sdp::{CodecOrder, EventPayloadTypes, Intent, RemotePlace, SdpError, make_answer};

#[test]
fn a_plain_offer_is_answered_with_our_port_and_the_common_codecs() {
    let offer =
        described("m=audio 4000 RTP/AVP 0 8 18 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15");
    let sdp = answer(&offer).unwrap().sdp;
    let expected = "v=0\r\no=- 4711 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(std::str::from_utf8(&sdp).unwrap(), expected);
    let stream = stream(&offer);
    assert_eq!(stream.remote, RemotePlace::At("198.51.100.7:4000".parse().unwrap()));
    assert_eq!(stream.telephone_event, Some(EventPayloadTypes { send: 101, receive: 101 }));
}

/// The forms of hold, and what is left for us to do.
#[rstest]
#[case::nothing_said("", SendRecv, false)]
#[case::sendrecv("a=sendrecv", SendRecv, false)]
#[case::sendonly("a=sendonly", RecvOnly, true)]
#[case::recvonly("a=recvonly", SendOnly, false)]
#[case::inactive("a=inactive", Inactive, true)]
#[case::zero_address("c=IN IP4 0.0.0.0", RecvOnly, true)]
#[case::zero_address_and_sendonly("c=IN IP4 0.0.0.0\na=sendonly", RecvOnly, true)]
#[case::zero_address_and_inactive("c=IN IP4 0.0.0.0\na=inactive", Inactive, true)]
#[case::zero_address_and_recvonly("c=IN IP4 0.0.0.0\na=recvonly", Inactive, true)]
#[case::zero_address_of_ipv6("c=IN IP6 ::", RecvOnly, true)]
#[case::a_space_after_it("a=sendonly ", RecvOnly, true)]
fn every_form_of_hold_is_understood(#[case] lines: &str, #[case] ours: Direction, #[case] held: bool) {
    let offer = described(&format!("m=audio 4000 RTP/AVP 0\n{lines}"));
    assert_eq!(stream(&offer).direction, ours);
    let answer = answer(&offer).unwrap();
    assert_eq!(answer.negotiated.facts.held_by_peer(), held);
    assert_eq!(lines_of(&answer.sdp, &format!("a={}", ours.attribute())).len(), 1);
}

#[rstest]
#[case::audio("m=audio 0 RTP/AVP 0")]
#[case::audio_and_video("m=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 31")]
#[case::video("m=video 0 RTP/AVP 31")]
fn a_first_offer_whose_lines_are_all_disabled_has_nothing_to_accept(#[case] lines: &str) {
    assert_eq!(answer(&described(lines)), Err(SdpError::NothingAcceptable(Mismatch::MediaType)));
}

#[test]
fn an_offer_without_lines_is_answered_in_kind_and_holds() {
    let answer = answer(&described("")).unwrap();
    assert_eq!(lines_of(&answer.sdp, "m="), [""; 0]);
    assert!(answer.negotiated.facts.held_by_peer());
}

#[rstest]
#[case::the_line_says_it("a=inactive\nm=audio 4000 RTP/AVP 0\na=sendonly", SendOnly)]
#[case::the_session_says_it("a=sendonly\nm=audio 4000 RTP/AVP 0", SendOnly)]
#[case::another_line_says_it("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 31\na=inactive", SendRecv)]
fn a_direction_of_the_line_goes_before_that_of_the_session(#[case] lines: &str, #[case] peer: Direction) {
    assert_eq!(stream(&described(lines)).peer_direction, peer);
}

#[rstest]
#[case::of_the_session("m=audio 4000 RTP/AVP 0", Ok("198.51.100.7:4000"))]
#[case::of_the_line("m=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.9", Ok("203.0.113.9:4000"))]
#[case::with_a_ttl("m=audio 4000 RTP/AVP 0\nc=IN IP4 203.0.113.9/127", Ok("203.0.113.9:4000"))]
#[case::with_a_number_of_ports("m=audio 4000/2 RTP/AVP 0", Ok("198.51.100.7:4000"))]
#[case::multicast("m=audio 4000 RTP/AVP 0\nc=IN IP4 224.2.1.1/127", Err(Mismatch::Multicast))]
#[case::broadcast("m=audio 4000 RTP/AVP 0\nc=IN IP4 255.255.255.255", Err(Mismatch::Multicast))]
#[case::another_network("m=audio 4000 RTP/AVP 0\nc=ATM NSAP 47.0091", Err(Mismatch::NetworkProtocol))]
#[case::another_version("m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::9", Err(Mismatch::AddressFormat))]
#[case::no_address("m=audio 4000 RTP/AVP 0\nc=IN IP4 198.51.100", Err(Mismatch::AddressFormat))]
fn the_address_is_that_of_the_line_or_else_of_the_session(
    #[case] lines: &str,
    #[case] at: Result<&str, Mismatch>,
) {
    match at {
        Ok(at) => assert_eq!(stream(&described(lines)).remote, RemotePlace::At(at.parse().unwrap())),
        Err(mismatch) => {
            assert_eq!(answer(&described(lines)), Err(SdpError::NothingAcceptable(mismatch)));
        }
    }
}

#[test]
fn a_missing_address_is_an_error_and_one_for_holding_is_of_any_version() {
    let nowhere = "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    assert!(matches!(answer(nowhere), Err(SdpError::Malformed(_))));
    let held = described("m=audio 4000 RTP/AVP 0\nc=IN IP6 ::");
    assert_eq!(stream(&held).remote, RemotePlace::Nowhere);
}

#[rstest]
#[case("phone.example.com", true)]
#[case("phone.example.com.", true)]
#[case("localhost", true)]
#[case("3com.example", true)]
#[case("192-0-2-1.example", true)]
#[case("5f3ab2", true)]
#[case("a..b", false)]
#[case(".example", false)]
#[case(".", false)]
#[case("-a.example", false)]
#[case("a-.example", false)]
#[case("a_b.example", false)]
#[case("198.51.100", false)]
#[case("198.51.100.7.8", false)]
#[case("198.51.100.256", false)]
#[case("4711", false)]
#[case("[2001:db8::1]", false)]
#[case("host:4000", false)]
#[case(&"a".repeat(63), true)]
#[case(&"a".repeat(64), false)]
#[case(&format!("{}a", "a.".repeat(127)), true)]
#[case(&format!("{}a", "a.".repeat(128)), false)]
fn a_host_name_is_handed_on_and_what_is_neither_name_nor_address_is_refused(
    #[case] host: &str,
    #[case] is_name: bool,
) {
    let offer =
        described("m=audio 4000 RTP/AVP 0").replace("c=IN IP4 198.51.100.7", &format!("c=IN IP4 {host}"));
    if is_name {
        assert_eq!(stream(&offer).remote, RemotePlace::Named { host: host.into(), port: 4000 });
    } else {
        assert_eq!(answer(&offer), Err(SdpError::NothingAcceptable(Mismatch::AddressFormat)));
    }
}

#[test]
fn a_host_name_is_of_the_version_that_its_line_says() {
    let six = described_at("IN IP6 phone.example.com", "m=audio 4000 RTP/AVP 0");
    assert_eq!(answer(&six), Err(SdpError::NothingAcceptable(Mismatch::AddressFormat)));
    let local = at_ipv6();
    let answered = make_answer(six.as_bytes(), &local, Intent::default(), None).unwrap();
    let named = RemotePlace::Named { host: "phone.example.com".into(), port: 4000 };
    assert_eq!(answered.negotiated.facts.stream.unwrap().remote, named);
    let unknown = six.replace("c=IN IP6", "c=IN IP7");
    let refused = make_answer(unknown.as_bytes(), &local, Intent::default(), None);
    assert_eq!(refused, Err(SdpError::NothingAcceptable(Mismatch::AddressFormat)));
}

#[test]
fn an_answer_may_name_a_host() {
    let offer = super::super::make_offer(&local(), Intent::default(), None).unwrap();
    let answer = described_at("IN IP4 phone.example.com", "m=audio 4000 RTP/AVP 0");
    let applied = super::super::apply_answer(&offer, answer.as_bytes()).unwrap();
    let named = RemotePlace::Named { host: "phone.example.com".into(), port: 4000 };
    assert_eq!(applied.facts.stream.unwrap().remote, named);
}

/// Lines of the offer and of the answer.
#[rstest]
#[case::video_too(
    "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 31",
    &["m=audio 10000 RTP/AVP 0", "m=video 0 RTP/AVP 31"])]
#[case::video_first(
    "m=video 4002 RTP/AVP 31 32\nm=audio 4000 RTP/AVP 8",
    &["m=video 0 RTP/AVP 31", "m=audio 10000 RTP/AVP 8"])]
#[case::two_of_audio(
    "m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 8",
    &["m=audio 10000 RTP/AVP 0", "m=audio 0 RTP/AVP 8"])]
#[case::the_second_is_the_one_we_speak(
    "m=audio 4000 RTP/AVP 18\nm=audio 4002 RTP/AVP 8",
    &["m=audio 0 RTP/AVP 18", "m=audio 10000 RTP/AVP 8"])]
#[case::secure_or_plain(
    "m=audio 4000 RTP/SAVP 0\nm=audio 4000 RTP/AVP 0",
    &["m=audio 0 RTP/SAVP 0", "m=audio 10000 RTP/AVP 0"])]
#[case::fax_too(
    "m=audio 4000 RTP/AVP 0\nm=image 4002 udptl t38",
    &["m=audio 10000 RTP/AVP 0", "m=image 0 udptl t38"])]
#[case::kinds_nobody_knows(
    "m=x-holo 9 X/Y a b c\nm=audio 4000 RTP/AVP 0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    &["m=x-holo 0 X/Y a", "m=audio 10000 RTP/AVP 0", "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"])]
#[case::one_is_disabled(
    "m=audio 0 RTP/AVP 0\nm=audio 4002 RTP/AVP 0",
    &["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 0"])]
#[case::feedback_profile("m=audio 4000 RTP/AVPF 0", &["m=audio 10000 RTP/AVPF 0"])]
fn every_line_is_answered_in_its_place(#[case] lines: &str, #[case] answered: &[&str]) {
    assert_eq!(lines_of(&answer(&described(lines)).unwrap().sdp, "m="), answered);
}

#[rstest]
#[case::an_unknown_codec("m=audio 4000 RTP/AVP 18", Mismatch::MediaFormat)]
#[case::secure_only("m=audio 4000 RTP/SAVP 0", Mismatch::TransportProtocol)]
#[case::webrtc("m=audio 9 UDP/TLS/RTP/SAVPF 0", Mismatch::TransportProtocol)]
#[case::video_only("m=video 4000 RTP/AVP 31", Mismatch::MediaType)]
#[case::fax_only("m=image 4000 udptl t38", Mismatch::MediaType)]
#[case::telephone_events_alone(
    "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000",
    Mismatch::MediaFormat
)]
#[case::a_static_number_given_to_another(
    "m=audio 4000 RTP/AVP 0\na=rtpmap:0 L16/44100",
    Mismatch::MediaFormat
)]
#[case::a_dynamic_number_without_meaning("m=audio 4000 RTP/AVP 97", Mismatch::MediaFormat)]
#[case::pcmu_in_stereo("m=audio 4000 RTP/AVP 97\na=rtpmap:97 PCMU/8000/2", Mismatch::MediaFormat)]
#[case::the_line_that_came_nearest_says_why(
    "m=video 4000 RTP/AVP 31\nm=audio 4000 RTP/AVP 18\nm=audio 4000 RTP/SAVP 0",
    Mismatch::MediaFormat
)]
fn an_offer_with_nothing_to_speak_is_refused(#[case] lines: &str, #[case] mismatch: Mismatch) {
    assert_eq!(answer(&described(lines)), Err(SdpError::NothingAcceptable(mismatch)));
}

/// Codecs in the order of the answer, with payload types.
#[rstest]
#[case::static_numbers("m=audio 4000 RTP/AVP 8 0", CodecOrder::Theirs, &[(Pcma, 8), (Pcmu, 0)])]
#[case::our_order("m=audio 4000 RTP/AVP 8 0", CodecOrder::Ours, &[(Pcmu, 0), (Pcma, 8)])]
#[case::dynamic_number("m=audio 4000 RTP/AVP 96\na=rtpmap:96 pcma/8000", CodecOrder::Theirs, &[(Pcma, 96)])]
#[case::with_channels("m=audio 4000 RTP/AVP 96\na=rtpmap:96 PCMA/8000/1", CodecOrder::Theirs, &[(Pcma, 96)])]
#[case::twice("m=audio 4000 RTP/AVP 96 8\na=rtpmap:96 PCMA/8000", CodecOrder::Theirs, &[(Pcma, 96)])]
#[case::others_between("m=audio 4000 RTP/AVP 18 8 3 0 4", CodecOrder::Theirs, &[(Pcma, 8), (Pcmu, 0)])]
#[case::a_number_out_of_range("m=audio 4000 RTP/AVP 300 x 8", CodecOrder::Theirs, &[(Pcma, 8)])]
#[case::spaces_in_the_map("m=audio 4000 RTP/AVP 96\na=rtpmap: 96  PCMA/8000", CodecOrder::Theirs, &[(Pcma, 96)])]
fn codecs_keep_the_offerers_numbers(
    #[case] lines: &str,
    #[case] order: CodecOrder,
    #[case] expected: &[(Codec, u8)],
) {
    let intent = Intent { order, ..Intent::default() };
    let answer = make_answer(described(lines).as_bytes(), &local(), intent, None).unwrap();
    let stream = answer.negotiated.facts.stream.unwrap();
    let formats: Vec<(Codec, u8)> = stream.formats.iter().map(|f| (f.codec, f.send_payload_type)).collect();
    assert_eq!(formats, expected);
    let numbers: Vec<String> = expected.iter().map(|(_, number)| number.to_string()).collect();
    assert_eq!(lines_of(&answer.sdp, "m="), [format!("m=audio 10000 RTP/AVP {}", numbers.join(" "))]);
}

#[rstest]
#[case::with_events("a=fmtp:96 0-15", "a=fmtp:96 0-15")]
#[case::with_flash("a=fmtp:96 0-16", "a=fmtp:96 0-16")]
#[case::with_more_than_we_know("a=fmtp:96 0-15,66,70", "a=fmtp:96 0-16")]
#[case::without_a_list("", "a=fmtp:96 0-15")]
#[case::with_a_list_of_no_shape("a=fmtp:96 all", "a=fmtp:96 0-15")]
fn telephone_events_are_answered_as_far_as_both_know_them(#[case] fmtp: &str, #[case] answered: &str) {
    let offer = described(&format!("m=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000\n{fmtp}"));
    assert_eq!(lines_of(&answer(&offer).unwrap().sdp, "a=fmtp"), [answered]);
    assert_eq!(stream(&offer).telephone_event, Some(EventPayloadTypes { send: 96, receive: 96 }));
}

#[test]
fn telephone_events_on_another_clock_or_not_wanted_are_left_out() {
    let offer = described("m=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/48000");
    assert_eq!(stream(&offer).telephone_event, None);
    let offer = described("m=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000");
    let unwilling = super::LocalMedia { telephone_events: false, ..local() };
    let answer = make_answer(offer.as_bytes(), &unwilling, Intent::default(), None).unwrap();
    assert_eq!(lines_of(&answer.sdp, "m="), ["m=audio 10000 RTP/AVP 0"]);
}

#[rstest]
#[case::nothing_said("", 20)]
#[case::thirty("a=ptime:30", 30)]
#[case::a_fraction("a=ptime:10.0", 10)]
#[case::zero("a=ptime:0", 20)]
#[case::more_than_we_make("a=ptime:200", 20)]
#[case::an_odd_one("a=ptime:25", 20)]
#[case::no_number("a=ptime:fast", 20)]
#[case::a_maximum("a=maxptime:10", 10)]
#[case::a_maximum_below_it("a=ptime:40\na=maxptime:35", 30)]
#[case::a_maximum_above_it("a=ptime:20\na=maxptime:150", 20)]
#[case::a_maximum_too_small("a=maxptime:1", 20)]
fn the_packet_time_asked_for_is_kept_if_it_can_be_made(#[case] lines: &str, #[case] ms: u8) {
    let offer = described(&format!("m=audio 4000 RTP/AVP 0\n{lines}"));
    assert_eq!(stream(&offer).ptime_ms, ms);
    assert_eq!(lines_of(&answer(&offer).unwrap().sdp, "a=ptime"), [format!("a=ptime:{ms}")]);
}

#[test]
fn attributes_that_are_not_ours_change_nothing() {
    let offer = described(
        "a=group:BUNDLE 0 1\na=ice-lite\na=msid-semantic: WMS\na=X-unknown\na=:\n\
         m=audio 4000 RTP/AVP 0\nb=AS:64\ni=title\na=mid:0\na=rtcp:4001\na=rtcp-mux\na=candidate:1 1 UDP 1 1.1.1.1 9 typ host\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\na=silenceSupp:off - - - -\na=ssrc:1 cname:x\na=rtcp-fb:* nack\n\
         m=video 4002 RTP/AVP 31\na=mid:1",
    );
    let answer = answer(&offer).unwrap();
    let expected = ["a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv"];
    assert_eq!(lines_of(&answer.sdp, "a="), expected);
}

#[test]
fn what_we_want_to_do_narrows_the_answer() {
    let offer = described("m=audio 4000 RTP/AVP 0");
    for (want, said) in
        [(SendOnly, SendOnly), (RecvOnly, RecvOnly), (Inactive, Inactive), (SendRecv, SendRecv)]
    {
        let intent = Intent { direction: want, ..Intent::default() };
        let answer = make_answer(offer.as_bytes(), &local(), intent, None).unwrap();
        assert_eq!(answer.negotiated.facts.stream.unwrap().direction, said);
    }
}

#[test]
fn codecs_left_out_of_ours_are_not_spoken() {
    let only_pcma = super::LocalMedia { codecs: vec![Pcma], ..local() };
    let both = described("m=audio 4000 RTP/AVP 0 8");
    let answer = make_answer(both.as_bytes(), &only_pcma, Intent::default(), None).unwrap();
    assert_eq!(lines_of(&answer.sdp, "m="), ["m=audio 10000 RTP/AVP 8"]);
    let pcmu = described("m=audio 4000 RTP/AVP 0");
    let refused = make_answer(pcmu.as_bytes(), &only_pcma, Intent::default(), None);
    assert_eq!(refused, Err(SdpError::NothingAcceptable(Mismatch::MediaFormat)));
}

#[test]
fn an_endpoint_on_ipv6_says_so() {
    let offer = described_at("IN IP6 2001:db8::9", "m=audio 4000 RTP/AVP 0");
    let answer = make_answer(offer.as_bytes(), &at_ipv6(), Intent::default(), None).unwrap();
    assert_eq!(lines_of(&answer.sdp, "c="), ["c=IN IP6 2001:db8::2"]);
    assert_eq!(lines_of(&answer.sdp, "o="), ["o=- 4711 1 IN IP6 2001:db8::2"]);
}
