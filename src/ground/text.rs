//! Values that floors hand on without reading them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The longest session description that media reads, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;

/// A session description as it stands in a body, or is to stand there. Only media reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description(pub Bytes);

/// A body of any type, with its Content-Type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The media type with its parameters, as in Content-Type.
    pub content_type: String,
    /// The bytes.
    pub content: Bytes,
}

/// One header field that is passed through: name and unfolded value, without line ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderField {
    /// The field name as written.
    pub name: String,
    /// The value.
    pub value: String,
}
