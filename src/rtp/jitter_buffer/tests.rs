//! Play-out under loss, lateness, reordering, pauses and drifting clocks.

use super::*;
use crate::ground::Random;
use crate::rtp::HEADER_BYTES;

fn buffer(depth_packets: u8, depth_packets_max: u8) -> JitterBuffer {
    JitterBuffer::new(BufferLayout { payload_bytes_max: 8, depth_packets, depth_packets_max })
}

fn header(sequence: u16) -> Header {
    Header { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc: 1 }
}

/// Puts in a packet whose payload is its sequence number.
fn put(buffer: &mut JitterBuffer, sequence: u16) -> Inserted {
    put_header(buffer, header(sequence))
}

fn put_header(buffer: &mut JitterBuffer, header: Header) -> Inserted {
    let mut bytes = [0; HEADER_BYTES + 2];
    header.write(&mut bytes).unwrap();
    bytes[HEADER_BYTES..].copy_from_slice(&header.sequence.to_be_bytes());
    buffer.insert(&PacketView::parse(&bytes).unwrap())
}

#[derive(Debug, PartialEq)]
enum Heard {
    Packet(u16),
    Conceal,
    Silence,
}

use Heard::{Conceal, Packet, Silence};

fn pull(buffer: &mut JitterBuffer) -> Heard {
    match buffer.pull() {
        Playout::Packet { payload, .. } => Packet(u16::from_be_bytes([payload[0], payload[1]])),
        Playout::Conceal => Conceal,
        Playout::Silence => Silence,
    }
}

fn pulls(buffer: &mut JitterBuffer, count: usize) -> Vec<Heard> {
    (0..count).map(|_| pull(buffer)).collect()
}

#[test]
fn nothing_is_silence_and_the_first_packets_are_held_back() {
    let mut buffer = buffer(2, 4);
    assert_eq!(pull(&mut buffer), Silence);
    put(&mut buffer, 10);
    assert_eq!(pull(&mut buffer), Silence);
    put(&mut buffer, 11);
    assert_eq!(pull(&mut buffer), Packet(10));
    put(&mut buffer, 12);
    assert_eq!(pull(&mut buffer), Packet(11));
    assert_eq!(buffer.held_packets(), 1);
}

#[test]
fn a_lone_packet_is_played_after_its_wait() {
    let mut buffer = buffer(2, 4);
    put(&mut buffer, 10);
    assert_eq!(pulls(&mut buffer, 3), [Silence, Silence, Packet(10)]);
}

#[test]
fn reordered_packets_are_played_in_order_over_the_wrap() {
    let mut buffer = buffer(3, 4);
    for sequence in [65_535, 1, 0, 65_534, 2] {
        assert_eq!(put(&mut buffer, sequence), Inserted::Stored);
    }
    let order = [65_534, 65_535, 0, 1, 2].map(Packet);
    assert_eq!(pulls(&mut buffer, 5), order);
}

#[test]
fn a_lost_packet_is_concealed_and_the_next_keeps_its_time() {
    let mut buffer = buffer(2, 4);
    for sequence in [1, 2, 4, 5] {
        put(&mut buffer, sequence);
    }
    assert_eq!(pulls(&mut buffer, 5), [Packet(1), Packet(2), Conceal, Packet(4), Packet(5)]);
    assert_eq!(buffer.counts().lost, 1);
}

#[test]
fn duplicates_are_counted_whether_played_or_waiting_and_do_not_deepen() {
    let mut buffer = buffer(2, 4);
    put(&mut buffer, 1);
    assert_eq!(put(&mut buffer, 1), Inserted::Duplicate);
    put(&mut buffer, 2);
    assert_eq!(pull(&mut buffer), Packet(1));
    assert_eq!(put(&mut buffer, 1), Inserted::Duplicate);
    assert_eq!((buffer.counts().duplicate, buffer.counts().late, buffer.depth_packets()), (2, 0, 2));
}

#[test]
fn a_packet_after_its_turn_is_late_and_deepens_the_buffer() {
    let mut buffer = buffer(2, 4);
    for sequence in [1, 2, 4, 5] {
        put(&mut buffer, sequence);
    }
    assert_eq!(pulls(&mut buffer, 3), [Packet(1), Packet(2), Conceal]);
    assert_eq!(put(&mut buffer, 3), Inserted::Late);
    assert_eq!(buffer.depth_packets(), 3);
    // One turn is concealed to gather the third packet.
    assert_eq!(pull(&mut buffer), Conceal);
    put(&mut buffer, 6);
    assert_eq!(pulls(&mut buffer, 3), [Packet(4), Packet(5), Packet(6)]);
    assert_eq!(buffer.counts(), BufferCounts { played: 5, lost: 1, late: 1, ..BufferCounts::default() });
}

#[test]
fn a_pause_of_the_sender_is_faded_out_and_costs_nothing() {
    let mut buffer = buffer(2, 4);
    put(&mut buffer, 1);
    put(&mut buffer, 2);
    let heard = pulls(&mut buffer, 8);
    assert_eq!(heard, [Packet(1), Packet(2), Conceal, Conceal, Conceal, Silence, Silence, Silence]);
    put_header(&mut buffer, Header { marker: true, ..header(3) });
    assert_eq!(pull(&mut buffer), Silence);
    put(&mut buffer, 4);
    assert_eq!(pulls(&mut buffer, 2), [Packet(3), Packet(4)]);
    assert_eq!((buffer.counts().lost, buffer.depth_packets()), (0, 2));
}

