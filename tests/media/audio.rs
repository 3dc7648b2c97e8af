//! Who hears whom, and at what pace.

use std::time::{Duration, Instant};

use callplane::codec::wav::wav_header;
use callplane::codec::{Codec, Decoder, Tone};
use callplane::proto::media::v1::endpoint_event::Event;
use callplane::proto::media::v1::failure::Code;
use callplane::proto::media::v1::play_ended::Cause;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use callplane::proto::media::v1::{self as proto, BridgeMode, Direction};

use crate::harness::{
    Studio, add_member, answer_offer, close, commit, destroy_bridge, play_file, play_tone, settings, until,
};
use crate::phone::{Phone, assert_continuous, share, spacing};

/// Packets of a second.
const SECOND: usize = 50;

async fn until_heard(phone: &Phone, packets: usize) {
    until("the phone hears", || phone.count() >= packets).await;
}

fn assert_paced(packets: &[crate::phone::Heard]) {
    let spacing = spacing(packets);
    assert!(spacing.abs_diff(Duration::from_millis(20)) < Duration::from_millis(1), "{spacing:?}");
}

#[tokio::test]
async fn two_parties_hear_each_other_and_not_themselves() {
    let mut studio = Studio::start(&settings(22_000, 4)).await;
    let a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    studio.bridge("bridge", BridgeMode::Relay, &[&a, &b]).await;
    for (phone, own, other) in [(&a, 440.0, 880.0), (&b, 880.0, 440.0)] {
        until_heard(phone, SECOND).await;
        assert!(phone.hears(other) > 0.9 && phone.hears(own) < 0.01);
        assert_continuous(&phone.heard());
        assert_paced(&phone.heard());
        assert_ne!(phone.heard()[0].header.ssrc, other as u32, "the stream is the endpoint's own");
    }
    studio.control.done(destroy_bridge("bridge")).await;
    for phone in ["a", "b"] {
        studio.control.event(phone, |event| matches!(event, Event::LeftBridge(_)).then_some(())).await;
        let statistics = studio.control.close(phone).await;
        assert!(statistics.packets_received >= SECOND as u64 && statistics.packets_sent >= SECOND as u64);
        assert_eq!(statistics.packets_lost, 0);
        assert!(statistics.jitter_us < 20_000);
    }
}

#[tokio::test]
async fn three_parties_in_a_room_each_hear_the_two_others() {
    let mut studio = Studio::start(&settings(22_020, 4)).await;
    let a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    let c = studio.phone("c", Some(1320.0)).await;
    studio.bridge("room", BridgeMode::Mix, &[&a, &b, &c]).await;
    let rows = [(&a, 440.0, [880.0, 1320.0]), (&b, 880.0, [440.0, 1320.0]), (&c, 1320.0, [440.0, 880.0])];
    for (phone, ..) in rows {
        until_heard(phone, 10).await;
        phone.clear();
    }
    for (phone, own, others) in rows {
        until_heard(phone, SECOND).await;
        assert!(others.iter().all(|&frequency| phone.hears(frequency) > 0.35), "{}", phone.name);
        assert!(phone.hears(own) < 0.01, "{}", phone.name);
        assert_continuous(&phone.heard());
        assert_paced(&phone.heard());
    }
}

#[tokio::test]
async fn three_parties_in_a_mesh_each_get_two_streams() {
    let mut studio = Studio::start(&settings(22_040, 4)).await;
    let a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    let c = studio.phone("c", Some(1320.0)).await;
    studio.bridge("mesh", BridgeMode::Mesh, &[&a, &b, &c]).await;
    for (phone, others) in [(&a, [880.0, 1320.0]), (&b, [440.0, 1320.0]), (&c, [440.0, 880.0])] {
        until_heard(phone, 2 * SECOND).await;
        let streams = phone.streams();
        assert_eq!(streams.len(), 2);
        let mut frequencies = Vec::new();
        for packets in streams.values() {
            assert_continuous(packets);
            assert_paced(packets);
            frequencies.extend([440.0, 880.0, 1320.0].into_iter().filter(|&f| share(packets, f) > 0.9));
        }
        frequencies.sort_by(f64::total_cmp);
        assert_eq!(frequencies, others);
    }
}

#[tokio::test]
async fn an_echo_gives_the_caller_its_own_voice() {
    let mut studio = Studio::start(&settings(22_060, 2)).await;
    let a = studio.phone("a", Some(440.0)).await;
    studio.bridge("echo", BridgeMode::Echo, &[&a]).await;
    until_heard(&a, SECOND).await;
    assert!(a.hears(440.0) > 0.9);
    assert_continuous(&a.heard());
}

