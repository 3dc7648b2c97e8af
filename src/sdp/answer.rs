//! Answering an offer (RFC 3264 §6, §8).

use bytes::Bytes;
use sdp_types::{Media, Session};

use super::audio_line::AudioLine;
use super::negotiated::next_description;
use super::write::{Audio, Events, Line};
use super::{
    CodecOrder, Description, EventPayloadTypes, Facts, Intent, LocalMedia, Negotiated, NegotiatedFormat,
    RemotePlace, SdpError, Stream,
};
use crate::codec::{Codec, Encoding};
use crate::ground::Mismatch;

/// The highest telephone event that is spoken here: 16, flash (RFC 4733 §7.1.1).
pub(super) const HIGHEST_EVENT: u8 = 16;
/// The events of a telephone-event format without `a=fmtp`: DTMF, 0–15 (RFC 4733 §2.4.1).
const HIGHEST_DTMF: u8 = 15;

/// An answer, and what is settled once it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The description to send.
    pub sdp: Bytes,
    /// The facts and the state for the next exchange.
    pub negotiated: Negotiated,
}

/// Answers an offer; a re-offer when there is a settled state.
///
/// Every m-line is answered in its place: the first acceptable line of audio over plain RTP (in a re-offer, the one in
/// use) with our port, all others with port 0. An offer without lines (RFC 3725 §4.4) is answered in kind, and so is a
/// re-offer that disables the line in use.
///
/// # Errors
/// [`SdpError::NothingAcceptable`] when all live lines would have to be refused, or a first offer has only disabled
/// ones: a call in which nobody could ever be heard (488);
/// [`SdpError::LinesMissing`] for a re-offer that drops lines; the errors of [`Description::parse`] (400).
pub fn make_answer(
    offer: &[u8],
    local: &LocalMedia,
    intent: Intent,
    settled: Option<&Negotiated>,
) -> Result<Answer, SdpError> {
    let description = Description::parse(offer)?;
    let session = description.session();
    check_line_count(session, settled)?;
    let settled_line = settled.and_then(|settled| settled.audio_line);
    let (accepted, mismatch) = choose(session, settled_line, local, intent)?;
    let disabled = settled.is_none() && !session.medias.is_empty();
    let mismatch = mismatch.or(disabled.then_some(Mismatch::MediaType));
    if let (None, Some(mismatch)) = (&accepted, mismatch)
        && !stops_only(session, settled)
    {
        return Err(SdpError::NothingAcceptable(mismatch));
    }
    let audio_line = accepted.as_ref().map(|accepted| accepted.index).or(settled_line);
    let mut lines: Vec<Line<'_>> = session.medias.iter().map(Line::Refused).collect();
    let stream = accepted.map(|Accepted { index, audio, stream }| {
        lines[index] = Line::Audio(audio);
        stream
    });
    let (sdp, version) = next_description(local, settled, &lines);
    let negotiated = Negotiated {
        local: sdp.clone(),
        facts: Facts { stream },
        version,
        line_count: lines.len(),
        audio_line,
    };
    Ok(Answer { sdp, negotiated })
}

/// Whether a re-offer disables the line in use and proposes nothing new. One that proposes something in its place, as fax
/// for audio, is refused whole where that cannot be had, and the line stays in use (RFC 3264 §6, RFC 3261 §14.2).
fn stops_only(session: &Session, settled: Option<&Negotiated>) -> bool {
    let Some(settled) = settled else { return false };
    let disabled = |index: usize| session.medias.get(index).is_some_and(|media| media.port == 0);
    let proposed = session.medias.iter().skip(settled.line_count).any(|media| media.port != 0);
    settled.audio_line.is_some_and(disabled) && !proposed
}

/// The line that is taken, the settled one before all others; and why those before it are not, if any is live.
fn choose<'a>(
    session: &'a Session,
    settled_line: Option<usize>,
    local: &LocalMedia,
    intent: Intent,
) -> Result<(Option<Accepted<'a>>, Option<Mismatch>), SdpError> {
    let mut mismatch = None;
    for index in settled_line.into_iter().chain(0..session.medias.len()) {
        let Some(media) = session.medias.get(index).filter(|media| media.port != 0) else { continue };
        match Accepted::at(index, session, media, local, intent)? {
            Ok(accepted) => return Ok((Some(accepted), mismatch)),
            Err(why) => mismatch = mismatch.max(Some(why)),
        }
    }
    Ok((None, mismatch))
}