#[test]
fn a_packet_that_was_waited_for_is_played_and_deepens_the_buffer() {
    let mut buffer = buffer(1, 4);
    put(&mut buffer, 1);
    assert_eq!(pulls(&mut buffer, 2), [Packet(1), Conceal]);
    put(&mut buffer, 2);
    assert_eq!(buffer.depth_packets(), 2);
    put(&mut buffer, 3);
    assert_eq!(pulls(&mut buffer, 2), [Packet(2), Packet(3)]);
    assert_eq!(buffer.counts().lost, 0);
}

#[test]
fn a_burst_beyond_the_room_makes_play_out_catch_up() {
    let mut buffer = buffer(2, 4);
    for sequence in 0..40 {
        put(&mut buffer, sequence);
        assert!(usize::from(buffer.held_packets()) <= SLOTS);
    }
    let Packet(first) = pull(&mut buffer) else { panic!("a packet") };
    assert!(first >= 40 - SLOTS as u16, "{first}");
    assert_eq!(buffer.counts().dropped + buffer.counts().played + u64::from(buffer.held_packets()), 40);
}

#[test]
fn an_outage_counts_its_losses_and_play_out_goes_on() {
    let mut buffer = buffer(2, 4);
    put(&mut buffer, 1);
    put(&mut buffer, 2);
    pulls(&mut buffer, 5);
    for sequence in [103, 104, 105] {
        put(&mut buffer, sequence);
    }
    assert_eq!(pulls(&mut buffer, 3), [Packet(103), Packet(104), Packet(105)]);
    assert_eq!(buffer.counts().lost, 100);
}

#[test]
fn a_stream_that_begins_anew_is_taken_up_at_once() {
    let mut buffer = buffer(2, 4);
    put(&mut buffer, 1);
    put(&mut buffer, 2);
    pull(&mut buffer);
    assert_eq!(put(&mut buffer, 30_000), Inserted::Restarted);
    put(&mut buffer, 30_001);
    assert_eq!(pull(&mut buffer), Packet(30_000));
    assert_eq!((buffer.counts().restarts, buffer.counts().dropped), (1, 1));
}

#[test]
fn what_is_not_audio_takes_its_turn_as_silence_and_what_is_too_long_is_refused() {
    let mut buffer = buffer(2, 4);
    put(&mut buffer, 1);
    assert_eq!(buffer.insert_other(header(2)), Inserted::Stored);
    put(&mut buffer, 3);
    assert_eq!(pulls(&mut buffer, 3), [Packet(1), Silence, Packet(3)]);
    let mut bytes = [0; HEADER_BYTES + 9];
    header(4).write(&mut bytes).unwrap();
    assert_eq!(buffer.insert(&PacketView::parse(&bytes).unwrap()), Inserted::TooLong);
    assert_eq!(buffer.counts().too_long, 1);
}

#[test]
fn a_sender_whose_clock_runs_fast_loses_a_packet_now_and_then_and_no_delay_builds_up() {
    let mut buffer = buffer(2, 6);
    let mut sequence = 0;
    for turn in 0..100_000_u32 {
        let extra = u32::from(turn % 1000 == 999);
        for _ in 0..=extra {
            put(&mut buffer, sequence as u16);
            sequence += 1;
        }
        pull(&mut buffer);
        assert!(buffer.held_packets() <= 5, "turn {turn}: {}", buffer.held_packets());
    }
    let counts = buffer.counts();
    assert!((90..=100).contains(&counts.dropped), "{counts:?}");
    assert_eq!(counts.lost, 0);
}

#[test]
fn jitter_is_learned_within_a_few_packets_and_delay_goes_down_in_calm() {
    let mut buffer = buffer(2, 8);
    let mut random = Random::from_key([1, 2]);
    // Packets come 0–79 ms late, independently; turns are 20 ms apart.
    let mut due: Vec<(u64, u16)> = (0..6000_u64).map(|n| (n * 20 + random.below(80), n as u16)).collect();
    due.sort_unstable();
    let mut arrivals = due.into_iter().peekable();
    let mut deepest = 0;
    for turn in 0..6000_u64 {
        while let Some((_, sequence)) = arrivals.next_if(|&(at, _)| at <= turn * 20) {
            put(&mut buffer, sequence);
        }
        pull(&mut buffer);
        deepest = deepest.max(buffer.depth_packets());
    }
    assert!(deepest > 2);
    let counts = buffer.counts();
    assert!(counts.late <= 5 && counts.lost <= 5 && counts.played > 5980, "{counts:?}");
    for sequence in 6000..20_000_u32 {
        put(&mut buffer, sequence as u16);
        pull(&mut buffer);
    }
    assert_eq!(buffer.depth_packets(), 2);
    assert!(buffer.held_packets() <= 3, "{}", buffer.held_packets());
}

#[test]
fn random_traffic_never_breaks_the_books() {
    for seed in 0..200 {
        let mut random = Random::from_key([seed, 7]);
        let mut buffer = buffer(1 + (seed % 4) as u8, 12);
        let (mut stored, mut base) = (0_u64, 0_u16);
        for _ in 0..2000 {
            if random.below(3) == 0 {
                pull(&mut buffer);
            } else {
                base = match random.below(200) {
                    0 => random.next_u32() as u16,
                    1 => base.wrapping_add(random.below(60) as u16),
                    _ => base.wrapping_add(random.below(2) as u16),
                };
                let sequence = base.wrapping_sub(random.below(20) as u16);
                if matches!(put(&mut buffer, sequence), Inserted::Stored | Inserted::Restarted) {
                    stored += 1;
                }
            }
            let held = buffer.slots.iter().flatten().count() as u64;
            assert_eq!(held, u64::from(buffer.held_packets()), "seed {seed}");
            let counts = buffer.counts();
            assert_eq!(counts.played + counts.dropped + held, stored, "seed {seed}");
        }
    }
}
