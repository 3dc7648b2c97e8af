//! Replaces, Join and Target-Dialog: a dialog named by its ids (RFC 3891, RFC 3911, RFC 4538).

use super::super::error::Flaw;
use super::super::grammar::{Parsed, failure, ws};
use super::super::headers::FieldValue;
use super::params::{Params, params};
use super::token::CallId;

/// A dialog named in a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// The tag of the receiver's side (`local-tag` in Target-Dialog).
    pub to_tag: &'a str,
    /// The tag of the other side (`remote-tag` in Target-Dialog).
    pub from_tag: &'a str,
    /// Whether only an early dialog is meant.
    pub early_only: bool,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> FieldValue<'a> for Replaces<'a> {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (at_params, CallId(call_id)) = CallId::read(i)?;
        let (mut to_tag, mut from_tag, mut early_only, mut repeated) = (None, None, false, false);
        let (rest, params) = params(at_params, |param| {
            let slot = match param.name.to_ascii_lowercase().as_str() {
                "to-tag" | "local-tag" => &mut to_tag,
                "from-tag" | "remote-tag" => &mut from_tag,
                "early-only" => return early_only = true,
                _ => return,
            };
            repeated |= slot.is_some();
            *slot = param.value;
        })?;
        match (to_tag, from_tag) {
            _ if repeated => failure(at_params, Flaw::Repeated),
            (Some(to_tag), Some(from_tag)) => {
                Ok((rest, Self { call_id, to_tag, from_tag, early_only, params }))
            }
            _ => failure(at_params, Flaw::Parameter),
        }
    }
}
