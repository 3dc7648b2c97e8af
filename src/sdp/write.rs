//! Writing our descriptions: one audio line among lines that are refused.

use std::fmt::Write;
use std::net::IpAddr;

use sdp_types::Media;

use super::{Direction, LocalMedia};
use crate::codec::{Codec, Encoding};

/// An m-line to write.
pub(super) enum Line<'a> {
    /// Our audio.
    Audio(Audio<'a>),
    /// Not wanted: port 0, without attributes (RFC 3264 §6).
    Refused(&'a Media),
}

/// Our audio line.
#[derive(Clone)]
pub(super) struct Audio<'a> {
    /// The transport protocol: the offerer's word in an answer.
    pub(super) proto: &'a str,
    /// Codecs with our payload types, in order.
    pub(super) formats: Vec<(Codec, u8)>,
    /// Telephone events.
    pub(super) events: Option<Events>,
    /// In milliseconds.
    pub(super) ptime_ms: u8,
    /// Ours.
    pub(super) direction: Direction,
}

impl Audio<'_> {
    /// Our payload types and what they stand for, in order.
    pub(super) fn meanings(&self) -> Vec<(u8, Encoding)> {
        let codecs = self.formats.iter().map(|&(codec, number)| (number, Encoding::Audio(codec)));
        let events = self.events.map(|events| {
            (events.payload_type, Encoding::TelephoneEvent { clock_rate_hz: events.clock_rate_hz })
        });
        codecs.chain(events).collect()
    }
}

/// Telephone events as a format.
#[derive(Clone, Copy)]
pub(super) struct Events {
    /// Our payload type.
    pub(super) payload_type: u8,
    /// The clock of the audio, in hertz.
    pub(super) clock_rate_hz: u32,
    /// Events 0 up to this one.
    pub(super) highest: u8,
}

/// The description's text.
pub(super) fn description(local: &LocalMedia, version: u64, lines: &[Line<'_>]) -> String {
    let mut text = String::with_capacity(384);
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, local, version, lines);
    text
}

fn write_all(text: &mut String, local: &LocalMedia, version: u64, lines: &[Line<'_>]) -> std::fmt::Result {
    let LocalMedia { address, origin, session_id, .. } = local;
    write!(text, "v=0\r\no=- {session_id} {version} IN {} {origin}\r\ns=-\r\n", address_type(origin))?;
    write!(text, "c=IN {} {address}\r\nt=0 0\r\n", address_type(address))?;
    for line in lines {
        match line {
            Line::Audio(audio) => write_audio(text, local.port, audio)?,
            Line::Refused(media) => {
                let format = media.fmt.split_ascii_whitespace().next().unwrap_or("0");
                // Any format will do in a refused line; one of no sane length is not repeated.
                let format = if format.len() > super::description::WORD_BYTES_MAX { "0" } else { format };
                write!(text, "m={} 0 {} {format}\r\n", media.media, media.proto)?;
            }
        }
    }
    Ok(())
}

const fn address_type(address: &IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    }
}

fn write_audio(text: &mut String, port: u16, audio: &Audio<'_>) -> std::fmt::Result {
    write!(text, "m=audio {port} {}", audio.proto)?;
    for (_, payload_type) in &audio.formats {
        write!(text, " {payload_type}")?;
    }
    if let Some(events) = audio.events {
        write!(text, " {}", events.payload_type)?;
    }
    for (codec, payload_type) in &audio.formats {
        write!(text, "\r\na=rtpmap:{payload_type} {}/{}", codec.name(), codec.clock_rate_hz())?;
    }
    if let Some(Events { payload_type, clock_rate_hz, highest }) = audio.events {
        write!(text, "\r\na=rtpmap:{payload_type} telephone-event/{clock_rate_hz}")?;
        write!(text, "\r\na=fmtp:{payload_type} 0-{highest}")?;
    }
    write!(text, "\r\na=ptime:{}\r\na={}\r\n", audio.ptime_ms, audio.direction.attribute())
}