#[tokio::test]
async fn a_held_phone_gets_nothing_until_it_is_resumed() {
    let mut studio = Studio::start(&settings(22_080, 4)).await;
    let mut a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    studio.bridge("bridge", BridgeMode::Relay, &[&a, &b]).await;
    until_heard(&a, 5).await;
    let holds = [
        ("a=sendonly\r\n", Direction::Sendrecv),
        ("a=inactive\r\n", Direction::Sendrecv),
        ("c=IN IP4 0.0.0.0\r\n", Direction::Sendrecv),
        ("", Direction::Sendonly),
        ("", Direction::Inactive),
    ];
    for (number, (lines, direction)) in holds.into_iter().enumerate() {
        let generation = 2 + 2 * number as u64;
        studio.answer(&mut a, generation, lines, direction).await;
        // What was on its way when the hold came into force has a frame's time to arrive.
        let said = b.said();
        until("the other one goes on", || b.said() >= said + 2).await;
        a.clear();
        until("the other one goes on", || b.said() >= said + 12).await;
        assert_eq!(a.count(), 0, "{lines:?} {direction:?}");
        studio.answer(&mut a, generation + 1, "", Direction::Sendrecv).await;
        until_heard(&a, 5).await;
    }
}

#[tokio::test]
async fn a_tone_keeps_its_pace_for_two_seconds() {
    let mut studio = Studio::start(&settings(22_100, 2)).await;
    let a = studio.phone("a", None).await;
    studio.control.done(play_tone("a", "tone", 440.0, Some(2000))).await;
    studio.control.event("a", |event| matches!(event, Event::PlayStarted(_)).then_some(())).await;
    let ended = studio.control.event("a", |event| match event {
        Event::PlayEnded(ended) => Some(ended.clone()),
        _ => None,
    });
    let ended = ended.await;
    assert_eq!((ended.cause(), ended.playback_id.as_str()), (Cause::Finished, "tone"));
    assert_eq!(ended.played, Some(prost_types::Duration { seconds: 2, nanos: 0 }));
    until_heard(&a, 100).await;
    let heard = a.heard();
    assert_eq!(heard.len(), 100);
    assert_continuous(&heard);
    // The last frame is due 1,980 ms after the first.
    let took = heard[99].at.duration_since(heard[0].at);
    assert!(took.abs_diff(Duration::from_millis(1980)) < Duration::from_millis(15), "{took:?}");
    assert!(heard.windows(2).all(|p| p[1].header.timestamp.wrapping_sub(p[0].header.timestamp) == 160));
    assert!(a.hears(440.0) > 0.9);
}

