//! Exchanges that follow one another: re-offers, holds, moves, versions (RFC 3264 §8).

use super::{Intent, described, described_at, lines_of, local};
use crate::codec::Codec::{Pcma, Pcmu};
use crate::ground::Mismatch;
use crate::sdp::Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
use crate::sdp::{
    Direction, LocalMedia, Negotiated, RemotePlace, SdpError, apply_answer, make_answer, make_offer,
};

fn answered(offer: &str, settled: Option<&Negotiated>) -> Negotiated {
    let answer = make_answer(offer.as_bytes(), &local(), Intent::default(), settled).unwrap();
    super::invariants::check(offer.as_bytes(), &answer.sdp);
    answer.negotiated
}

fn version(sdp: &[u8]) -> u64 {
    lines_of(sdp, "o=")[0].split(' ').nth(2).unwrap().parse().unwrap()
}

fn wanting(direction: Direction) -> Intent {
    Intent { direction, ..Intent::default() }
}

#[test]
fn an_unchanged_description_keeps_its_version_and_a_changed_one_has_the_next() {
    let first = answered(&described("m=audio 4000 RTP/AVP 0"), None);
    let refresh = answered(&described("m=audio 4000 RTP/AVP 0"), Some(&first));
    assert_eq!(refresh.local, first.local);
    let held = answered(&described("m=audio 4000 RTP/AVP 0\na=sendonly"), Some(&refresh));
    assert_eq!(version(&held.local), version(&first.local) + 1);
    let resumed = answered(&described("m=audio 4000 RTP/AVP 0"), Some(&held));
    assert_eq!(version(&resumed.local), version(&first.local) + 2);
}

#[test]
fn our_re_offer_of_the_same_is_the_same_to_the_byte() {
    let offer = make_offer(&local(), wanting(SendRecv), None).unwrap();
    let settled = apply_answer(&offer, described("m=audio 4000 RTP/AVP 0").as_bytes()).unwrap();
    let refresh = make_offer(&local(), wanting(SendRecv), Some(&settled)).unwrap();
    assert_eq!(refresh.sdp, offer.sdp);
}

#[test]
fn the_codec_in_use_comes_first_in_our_re_offer() {
    let offer = make_offer(&local(), wanting(SendRecv), None).unwrap();
    let settled = apply_answer(&offer, described("m=audio 4000 RTP/AVP 8 0").as_bytes()).unwrap();
    let hold = make_offer(&local(), wanting(SendOnly), Some(&settled)).unwrap();
    assert_eq!(lines_of(&hold.sdp, "m="), ["m=audio 10000 RTP/AVP 8 0 101"]);
}

#[test]
fn a_hold_of_ours_goes_out_and_comes_back() {
    let first = answered(&described("m=audio 4000 RTP/AVP 8"), None);
    let hold = make_offer(&local(), wanting(SendOnly), Some(&first)).unwrap();
    assert_eq!(version(&hold.sdp), 2);
    assert_eq!(lines_of(&hold.sdp, "c="), ["c=IN IP4 192.0.2.1"], "never the hold of RFC 2543");
    let held = apply_answer(&hold, described("m=audio 4000 RTP/AVP 8\na=recvonly").as_bytes()).unwrap();
    assert_eq!(held.facts.stream.as_ref().unwrap().direction, SendOnly);
    assert!(!held.facts.held_by_peer());
    let resume = make_offer(&local(), wanting(SendRecv), Some(&held)).unwrap();
    assert_eq!(version(&resume.sdp), 3);
}

#[test]
fn when_both_hold_nothing_flows() {
    let first = answered(&described("m=audio 4000 RTP/AVP 8"), None);
    let offer = described("m=audio 4000 RTP/AVP 8\na=sendonly");
    let both = make_answer(offer.as_bytes(), &local(), wanting(SendOnly), Some(&first)).unwrap();
    assert_eq!(both.negotiated.facts.stream.unwrap().direction, Inactive);
}

#[test]
fn a_port_zero_in_mid_call_stops_the_stream_and_a_later_offer_brings_it_back() {
    let first = answered(&described("m=audio 4000 RTP/AVP 0"), None);
    let stopped = answered(&described("m=audio 0 RTP/AVP 0"), Some(&first));
    assert_eq!(stopped.facts.stream, None);
    let ours = make_offer(&local(), wanting(SendRecv), Some(&stopped)).unwrap();
    assert_eq!(lines_of(&ours.sdp, "m="), ["m=audio 10000 RTP/AVP 0 8 101"]);
    let theirs = answered(&described("m=audio 4000 RTP/AVP 0"), Some(&stopped));
    assert_eq!(theirs.facts.stream.unwrap().direction, SendRecv);
}

#[test]
fn a_stopped_audio_line_beside_live_video_is_no_reason_to_refuse() {
    let first = answered(&described("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 31"), None);
    let stopped = answered(&described("m=audio 0 RTP/AVP 0\nm=video 4002 RTP/AVP 31"), Some(&first));
    assert_eq!(lines_of(&stopped.local, "m="), ["m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 31"]);
}

#[test]
fn fax_in_the_place_of_audio_is_refused_whole_and_audio_stays() {
    let first = answered(&described("m=audio 4000 RTP/AVP 0"), None);
    let fax = described("m=audio 0 RTP/AVP 0\nm=image 4000 udptl t38");
    let refused = make_answer(fax.as_bytes(), &local(), Intent::default(), Some(&first));
    assert_eq!(refused, Err(SdpError::NothingAcceptable(Mismatch::MediaType)));
}

