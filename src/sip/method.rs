//! Request methods (RFC 3261 §7.1 and the RFCs that added more). What a method does is for others to know.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::grammar;

/// A request method. Methods are case-sensitive tokens; one that is not known here is kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// RFC 3261 §13: begins a session, or changes one.
    Invite,
    /// RFC 3261 §13.2.2.4, §17.1.1.3: acknowledges a final response to INVITE.
    Ack,
    /// RFC 3261 §15: ends a session.
    Bye,
    /// RFC 3261 §9: withdraws a pending request.
    Cancel,
    /// RFC 3261 §11: asks what a peer can do.
    Options,
    /// RFC 3261 §10: binds an address of record to contacts.
    Register,
    /// RFC 3262: acknowledges a reliable provisional response.
    Prack,
    /// RFC 6665: asks to be told of events.
    Subscribe,
    /// RFC 6665: tells of an event.
    Notify,
    /// RFC 3903: publishes event state.
    Publish,
    /// RFC 6086: carries information inside a dialog.
    Info,
    /// RFC 3515: asks the peer to contact a third.
    Refer,
    /// RFC 3428: an instant message.
    Message,
    /// RFC 3311: changes a session without a new INVITE.
    Update,
    /// Any other token.
    Other(Arc<str>),
}

impl Method {
    /// The methods that have a name here.
    pub const KNOWN: [Self; 14] = [
        Self::Invite,
        Self::Ack,
        Self::Bye,
        Self::Cancel,
        Self::Options,
        Self::Register,
        Self::Prack,
        Self::Subscribe,
        Self::Notify,
        Self::Publish,
        Self::Info,
        Self::Refer,
        Self::Message,
        Self::Update,
    ];

    /// The method of this text, or `None` when it is not a token. Allocates only for a method not known here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match Self::known(text) {
            Some(method) => Some(method),
            None if grammar::is_token(text) => Some(Self::Other(text.into())),
            None => None,
        }
    }

    fn known(text: &str) -> Option<Self> {
        Some(match text {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "OPTIONS" => Self::Options,
            "REGISTER" => Self::Register,
            "PRACK" => Self::Prack,
            "SUBSCRIBE" => Self::Subscribe,
            "NOTIFY" => Self::Notify,
            "PUBLISH" => Self::Publish,
            "INFO" => Self::Info,
            "REFER" => Self::Refer,
            "MESSAGE" => Self::Message,
            "UPDATE" => Self::Update,
            _ => return None,
        })
    }

    /// The method as written in a start line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Prack => "PRACK",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Info => "INFO",
            Self::Refer => "REFER",
            Self::Message => "MESSAGE",
            Self::Update => "UPDATE",
            Self::Other(token) => token,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a method is a token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_reads_back_from_its_own_text() {
        for method in Method::KNOWN {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
    }

    #[test]
    fn methods_are_case_sensitive_tokens() {
        assert_eq!(Method::parse("invite"), Some(Method::Other("invite".into())));
        assert_eq!(Method::parse("RE%47IST%45R"), Some(Method::Other("RE%47IST%45R".into())));
        assert_eq!(Method::parse(""), None);
        assert_eq!(Method::parse("IN VITE"), None);
    }
}
