//! The codecs by name, with the numbers that RTP (RFC 3551) and SDP (RFC 8866 §6.6) give them.

use serde::{Deserialize, Serialize};

/// An audio codec spoken here.
///
/// The RTP clock and the sampling rate are kept apart: they differ for some codecs (G.722, RFC 3551 §4.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
}

impl Codec {
    /// Every codec, in the order in which they are offered when nobody says otherwise.
    pub const ALL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    /// The encoding name of `a=rtpmap` (compared without regard to case).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The codec of this encoding name, RTP clock and channel count; `None` when it is not spoken here.
    #[must_use]
    pub fn from_rtpmap(name: &str, clock_rate_hz: u32, channels: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| {
            name.eq_ignore_ascii_case(codec.name())
                && clock_rate_hz == codec.clock_rate_hz()
                && channels == codec.channels()
        })
    }

    /// The payload type that RFC 3551 §6 fixes for the codec, if it fixes one.
    #[must_use]
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
        }
    }

    /// The codec of a payload type that needs no `a=rtpmap`.
    #[must_use]
    pub fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.static_payload_type() == Some(payload_type))
    }

    /// The rate at which RTP timestamps advance, in hertz.
    #[must_use]
    pub const fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// The rate of the decoded samples, in hertz.
    #[must_use]
    pub const fn sample_rate_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// Channels on the wire.
    #[must_use]
    pub const fn channels(self) -> u8 {
        match self {
            Self::Pcmu | Self::Pcma => 1,
        }
    }

    /// Samples in `milliseconds` of audio.
    #[must_use]
    pub const fn samples_in(self, milliseconds: u32) -> usize {
        (self.sample_rate_hz() / 1000 * milliseconds) as usize
    }

    /// RTP timestamp ticks in `milliseconds` of audio.
    #[must_use]
    pub const fn ticks_in(self, milliseconds: u32) -> u32 {
        self.clock_rate_hz() / 1000 * milliseconds
    }

    /// The most payload bytes that `milliseconds` of audio may take.
    #[must_use]
    pub const fn payload_bytes_max(self, milliseconds: u32) -> usize {
        match self {
            Self::Pcmu | Self::Pcma => self.samples_in(milliseconds),
        }
    }
}

/// What a payload type of a description stands for, as far as it is understood here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// Audio of a known codec.
    Audio(Codec),
    /// Telephone events (RFC 4733) on a clock of this rate, in hertz.
    TelephoneEvent {
        /// The RTP clock of the stream the events belong to.
        clock_rate_hz: u32,
    },
}

impl Encoding {
    /// What `a=rtpmap`'s name, clock and channels stand for; `None` when it is not spoken here.
    #[must_use]
    pub fn from_rtpmap(name: &str, clock_rate_hz: u32, channels: u8) -> Option<Self> {
        if name.eq_ignore_ascii_case("telephone-event") {
            return Some(Self::TelephoneEvent { clock_rate_hz });
        }
        Codec::from_rtpmap(name, clock_rate_hz, channels).map(Self::Audio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_with_clock_and_channels() {
        assert_eq!(Codec::from_rtpmap("pcmu", 8000, 1), Some(Codec::Pcmu));
        assert_eq!(Codec::from_rtpmap("PCMA", 8000, 1), Some(Codec::Pcma));
        assert_eq!(Codec::from_rtpmap("PCMU", 16000, 1), None);
        assert_eq!(Codec::from_rtpmap("PCMU", 8000, 2), None);
        assert_eq!(
            Encoding::from_rtpmap("Telephone-Event", 8000, 1),
            Some(Encoding::TelephoneEvent { clock_rate_hz: 8000 })
        );
    }

    #[test]
    fn twenty_milliseconds_of_g711_are_160_samples_ticks_and_bytes() {
        for codec in Codec::ALL {
            assert_eq!(codec.samples_in(20), 160);
            assert_eq!(codec.ticks_in(20), 160);
            assert_eq!(codec.payload_bytes_max(20), 160);
        }
    }
}
