//! Requests that cannot be served are refused with what is wrong.

use callplane::proto::media::v1::failure::Code;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use callplane::proto::media::v1::{self as proto, BridgeMode, Direction};

use crate::harness::{
    Control, Studio, add_member, answer_offer, close, commit, create_bridge, destroy_bridge, make_offer,
    play_file, play_tone, settings,
};

#[tokio::test]
async fn every_refusal_has_its_code() {
    for workers in [1, 2] {
        let mut settings = settings(26_000 + 100 * workers as u16, 8);
        settings.workers = workers;
        settings.bridges_max = 2;
        settings.endpoints_max = 3;
        let mut studio = Studio::start(&settings).await;
        let phones =
            [studio.phone("a", None).await, studio.phone("b", None).await, studio.phone("c", None).await];
        studio.bridge("relay", BridgeMode::Relay, &[&phones[0], &phones[1]]).await;
        let create = |create: Option<proto::EndpointSettings>, endpoint: &str| {
            let Operation::Negotiate(negotiate) = make_offer(endpoint, 9) else { unreachable!() };
            Operation::Negotiate(proto::Negotiate { create, ..negotiate })
        };
        let commit_offer = || {
            let Operation::Negotiate(negotiate) = make_offer("a", 9) else { unreachable!() };
            Operation::Negotiate(proto::Negotiate { commit: true, ..negotiate })
        };
        let stop_play = |endpoint: &str| {
            Operation::StopPlay(proto::StopPlay { endpoint_id: endpoint.into(), playback_id: String::new() })
        };
        let dtmf = |digits: &str| {
            let digits = digits.into();
            Operation::SendDtmf(proto::SendDtmf { endpoint_id: "a".into(), digits, ..Default::default() })
        };
        let remove = |bridge: &str, endpoint: &str| {
            Operation::RemoveMember(proto::RemoveMember {
                bridge_id: bridge.into(),
                endpoint_id: endpoint.into(),
            })
        };
        let select = |endpoint: &str, remote: &str| {
            Operation::SelectRemote(proto::SelectRemote {
                endpoint_id: endpoint.into(),
                remote: remote.into(),
            })
        };
        let negative = prost_types::Duration { seconds: -1, nanos: 0 };
        let bad_settings = proto::EndpointSettings { rtp_timeout: Some(negative), ..Default::default() };
        let rows = [
            (commit_offer(), Code::BadRequest),
            (create(None, "nobody"), Code::NoEndpoint),
            (create(Some(proto::EndpointSettings::default()), ""), Code::BadRequest),
            (create(Some(proto::EndpointSettings::default()), &"x".repeat(65)), Code::BadRequest),
            (create(Some(bad_settings), "d"), Code::BadRequest),
            (make_offer("d", 1), Code::Limit),
            (answer_offer("a", 1, "v=0\r\n", Direction::Sendrecv), Code::StaleGeneration),
            (commit("nobody", 1), Code::NoEndpoint),
            (commit("a", 1), Code::StaleGeneration),
            (select("a", "other"), Code::NotNegotiated),
            (close("nobody"), Code::NoEndpoint),
            (create_bridge("", BridgeMode::Unspecified), Code::BadRequest),
            (create_bridge("relay", BridgeMode::Mix), Code::Exists),
            (destroy_bridge("nothing"), Code::NoBridge),
            (add_member("nothing", "a"), Code::NoBridge),
            (add_member("relay", "nobody"), Code::NoEndpoint),
            (add_member("relay", "c"), Code::Limit),
            (remove("relay", "c"), Code::NoBridge),
            (remove("nothing", "c"), Code::NoBridge),
            (play_tone("nobody", "p", 440.0, None), Code::NoEndpoint),
            (play_tone("a", "", 440.0, None), Code::BadRequest),
            (play_tone("a", "p", 4000.0, None), Code::BadRequest),
            (play_tone("a", "p", 440.0, Some(-5000)), Code::BadRequest),
            (play_file("nobody", "p", "nothing.wav", 1), Code::NoEndpoint),
            (stop_play("a"), Code::NoPlayback),
            (stop_play("nobody"), Code::NoEndpoint),
            (dtmf(""), Code::BadRequest),
            (dtmf("12x"), Code::BadRequest),
            (dtmf(&"1".repeat(129)), Code::Limit),
            (Operation::Hello(proto::Hello::default()), Code::BadRequest),
        ];
        for (operation, code) in rows {
            let asked = format!("{operation:?}");
            assert_eq!(studio.control.fails(operation).await, code, "{asked} with {workers} workers");
        }
        studio.control.done(create_bridge("second", BridgeMode::Mix)).await;
        assert_eq!(studio.control.fails(create_bridge("third", BridgeMode::Mix)).await, Code::Limit);
        studio.control.done(destroy_bridge("second")).await;
        studio.control.done(create_bridge("third", BridgeMode::Mix)).await;
        assert_eq!(studio.node.snapshot().bridges, 2);
    }
}

#[tokio::test]
async fn a_peer_without_telephone_events_cannot_be_sent_digits() {
    let mut studio = Studio::start(&settings(26_400, 4)).await;
    let offer =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let negotiated = studio.control.ask(answer_offer("a", 1, offer, Direction::Sendrecv)).await;
    assert!(matches!(negotiated, Outcome::Negotiated(_)));
    let dtmf = proto::SendDtmf { endpoint_id: "a".into(), digits: "1".into(), ..Default::default() };
    assert_eq!(studio.control.fails(Operation::SendDtmf(dtmf.clone())).await, Code::NotNegotiated);
    assert_eq!(studio.control.fails(play_tone("a", "p", 440.0, None)).await, Code::NotNegotiated);
    studio.control.done(commit("a", 1)).await;
    assert_eq!(studio.control.fails(Operation::SendDtmf(dtmf)).await, Code::NoTelephoneEvent);
}

#[tokio::test]
async fn a_leg_is_offered_what_the_other_one_speaks() {
    for workers in [1, 2] {
        let mut settings = settings(26_420 + 20 * workers as u16, 4);
        settings.workers = workers;
        let mut studio = Studio::start(&settings).await;
        let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
        studio.control.ask(answer_offer("a", 1, offer, Direction::Sendrecv)).await;
        let Operation::Negotiate(negotiate) = make_offer("b", 1) else { unreachable!() };
        let intent = proto::Intent { codecs_from: "a".into(), ..Default::default() };
        let negotiate = proto::Negotiate { intent: Some(intent), ..negotiate };
        let Outcome::Negotiated(offered) = studio.control.ask(Operation::Negotiate(negotiate)).await else {
            panic!()
        };
        let sdp = String::from_utf8(offered.local_description.to_vec()).unwrap();
        let line = sdp.lines().find(|line| line.starts_with("m=audio")).unwrap();
        let formats: Vec<&str> = line.split(' ').skip(3).collect();
        assert!(formats.contains(&"8") && !formats.contains(&"0"), "{line}");
    }
}

#[tokio::test]
async fn a_stream_that_does_not_begin_with_hello_is_refused() {
    let studio = Studio::start(&settings(26_480, 4)).await;
    let mut client = callplane::media::grpc::inprocess::client(&studio.node.service);
    let request =
        proto::ControlRequest { requests: vec![proto::Request { id: 1, operation: Some(close("a")) }] };
    let mut responses = client.control(tokio_stream::once(request)).await.unwrap().into_inner();
    assert_eq!(responses.message().await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    let Err(Outcome::Failure(failure)) = Control::open(&studio.node, "", 1).await else {
        panic!("it was let in")
    };
    assert_eq!(failure.code(), Code::BadRequest);
}
