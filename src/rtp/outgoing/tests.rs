//! Continuity over every change of feed.

use super::*;
use crate::rtp::{HEADER_BYTES, PacketView};

const STEP: u32 = 160;
const A: SourceId = SourceId(1);
const B: SourceId = SourceId(2);

fn ms(millis: u64) -> Instant {
    Instant::from_millis(1000 + millis)
}

fn stream() -> OutgoingStream {
    OutgoingStream::new(0xCA11, 65_534, u32::MAX - 200, 8000)
}

/// Relays a packet with these numbers and gives (sequence, timestamp, marker) as sent.
fn relayed(
    stream: &mut OutgoingStream,
    (source, ssrc): (SourceId, u32),
    (sequence, timestamp): (u16, u32),
    now: Instant,
) -> Result<(u16, u32, bool), Stale> {
    let mut bytes = [0; HEADER_BYTES + 4];
    Header { marker: false, payload_type: 8, sequence, timestamp, ssrc }.write(&mut bytes).unwrap();
    stream.relay(source, &mut PacketViewMut::parse(&mut bytes).unwrap(), 96, now)?;
    let sent = PacketView::parse(&bytes).unwrap().header();
    assert_eq!((sent.ssrc, sent.payload_type), (0xCA11, 96));
    Ok((sent.sequence, sent.timestamp, sent.marker))
}

#[test]
fn a_relayed_stream_keeps_its_gaps_and_its_order_under_our_numbers() {
    let mut out = stream();
    let base = u32::MAX - 200;
    let at = |n: u32| base.wrapping_add(STEP * n);
    assert_eq!(relayed(&mut out, (A, 7), (500, 9000), ms(0)), Ok((65_534, at(0), true)));
    assert_eq!(relayed(&mut out, (A, 7), (501, 9160), ms(20)), Ok((65_535, at(1), false)));
    // 502 is late: 503 leaves its place free.
    assert_eq!(relayed(&mut out, (A, 7), (503, 9480), ms(60)), Ok((1, at(3), false)));
    assert_eq!(relayed(&mut out, (A, 7), (502, 9320), ms(61)), Ok((0, at(2), false)));
    assert_eq!(relayed(&mut out, (A, 7), (504, 9640), ms(80)), Ok((2, at(4), false)));
}

#[test]
fn a_new_source_goes_on_where_the_last_one_stopped() {
    let mut out = stream();
    relayed(&mut out, (A, 7), (500, 9000), ms(0)).unwrap();
    let (sequence, timestamp, _) = relayed(&mut out, (A, 7), (501, 9160), ms(20)).unwrap();
    let next = |seconds: u32| timestamp.wrapping_add(8000 * seconds);
    let taken_over = relayed(&mut out, (B, 9), (12, 77), ms(1020));
    assert_eq!(taken_over, Ok((sequence.wrapping_add(1), next(1), true)));
    assert_eq!(
        relayed(&mut out, (B, 9), (13, 237), ms(1040)),
        Ok((sequence.wrapping_add(2), next(1) + STEP, false))
    );
    // What the new source sent before its turn has no place any more.
    assert_eq!(relayed(&mut out, (B, 9), (11, 0), ms(1041)), Err(Stale));
    // The same source under another SSRC is another stream.
    let (_, later, marker) = relayed(&mut out, (B, 10), (13, 237), ms(1060)).unwrap();
    assert_eq!((later, marker), (next(1) + 2 * STEP, true));
}

#[test]
fn a_source_that_begins_anew_is_followed_without_a_jump() {
    let mut out = stream();
    relayed(&mut out, (A, 7), (500, 9000), ms(0)).unwrap();
    let (sequence, timestamp, _) = relayed(&mut out, (A, 7), (501, 9160), ms(20)).unwrap();
    let anew = relayed(&mut out, (A, 7), (40_000, 1), ms(40));
    assert_eq!(anew, Ok((sequence.wrapping_add(1), timestamp.wrapping_add(STEP), true)));
}

