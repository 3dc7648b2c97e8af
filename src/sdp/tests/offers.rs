//! Our first offers and what answers make of them.

use rstest::rstest;

use super::{described, lines_of, local};
use crate::codec::Codec::{Pcma, Pcmu};
use crate::sdp::Direction::{self, Inactive, RecvOnly, SendOnly, SendRecv};
use crate::sdp::{EventPayloadTypes, Facts, Intent, Offer, SdpError, apply_answer, make_offer};

fn offer(direction: Direction) -> Offer {
    make_offer(&local(), Intent { direction, ..Intent::default() }, None).unwrap()
}

fn applied(answer: &str) -> Result<Facts, SdpError> {
    apply_answer(&offer(SendRecv), described(answer).as_bytes()).map(|negotiated| negotiated.facts)
}

#[test]
fn an_offer_names_everything_we_speak() {
    let expected = "v=0\r\no=- 4711 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
    assert_eq!(std::str::from_utf8(&offer(SendRecv).sdp).unwrap(), expected);
    assert_eq!(lines_of(&offer(Inactive).sdp, "a=inactive").len(), 1);
    let mute = super::LocalMedia { codecs: vec![], ..local() };
    assert_eq!(make_offer(&mute, Intent::default(), None), Err(SdpError::NoCodec));
}

#[test]
fn the_answer_chooses_codec_and_packet_time() {
    let stream = applied("m=audio 4000 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=ptime:30")
        .unwrap()
        .stream
        .unwrap();
    assert_eq!(stream.codec(), Pcma);
    assert_eq!(stream.formats.iter().map(|format| format.codec).collect::<Vec<_>>(), [Pcma, Pcmu]);
    assert_eq!(stream.telephone_event, Some(EventPayloadTypes { send: 101, receive: 101 }));
    assert_eq!(stream.ptime_ms, 30);
}

#[test]
fn other_numbers_in_the_answer_are_those_we_send_with() {
    let answer = "m=audio 4000 RTP/AVP 98 97\na=rtpmap:98 PCMA/8000\na=rtpmap:97 telephone-event/8000";
    let stream = applied(answer).unwrap().stream.unwrap();
    assert_eq!((stream.formats[0].send_payload_type, stream.formats[0].receive_payload_type), (98, 8));
    assert_eq!(stream.telephone_event, Some(EventPayloadTypes { send: 97, receive: 101 }));
}

#[test]
fn a_number_without_a_map_means_what_it_meant_in_the_offer() {
    let stream = applied("m=audio 4000 RTP/AVP 0 101").unwrap().stream.unwrap();
    assert_eq!(stream.telephone_event, Some(EventPayloadTypes { send: 101, receive: 101 }));
}

/// Our direction, the answer's, and what we then do.
#[rstest]
#[case(SendRecv, "a=sendrecv", SendRecv)]
#[case(SendRecv, "", SendRecv)]
#[case(SendRecv, "a=recvonly", SendOnly)]
#[case(SendRecv, "a=sendonly", RecvOnly)]
#[case(SendRecv, "a=inactive", Inactive)]
#[case(SendOnly, "a=recvonly", SendOnly)]
#[case(SendOnly, "a=inactive", Inactive)]
#[case::an_answer_wider_than_the_offer(SendOnly, "a=sendrecv", SendOnly)]
#[case(RecvOnly, "a=sendonly", RecvOnly)]
#[case(Inactive, "a=sendrecv", Inactive)]
#[case::an_answer_that_holds_the_old_way(SendRecv, "c=IN IP4 0.0.0.0", RecvOnly)]
fn directions_meet(#[case] ours: Direction, #[case] answer: &str, #[case] then: Direction) {
    let answer = described(&format!("m=audio 4000 RTP/AVP 0\n{answer}"));
    let facts = apply_answer(&offer(ours), answer.as_bytes()).unwrap().facts;
    assert_eq!(facts.stream.unwrap().direction, then);
}

#[test]
fn an_answer_with_port_zero_refuses_the_stream() {
    assert_eq!(applied("m=audio 0 RTP/AVP 0"), Ok(Facts { stream: None }));
}

#[rstest]
#[case::no_line("")]
#[case::a_line_too_many("m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 31")]
#[case::another_kind("m=video 4000 RTP/AVP 0")]
#[case::another_transport("m=audio 4000 RTP/SAVP 0")]
#[case::a_codec_not_offered("m=audio 4000 RTP/AVP 18")]
#[case::events_alone("m=audio 4000 RTP/AVP 101")]
#[case::multicast("m=audio 4000 RTP/AVP 0\nc=IN IP4 224.0.0.1")]
fn an_answer_that_does_not_fit_is_refused(#[case] answer: &str) {
    assert!(matches!(applied(answer), Err(SdpError::AnswerUnfit(_))), "{:?}", applied(answer));
}

#[test]
fn forked_answers_apply_to_one_offer() {
    let offer = offer(SendRecv);
    let remote = |answer: &str| {
        apply_answer(&offer, described(answer).as_bytes()).unwrap().facts.stream.unwrap().codec()
    };
    assert_eq!(remote("m=audio 4000 RTP/AVP 8"), Pcma);
    assert_eq!(remote("m=audio 5000 RTP/AVP 0"), Pcmu);
}
