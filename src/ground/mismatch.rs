//! Why a session description cannot be lived with, in the words of RFC 3261 §20.43: media finds it, the peer is told
//! in a Warning.

use serde::{Deserialize, Serialize};

/// Why nothing in an offer is acceptable. In the order in which a media line is judged: one that came further says more
/// about what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Mismatch {
    /// Something that none of the others says.
    Other,
    /// No media of a kind that is served.
    MediaType,
    /// Not over a transport that is spoken: another profile than plain RTP.
    TransportProtocol,
    /// No format that is spoken.
    MediaFormat,
    /// The address is of another network than the Internet.
    NetworkProtocol,
    /// The address is neither an IP address nor a host name, or of an IP version that this endpoint does not have.
    AddressFormat,
    /// The address is a multicast one.
    Multicast,
}

impl Mismatch {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Other,
        Self::MediaType,
        Self::TransportProtocol,
        Self::MediaFormat,
        Self::NetworkProtocol,
        Self::AddressFormat,
        Self::Multicast,
    ];

    /// The warn-code.
    #[must_use]
    pub const fn warn_code(self) -> u16 {
        match self {
            Self::NetworkProtocol => 300,
            Self::AddressFormat => 301,
            Self::TransportProtocol => 302,
            Self::MediaType => 304,
            Self::MediaFormat => 305,
            Self::Multicast => 330,
            Self::Other => 399,
        }
    }

    /// The warn-text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NetworkProtocol => "Incompatible network protocol",
            Self::AddressFormat => "Incompatible network address formats",
            Self::TransportProtocol => "Incompatible transport protocol",
            Self::MediaType => "Media type not available",
            Self::MediaFormat => "Incompatible media format",
            Self::Multicast => "Multicast not available",
            Self::Other => "Session description not acceptable",
        }
    }
}