#[test]
fn a_changed_address_in_mid_call_moves_the_stream() {
    let first = answered(&described("m=audio 4000 RTP/AVP 0"), None);
    let moved = answered(&described_at("IN IP4 203.0.113.50", "m=audio 4444 RTP/AVP 0"), Some(&first));
    let remote = moved.facts.stream.unwrap().remote;
    assert_eq!(remote, RemotePlace::At("203.0.113.50:4444".parse().unwrap()));
    assert_eq!(moved.local, first.local, "nothing of ours has changed");
}

#[test]
fn refused_lines_keep_their_place_in_our_re_offer() {
    let first = answered(
        &described("m=video 4002 RTP/AVP 31\nm=audio 4000 RTP/AVPF 8\nm=image 4004 udptl t38"),
        None,
    );
    let ours = make_offer(&local(), wanting(SendOnly), Some(&first)).unwrap();
    let expected = ["m=video 0 RTP/AVP 31", "m=audio 10000 RTP/AVPF 8 0 101", "m=image 0 udptl t38"];
    assert_eq!(lines_of(&ours.sdp, "m="), expected);
    let answer = described("m=video 0 RTP/AVP 31\nm=audio 4000 RTP/AVPF 8\na=recvonly\nm=image 0 udptl t38");
    let settled = apply_answer(&ours, answer.as_bytes()).unwrap();
    assert_eq!(settled.facts.stream.unwrap().codec(), Pcma);
}

#[test]
fn payload_types_keep_their_meaning_in_our_re_offer() {
    let offer = "m=audio 4000 RTP/AVP 96 101\na=rtpmap:96 telephone-event/8000\na=rtpmap:101 PCMA/8000";
    let first = answered(&described(offer), None);
    let ours = make_offer(&local(), wanting(SendRecv), Some(&first)).unwrap();
    assert_eq!(lines_of(&ours.sdp, "m="), ["m=audio 10000 RTP/AVP 101 0 96"]);
    // A usual number that the session uses for something else is not given a second meaning.
    let first = answered(&described("m=audio 4000 RTP/AVP 101\na=rtpmap:101 PCMU/8000"), None);
    let ours = make_offer(&local(), wanting(SendRecv), Some(&first)).unwrap();
    assert_eq!(lines_of(&ours.sdp, "m="), ["m=audio 10000 RTP/AVP 101 8 96"]);
}

#[test]
fn the_line_in_use_is_kept_when_another_becomes_acceptable() {
    let first = answered(&described("m=audio 4000 RTP/AVP 18\nm=audio 4002 RTP/AVP 8"), None);
    let again = answered(&described("m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 8"), Some(&first));
    assert_eq!(lines_of(&again.local, "m="), ["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/AVP 8"]);
}

#[test]
fn a_re_offer_may_add_lines_but_not_drop_any() {
    let first = answered(&described("m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 31"), None);
    let added = answered(
        &described("m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 31\nm=video 4002 RTP/AVP 31"),
        Some(&first),
    );
    assert_eq!(lines_of(&added.local, "m=").len(), 3);
    let dropped = described("m=audio 4000 RTP/AVP 0");
    let refused = make_answer(dropped.as_bytes(), &local(), Intent::default(), Some(&first));
    assert_eq!(refused, Err(SdpError::LinesMissing { offered: 1, established: 2 }));
}

#[test]
fn a_session_begun_without_lines_gets_its_audio_by_a_re_offer() {
    let first = answered(&described(""), None);
    assert_eq!(lines_of(&first.local, "m="), [""; 0]);
    let ours = make_offer(&local(), wanting(SendRecv), Some(&first)).unwrap();
    assert_eq!(lines_of(&ours.sdp, "m=").len(), 1);
    let theirs = answered(&described("m=audio 4000 RTP/AVP 0"), Some(&first));
    assert_eq!(theirs.facts.stream.unwrap().codec(), Pcmu);
}

#[test]
fn the_version_of_an_offer_that_came_to_nothing_is_not_used_again() {
    let mut settled = answered(&described("m=audio 4000 RTP/AVP 0"), None);
    let failed = make_offer(&local(), wanting(SendOnly), Some(&settled)).unwrap();
    settled.abandon(&failed);
    let next = make_offer(&local(), wanting(RecvOnly), Some(&settled)).unwrap();
    assert_eq!(version(&next.sdp), version(&failed.sdp) + 1);
}

#[test]
fn the_settled_state_moves_to_another_process_and_goes_on() {
    let settled = answered(&described("m=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000"), None);
    let written = toml::to_string(&settled).unwrap();
    let mut read: Negotiated = toml::from_str(&written).unwrap();
    assert_eq!(read, settled);
    read.skip_versions(100);
    let elsewhere = LocalMedia { address: "192.0.2.99".parse().unwrap(), ..local() };
    let moved = make_offer(&elsewhere, wanting(SendRecv), Some(&read)).unwrap();
    assert_eq!(version(&moved.sdp), 102);
    assert_eq!(lines_of(&moved.sdp, "o=")[0].split(' ').nth(1), Some("4711"), "the same session");
}

#[test]
fn a_settled_state_stays_small_whatever_the_peer_offers() {
    let wide = format!("m={0} 4000 {0} {0}{0}", "w".repeat(crate::sdp::WORD_BYTES_MAX));
    let lines = format!("m=audio 4000 RTP/AVP 0\n{}", vec![wide; crate::sdp::MEDIA_LINES_MAX - 1].join("\n"));
    let offer = described_at(&format!("IN IP4 {}h", "h.".repeat(127)), &lines);
    let settled = answered(&offer, None);
    assert!(settled.local.len() < 2048, "{}", settled.local.len());
}
