//! The message: one buffer and where its parts stand in it (RFC 3261 §7). Values are read on demand, see [`Headers`].

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::error::{ParseError, UriError};
use super::spans::{Core, Span};
use super::{Headers, Limits, Method, StatusCode, Uri};

/// A request or a response. Cloning is one reference count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request. Immutable; [`Request::edit`] makes another.
#[derive(Clone)]
pub struct Request(pub(crate) Arc<RequestParts>);

pub(crate) struct RequestParts {
    pub method: Method,
    pub uri: Span,
    pub core: Core,
}

/// A response. Immutable; [`Response::edit`] makes another.
#[derive(Clone)]
pub struct Response(pub(crate) Arc<ResponseParts>);

pub(crate) struct ResponseParts {
    pub status: StatusCode,
    pub reason: Span,
    pub core: Core,
}

macro_rules! common {
    ($type:ident) => {
        impl $type {
            /// The header fields.
            #[must_use]
            pub fn headers(&self) -> Headers<'_> {
                Headers::new(&self.0.core)
            }

            /// The body: as many bytes as Content-Length says, or all there are when it says nothing.
            #[must_use]
            pub fn body(&self) -> &[u8] {
                self.0.core.body()
            }

            /// The body, sharing the message's buffer.
            #[must_use]
            pub fn body_bytes(&self) -> Bytes {
                self.0.core.body_bytes()
            }

            /// The message as it came or was written, byte for byte. What followed the body in a datagram, or line
            /// ends before the start line, is not part of it.
            #[must_use]
            pub fn as_bytes(&self) -> &Bytes {
                &self.0.core.bytes
            }

            /// Major and minor number of the SIP version in the start line.
            #[must_use]
            pub fn version(&self) -> (u8, u8) {
                self.0.core.version
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl Eq for $type {}

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
            }
        }

        impl From<$type> for Message {
            fn from(message: $type) -> Self {
                Self::$type(message)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.as_bytes().serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match Message::deserialize(deserializer)? {
                    Message::$type(message) => Ok(message),
                    _ => Err(D::Error::custom(concat!("not a ", stringify!($type)))),
                }
            }
        }
    };
}

common!(Request);
common!(Response);

impl Request {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// The Request-URI as written.
    #[must_use]
    pub fn request_uri(&self) -> &str {
        self.0.core.text(self.0.uri).unwrap_or_default()
    }

    /// The Request-URI, read.
    ///
    /// # Errors
    /// When it does not follow the grammar of its scheme.
    pub fn parse_request_uri(&self) -> Result<Uri<'_>, UriError> {
        Uri::parse(self.request_uri())
    }

    /// The same request with `received`, and where the Via asks for it `rport`, written into the top Via: what a server
    /// does on receipt (RFC 3261 §18.2.1, RFC 3581 §4). A Via that names the very address and asks for no port is left
    /// alone, and then the same request is returned.
    #[must_use]
    pub fn with_received(&self, from: IpAddr, port: u16) -> Self {
        super::received::with_received(self, from, port)
    }
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The reason phrase, up to the first byte that is not UTF-8.
    #[must_use]
    pub fn reason(&self) -> &str {
        let bytes = self.0.core.raw(self.0.reason);
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        }
    }
}

impl Message {
    /// Reads a message that fills `bytes`, as a datagram does or as [`super::StreamFramer`] cuts them.
    ///
    /// Only start line and header lines are looked at, and Content-Length. What stands in a header field is read when
    /// asked for; [`super::validate`] says whether a request may be acted on.
    ///
    /// # Errors
    /// When it cannot be made out as a message, or passes a limit.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        super::parse::message(bytes, limits)
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        match self {
            Self::Request(request) => request.headers(),
            Self::Response(response) => response.headers(),
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => request.body(),
            Self::Response(response) => response.body(),
        }
    }

    /// The message, byte for byte.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Request(request) => request.as_bytes(),
            Self::Response(response) => response.as_bytes(),
        }
    }

    /// The request, if it is one.
    #[must_use]
    pub const fn as_request(&self) -> Option<&Request> {
        match self {
            Self::Request(request) => Some(request),
            Self::Response(_) => None,
        }
    }

    /// The response, if it is one.
    #[must_use]
    pub const fn as_response(&self) -> Option<&Response> {
        match self {
            Self::Response(response) => Some(response),
            Self::Request(_) => None,
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        Self::parse(bytes, &Limits::WIDEST).map_err(D::Error::custom)
    }
}
