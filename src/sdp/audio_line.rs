//! An m-line of audio as its speaker means it: formats, direction, place, packet time.

use std::net::IpAddr;

use sdp_types::{AddrType, Attribute, Connection, Media, NetType, Session};

use super::{Direction, RemotePlace, SdpError};
use crate::codec::{Codec, Encoding};
use crate::ground::Mismatch;

/// The payload types of an RTP profile: 0–127.
const PAYLOAD_TYPES: usize = 128;
/// The longest host name, in bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 255;
/// The longest label of one, in bytes (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// What a payload type is said to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mapping {
    /// Nothing is said.
    None,
    /// Something that is not spoken here.
    Unknown,
    /// This.
    Known(Encoding),
}

/// One m-line of audio over plain RTP, read.
pub(super) struct AudioLine<'a> {
    media: &'a Media,
    session: &'a Session,
    mappings: [Mapping; PAYLOAD_TYPES],
    direction: Option<Direction>,
    ptime_ms: Option<u8>,
    maxptime_ms: Option<u8>,
}

impl<'a> AudioLine<'a> {
    /// Reads an m-line.
    ///
    /// # Errors
    /// When it is not audio over RTP/AVP or RTP/AVPF.
    pub(super) fn read(session: &'a Session, media: &'a Media) -> Result<Self, Mismatch> {
        if !media.media.eq_ignore_ascii_case("audio") {
            return Err(Mismatch::MediaType);
        }
        if !is_plain_rtp(&media.proto) {
            return Err(Mismatch::TransportProtocol);
        }
        let mappings = [Mapping::None; PAYLOAD_TYPES];
        let mut line = Self { media, session, mappings, direction: None, ptime_ms: None, maxptime_ms: None };
        media.attributes.iter().for_each(|attribute| line.take(attribute));
        Ok(line)
    }

    fn take(&mut self, attribute: &Attribute) {
        let value = attribute.value.as_deref().unwrap_or_default().trim();
        match attribute.attribute.trim() {
            "rtpmap" => {
                if let Some((payload_type, mapping)) = rtpmap(value) {
                    self.mappings[usize::from(payload_type)] = mapping;
                }
            }
            "ptime" => self.ptime_ms = milliseconds(value),
            "maxptime" => self.maxptime_ms = milliseconds(value),
            name => self.direction = self.direction.or_else(|| Direction::from_attribute(name)),
        }
    }

    /// The payload types in the line's order, with what they stand for. Those that are not spoken here are left out;
    /// one that is neither mapped nor static stands for what `otherwise` says.
    pub(super) fn formats(
        &self,
        otherwise: impl Fn(u8) -> Option<Encoding>,
    ) -> impl Iterator<Item = (u8, Encoding)> {
        self.media.fmt.split_ascii_whitespace().filter_map(move |word| {
            let payload_type: u8 = word.parse().ok()?;
            let encoding = match self.mappings.get(usize::from(payload_type))? {
                Mapping::Known(encoding) => Some(*encoding),
                Mapping::Unknown => None,
                Mapping::None => Codec::from_static_payload_type(payload_type)
                    .map(Encoding::Audio)
                    .or_else(|| otherwise(payload_type)),
            };
            Some((payload_type, encoding?))
        })
    }

    /// The highest telephone event that `a=fmtp` names for the payload type, if it names any.
    pub(super) fn highest_event(&self, payload_type: u8) -> Option<u8> {
        let events = self.media.attributes.iter().find_map(|attribute| {
            let (number, events) = attribute.value.as_deref()?.trim().split_once(' ')?;
            (attribute.attribute.trim() == "fmtp" && number.parse() == Ok(payload_type)).then_some(events)
        })?;
        events.split([',', '-', ';']).filter_map(|event| event.trim().parse().ok()).max()
    }

    /// The direction that the line says, or else the session.
    pub(super) fn said_direction(&self) -> Direction {
        let session_level = || {
            let mut attributes = self.session.attributes.iter();
            attributes.find_map(|attribute| Direction::from_attribute(attribute.attribute.trim()))
        };
        self.direction.or_else(session_level).unwrap_or_default()
    }

    /// What the speaker does: what it says, but nothing is to be sent to an unspecified address (RFC 3264 §8.4).
    pub(super) fn direction(&self, place: &RemotePlace) -> Direction {
        let said = self.said_direction();
        match place {
            RemotePlace::Nowhere => Direction::new(said.sends(), false),
            RemotePlace::At(_) | RemotePlace::Named { .. } => said,
        }
    }

