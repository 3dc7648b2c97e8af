//! Checks the fields of requests. All that is wrong with a request is told at once, a violation per field.

use std::sync::Arc;
use std::time::Duration;

use crate::ground::leg::Party;
use crate::ground::{Body, BridgeId, HeaderField, IdError, IpVersion, PlaybackId, SessionId};
use crate::proto::session::v1 as proto;
use crate::session::command::CallLimits;
use crate::session::media::{MediaPreferences, RtpSources};
use crate::signaling::refusal::{BadField, Refusal};
use crate::sip::grammar::whole;
use crate::sip::{FieldValue as _, MediaType, Uri};

/// Header fields that a command takes.
const HEADERS_MAX: usize = 64;

/// Bytes of their names and values.
const HEADERS_BYTES_MAX: usize = 8 << 10;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 16 << 10;

/// Codecs that a preference takes.
const CODECS_MAX: usize = 16;

/// The codecs that media has, by encoding name and RTP clock in hertz.
const CODECS: [(&str, &str); 2] = [("PCMU", "8000"), ("PCMA", "8000")];

/// Bytes of a URI, a display name or a reason phrase.
const TEXT_BYTES_MAX: usize = 1_024;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Check {
    bad: Vec<BadField>,
    not_served: Vec<&'static str>,
}

/// Builds a value from checked fields.
///
/// # Errors
/// What is wrong with them, all of it.
pub(super) fn checked<T>(build: impl FnOnce(&mut Check) -> Option<T>) -> Result<T, Refusal> {
    let mut check = Check::default();
    let built = build(&mut check);
    if !check.not_served.is_empty() {
        return Err(Refusal::NotServed(check.not_served));
    }
    match built {
        Some(value) if check.bad.is_empty() => Ok(value),
        _ => Err(Refusal::BadFields(check.bad)),
    }
}

impl Check {
    pub fn bad(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.bad.push(BadField { field: field.into(), problem: problem.into() });
    }

    /// The one check of what this version does not serve: a field that was used although it is not is refused, never
    /// ignored.
    pub fn not_served(&mut self, used: bool, field: &'static str) {
        if used {
            self.not_served.push(field);
        }
    }

    fn id<T>(
        &mut self,
        field: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, IdError>,
    ) -> Option<T> {
        parse(text).map_err(|error| self.bad(field, error.to_string())).ok()
    }

    pub fn session(&mut self, field: &str, text: &str) -> Option<SessionId> {
        self.id(field, text, SessionId::parse)
    }

    pub fn bridge(&mut self, field: &str, text: &str) -> Option<BridgeId> {
        self.id(field, text, BridgeId::parse)
    }

    /// An id that may be absent: `Some(None)` then.
    pub fn session_or_none(&mut self, field: &str, text: &str) -> Option<Option<SessionId>> {
        if text.is_empty() { Some(None) } else { self.session(field, text).map(Some) }
    }

    pub fn bridge_or_none(&mut self, field: &str, text: &str) -> Option<Option<BridgeId>> {
        if text.is_empty() { Some(None) } else { self.bridge(field, text).map(Some) }
    }

    pub fn playback_or_none(&mut self, field: &str, text: &str) -> Option<Option<PlaybackId>> {
        if text.is_empty() { Some(None) } else { self.id(field, text, PlaybackId::parse).map(Some) }
    }

    /// A name of the same form as an id: an engine, a group, a command.
    pub fn name(&mut self, field: &str, text: &str) -> Option<Arc<str>> {
        self.id(field, text, SessionId::parse).map(|_| text.into())
    }

    pub fn name_or_none(&mut self, field: &str, text: &str) -> Option<Option<Arc<str>>> {
        if text.is_empty() { Some(None) } else { self.name(field, text).map(Some) }
    }

    /// Text that stands in a SIP message: no line ends, not too long.
    pub fn text(&mut self, field: &str, text: &str) {
        if let Some(problem) = wrong_with_text(text) {
            self.bad(field, problem);
        }
    }

