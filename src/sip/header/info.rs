//! Alert-Info, Call-Info and Error-Info: URIs in angle brackets with parameters (RFC 3261 §20.4, §20.9, §20.18).

use super::super::error::{Flaw, UriError};
use super::super::grammar::{Parsed, class, eat, fault, take, ws};
use super::super::headers::FieldValue;
use super::super::uri::Uri;
use super::params::{Params, any_params};

/// One element of Alert-Info, Call-Info or Error-Info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InfoUri<'a> {
    /// The URI as written, without angle brackets.
    pub uri_text: &'a str,
    /// The parameters; `purpose` in Call-Info.
    pub params: Params<'a>,
}

impl<'a> InfoUri<'a> {
    /// The URI, read.
    ///
    /// # Errors
    /// When it is no URI.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri_text)
    }
}

impl<'a> FieldValue<'a> for InfoUri<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let Some(inner) = eat(i, b'<') else { return fault(i, Flaw::Brackets) };
        let (rest, uri_text) = take(inner, class::URI);
        let Some(rest) = eat(rest, b'>') else { return fault(rest, Flaw::Brackets) };
        if uri_text.is_empty() {
            return fault(inner, Flaw::Uri);
        }
        let (rest, params) = any_params(rest)?;
        Ok((rest, Self { uri_text, params }))
    }
}
