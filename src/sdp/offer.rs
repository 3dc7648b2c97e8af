//! Making an offer and applying its answer (RFC 3264 §5, §7, §8).

use std::net::IpAddr;

use bytes::Bytes;
use sdp_types::{Media, Session};
use serde::{Deserialize, Serialize};

use super::answer::HIGHEST_EVENT;
use super::audio_line::AudioLine;
use super::negotiated::next_description;
use super::write::{Audio, Events, Line};
use super::{
    Description, Direction, EventPayloadTypes, Facts, Intent, LocalMedia, Negotiated, NegotiatedFormat,
    SdpError, Stream,
};
use crate::codec::{Codec, Encoding};
use crate::ground::Mismatch;

/// The payload type of telephone events when nothing else is settled.
const TELEPHONE_EVENT: u8 = 101;
/// The payload types that have no fixed meaning (RFC 3551 §6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// An offer that waits for its answer, or for several: each forked dialog has its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The description to send.
    pub sdp: Bytes,
    pub(super) version: u64,
    line_count: usize,
    audio_line: usize,
    /// Our payload types and what they stand for, in order.
    formats: Vec<(u8, Encoding)>,
    direction: Direction,
    ptime_ms: u8,
    /// Where we want packets: an answer has to be of the same IP version.
    address: IpAddr,
}

/// Makes an offer; a re-offer when there is a settled state: then every m-line keeps its place, refused ones stay
/// refused, the codec in use comes first, payload types keep their meaning (RFC 3264 §8.3.2), and `o=` says whether
/// anything changed.
///
/// # Errors
/// [`SdpError::NoCodec`] when `local` speaks nothing.
pub fn make_offer(
    local: &LocalMedia,
    intent: Intent,
    settled: Option<&Negotiated>,
) -> Result<Offer, SdpError> {
    if local.codecs.is_empty() {
        return Err(SdpError::NoCodec);
    }
    let previous = settled.map(|settled| Description::parse(&settled.local)).transpose()?;
    let medias: &[Media] = previous.as_ref().map_or(&[], |previous| &previous.session().medias);
    // A slot that never carried audio may be one of video: a new line goes to the end (RFC 3264 §8.1).
    let audio_line = settled.and_then(|settled| settled.audio_line).unwrap_or(medias.len());
    let taken = previous.as_ref().map_or_else(Vec::new, |previous| meanings(previous, audio_line));
    let mut lines: Vec<Line<'_>> = medias.iter().map(Line::Refused).collect();
    let proto = medias.get(audio_line).map_or("RTP/AVP", |media| &media.proto);
    let in_use = settled.and_then(|settled| settled.facts.stream.as_ref()).map(Stream::codec);
    let audio = offered_audio(local, intent, proto, &taken, in_use);
    let formats = audio.meanings();
    match lines.get_mut(audio_line) {
        Some(line) => *line = Line::Audio(audio),
        None => lines.push(Line::Audio(audio)),
    }
    let (sdp, version) = next_description(local, settled, &lines);
    let line_count = lines.len();
    let (direction, ptime_ms, address) = (intent.direction, local.ptime_ms, local.address);
    Ok(Offer { sdp, version, line_count, audio_line, formats, direction, ptime_ms, address })
}

fn offered_audio<'a>(
    local: &LocalMedia,
    intent: Intent,
    proto: &'a str,
    taken: &[(u8, Encoding)],
    in_use: Option<Codec>,
) -> Audio<'a> {
    let mut numbers = taken.to_vec();
    let mut formats: Vec<(Codec, u8)> = Vec::with_capacity(local.codecs.len());
    for codec in
        in_use.filter(|codec| local.codecs.contains(codec)).into_iter().chain(local.codecs.iter().copied())
    {
        if formats.iter().all(|&(known, _)| known != codec) {
            formats
                .push((codec, number_for(&mut numbers, Encoding::Audio(codec), codec.static_payload_type())));
        }
    }
    let clock_rate_hz = formats.first().map_or(8000, |(codec, _)| codec.clock_rate_hz());
    let event = Encoding::TelephoneEvent { clock_rate_hz };
    let events = local.telephone_events.then(|| Events {
        payload_type: number_for(&mut numbers, event, Some(TELEPHONE_EVENT)),
        clock_rate_hz,
        highest: HIGHEST_EVENT,
    });
    Audio { proto, formats, events, ptime_ms: local.ptime_ms, direction: intent.direction }
}

