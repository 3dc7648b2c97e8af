//! Where a request goes: from a URI to flows (RFC 3261 §8.1.2, RFC 3263 §4 as far as no look-up is needed).
//!
//! Host names are asked of the driver. Order of preference, SRV and NAPTR are the resolver's. Which of a peer's addresses
//! are believed, looked up or not, is [`Origin`]'s.

use std::net::SocketAddr;

use smallvec::SmallVec;

use crate::ground::{Flow, IpVersion, ListenerId, Transport};
use crate::sip::{Host, Scheme, Uri};

use super::settings::DialogSettings;

mod origin;

pub(super) use origin::Origin;

/// Ways to the same place, best first.
pub(super) type Flows = SmallVec<[Flow; 2]>;

/// What a URI leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Located {
    /// An address.
    Flows(Flows),
    /// A name that must be looked up.
    Name(Question),
}

/// What to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The host name.
    pub host: String,
    /// The port, where the URI says one.
    pub port: Option<u16>,
    /// The transport that is to be spoken.
    pub transport: Transport,
}

/// Where a call would go first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstHop {
    /// To an address of this IP version, found or still to be looked up.
    In(IpVersion),
    /// To a name that may lead to addresses of either.
    Named(Question),
}

/// Why a URI leads nowhere that can be reached from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlocated {
    /// It is no `sip:` or `sips:` URI.
    #[error("it is no SIP URI")]
    NoSipUri,
    /// Its host, or its `maddr`, is none.
    #[error("it names no host")]
    NoHost,
    /// Its `transport` parameter is none that is spoken here, or none that `sips:` allows.
    #[error("its transport is not served")]
    Transport,
    /// No listener speaks the transport, to addresses of that version of IP.
    #[error("no listener for {}{}", .transport.via_token().to_ascii_lowercase(), if *.ipv6 { " over IPv6" } else { "" })]
    NoListener {
        /// The transport.
        transport: Transport,
        /// Whether the address is one of IPv6.
        ipv6: bool,
    },
    /// There is no listener for addresses of that version of IP.
    #[error("no listener for its address")]
    NoListenerAtAll,
}

/// Where a request to `uri` goes. `origin` is the peer who gave the URI, in Contact or Record-Route: a connection to
/// there is used again, and not every address is believed. `None`: an engine gave it.
pub(super) fn locate(
    uri: &str,
    settings: &DialogSettings,
    listener: Option<ListenerId>,
    origin: Option<&Origin>,
) -> Result<Located, Unlocated> {
    let uri = Uri::parse(uri).map_err(|_| Unlocated::NoSipUri)?;
    if !uri.is_sip() {
        return Err(Unlocated::NoSipUri);
    }
    let wanted = wanted_transport(&uri)?;
    let host = match uri.maddr() {
        Some(maddr) => Host::parse(maddr).ok_or(Unlocated::NoHost)?,
        None => uri.host().ok_or(Unlocated::NoHost)?,
    };
    let Some(address) = host.ip() else {
        let transport = wanted.or_else(|| any_transport(settings, |_| true));
        let transport = transport.ok_or(Unlocated::NoListenerAtAll)?;
        if !settings.speaks(transport) {
            return Err(Unlocated::NoListener { transport, ipv6: false });
        }
        return Ok(Located::Name(Question { host: host.to_string(), port: uri.port(), transport }));
    };
    let transport = wanted.or_else(|| any_transport(settings, |ipv6| ipv6 == address.is_ipv6()));
    let transport = transport.ok_or(Unlocated::NoListenerAtAll)?;
    let remote = SocketAddr::new(address, uri.port().unwrap_or(transport.default_port()));
    let direct = flow_to(transport, remote, settings, listener);
    let unlocated = Unlocated::NoListener { transport, ipv6: address.is_ipv6() };
    origin::ways(direct, origin).map(Located::Flows).ok_or(unlocated)
}

/// The flow from here to an address.
pub(super) fn flow_to(
    transport: Transport,
    remote: SocketAddr,
    settings: &DialogSettings,
    listener: Option<ListenerId>,
) -> Option<Flow> {
    let listener = settings.listener_towards(transport, remote.ip(), listener)?.id;
    Some(Flow { transport, listener, remote, connection: None })
}

/// What the URI asks for: `sips:` and the transport parameter. `None` when it leaves it open.
fn wanted_transport(uri: &Uri<'_>) -> Result<Option<Transport>, Unlocated> {
    let secure = uri.scheme() == Scheme::Sips;
    let Some(token) = uri.transport() else { return Ok(secure.then_some(Transport::Tls)) };
    let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
    let named = all.into_iter().find(|transport| transport.via_token().eq_ignore_ascii_case(token));
    match named.ok_or(Unlocated::Transport)? {
        Transport::Udp if secure => Err(Unlocated::Transport),
        Transport::Tcp if secure => Ok(Some(Transport::Tls)),
        Transport::Ws if secure => Ok(Some(Transport::Wss)),
        transport => Ok(Some(transport)),
    }
}

/// UDP where there is a listener for it (RFC 3263 §4.1), else whatever there is.
fn any_transport(settings: &DialogSettings, fits: impl Fn(bool) -> bool) -> Option<Transport> {
    let mut there =
        settings.listeners.iter().filter(|listener| fits(listener.ipv6)).map(|listener| listener.transport);
    let first = there.clone().next();
    there.find(|transport| *transport == Transport::Udp).or(first)
}

#[cfg(test)]
mod tests;