    /// A URI that is written as it is told.
    pub fn uri(&mut self, field: &str, text: String) -> Option<String> {
        self.some_uri(field, text, |text| {
            let error = Uri::parse(text).err()?;
            Some(format!("is no URI: {} at byte {}", error.what, error.offset))
        })
    }

    /// The URI of where a call goes: whether it can be called is for its shard to say, with `BAD_TARGET`.
    pub fn target(&mut self, field: &str, text: String) -> Option<String> {
        self.some_uri(field, text, |_| None)
    }

    fn some_uri(
        &mut self,
        field: &str,
        text: String,
        more: impl FnOnce(&str) -> Option<String>,
    ) -> Option<String> {
        if text.is_empty() {
            self.bad(field, "is required");
            return None;
        }
        let wrong = wrong_with_text(&text).or_else(|| wrong_with_scheme(&text).map(str::to_owned));
        if let Some(problem) = wrong.or_else(|| more(&text)) {
            self.bad(field, problem);
        }
        Some(text)
    }

    pub fn target_or_none(&mut self, field: &str, text: String) -> Option<String> {
        if text.is_empty() { None } else { self.target(field, text) }
    }

    pub fn party(&mut self, field: &str, party: Option<proto::Party>) -> Party {
        let party = party.unwrap_or_default();
        self.text(&format!("{field}.display_name"), &party.display_name);
        let field = format!("{field}.uri");
        let uri = if party.uri.is_empty() { None } else { self.uri(&field, party.uri) };
        let uri = uri.unwrap_or_default();
        // RFC 3261 §19.1.1, table 1.
        if Uri::parse(&uri).is_ok_and(|uri| !uri.headers().is_empty()) {
            self.bad(&field, "may not have header fields in From and To");
        }
        Party { uri, display_name: party.display_name }
    }

    pub fn number<T>(
        &mut self,
        field: &str,
        value: u32,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> T
    where
        T: TryFrom<u32> + Default,
    {
        let value = if value == 0 { default } else { value };
        if !range.contains(&value) {
            self.bad(field, format!("is not within {} to {}", range.start(), range.end()));
        }
        T::try_from(value).unwrap_or_default()
    }

    /// A length of time within bounds; `None` where it is absent.
    pub fn duration(
        &mut self,
        field: &str,
        value: Option<prost_types::Duration>,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let Some(value) = crate::proto::duration(value?) else {
            self.bad(field, "is no length of time: negative, or nanos outside of 0 to 999,999,999");
            return None;
        };
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            self.bad(
                field,
                match *most {
                    Duration::MAX => format!("is not at least {least:?}"),
                    most => format!("is not within {least:?} to {most:?}"),
                },
            );
        }
        Some(value)
    }

    pub fn headers(&mut self, headers: Vec<proto::Header>) -> Vec<HeaderField> {
        if headers.len() > HEADERS_MAX {
            self.bad("headers", format!("are more than {HEADERS_MAX}"));
            return Vec::new();
        }
        let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        if bytes > HEADERS_BYTES_MAX {
            self.bad("headers", format!("have more than {HEADERS_BYTES_MAX} bytes"));
        }
        for (index, header) in headers.iter().enumerate() {
            if header.name.is_empty() || !header.name.bytes().all(is_token) {
                self.bad(format!("headers[{index}].name"), "is no header field name");
            } else if crate::dialog::is_owned_field(&header.name) {
                self.bad(format!("headers[{index}].name"), "is written by Callplane itself");
            }
            if header.value.contains(is_control) {
                self.bad(format!("headers[{index}].value"), "holds a line end or another control character");
            }
        }
        headers.into_iter().map(|header| HeaderField { name: header.name, value: header.value }).collect()
    }

    pub fn body(&mut self, body: Option<proto::Body>) -> Option<Body> {
        let body = body?;
        let content_type = &body.content_type;
        if content_type.is_empty() {
            self.bad("body.content_type", "is required");
        } else if let Some(problem) = wrong_with_text(content_type) {
            self.bad("body.content_type", problem);
        } else if let Err((what, at)) = whole(content_type, MediaType::read) {
            let problem = format!("is no media type, as text/plain: {what} at byte {at}");
            self.bad("body.content_type", problem);
        }
        if body.content.len() > BODY_BYTES_MAX {
            self.bad("body.content", format!("has more than {BODY_BYTES_MAX} bytes"));
        }
        Some(Body { content_type: body.content_type, content: body.content })
    }

