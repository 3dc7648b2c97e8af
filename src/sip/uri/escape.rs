//! Percent escapes (RFC 3261 §19.1.2, RFC 3986 §2.1).

use std::borrow::Cow;
use std::fmt;

use super::parse::is_unreserved;

/// Which characters may stand unescaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeSet {
    /// The user part.
    User,
    /// The password.
    Password,
    /// A parameter's name or value.
    Param,
    /// A header's name or value after the question mark.
    Header,
}

impl EscapeSet {
    fn allows(self, byte: u8) -> bool {
        is_unreserved(byte)
            || match self {
                Self::User => b"&=+$,;?/".contains(&byte),
                Self::Password => b"&=+$,".contains(&byte),
                Self::Param => b"[]/:&+$".contains(&byte),
                Self::Header => b"[]/?:+$".contains(&byte),
            }
    }
}

/// Writes `text` with all that may not stand in `place` escaped.
#[must_use]
pub fn escape(text: &str, place: EscapeSet) -> impl fmt::Display + '_ {
    Escaped { text, place }
}

struct Escaped<'a> {
    text: &'a str,
    place: EscapeSet,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.text.as_bytes();
        let mut from = 0;
        for (at, &byte) in bytes.iter().enumerate().filter(|(_, byte)| !self.place.allows(**byte)) {
            // Bytes of one character follow each other: only after a whole one can text stand in between.
            f.write_str(self.text.get(from..at).unwrap_or_default())?;
            write!(f, "%{byte:02X}")?;
            from = at + 1;
        }
        f.write_str(self.text.get(from..).unwrap_or_default())
    }
}

/// Resolves percent escapes. What is then not UTF-8 is shown by replacement characters; a percent sign without two
/// digits stays.
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        match (first, more) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    Cow::Owned(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

pub(super) const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_unescapes_to_itself() {
        for text in ["alice", "a b@c:d", "наталья", "100%", "\u{0}", "x;y?z/w", ""] {
            for place in [EscapeSet::User, EscapeSet::Password, EscapeSet::Param, EscapeSet::Header] {
                let written = escape(text, place).to_string();
                assert!(written.is_ascii());
                assert_eq!(unescape(&written), text);
            }
        }
        assert_eq!(escape("sips:user@example.com", EscapeSet::User).to_string(), "sips%3Auser%40example.com");
    }

    #[test]
    fn a_percent_sign_alone_stays() {
        assert_eq!(unescape("50%"), "50%");
        assert_eq!(unescape("%zz%41"), "%zzA");
        assert_eq!(unescape("%FF"), "\u{fffd}");
    }
}
