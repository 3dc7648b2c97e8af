//! Where the speaker of an offer wants its audio, read before the offer is answered: it decides from which address.

use std::net::IpAddr;

use crate::ground::IpVersion;

/// Where a peer is, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The IP version.
    pub version: IpVersion,
    /// The address; `None` where the peer names a host.
    pub address: Option<IpAddr>,
}

impl Whereabouts {
    /// Somewhere in a version of IP.
    #[must_use]
    pub const fn in_version(version: IpVersion) -> Self {
        Self { version, address: None }
    }

    /// Reads an offer as far as it takes to find the connection line that counts: that of the line of audio over plain
    /// RTP which is in use (`in_use` is its place), or else of the first one, and where that has none, the session's.
    /// `None` where it says nothing that could be used; why is for whoever answers it.
    #[must_use]
    pub fn of_offer(offer: &[u8], in_use: Option<usize>) -> Option<Self> {
        let (mut session, mut found) = (None, None::<(usize, Option<Self>)>);
        let mut lines_seen = 0;
        for line in offer.split(|byte| matches!(byte, b'\r' | b'\n')) {
            let Some((key, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once('='))
            else {
                continue;
            };
            match key.trim() {
                "m" => {
                    let index = lines_seen;
                    lines_seen += 1;
                    if is_live_audio(value) && (found.is_none() || in_use == Some(index)) {
                        found = Some((index, None));
                    }
                }
                "c" if lines_seen == 0 => session = Self::of_connection(value),
                "c" => {
                    if let Some((index, place @ None)) = &mut found
                        && *index + 1 == lines_seen
                    {
                        *place = Self::of_connection(value);
                    }
                }
                _ => {}
            }
        }
        found.and_then(|(_, place)| place).or(session)
    }

    fn of_connection(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let (_, address_type, address) = (words.next()?, words.next()?, words.next()?);
        let version = match address_type {
            word if word.eq_ignore_ascii_case("IP4") => IpVersion::V4,
            word if word.eq_ignore_ascii_case("IP6") => IpVersion::V6,
            _ => return None,
        };
        let address = address.split('/').next()?.parse().ok().filter(|&ip| IpVersion::of(ip) == version);
        Some(Self { version, address })
    }
}

fn is_live_audio(media: &str) -> bool {
    let mut words = media.split_ascii_whitespace();
    let (kind, port, proto) = (words.next(), words.next(), words.next());
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("audio"))
        && port.is_some_and(|port| port != "0")
        && proto.is_some_and(super::audio_line::is_plain_rtp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_line_that_counts_is_found() {
        let audio = "m=audio 4000 RTP/AVP 0";
        let rows = [
            (format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{audio}\r\n"), Some((IpVersion::V4, Some("192.0.2.1")))),
            (format!("v=0\nc=IN IP6 2001:db8::7\n{audio}"), Some((IpVersion::V6, Some("2001:db8::7")))),
            (format!("c=IN IP4 192.0.2.1/127\n{audio}"), Some((IpVersion::V4, Some("192.0.2.1")))),
            (format!("c=IN  ip6 ::\r{audio}"), Some((IpVersion::V6, Some("::")))),
            (format!("c=IN IP4 host.example\n{audio}"), Some((IpVersion::V4, None))),
            (format!("c=IN IP6 192.0.2.1\n{audio}"), Some((IpVersion::V6, None))),
            (format!("c=IN IP7 host.example\n{audio}"), None),
            (format!("c=IN\n{audio}"), None),
            (audio.to_owned(), None),
            ("c=IN IP4 192.0.2.1\n".to_owned(), Some((IpVersion::V4, Some("192.0.2.1")))),
            // The line's own goes before that of the session, wherever it stands among its lines.
            (
                format!("c=IN IP4 192.0.2.1\n{audio}\na=ptime:20\nc=IN IP6 2001:db8::7\n"),
                Some((IpVersion::V6, Some("2001:db8::7"))),
            ),
            // Lines that are not taken do not count.
            (
                format!("m=video 4000 RTP/AVP 31\nc=IN IP4 192.0.2.1\n{audio}\nc=IN IP6 2001:db8::7\n"),
                Some((IpVersion::V6, Some("2001:db8::7"))),
            ),
            (
                format!("m=audio 4000 RTP/SAVP 0\nc=IN IP4 192.0.2.1\n{audio}\nc=IN IP6 2001:db8::7\n"),
                Some((IpVersion::V6, Some("2001:db8::7"))),
            ),
            (
                format!("m=audio 0 RTP/AVP 0\nc=IN IP4 192.0.2.1\n{audio}\nc=IN IP6 2001:db8::7\n"),
                Some((IpVersion::V6, Some("2001:db8::7"))),
            ),
            (
                format!("c=IN IP4 192.0.2.1\n{audio}\nm=video 4000 RTP/AVP 31\nc=IN IP6 2001:db8::7\n"),
                Some((IpVersion::V4, Some("192.0.2.1"))),
            ),
        ];
        for (offer, expected) in rows {
            let found = Whereabouts::of_offer(offer.as_bytes(), None);
            let found = found.map(|found| (found.version, found.address.map(|ip| ip.to_string())));
            let expected = expected.map(|(version, address)| (version, address.map(str::to_owned)));
            assert_eq!(found, expected, "{offer}");
        }
    }

    #[test]
    fn the_line_in_use_goes_before_the_first_one() {
        let offer = "m=audio 4 RTP/AVP 0\nc=IN IP4 192.0.2.1\nm=audio 4 RTP/AVP 0\nc=IN IP6 2001:db8::7\n";
        let version = |in_use| Whereabouts::of_offer(offer.as_bytes(), in_use).map(|found| found.version);
        assert_eq!(
            [None, Some(0), Some(1), Some(2)].map(version),
            [Some(IpVersion::V4), Some(IpVersion::V4), Some(IpVersion::V6), Some(IpVersion::V4),]
        );
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm() {
        for offer in [&b"\xff\xfe=\x00"[..], b"", b"=", b"c=", b"m=", b"m=audio", b"c=IN IP4 /"] {
            assert!(
                Whereabouts::of_offer(offer, Some(usize::MAX)).is_none_or(|found| found.address.is_none())
            );
        }
    }
}