/// The payload type of an encoding: the settled one, else the usual one, else the first that is free.
fn number_for(numbers: &mut Vec<(u8, Encoding)>, encoding: Encoding, usual: Option<u8>) -> u8 {
    if let Some(&(number, _)) = numbers.iter().find(|&&(_, known)| known == encoding) {
        return number;
    }
    let free = |number: &u8| numbers.iter().all(|(taken, _)| taken != number);
    // There are fewer encodings than dynamic numbers, so the last resort is never reached.
    let number = usual.filter(free).or_else(|| DYNAMIC.clone().find(free)).unwrap_or(*DYNAMIC.end());
    numbers.push((number, encoding));
    number
}

/// The payload types of a description's audio line, with their meanings.
fn meanings(description: &Description<'_>, audio_line: usize) -> Vec<(u8, Encoding)> {
    let session = description.session();
    let line = session.medias.get(audio_line).and_then(|media| AudioLine::read(session, media).ok());
    line.map_or_else(Vec::new, |line| line.formats(|_| None).collect())
}

/// Applies an answer to the offer it belongs to. The offer stays as it is: another dialog may answer it too.
///
/// # Errors
/// When the answer is malformed or does not fit the offer (RFC 3264 §6): another number of m-lines, another kind of
/// media in ours, none of the codecs offered, an address that cannot be sent to or of the other IP version.
pub fn apply_answer(offer: &Offer, answer: &[u8]) -> Result<Negotiated, SdpError> {
    let description = Description::parse(answer)?;
    let session = description.session();
    if session.medias.len() != offer.line_count {
        return Err(SdpError::AnswerUnfit("another number of media lines"));
    }
    let stream = offer.answered_by(session)?;
    Ok(Negotiated {
        local: offer.sdp.clone(),
        facts: Facts { stream },
        version: offer.version,
        line_count: offer.line_count,
        audio_line: Some(offer.audio_line),
    })
}

impl Offer {
    /// The stream that an answer settles; `None` when the peer refused it.
    fn answered_by(&self, session: &Session) -> Result<Option<Stream>, SdpError> {
        const OTHER_KIND: SdpError = SdpError::AnswerUnfit("another kind of media in the audio line");
        let media = session.medias.get(self.audio_line).ok_or(OTHER_KIND)?;
        if media.port == 0 {
            return Ok(None);
        }
        let line = AudioLine::read(session, media).map_err(|_| OTHER_KIND)?;
        let formats = answered_formats(&self.formats, &line);
        let chosen = formats.first().ok_or(SdpError::AnswerUnfit("none of the codecs offered"))?.codec;
        let event = Encoding::TelephoneEvent { clock_rate_hz: chosen.clock_rate_hz() };
        let telephone_event = paired(&self.formats, &line).find_map(|(encoding, send, receive)| {
            (encoding == event).then_some(EventPayloadTypes { send, receive })
        });
        let remote = line.place()?.map_err(|mismatch| SdpError::AnswerUnfit(mismatch.text()))?;
        if !line.is_of_version(&remote, self.address) {
            return Err(SdpError::AnswerUnfit(Mismatch::AddressFormat.text()));
        }
        let peer_direction = line.direction(&remote);
        Ok(Some(Stream {
            direction: self.direction.against(peer_direction),
            peer_direction,
            formats,
            telephone_event,
            ptime_ms: line.packet_time_ms(self.ptime_ms),
            remote,
        }))
    }
}

/// What both lines have: the encoding, the peer's payload type, ours. A number that the answer does not explain means
/// what it meant in the offer.
fn paired<'a>(
    offered: &'a [(u8, Encoding)],
    answered: &'a AudioLine<'_>,
) -> impl Iterator<Item = (Encoding, u8, u8)> + 'a {
    let meant = |number| offered.iter().find(|&&(ours, _)| ours == number).map(|&(_, encoding)| encoding);
    answered.formats(meant).filter_map(|(theirs, encoding)| {
        let &(ours, _) = offered.iter().find(|&&(_, known)| known == encoding)?;
        Some((encoding, theirs, ours))
    })
}

/// The codecs of the answer, in its order, each once.
fn answered_formats(offered: &[(u8, Encoding)], answered: &AudioLine<'_>) -> Vec<NegotiatedFormat> {
    let mut formats: Vec<NegotiatedFormat> = Vec::with_capacity(offered.len());
    for (encoding, send_payload_type, receive_payload_type) in paired(offered, answered) {
        if let Encoding::Audio(codec) = encoding
            && formats.iter().all(|format| format.codec != codec)
        {
            formats.push(NegotiatedFormat { codec, send_payload_type, receive_payload_type });
        }
    }
    formats
}
