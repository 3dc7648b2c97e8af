//! Writing into the top Via where a request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
//!
//! Done for nearly every request received, so it does not go through the general editor: the one element is rewritten
//! and all fields after it are moved by the difference.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::message::RequestParts;
use super::spans::{Core, Span};
use super::{HeaderName, Request, Rport, Via};

/// See [`Request::with_received`].
pub(crate) fn with_received(request: &Request, from: IpAddr, port: u16) -> Request {
    let Ok(via) = request.headers().top_via() else { return request.clone() };
    let asked = via.rport != Rport::Absent;
    if via.host.ip() == Some(from) && !asked && via.received_text.is_none() {
        return request.clone();
    }
    stamp(request, &via, from, asked.then_some(port)).unwrap_or_else(|| request.clone())
}

/// The request with a new first Via element. `None` when the header section would pass 65,535 bytes.
fn stamp(request: &Request, via: &Via<'_>, from: IpAddr, port: Option<u16>) -> Option<Request> {
    let parts = &*request.0;
    let core = &parts.core;
    let value = core.fields.iter().find(|field| field.name == HeaderName::Via)?.value;
    let text = core.text(value)?;
    let (start, end) = (usize::from(value.start), usize::from(value.start) + element_len(text, via));
    let head = core.unfolded.as_deref().unwrap_or(&core.bytes);

    let mut out = BytesMut::with_capacity(core.bytes.len() + 64);
    out.extend_from_slice(&head[..start]);
    write_stamped(&mut out, head, (start, end), via, from, port);
    let shift = isize::try_from(out.len()).ok()? - isize::try_from(end).ok()?;
    out.extend_from_slice(&head[end..]);
    // The unfolded copy ends with the last value; the rest is as it came.
    out.extend_from_slice(&core.bytes[head.len().max(end)..]);

    let moved = |at: u16| {
        if usize::from(at) < end { Some(at) } else { at.checked_add_signed(i16::try_from(shift).ok()?) }
    };
    let mut fields = core.fields.clone();
    for field in &mut fields {
        for span in [&mut field.name_span, &mut field.value] {
            *span = Span { start: moved(span.start)?, end: moved(span.end)? };
        }
    }
    let body = core.body.checked_add_signed(i32::try_from(shift).ok()?)?;
    if body > u32::from(u16::MAX) {
        return None;
    }
    let core = Core {
        bytes: out.freeze(),
        unfolded: None,
        fields,
        body,
        declared: core.declared,
        version: core.version,
    };
    Some(Request(Arc::new(RequestParts { method: parts.method.clone(), uri: parts.uri, core })))
}

/// How much of the field value the first element takes.
fn element_len(value: &str, via: &Via<'_>) -> usize {
    // Both are slices of the same value, so the difference of addresses is an offset.
    let tail = if via.params.is_empty() { via.host_text } else { via.params.as_str() };
    let after_tail = (tail.as_ptr() as usize + tail.len()).saturating_sub(value.as_ptr() as usize);
    let rest = value.get(after_tail..).unwrap_or_default();
    // Only a port and white space can still stand before the comma.
    memchr::memchr(b',', rest.as_bytes()).map_or(value.len(), |comma| after_tail + comma)
}

fn write_stamped(
    out: &mut BytesMut,
    head: &[u8],
    (start, end): (usize, usize),
    via: &Via<'_>,
    from: IpAddr,
    port: Option<u16>,
) {
    let element = head[start..end].trim_ascii_end();
    out.extend_from_slice(&element[..element.len() - via.params.as_str().len().min(element.len())]);
    for param in via.params.iter() {
        if param.name.eq_ignore_ascii_case("received") || param.name.eq_ignore_ascii_case("rport") {
            continue;
        }
        out.put_u8(b';');
        out.extend_from_slice(param.name.as_bytes());
        if let Some(value) = param.value {
            out.put_u8(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
    // Writing into a buffer that grows does not fail.
    let _ = match port {
        Some(port) => write!(out, ";received={from};rport={port}"),
        None => write!(out, ";received={from}"),
    };
}
