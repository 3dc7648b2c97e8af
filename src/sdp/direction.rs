//! Which way media flows, seen from the side that says it (RFC 3264 §5.1, §6.1).

use serde::{Deserialize, Serialize};

/// A direction attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways; what a description without the attribute means.
    #[default]
    SendRecv,
    /// The speaker of the description sends and does not want to receive: hold.
    SendOnly,
    /// The speaker only receives.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// The direction that sends and receives as told.
    #[must_use]
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The direction of an attribute's name, if it is one.
    #[must_use]
    pub fn from_attribute(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.attribute() == name)
    }

    /// The attribute's name.
    #[must_use]
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the speaker sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the speaker receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flows as the other side would say them.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What is left of this direction when the other side says `other`: we send what they receive, and the reverse.
    #[must_use]
    pub const fn against(self, other: Self) -> Self {
        Self::new(self.sends() && other.receives(), self.receives() && other.sends())
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{self, Inactive, RecvOnly, SendOnly, SendRecv};

    #[test]
    fn an_answer_never_goes_beyond_the_offer() {
        // RFC 3264 §6.1; rows: ours, theirs, what is left.
        let rows = [
            (SendRecv, SendRecv, SendRecv),
            (SendRecv, SendOnly, RecvOnly),
            (SendRecv, RecvOnly, SendOnly),
            (SendRecv, Inactive, Inactive),
            (SendOnly, SendRecv, SendOnly),
            (SendOnly, SendOnly, Inactive),
            (SendOnly, RecvOnly, SendOnly),
            (RecvOnly, RecvOnly, Inactive),
            (Inactive, SendRecv, Inactive),
        ];
        for (ours, theirs, left) in rows {
            assert_eq!(ours.against(theirs), left, "{ours:?} against {theirs:?}");
            assert_eq!(theirs.against(ours), left.reversed(), "{theirs:?} against {ours:?}");
        }
    }

    #[test]
    fn attribute_names_round_trip() {
        for direction in [SendRecv, SendOnly, RecvOnly, Inactive] {
            assert_eq!(Direction::from_attribute(direction.attribute()), Some(direction));
        }
        assert_eq!(Direction::from_attribute("rtcp-mux"), None);
    }
}