#[tokio::test]
async fn a_file_is_played_as_often_as_asked() {
    let folder = std::env::temp_dir().join(format!("callplane-media-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut samples = vec![0; 1600];
    Tone::new(660.0, 9000, 8000).unwrap().fill(&mut samples);
    let mut file = wav_header(8000, 1, Some(3200)).to_vec();
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(folder.join("beep.wav"), file).unwrap();

    let mut settings = settings(22_120, 2);
    settings.audio_roots = vec![folder.clone()];
    let mut studio = Studio::start(&settings).await;
    let a = studio.phone("a", None).await;
    // The first is read from the disk, the second taken from memory.
    for playback in ["first", "second"] {
        studio.control.done(play_file("a", playback, "beep.wav", 3)).await;
        let ended = studio.control.event("a", |event| match event {
            Event::PlayEnded(ended) if ended.playback_id == playback => Some(ended.clone()),
            _ => None,
        });
        let ended = ended.await;
        assert_eq!(ended.played, Some(prost_types::Duration { seconds: 0, nanos: 600_000_000 }));
    }
    until_heard(&a, 60).await;
    assert!(a.hears(660.0) > 0.9);
    // Stopped while it is read, or while it plays: one end either way.
    let stop = Operation::StopPlay(proto::StopPlay { endpoint_id: "a".into(), playback_id: "third".into() });
    let ids = studio.control.send(vec![play_file("a", "third", "beep.wav", 0), stop]).await;
    for id in ids {
        assert!(matches!(studio.control.reply(id).await, proto::reply::Result::Done(_)));
    }
    let cause = studio.control.event("a", |event| match event {
        Event::PlayEnded(ended) if ended.playback_id == "third" => Some(ended.cause()),
        _ => None,
    });
    assert_eq!(cause.await, Cause::Stopped);
    // The reply says that it was taken; what is wrong with the file shows when it is looked for.
    for path in ["../beep.wav", "nothing.wav"] {
        studio.control.done(play_file("a", path, path, 1)).await;
        let ended = studio.control.event("a", |event| match event {
            Event::PlayEnded(ended) if ended.playback_id == path => Some(ended.clone()),
            _ => None,
        });
        let ended = ended.await;
        assert_eq!(ended.cause(), Cause::Failed);
        assert!(ended.reason.contains(path), "{}", ended.reason);
    }
    let begun = |event: &(String, Event)| matches!(&event.1, Event::PlayStarted(begun) if begun.playback_id.ends_with(".wav"));
    assert!(!studio.control.events().iter().any(begun));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_key_is_told_once_and_heard_by_the_other() {
    let mut studio = Studio::start(&settings(22_140, 4)).await;
    let a = studio.phone("a", None).await;
    let b = studio.phone("b", None).await;
    studio.bridge("bridge", BridgeMode::Relay, &[&a, &b]).await;
    for digit in ['5', '#'] {
        a.press(digit);
        let told = studio.control.event("a", |event| match event {
            Event::Dtmf(dtmf) => Some(dtmf.clone()),
            _ => None,
        });
        let told = told.await;
        assert_eq!(told.digit, digit.to_string());
        assert_eq!(told.duration, Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 }));
    }
    until_heard(&b, 14).await;
    assert!(b.heard().iter().all(|packet| packet.header.payload_type == 101));
    assert_eq!(studio.control.events(), []);
    let digits = proto::SendDtmf { endpoint_id: "b".into(), digits: "19".into(), ..Default::default() };
    studio.control.done(Operation::SendDtmf(digits)).await;
    studio.control.event("b", |event| matches!(event, Event::DtmfSent(_)).then_some(())).await;
    until_heard(&b, 14 + 2 * 7).await;
}

#[tokio::test]
async fn silence_is_told_and_so_is_its_end() {
    let mut settings = settings(22_160, 2);
    settings.rtp_timeout_ms = 200;
    let mut studio = Studio::start(&settings).await;
    let began = Instant::now();
    let mut a = studio.phone("a", None).await;
    let silent = |event: &Event| match event {
        Event::RtpSilent(silent) => silent.silent_for,
        _ => None,
    };
    let silent_for = studio.control.event("a", silent).await;
    assert_eq!(silent_for.seconds, 0);
    assert!((200_000_000..400_000_000).contains(&silent_for.nanos), "{silent_for:?}");
    assert!(began.elapsed() >= Duration::from_millis(200));
    a.talk(440.0);
    studio.control.event("a", |event| matches!(event, Event::RtpBack(_)).then_some(())).await;
    drop(a);
    studio.control.event("a", silent).await;
}

#[tokio::test]
async fn a_relay_between_the_laws_is_transcoded() {
    let mut studio = Studio::start(&settings(22_180, 4)).await;
    let a = studio.phone("a", Some(440.0)).await;
    let mut b = Phone::new("b");
    let only_pcma = b.description("").replace("RTP/AVP 0 8 101", "RTP/AVP 8 101");
    let operation = crate::harness::answer_offer("b", 1, &only_pcma, Direction::Sendrecv);
    let proto::reply::Result::Negotiated(negotiated) = studio.control.ask(operation).await else { panic!() };
    let facts = negotiated.facts.unwrap();
    assert_eq!(facts.codec, "PCMA/8000");
    b.peer = facts.local_address.parse().ok();
    studio.control.done(crate::harness::commit("b", 1)).await;
    studio.bridge("bridge", BridgeMode::Relay, &[&a, &b]).await;
    until_heard(&b, SECOND).await;
    let heard = b.heard();
    assert!(heard.iter().all(|packet| packet.header.payload_type == 8));
    assert!(b.hears(440.0) > 0.9);
    let mut samples = [0; 160];
    assert_eq!(Decoder::new(Codec::Pcma).decode(&heard[0].payload, &mut samples), Ok(160));
}

#[tokio::test]
async fn members_come_and_go_while_it_runs() {
    let mut studio = Studio::start(&settings(22_200, 4)).await;
    let a = studio.phone("a", Some(440.0)).await;
    let b = studio.phone("b", Some(880.0)).await;
    let c = studio.phone("c", Some(1320.0)).await;
    studio.bridge("room", BridgeMode::Mix, &[&a, &b]).await;
    until_heard(&a, 10).await;
    studio.control.done(add_member("room", "c")).await;
    until("the third is heard", || {
        let heard = a.heard();
        share(&heard[heard.len().saturating_sub(10)..], 1320.0) > 0.3
    })
    .await;
    studio.control.close("c").await;
    until("the third is gone", || {
        let heard = a.heard();
        share(&heard[heard.len() - 10..], 1320.0) < 0.05 && share(&heard[heard.len() - 10..], 880.0) > 0.9
    })
    .await;
    assert_continuous(&a.heard());
    let remove = proto::RemoveMember { bridge_id: "room".into(), endpoint_id: "b".into() };
    studio.control.done(Operation::RemoveMember(remove)).await;
    // Alone in the room, nothing comes any more.
    let said = a.said();
    until("it goes on to speak", || a.said() >= said + 3).await;
    a.clear();
    until("it goes on to speak", || a.said() >= said + 10).await;
    assert_eq!(a.count(), 0);
    assert_eq!(c.count(), c.heard().len());
    assert_eq!(studio.control.fails(close("c")).await, proto::failure::Code::NoEndpoint);
}

#[tokio::test]
async fn an_answer_with_its_commit_is_in_force_when_media_replies() {
    let mut studio = Studio::start(&settings(22_900, 2)).await;
    let phone = Phone::new("a");
    let offer = phone.description("a=sendrecv\r\n");
    let Operation::Negotiate(asked) = answer_offer("a", 1, &offer, Direction::Sendrecv) else {
        unreachable!()
    };
    let asked = Operation::Negotiate(proto::Negotiate { commit: true, ..asked });
    assert!(matches!(studio.control.ask(asked).await, Outcome::Negotiated(_)));
    studio.control.done(play_tone("a", "p", 440.0, None)).await;
    until_heard(&phone, 10).await;
    assert_eq!(studio.control.fails(commit("a", 1)).await, Code::StaleGeneration, "nothing pends");
    studio.control.close("a").await;
}
