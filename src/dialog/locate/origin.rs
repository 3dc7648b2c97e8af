//! Which addresses of a peer's Contact and Record-Route are believed, whether they stand there or a name leads to them.
//!
//! An address reaches as far as its network: this host, the link, the site, the Internet. A peer that is seen at one
//! that reaches further knows nothing of it, or means ours: a caller on the Internet who names `127.0.0.1`, `localhost`
//! or `10.0.0.5` would have us speak to our own network. Its requests go to where it was seen, which is also where a
//! peer behind NAT is reached (`received` of RFC 3581, for requests). Multicast and broadcast are nobody's address.

use std::net::IpAddr;

use smallvec::smallvec;

use super::Flows;
use crate::ground::Flow;
use crate::ground::network::{Reach, is_of_many};
use crate::sip::{Headers, Rport};

/// The peer who gave a URI: where it is seen, and by what address it calls itself when that is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialog) struct Origin {
    source: Flow,
    /// The address in its Via, which a NAT has changed on the way, of a peer that asks to be answered where it is seen
    /// (rport, RFC 3581).
    translated: Option<IpAddr>,
}

impl Origin {
    /// The peer that sent a request.
    pub fn of_request(headers: Headers<'_>, source: &Flow) -> Self {
        let via = headers.top_via().ok().filter(|via| via.rport != Rport::Absent);
        let own = via.and_then(|via| via.host.ip());
        let translated = own.filter(|own| *own != source.remote.ip());
        Self { source: *source, translated }
    }

    /// The peer that sent a response. Its Via is ours.
    pub const fn of_response(source: &Flow) -> Self {
        Self { source: *source, translated: None }
    }

    /// Where it is seen. By its address transport finds a connection that is still there; an old connection's id would
    /// find nothing.
    pub const fn seen(&self) -> Flow {
        Flow { connection: None, ..self.source }
    }

    /// Whether it may be spoken to there because it says so.
    pub fn may_name(&self, address: IpAddr) -> bool {
        !is_of_many(address) && Reach::of(address) >= Reach::of(self.source.remote.ip())
    }

    /// Whether it calls itself by this address and is reached by another: behind a NAT that has addresses of the same
    /// kind on both sides, as between two private networks.
    fn is_behind_nat(&self, named: IpAddr) -> bool {
        self.translated == Some(named) && Reach::of(named) < Reach::Internet
    }
}

/// The ways to a peer, best first: the one that it names and the one that it is seen at.
pub(super) fn ways(direct: Option<Flow>, origin: Option<&Origin>) -> Option<Flows> {
    let Some(origin) = origin else { return direct.map(|direct| smallvec![direct]) };
    let seen = origin.seen();
    let Some(direct) = direct.filter(|direct| *direct != seen) else { return Some(smallvec![seen]) };
    let named = direct.remote.ip();
    if !origin.may_name(named) {
        return Some(smallvec![seen]);
    }
    match (origin.is_behind_nat(named), seen.transport.is_reliable()) {
        (true, false) => Some(smallvec![seen]),
        (true, true) => Some(smallvec![seen, direct]),
        (false, true) => Some(smallvec![direct, seen]),
        // Over UDP nothing tells that the direct way fails but a silence of 32 seconds.
        (false, false) => Some(smallvec![direct]),
    }
}
