//! Via (RFC 3261 §20.42, RFC 3581).

use std::fmt;
use std::net::IpAddr;

use crate::ground::Transport;

use super::super::error::Flaw;
use super::super::grammar::{Parsed, class, failure, lws, port, run, sep, token, ws};
use super::super::headers::FieldValue;
use super::super::uri::Host;
use super::params::{Params, params, strip_quotes};
use nom::Parser;
use nom::combinator::opt;
use nom::sequence::{preceded, terminated};

/// The `rport` parameter (RFC 3581 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rport {
    /// Not there.
    #[default]
    Absent,
    /// There without a value: the client asks for it.
    Asked,
    /// Filled in by the server.
    Port(u16),
}

/// One Via element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The protocol name: `SIP`.
    pub protocol: &'a str,
    /// The protocol version: `2.0`.
    pub version: &'a str,
    /// The transport token as written.
    pub transport_text: &'a str,
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The host of sent-by as written.
    pub host_text: &'a str,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// The `branch` parameter.
    pub branch: Option<&'a str>,
    /// The `received` parameter as written.
    pub received_text: Option<&'a str>,
    /// The `rport` parameter.
    pub rport: Rport,
    /// The `maddr` parameter as written.
    pub maddr: Option<&'a str>,
    /// All parameters.
    pub params: Params<'a>,
}

/// What a branch of RFC 3261 begins with (§8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

impl<'a> Via<'a> {
    /// The transport, when it is one that is spoken here.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        const ALL: [Transport; 5] =
            [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        ALL.into_iter().find(|transport| transport.via_token().eq_ignore_ascii_case(self.transport_text))
    }

    /// The branch, when it identifies a transaction by RFC 3261 §17.2.3: it begins with the magic cookie and has
    /// something after it. Otherwise the rules of RFC 2543 apply.
    #[must_use]
    pub fn magic_branch(&self) -> Option<&'a str> {
        self.branch.filter(|branch| {
            branch.len() > MAGIC_COOKIE.len() && branch.as_bytes().starts_with(MAGIC_COOKIE.as_bytes())
        })
    }

    /// The `received` parameter as an address; IPv6 is taken with and without brackets (RFC 5118 §4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        match Host::parse(self.received_text?)? {
            Host::V4(address) => Some(address.into()),
            Host::V6(address) => Some(address.into()),
            Host::Name(_) => None,
        }
    }

    /// The port of sent-by, or the transport's default.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport().map_or(5060, Transport::default_port))
    }
}

/// A host: bracketed IPv6, or a run of name characters.
pub(crate) fn host(i: &str) -> Parsed<'_, &str> {
    let len = if i.starts_with('[') {
        memchr::memchr(b']', i.as_bytes()).map_or(0, |end| end + 1)
    } else {
        run(i.as_bytes(), class::HOST)
    };
    if len == 0 { failure(i, Flaw::Host) } else { Ok((&i[len..], &i[..len])) }
}

impl<'a> FieldValue<'a> for Via<'a> {
    const LIST: bool = true;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        let (i, protocol) = terminated(token, sep(b'/')).parse(i)?;
        let (i, version) = terminated(token, sep(b'/')).parse(i)?;
        let (i, transport_text) = terminated(token, lws).parse(i)?;
        let (at_params, host_text) = host(i)?;
        let Some(host) = Host::parse(host_text) else { return failure(i, Flaw::Host) };
        let (i, port) = opt(preceded(sep(b':'), port)).parse(at_params)?;
        let (mut branch, mut received_text, mut rport, mut maddr) = (None, None, Rport::Absent, None);
        let (i, params) = params(i, |param| match param.name.len() {
            6 if param.name.eq_ignore_ascii_case("branch") => branch = param.value,
            5 if param.name.eq_ignore_ascii_case("rport") => {
                rport = match param.value {
                    None => Rport::Asked,
                    Some(value) => value.parse().map_or(Rport::Asked, Rport::Port),
                };
            }
            5 if param.name.eq_ignore_ascii_case("maddr") => maddr = param.value,
            8 if param.name.eq_ignore_ascii_case("received") => received_text = param.value.map(strip_quotes),
            _ => {}
        })?;
        let via = Self {
            protocol,
            version,
            transport_text,
            host,
            host_text,
            port,
            branch,
            received_text,
            rport,
            maddr,
            params,
        };
        Ok((i, via))
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{} {}", self.protocol, self.version, self.transport_text, self.host_text)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.params.as_str())
    }
}
