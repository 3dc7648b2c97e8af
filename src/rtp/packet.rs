//! The RTP packet as a view over its bytes (RFC 3550 §5.1, §5.3.1): checked once, read and rewritten in place.

/// Bytes of the fixed header.
pub const HEADER_BYTES: usize = 12;

/// The protocol version in the top two bits.
const VERSION: u8 = 2;

/// Why bytes are no RTP packet: the sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RtpError {
    /// Fewer bytes than the fixed header.
    #[error("{0} bytes are too few for an RTP header")]
    Short(usize),
    /// A version other than 2.
    #[error("RTP version {0}")]
    Version(u8),
    /// The list of contributing sources goes past the end.
    #[error("the CSRC list goes past the end")]
    Csrcs,
    /// The header extension goes past the end.
    #[error("the header extension goes past the end")]
    Extension,
    /// The padding count is zero or larger than the payload.
    #[error("a padding of {0} bytes does not fit")]
    Padding(u8),
    /// The buffer to write into is too small: the caller is at fault.
    #[error("{0} bytes are too few to write the packet into")]
    NoRoom(usize),
}

/// Where a checked packet's payload lies.
#[derive(Clone, Copy, Debug)]
struct Layout {
    payload: u16,
    payload_end: u16,
}

/// Checks a packet as RFC 3550 A.1 asks, and finds its payload.
fn check(bytes: &[u8]) -> Result<Layout, RtpError> {
    let length = bytes.len().min(usize::from(u16::MAX));
    let bytes = &bytes[..length];
    let &[first, ..] = bytes else { return Err(RtpError::Short(0)) };
    if length < HEADER_BYTES {
        return Err(RtpError::Short(length));
    }
    if first >> 6 != VERSION {
        return Err(RtpError::Version(first >> 6));
    }
    let mut payload = HEADER_BYTES + 4 * usize::from(first & 0x0F);
    if payload > length {
        return Err(RtpError::Csrcs);
    }
    if first & 0x10 != 0 {
        let words = bytes.get(payload + 2..payload + 4).ok_or(RtpError::Extension)?;
        payload += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        if payload > length {
            return Err(RtpError::Extension);
        }
    }
    let mut payload_end = length;
    if first & 0x20 != 0 {
        let padding = bytes[length - 1];
        if padding == 0 || usize::from(padding) > length - payload {
            return Err(RtpError::Padding(padding));
        }
        payload_end -= usize::from(padding);
    }
    Ok(Layout { payload: payload as u16, payload_end: payload_end as u16 })
}

/// The fields of the fixed header that a sender chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The marker bit: for audio, the first packet of a talk-spurt (RFC 3551 §4.1).
    pub marker: bool,
    /// The payload type, 0–127.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp, in ticks of the payload's clock.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// Writes a header without contributing sources, extension or padding into the front of `out`. The payload goes
    /// to [`HEADER_BYTES`] and after.
    ///
    /// # Errors
    /// [`RtpError::NoRoom`] when `out` has fewer than [`HEADER_BYTES`] bytes.
    pub fn write(&self, out: &mut [u8]) -> Result<(), RtpError> {
        let room = out.len();
        let out = out.first_chunk_mut::<HEADER_BYTES>().ok_or(RtpError::NoRoom(room))?;
        out[0] = VERSION << 6;
        self.write_fields(out);
        Ok(())
    }

    /// Writes everything but the first byte.
    fn write_fields(&self, out: &mut [u8; HEADER_BYTES]) {
        out[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7F;
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }

    fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [_, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *bytes;
        Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
        }
    }
}

/// A checked packet.
#[derive(Clone, Copy, Debug)]
pub struct PacketView<'a> {
    bytes: &'a [u8],
    header: Header,
    layout: Layout,
}

impl<'a> PacketView<'a> {
    /// Checks the bytes of one datagram.
    ///
    /// # Errors
    /// When they are no RTP packet; see [`RtpError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let layout = check(bytes)?;
        let fixed = bytes.first_chunk().ok_or(RtpError::Short(bytes.len()))?;
        Ok(Self { bytes, header: Header::read(fixed), layout })
    }

    /// The fixed header.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// The payload, without padding.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[usize::from(self.layout.payload)..usize::from(self.layout.payload_end)]
    }

    /// The contributing sources, up to 15.
    pub fn csrcs(&self) -> impl Iterator<Item = u32> + 'a {
        let count = usize::from(self.bytes[0] & 0x0F);
        self.bytes[HEADER_BYTES..HEADER_BYTES + 4 * count]
            .as_chunks()
            .0
            .iter()
            .map(|csrc| u32::from_be_bytes(*csrc))
    }

    /// The header extension: the profile's 16 bits and the data (RFC 3550 §5.3.1).
    #[must_use]
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        if self.bytes[0] & 0x10 == 0 {
            return None;
        }
        let start = HEADER_BYTES + 4 * usize::from(self.bytes[0] & 0x0F);
        let profile = u16::from_be_bytes([self.bytes[start], self.bytes[start + 1]]);
        Some((profile, &self.bytes[start + 4..usize::from(self.layout.payload)]))
    }
}

/// A checked packet whose header can be rewritten in place: how a relay forwards without copying.
#[derive(Debug)]
pub struct PacketViewMut<'a> {
    bytes: &'a mut [u8],
    layout: Layout,
}

impl<'a> PacketViewMut<'a> {
    /// Checks the bytes of one datagram.
    ///
    /// # Errors
    /// When they are no RTP packet; see [`RtpError`].
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, RtpError> {
        let layout = check(bytes)?;
        Ok(Self { bytes, layout })
    }

    /// The fixed header as it stands now.
    #[must_use]
    pub fn header(&self) -> Header {
        self.bytes.first_chunk().map_or(
            Header { marker: false, payload_type: 0, sequence: 0, timestamp: 0, ssrc: 0 },
            Header::read,
        )
    }

    /// Rewrites marker, payload type, sequence number, timestamp and SSRC; everything else stays.
    pub fn set_header(&mut self, header: &Header) {
        if let Some(fixed) = self.bytes.first_chunk_mut() {
            header.write_fields(fixed);
        }
    }

    /// The payload, without padding.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[usize::from(self.layout.payload)..usize::from(self.layout.payload_end)]
    }

    /// The whole packet.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