#[test]
fn relay_play_mix_and_events_make_one_stream() {
    let mut out = stream();
    let mut sequences = vec![];
    let mut timestamps = vec![];
    let mut note = |sequence: u16, timestamp: u32| {
        sequences.push(sequence);
        timestamps.push(timestamp);
    };
    for n in 0..3_u16 {
        let now = ms(20 * u64::from(n));
        let (sequence, timestamp, _) = relayed(&mut out, (A, 7), (n, STEP * u32::from(n)), now).unwrap();
        note(sequence, timestamp);
    }
    for n in 3..6_u64 {
        let header = out.generate(0, STEP, false, ms(20 * n));
        assert_eq!(header.marker, n == 3, "only the first of a run is marked");
        note(header.sequence, header.timestamp);
    }
    for n in 6..9_u64 {
        let header = out.generate_event(101, n == 6, ms(20 * n));
        assert_eq!(header.marker, n == 6);
        note(header.sequence, header.timestamp);
    }
    let (sequence, timestamp, marker) = relayed(&mut out, (A, 7), (50, 8000), ms(180)).unwrap();
    assert!(marker);
    note(sequence, timestamp);
    let (first, start) = (sequences[0], timestamps[0]);
    let expected: Vec<u16> = (0..10).map(|n| first.wrapping_add(n)).collect();
    assert_eq!(sequences, expected, "no hole at any change");
    let steps: Vec<u32> = timestamps.iter().map(|timestamp| timestamp.wrapping_sub(start) / STEP).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6, 6, 6, 9]);
}

#[test]
fn a_made_stream_does_not_follow_the_jitter_of_its_clock() {
    let mut out = stream();
    let stamps: Vec<u32> =
        [0, 23, 40, 59, 88].into_iter().map(|at| out.generate(0, STEP, false, ms(at)).timestamp).collect();
    assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == STEP));
    let after_pause = out.generate(0, STEP, true, ms(1088));
    assert!(after_pause.marker);
    assert_eq!(after_pause.timestamp.wrapping_sub(stamps[4]), 8000);
}

#[test]
fn a_change_within_a_packet_does_not_step_back_in_time() {
    let mut out = stream();
    let header = out.generate(0, STEP, false, ms(0));
    let (_, timestamp, _) = relayed(&mut out, (A, 7), (1, 1), ms(3)).unwrap();
    assert_eq!(timestamp.wrapping_sub(header.timestamp), STEP);
}

#[test]
fn many_changes_within_a_packet_do_not_run_ahead_of_the_time() {
    let mut out = stream();
    let first = out.generate(0, STEP, false, ms(0)).timestamp;
    for n in 0..1000_u64 {
        let (at, sequence) = (40 * n, n as u16);
        relayed(&mut out, (A, 7), (sequence, u32::from(sequence) * 320), ms(at + 3)).unwrap();
        let played = out.generate(0, STEP, false, ms(at + 40)).timestamp.wrapping_sub(first);
        assert!(played.abs_diff(320 * (n as u32 + 1)) <= STEP, "{played} ticks after {} ms", at + 40);
    }
}

#[test]
fn a_relayed_event_keeps_its_one_timestamp() {
    let mut out = stream();
    relayed(&mut out, (A, 7), (1, 1000), ms(0)).unwrap();
    let (_, begun, _) = relayed(&mut out, (A, 7), (2, 1160), ms(20)).unwrap();
    let (_, going_on, _) = relayed(&mut out, (A, 7), (3, 1160), ms(40)).unwrap();
    assert_eq!(begun, going_on);
    let after = out.generate(0, STEP, false, ms(120));
    assert_eq!(after.timestamp.wrapping_sub(begun), 800, "100 ms since the event began");
}

#[test]
fn a_long_relay_goes_through_many_cycles_of_the_sequence_number() {
    let mut out = stream();
    let mut last = None;
    for n in 0..200_000_u32 {
        let now = ms(20 * u64::from(n));
        let (sequence, timestamp, _) =
            relayed(&mut out, (A, 7), (n as u16, n.wrapping_mul(STEP)), now).unwrap();
        if let Some((before, stamp)) = last {
            assert_eq!((sequence, timestamp), (u16::wrapping_add(before, 1), u32::wrapping_add(stamp, STEP)));
        }
        last = Some((sequence, timestamp));
    }
    assert_eq!(relayed(&mut out, (A, 7), (199_000_u32 as u16, 0), ms(0)).map(|sent| sent.2), Ok(true));
}
