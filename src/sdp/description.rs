//! A description: what its bytes say, read with the tolerance that RFC 4566 and RFC 8866 peers need.
//!
//! The grammar is the `sdp-types` crate's. What it refuses is smoothed over once and tried again: line ends of any
//! kind, stray spaces, a byte-order mark, broken lines that no offer or answer depends on.

use std::borrow::Cow;

use super::SdpError;

/// The largest description that is read, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = crate::ground::DESCRIPTION_BYTES_MAX;
/// The most m-lines that are read.
pub const MEDIA_LINES_MAX: usize = 16;
/// The longest media, protocol or format word of an m-line, in bytes: they are repeated in answers.
pub const WORD_BYTES_MAX: usize = 32;

/// A parsed description with the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Description<'a> {
    original: &'a [u8],
    session: sdp_types::Session,
}

impl<'a> Description<'a> {
    /// Reads a description.
    ///
    /// # Errors
    /// [`SdpError::TooLong`], [`SdpError::TooManyLines`] over the bounds; [`SdpError::Malformed`] when `v=0` does
    /// not come first or an m- or c-line cannot be read.
    pub fn parse(original: &'a [u8]) -> Result<Self, SdpError> {
        if original.len() > DESCRIPTION_BYTES_MAX {
            return Err(SdpError::TooLong(original.len()));
        }
        let session = match sdp_types::Session::parse(original) {
            Ok(session) if words_are_set(&session) => session,
            _ => parse_smoothed(original)?,
        };
        if session.medias.len() > MEDIA_LINES_MAX {
            return Err(SdpError::TooManyLines(session.medias.len()));
        }
        let too_long = |word: &str| word.len() > WORD_BYTES_MAX;
        if session.medias.iter().any(|media| too_long(&media.media) || too_long(&media.proto)) {
            return Err(SdpError::Malformed(format!("a word of over {WORD_BYTES_MAX} bytes in an m-line")));
        }
        Ok(Self { original, session })
    }

    /// The bytes as they came.
    #[must_use]
    pub const fn original(&self) -> &'a [u8] {
        self.original
    }

    /// What they say.
    #[must_use]
    pub const fn session(&self) -> &sdp_types::Session {
        &self.session
    }
}

/// Whether every m-line has its words: with two spaces in a row the parser takes the empty word between them.
fn words_are_set(session: &sdp_types::Session) -> bool {
    session
        .medias
        .iter()
        .all(|media| !media.media.is_empty() && !media.proto.is_empty() && !media.fmt.trim().is_empty())
}

fn parse_smoothed(original: &[u8]) -> Result<sdp_types::Session, SdpError> {
    let session = sdp_types::Session::parse(smoothed(original).as_bytes())
        .map_err(|error| SdpError::Malformed(error.to_string()))?;
    if words_are_set(&session) {
        Ok(session)
    } else {
        Err(SdpError::Malformed("an m-line lacks a word".into()))
    }
}

/// The lines that offers and answers depend on (`v`, `c`, `a`, `m`), each trimmed and with single spaces.
fn smoothed(original: &[u8]) -> String {
    let text = String::from_utf8_lossy(original);
    let mut out = String::with_capacity(text.len());
    for line in text.trim_start_matches('\u{feff}').split(['\r', '\n']) {
        let Some((key @ ("v" | "c" | "a" | "m"), value)) =
            line.trim().split_once('=').map(|(k, v)| (k.trim(), v))
        else {
            continue;
        };
        if value.contains('\0') {
            continue;
        }
        out.push_str(key);
        out.push('=');
        out.push_str(&single_spaced(value));
        out.push_str("\r\n");
    }
    out
}

fn single_spaced(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if value.contains("  ") || value.contains('\t') {
        Cow::Owned(value.split_whitespace().collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<(String, u16, String, String)>, SdpError> {
        let description = Description::parse(text.as_bytes())?;
        Ok(description
            .session
            .medias
            .iter()
            .map(|m| (m.media.clone(), m.port, m.proto.clone(), m.fmt.clone()))
            .collect())
    }

    #[test]
    fn slips_of_peers_are_read_as_what_they_mean() {
        let audio = |fmt: &str| Ok(vec![("audio".to_string(), 4000, "RTP/AVP".to_string(), fmt.to_string())]);
        let rows = [
            (
                "without the last line end",
                "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0",
            ),
            ("LF only", "v=0\no=- 1 1 IN IP4 1.1.1.1\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 0\n"),
            ("CR only", "v=0\ro=- 1 1 IN IP4 1.1.1.1\rs=-\rt=0 0\rm=audio 4000 RTP/AVP 0\r"),
            ("no s=, no t=", "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 0\r\n"),
            ("an empty s=", "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"),
            (
                "spaces around",
                "  v=0 \r\n o=- 1 1 IN IP4 1.1.1.1\r\ns= \r\nt=0 0\r\n m=audio  4000   RTP/AVP 0 \r\n",
            ),
            (
                "empty lines",
                "v=0\r\n\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n\r\n\r\n",
            ),
            ("an o= that cannot be read", "v=0\r\no=nonsense\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"),
            (
                "a negative version",
                "v=0\r\no=- 1 -1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
            ),
            ("a line of no shape", "v=0\r\ns=-\r\nhello there\r\nm=audio 4000 RTP/AVP 0\r\n"),
            ("a t= of no shape", "v=0\r\ns=-\r\nt=now\r\nm=audio 4000 RTP/AVP 0\r\n"),
            ("two s=", "v=0\r\ns=-\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n"),
            ("a byte-order mark", "\u{feff}v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n"),
        ];
        for (slip, text) in rows {
            let read = lines(text).map(|mut lines| {
                lines.iter_mut().for_each(|line| line.3 = line.3.trim().to_string());
                lines
            });
            assert_eq!(read, audio("0"), "{slip}");
        }
        let latin1 = b"v=0\r\ns=Gespr\xE4ch\r\nm=audio 4000 RTP/AVP 0\r\n";
        assert!(Description::parse(latin1).is_ok());
        assert_eq!(Description::parse(latin1).unwrap().original(), latin1);
    }

    #[test]
    fn what_is_no_description_is_refused() {
        for text in [
            "",
            "hello",
            "m=audio 4000 RTP/AVP 0\r\n",
            "v=1\r\nm=audio 4000 RTP/AVP 0\r\n",
            "v=0\r\nm=audio\r\n",
            "v=0\r\nm=audio 4000\r\n",
            "v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
            "v=0\r\nm=audio port RTP/AVP 0\r\n",
            "v=0\r\nm=audio 4000 RTP/AVP  \r\n",
        ] {
            assert!(matches!(lines(text), Err(SdpError::Malformed(_))), "{text:?}: {:?}", lines(text));
        }
    }

    #[test]
    fn the_bounds_hold() {
        let long = format!("v=0\r\na={}\r\n", "x".repeat(DESCRIPTION_BYTES_MAX));
        assert_eq!(lines(&long), Err(SdpError::TooLong(long.len())));
        let many = format!("v=0\r\n{}", "m=audio 4000 RTP/AVP 0\r\n".repeat(MEDIA_LINES_MAX + 1));
        assert_eq!(lines(&many), Err(SdpError::TooManyLines(MEDIA_LINES_MAX + 1)));
        let wordy = format!("v=0\r\nm={} 4000 RTP/AVP 0\r\n", "x".repeat(WORD_BYTES_MAX + 1));
        assert!(matches!(lines(&wordy), Err(SdpError::Malformed(_))));
    }
}
