//! Targets as engines name them: what goes into the request line, and what a URI asks for besides (RFC 3261 §19.1.5).
//!
//! A URI from outside may have header fields and a method; neither may stand in a request line, From, To or Route
//! (§19.1.1, table 1).

use crate::dialog;
use crate::ground::HeaderField;
use crate::session::command::CommandError;
use crate::sip::{Uri, unescape};

/// A target, taken apart.
#[derive(Debug)]
pub(super) struct Target {
    /// The request URI.
    pub uri: String,
    /// The header fields that the URI asks for.
    pub fields: Vec<HeaderField>,
}

fn bad(what: impl Into<String>) -> CommandError {
    CommandError::BadTarget(what.into())
}

pub(super) fn parse(text: &str) -> Result<Uri<'_>, CommandError> {
    Uri::parse(text).map_err(|error| bad(error.to_string()))
}

impl Target {
    /// Takes a target apart.
    ///
    /// # Errors
    /// When it is no URI, asks for another method than INVITE, for a body, or for a header field that is not the
    /// engine's to give.
    pub fn read(text: &str) -> Result<Self, CommandError> {
        let uri = parse(text)?;
        let fields = uri.headers().iter().map(field).collect::<Result<Vec<_>, _>>()?;
        dialog::check_fields(&fields).map_err(|error| bad(format!("its header fields: {error}")))?;
        let method = uri.params().get("method");
        if method.is_some_and(|method| !unescape(method).eq_ignore_ascii_case("INVITE")) {
            return Err(bad("it asks for another method than INVITE"));
        }
        Ok(Self { uri: for_request_line(text, &uri), fields })
    }
}

fn field((name, value): (&str, &str)) -> Result<HeaderField, CommandError> {
    let name = unescape(name).into_owned();
    if name.eq_ignore_ascii_case("body") {
        return Err(bad("it asks for a body"));
    }
    Ok(HeaderField { name, value: unescape(value).into_owned() })
}

fn for_request_line(text: &str, uri: &Uri<'_>) -> String {
    let bare = without_headers(text, uri);
    let params = uri.params();
    if !params.has("method") {
        return bare.to_owned();
    }
    let mut kept = bare[..bare.len() - params.as_str().len()].to_owned();
    for (name, value) in params.iter().filter(|(name, _)| !unescape(name).eq_ignore_ascii_case("method")) {
        kept.push(';');
        kept.push_str(name);
        if let Some(value) = value {
            kept.push('=');
            kept.push_str(value);
        }
    }
    kept
}

fn without_headers<'a>(text: &'a str, uri: &Uri<'_>) -> &'a str {
    match uri.headers().as_str().len() {
        0 => text,
        length => &text[..text.len() - length - 1],
    }
}

/// A proxy's URI as a Route. Without `lr` it would be taken for a strict router of RFC 2543, which nobody means who
/// names his proxy.
pub(super) fn route(proxy: &str) -> Result<String, CommandError> {
    let bad = |what: &str| CommandError::BadProxy(what.into());
    let parsed = Uri::parse(proxy).map_err(|error| bad(&error.to_string()))?;
    if !parsed.is_sip() {
        return Err(bad("its URI must be sip or sips"));
    }
    if !parsed.headers().is_empty() {
        return Err(bad("its URI may not have header fields"));
    }
    Ok(if parsed.is_loose_router() { proxy.to_owned() } else { format!("{proxy};lr") })
}