    /// Where the speaker wants packets, or why none can be sent there. A host name stays one.
    ///
    /// # Errors
    /// When neither the line nor the session has a c-line.
    pub(super) fn place(&self) -> Result<Result<RemotePlace, Mismatch>, SdpError> {
        let connection = self.connection().ok_or_else(|| SdpError::Malformed("no c-line".into()))?;
        Ok(place(connection, self.media.port))
    }

    fn connection(&self) -> Option<&Connection> {
        self.media.connections.first().or(self.session.connection.as_ref())
    }

    /// Whether a [place](Self::place) of this line is of the IP version of an address here. A host name has the version
    /// that its c-line says.
    pub(super) fn is_of_version(&self, place: &RemotePlace, local: IpAddr) -> bool {
        match place {
            RemotePlace::At(address) => address.is_ipv4() == local.is_ipv4(),
            RemotePlace::Named { .. } => {
                let version = if local.is_ipv4() { AddrType::Ip4 } else { AddrType::Ip6 };
                self.connection().is_some_and(|connection| connection.addrtype == version)
            }
            RemotePlace::Nowhere => true,
        }
    }

    /// The packet time to send to the speaker: what it asks for if that can be made, else `local_ms`, and never more
    /// than it allows.
    pub(super) fn packet_time_ms(&self, local_ms: u8) -> u8 {
        let asked = self.ptime_ms.filter(|ms| (10..=60).contains(ms) && ms % 10 == 0).unwrap_or(local_ms);
        match self.maxptime_ms {
            Some(most) if most >= 10 => asked.min(most - most % 10),
            _ => asked,
        }
    }
}

/// Whether a transport protocol is RTP as it is spoken here.
pub(super) fn is_plain_rtp(proto: &str) -> bool {
    ["RTP/AVP", "RTP/AVPF"].iter().any(|known| proto.eq_ignore_ascii_case(known))
}

/// `<payload type> <name>/<clock rate>[/<channels>]`; `None` when it has not that shape.
fn rtpmap(value: &str) -> Option<(u8, Mapping)> {
    let (number, encoding) = value.split_once([' ', '\t'])?;
    let payload_type: u8 = number.parse().ok().filter(|&number| usize::from(number) < PAYLOAD_TYPES)?;
    let mut parts = encoding.trim().split('/').map(str::trim);
    let (name, clock_rate) = (parts.next()?, parts.next()?.parse().ok()?);
    let channels = parts.next().map_or(Some(1), |channels| channels.parse().ok())?;
    let mapping = Encoding::from_rtpmap(name, clock_rate, channels).map_or(Mapping::Unknown, Mapping::Known);
    Some((payload_type, mapping))
}

/// Whole milliseconds; a fraction is cut off, zero means nothing.
fn milliseconds(value: &str) -> Option<u8> {
    let whole = value.split('.').next()?.parse::<u32>().ok()?;
    (whole > 0).then(|| u8::try_from(whole).unwrap_or(u8::MAX))
}

fn place(connection: &Connection, port: u16) -> Result<RemotePlace, Mismatch> {
    if connection.nettype != NetType::In {
        return Err(Mismatch::NetworkProtocol);
    }
    let host = connection.connection_address.split('/').next().unwrap_or_default();
    match (&connection.addrtype, host.parse::<IpAddr>()) {
        (AddrType::Ip4, Ok(ip @ IpAddr::V4(_))) => RemotePlace::of(ip, port),
        // An IPv4 address in IPv6 clothes is never on the wire (RFC 4038 §4.2).
        (AddrType::Ip6, Ok(IpAddr::V6(ip))) if ip.to_ipv4_mapped().is_none() => {
            RemotePlace::of(ip.into(), port)
        }
        (AddrType::Ip4 | AddrType::Ip6, Err(_)) if is_host_name(host) => {
            Ok(RemotePlace::Named { host: host.into(), port })
        }
        (AddrType::Ip4 | AddrType::Ip6 | AddrType::Other(_), _) => Err(Mismatch::AddressFormat),
    }
}

/// Whether this is a domain name of a host: labels of letters, digits and inner hyphens (RFC 1123 §2.1), the last one
/// no number, so that a broken address is not taken for a name.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let top = name.rsplit('.').next().unwrap_or_default();
    text.len() <= HOST_BYTES_MAX
        && name.split('.').all(is_label)
        && !top.bytes().all(|byte| byte.is_ascii_digit())
}
