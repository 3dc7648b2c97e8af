//! Ids that clients may choose. Each is a short token; a made one is a UUID or a drawn token.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest id a client may choose, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// The longest name of a signaling node, in bytes. Media knows it by that name, as an owner of endpoints.
pub const NODE_NAME_BYTES_MAX: usize = 128;

/// Why a client-chosen id is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing in it.
    #[error("an id must not be empty")]
    Empty,
    /// More than [`ID_BYTES_MAX`] bytes.
    #[error("an id may have {ID_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// Something else than letters, digits, `-`, `_`, `.`, `~`.
    #[error("an id may hold letters, digits and -_.~ only, not {0:?}")]
    Character(char),
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong(text.len()));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.~".contains(*c))) {
        Some(bad) => Err(IdError::Character(bad)),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a client-chosen id.
            ///
            /// # Errors
            /// When it is empty, longer than 64 bytes, or holds other than letters, digits and `-_.~`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(text.into()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// One call leg, as engines know it.
    SessionId
}
id! {
    /// A set of sessions that hear each other.
    BridgeId
}
id! {
    /// One run of audio played into a session or a bridge.
    PlaybackId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_url_safe_characters_up_to_their_bound() {
        assert!(SessionId::parse("call-7_a.b~C").is_ok());
        assert_eq!(SessionId::parse(""), Err(IdError::Empty));
        assert_eq!(SessionId::parse("a b"), Err(IdError::Character(' ')));
        assert!(BridgeId::parse(&"x".repeat(64)).is_ok());
        assert_eq!(BridgeId::parse(&"x".repeat(65)), Err(IdError::TooLong(65)));
    }
}
