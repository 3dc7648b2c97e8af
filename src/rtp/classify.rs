//! What a datagram on a media port is, by its first bytes (RFC 7983 §7, RFC 5761 §4).

/// A kind of datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// RTP.
    Rtp,
    /// RTCP: second byte 192–223.
    Rtcp,
    /// STUN: first byte 0–3.
    Stun,
    /// DTLS: first byte 20–63.
    Dtls,
    /// A ZRTP message (16–19) or a TURN channel (64–79): known, not spoken here.
    Other,
    /// Nothing that has a place on a media port.
    Unknown,
}

/// Tells what a datagram is. Only its first two bytes are looked at: whether it is well formed is for its parser.
#[must_use]
pub fn classify(datagram: &[u8]) -> PacketKind {
    let Some(&first) = datagram.first() else {
        return PacketKind::Unknown;
    };
    match (first, datagram.get(1)) {
        (0..=3, _) => PacketKind::Stun,
        (16..=19 | 64..=79, _) => PacketKind::Other,
        (20..=63, _) => PacketKind::Dtls,
        (128..=191, Some(192..=223)) => PacketKind::Rtcp,
        (128..=191, Some(_)) => PacketKind::Rtp,
        _ => PacketKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_protocol_and_the_second_rtp_from_rtcp() {
        let rows: [(&[u8], PacketKind); 14] = [
            (&[], PacketKind::Unknown),
            (&[0, 1], PacketKind::Stun),
            (&[3, 1], PacketKind::Stun),
            (&[4, 1], PacketKind::Unknown),
            (&[16], PacketKind::Other),
            (&[22, 254], PacketKind::Dtls),
            (&[64, 0], PacketKind::Other),
            (&[0x80], PacketKind::Unknown),
            (&[0x80, 0], PacketKind::Rtp),
            (&[0x80, 0x80 | 101], PacketKind::Rtp),
            (&[0x80, 200], PacketKind::Rtcp),
            (&[0x81, 223], PacketKind::Rtcp),
            (&[0x80, 224], PacketKind::Rtp),
            (&[0xC0, 0], PacketKind::Unknown),
        ];
        for (datagram, kind) in rows {
            assert_eq!(classify(datagram), kind, "{datagram:?}");
        }
    }
}
