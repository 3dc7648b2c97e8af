//! The view against the `rtp-types` crate, row by row and on random bytes.

use proptest::prelude::*;
use rtp_types::{RtpPacket, RtpPacketBuilder};

use super::*;

/// A packet with two CSRCs, an extension of one word, the payload 1 2 3, and five bytes of padding.
fn full() -> Vec<u8> {
    let mut bytes = vec![0xB2, 0x80 | 8, 0x12, 0x34, 0, 0, 0, 160, 0xAA, 0xBB, 0xCC, 0xDD];
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 2]);
    bytes.extend([0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
    bytes.extend([1, 2, 3]);
    bytes.extend([0, 0, 0, 0, 5]);
    bytes
}

#[test]
fn every_part_of_a_packet_is_found() {
    let bytes = full();
    let packet = PacketView::parse(&bytes).unwrap();
    let header =
        Header { marker: true, payload_type: 8, sequence: 0x1234, timestamp: 160, ssrc: 0xAABB_CCDD };
    assert_eq!(packet.header(), header);
    assert_eq!(packet.csrcs().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(packet.extension(), Some((0xBEDE, [9, 9, 9, 9].as_slice())));
    assert_eq!(packet.payload(), [1, 2, 3]);
}

#[test]
fn what_is_no_packet_is_refused_with_the_reason() {
    let bytes = full();
    let changed = |at: usize, byte: u8| {
        let mut bytes = full();
        bytes[at] = byte;
        bytes
    };
    let rows = [
        (vec![], RtpError::Short(0)),
        (bytes[..11].to_vec(), RtpError::Short(11)),
        (changed(0, 0x72), RtpError::Version(1)),
        (changed(0, 0x8F), RtpError::Csrcs),
        (bytes[..22].to_vec(), RtpError::Extension),
        (changed(23, 4), RtpError::Extension),
        (changed(35, 0), RtpError::Padding(0)),
        (changed(35, 9), RtpError::Padding(9)),
    ];
    for (bytes, error) in rows {
        assert_eq!(PacketView::parse(&bytes).err(), Some(error), "{bytes:x?}");
        assert_eq!(PacketViewMut::parse(&mut bytes.clone()).err(), Some(error));
    }
    assert!(PacketView::parse(&changed(35, 8)).unwrap().payload().is_empty());
}

#[test]
fn rewriting_changes_the_header_and_nothing_else() {
    let mut bytes = full();
    let header = Header { marker: false, payload_type: 0, sequence: 1, timestamp: 2, ssrc: 3 };
    let mut packet = PacketViewMut::parse(&mut bytes).unwrap();
    packet.set_header(&header);
    assert_eq!(packet.header(), header);
    assert_eq!(packet.payload(), [1, 2, 3]);
    assert_eq!(bytes[0], full()[0]);
    assert_eq!(bytes[12..], full()[12..]);
}

#[test]
fn a_written_header_is_read_back_by_the_oracle() {
    let header = Header { marker: true, payload_type: 101, sequence: 65_535, timestamp: u32::MAX, ssrc: 7 };
    let mut bytes = [0xFF; 16];
    header.write(&mut bytes).unwrap();
    let oracle = RtpPacket::parse(&bytes).unwrap();
    assert_eq!((oracle.marker_bit(), oracle.payload_type(), oracle.sequence_number()), (true, 101, 65_535));
    assert_eq!((oracle.timestamp(), oracle.ssrc(), oracle.payload()), (u32::MAX, 7, [0xFF; 4].as_slice()));
    assert_eq!(header.write(&mut bytes[..11]), Err(RtpError::NoRoom(11)));
}

proptest! {
    #[test]
    fn the_view_and_the_oracle_agree_on_bytes_of_any_kind(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..64),
        looks_right in any::<bool>(),
    ) {
        if let (true, Some(first)) = (looks_right, bytes.first_mut()) {
            *first = 0x80 | *first & 0x33;
        }
        let (ours, oracle) = (PacketView::parse(&bytes), RtpPacket::parse(&bytes));
        prop_assert_eq!(ours.is_ok(), oracle.is_ok(), "{:?} {:?}", ours.err(), oracle.err());
        if let (Ok(ours), Ok(oracle)) = (ours, oracle) {
            let header = ours.header();
            prop_assert_eq!(header.sequence, oracle.sequence_number());
            prop_assert_eq!(header.timestamp, oracle.timestamp());
            prop_assert_eq!(header.ssrc, oracle.ssrc());
            prop_assert_eq!((header.marker, header.payload_type), (oracle.marker_bit(), oracle.payload_type()));
            prop_assert_eq!(ours.payload(), oracle.payload());
            prop_assert_eq!(ours.extension(), oracle.extension());
            prop_assert_eq!(ours.csrcs().collect::<Vec<_>>(), oracle.csrc().collect::<Vec<_>>());
        }
    }

    #[test]
    fn packets_that_the_oracle_builds_are_read(
        (payload_type, sequence, timestamp, ssrc) in (0..128_u8, any::<u16>(), any::<u32>(), any::<u32>()),
        csrcs in proptest::collection::vec(any::<u32>(), 0..15),
        payload in proptest::collection::vec(any::<u8>(), 0..200),
        padding in proptest::option::of(1..20_u8),
    ) {
        let builder = RtpPacketBuilder::<_, &[u8]>::new()
            .payload_type(payload_type)
            .sequence_number(sequence)
            .timestamp(timestamp)
            .ssrc(ssrc)
            .payload(payload.as_slice());
        let builder = if let Some(padding) = padding { builder.padding(padding) } else { builder };
        let built = csrcs.iter().fold(builder, |builder, &csrc| builder.add_csrc(csrc)).write_vec().unwrap();
        let packet = PacketView::parse(&built).unwrap();
        prop_assert_eq!(packet.header(), Header { marker: false, payload_type, sequence, timestamp, ssrc });
        prop_assert_eq!(packet.payload(), payload.as_slice());
        prop_assert_eq!(packet.csrcs().collect::<Vec<_>>(), csrcs);
    }
}