    pub fn media(&mut self, media: Option<proto::MediaPreferences>) -> MediaPreferences {
        let media = media.unwrap_or_default();
        if media.codecs.len() > CODECS_MAX {
            self.bad("media.codecs", format!("are more than {CODECS_MAX}"));
        }
        for (index, codec) in media.codecs.iter().enumerate() {
            if !is_codec(codec) {
                self.bad(format!("media.codecs[{index}]"), "is no codec that is served");
            }
        }
        let codecs_from =
            self.session_or_none("media.codecs_from_session_id", &media.codecs_from_session_id).flatten();
        let rtp_sources = match proto::RtpSources::try_from(media.rtp_sources) {
            Ok(proto::RtpSources::Unspecified) => None,
            Ok(proto::RtpSources::Exact) => Some(RtpSources::Exact),
            Ok(proto::RtpSources::Subnet) => Some(RtpSources::Subnet),
            Ok(proto::RtpSources::Any) => Some(RtpSources::Any),
            Err(_) => {
                self.bad("media.rtp_sources", "is none of RtpSources");
                None
            }
        };
        let ip_version = match proto::IpVersion::try_from(media.ip_version) {
            Ok(proto::IpVersion::Unspecified) => None,
            Ok(proto::IpVersion::Ipv4) => Some(IpVersion::V4),
            Ok(proto::IpVersion::Ipv6) => Some(IpVersion::V6),
            Err(_) => {
                self.bad("media.ip_version", "is no version of IP");
                None
            }
        };
        MediaPreferences { codecs: media.codecs, codecs_from, rtp_sources, ip_version }
    }

    pub fn limits(&mut self, limits: Option<proto::CallLimits>) -> CallLimits {
        let limits = limits.unwrap_or_default();
        let second = Duration::from_secs(1);
        CallLimits {
            ring_timeout: self.duration("limits.ring_timeout", limits.ring_timeout, second..=second * 600),
            max_duration: self.duration("limits.max_duration", limits.max_duration, second..=Duration::MAX),
        }
    }
}

/// Whether media has this codec: `PCMU`, or `PCMU/8000`.
fn is_codec(text: &str) -> bool {
    let (name, clock) = match text.split_once('/') {
        Some((name, clock)) => (name, Some(clock)),
        None => (text, None),
    };
    let mut served = CODECS.iter();
    served.any(|(served, rate)| name.eq_ignore_ascii_case(served) && clock.is_none_or(|clock| clock == *rate))
}

/// Whether a byte may stand in a token (RFC 3261 §25.1).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// What no header value may hold: control characters but the tab, those of ASCII (RFC 3261 §25.1, TEXT-UTF8) and, as they
/// do the same to a terminal, U+0080 to U+009F.
fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
}

/// What makes a text unfit for a SIP message.
fn wrong_with_text(text: &str) -> Option<String> {
    if text.len() > TEXT_BYTES_MAX {
        Some(format!("has more than {TEXT_BYTES_MAX} bytes"))
    } else if text.contains(is_control) {
        Some("holds a line end or another control character".to_owned())
    } else {
        None
    }
}

/// What makes a text no URI at all: something has to stand before and behind a scheme's colon (RFC 3986 §3.1).
fn wrong_with_scheme(text: &str) -> Option<&'static str> {
    if text.contains(['<', '>', ' ']) {
        return Some("is no URI: it holds a space or an angle bracket");
    }
    let tail = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_scheme =
        |scheme: &str| scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(tail);
    match text.split_once(':') {
        Some((scheme, "")) if is_scheme(scheme) => Some("is no URI: nothing stands behind its scheme"),
        Some((scheme, _)) if is_scheme(scheme) => None,
        _ => Some("is no URI: it has no scheme, as sip: or tel:"),
    }
}

#[cfg(test)]
mod tests;
