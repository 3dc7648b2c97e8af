//! CSeq (RFC 3261 §20.16) and RAck (RFC 3262 §7.2).

use std::fmt;

use super::super::Method;
use super::super::error::Flaw;
use super::super::grammar::{Parsed, fault, lws, number, token, ws};
use super::super::headers::FieldValue;
use nom::Parser;
use nom::sequence::{separated_pair, terminated};

/// CSeq: which request of a dialog this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub sequence: u32,
    /// The method.
    pub method: Method,
}

fn method(i: &str) -> Parsed<'_, Method> {
    let (rest, text) = token(i)?;
    match Method::parse(text) {
        Some(method) => Ok((rest, method)),
        None => fault(i, Flaw::Token),
    }
}

impl<'a> FieldValue<'a> for CSeq {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, (sequence, method)) = separated_pair(number, lws, method).parse(i)?;
        Ok((i, Self { sequence, method }))
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sequence, self.method)
    }
}

/// RAck: which reliable provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The CSeq of the request it answered.
    pub cseq: CSeq,
}

impl<'a> FieldValue<'a> for RAck {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, rseq) = terminated(number, lws).parse(i)?;
        let (i, cseq) = CSeq::read(i)?;
        Ok((i, Self { rseq, cseq }))
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rseq, self.cseq)
    }
}