/// The number of m-lines never shrinks (RFC 3264 §8).
fn check_line_count(session: &Session, settled: Option<&Negotiated>) -> Result<(), SdpError> {
    let established = settled.map_or(0, |settled| settled.line_count);
    let offered = session.medias.len();
    if offered < established { Err(SdpError::LinesMissing { offered, established }) } else { Ok(()) }
}

/// The line that is taken.
struct Accepted<'a> {
    index: usize,
    audio: Audio<'a>,
    stream: Stream,
}

impl<'a> Accepted<'a> {
    /// Accepts the line at `index` if it is audio over plain RTP with a codec that we speak, to a place that we may and
    /// can send to; else says why not.
    fn at(
        index: usize,
        session: &'a Session,
        media: &'a Media,
        local: &LocalMedia,
        intent: Intent,
    ) -> Result<Result<Self, Mismatch>, SdpError> {
        let line = match AudioLine::read(session, media) {
            Ok(line) => line,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        let formats = common_formats(&line, local, intent.order);
        let Some(&(chosen, _)) = formats.first() else { return Ok(Err(Mismatch::MediaFormat)) };
        let remote = match line.place()? {
            Ok(remote) if !line.is_of_version(&remote, local.address) => {
                return Ok(Err(Mismatch::AddressFormat));
            }
            Ok(remote) => remote,
            Err(mismatch) => return Ok(Err(mismatch)),
        };
        let events = local.telephone_events.then(|| common_events(&line, chosen)).flatten();
        let peer_direction = line.direction(&remote);
        let audio = Audio {
            proto: &media.proto,
            events,
            ptime_ms: line.packet_time_ms(local.ptime_ms),
            direction: intent.direction.against(peer_direction),
            formats,
        };
        let stream = stream(&audio, remote, peer_direction);
        Ok(Ok(Self { index, audio, stream }))
    }
}

/// The codecs that both speak, under the offerer's numbers.
fn common_formats(line: &AudioLine<'_>, local: &LocalMedia, order: CodecOrder) -> Vec<(Codec, u8)> {
    let mut common: Vec<(Codec, u8)> = Vec::with_capacity(local.codecs.len());
    for (payload_type, encoding) in line.formats(|_| None) {
        if let Encoding::Audio(codec) = encoding
            && local.codecs.contains(&codec)
            && common.iter().all(|&(known, _)| known != codec)
        {
            common.push((codec, payload_type));
        }
    }
    if order == CodecOrder::Ours {
        common.sort_by_key(|(codec, _)| local.codecs.iter().position(|ours| ours == codec));
    }
    common
}

/// Telephone events on the clock of the chosen codec, if they are offered.
fn common_events(line: &AudioLine<'_>, chosen: Codec) -> Option<Events> {
    let clock_rate_hz = chosen.clock_rate_hz();
    let wanted = Encoding::TelephoneEvent { clock_rate_hz };
    let (payload_type, _) = line.formats(|_| None).find(|&(_, encoding)| encoding == wanted)?;
    let highest = line.highest_event(payload_type).unwrap_or(HIGHEST_DTMF).min(HIGHEST_EVENT);
    Some(Events { payload_type, clock_rate_hz, highest })
}

/// An answer has the offerer's payload types, so both ways have the same.
fn stream(audio: &Audio<'_>, remote: RemotePlace, peer_direction: super::Direction) -> Stream {
    let both = |&(codec, number): &(Codec, u8)| NegotiatedFormat {
        codec,
        send_payload_type: number,
        receive_payload_type: number,
    };
    let events = audio.events.map(|Events { payload_type, .. }| payload_type);
    Stream {
        remote,
        direction: audio.direction,
        peer_direction,
        formats: audio.formats.iter().map(both).collect(),
        telephone_event: events.map(|number| EventPayloadTypes { send: number, receive: number }),
        ptime_ms: audio.ptime_ms,
    }
}
