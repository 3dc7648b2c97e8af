//! Hard bounds on what a message may be (SIP-4). A message over one is refused with a status, and nothing has grown.
//!
//! Bounds on how many bytes a connection may hold are the framer's ([`super::StreamFramer`]), which uses the same
//! figures.

use serde::{Deserialize, Serialize};

use super::StatusCode;

/// The bounds that [`super::Message::parse`] and [`super::StreamFramer`] hold a message to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The whole message, in bytes. Over it: 513.
    pub message_bytes: usize,
    /// Start line and header fields with the empty line, in bytes; at most 65,535. Over it: 513.
    pub headers_bytes: usize,
    /// The body, in bytes. Over it: 413.
    pub body_bytes: usize,
    /// Header field lines. Over it: 400.
    pub header_count: usize,
    /// One header field with its continuation lines, in bytes. Over it: 400.
    pub header_line_bytes: usize,
    /// The method token, in bytes. Over it: 400.
    pub method_bytes: usize,
    /// The Request-URI, in bytes. Over it: 414.
    pub uri_bytes: usize,
    /// Via header field lines. Over it: 400.
    pub via_count: usize,
    /// Parts in one multipart body. Over it: 413.
    pub multipart_parts: usize,
    /// Multipart bodies inside each other. Over it: 413.
    pub multipart_nesting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 65_535,
            headers_bytes: 32_768,
            body_bytes: 65_535,
            header_count: 256,
            header_line_bytes: 8_192,
            method_bytes: 64,
            uri_bytes: 2_048,
            via_count: 70,
            multipart_parts: 32,
            multipart_nesting: 4,
        }
    }
}

impl Limits {
    /// What a message can be at all in this representation. For messages that were already judged once: written by
    /// this process, or read back from a store.
    pub const WIDEST: Self = Self {
        message_bytes: u32::MAX as usize,
        headers_bytes: u16::MAX as usize,
        body_bytes: u32::MAX as usize,
        header_count: u16::MAX as usize,
        header_line_bytes: u16::MAX as usize,
        method_bytes: u16::MAX as usize,
        uri_bytes: u16::MAX as usize,
        via_count: u16::MAX as usize,
        multipart_parts: u16::MAX as usize,
        multipart_nesting: 16,
    };
}

/// Parameters in one header field value or one URI. Over it the value is malformed ([`super::Flaw::TooMany`]).
pub const PARAMS_MAX: usize = 128;

/// Which bound of [`Limits`] was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// [`Limits::message_bytes`].
    MessageBytes,
    /// [`Limits::headers_bytes`].
    HeadersBytes,
    /// [`Limits::body_bytes`].
    BodyBytes,
    /// [`Limits::header_count`].
    HeaderCount,
    /// [`Limits::header_line_bytes`].
    HeaderLineBytes,
    /// [`Limits::method_bytes`].
    MethodBytes,
    /// [`Limits::uri_bytes`].
    UriBytes,
    /// [`Limits::via_count`].
    ViaCount,
    /// [`Limits::multipart_parts`].
    MultipartParts,
    /// [`Limits::multipart_nesting`].
    MultipartNesting,
}

impl Bound {
    /// The status that answers a request over this bound (RFC 3261 §21.4.11, §21.4.12, §21.5.7).
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MessageBytes | Self::HeadersBytes => StatusCode::MESSAGE_TOO_LARGE,
            Self::BodyBytes | Self::MultipartParts | Self::MultipartNesting => {
                StatusCode::REQUEST_ENTITY_TOO_LARGE
            }
            Self::UriBytes => StatusCode::REQUEST_URI_TOO_LONG,
            Self::HeaderCount | Self::HeaderLineBytes | Self::MethodBytes | Self::ViaCount => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// The bound in words, for errors and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessageBytes => "message bytes",
            Self::HeadersBytes => "header section bytes",
            Self::BodyBytes => "body bytes",
            Self::HeaderCount => "header fields",
            Self::HeaderLineBytes => "bytes of one header field",
            Self::MethodBytes => "method bytes",
            Self::UriBytes => "Request-URI bytes",
            Self::ViaCount => "Via header fields",
            Self::MultipartParts => "parts of a multipart body",
            Self::MultipartNesting => "nested multipart bodies",
        }
    }
}
