//! Reason (RFC 3326): why a request was sent, mostly BYE and CANCEL.

use std::borrow::Cow;

use super::super::grammar::{Parsed, number, token, whole, ws};
use super::super::headers::FieldValue;
use super::params::{Params, any_params};

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` or another.
    pub protocol: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Reason<'a> {
    /// The `cause`: a SIP status, or a Q.850 cause value.
    #[must_use]
    pub fn cause(&self) -> Option<u32> {
        whole(self.params.get("cause")?, number).ok()
    }

    /// The `text`.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.params.find("text").map(|param| param.text())
    }
}

impl<'a> FieldValue<'a> for Reason<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, protocol) = token(i)?;
        let (i, params) = any_params(i)?;
        Ok((i, Self { protocol, params }))
    }
}
