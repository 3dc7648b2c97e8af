//! The sockets of one endpoint: one, and a second one of the other IP version while it goes over to that.

use std::os::fd::OwnedFd;

use crate::ground::IpVersion;

/// At most one socket of each IP version.
#[derive(Debug, Default)]
pub struct EndpointSockets {
    ipv4: Option<OwnedFd>,
    ipv6: Option<OwnedFd>,
}

impl EndpointSockets {
    /// The socket of an IP version.
    #[must_use]
    pub const fn get(&self, version: IpVersion) -> Option<&OwnedFd> {
        match version {
            IpVersion::V4 => self.ipv4.as_ref(),
            IpVersion::V6 => self.ipv6.as_ref(),
        }
    }

    /// The place of the socket of an IP version.
    pub const fn place(&mut self, version: IpVersion) -> &mut Option<OwnedFd> {
        match version {
            IpVersion::V4 => &mut self.ipv4,
            IpVersion::V6 => &mut self.ipv6,
        }
    }

    /// All there are.
    pub fn iter(&self) -> impl Iterator<Item = &OwnedFd> {
        self.ipv4.iter().chain(&self.ipv6)
    }

    /// Takes them apart.
    pub fn into_each(self) -> impl Iterator<Item = (IpVersion, OwnedFd)> {
        let ipv4 = self.ipv4.map(|socket| (IpVersion::V4, socket));
        ipv4.into_iter().chain(self.ipv6.map(|socket| (IpVersion::V6, socket)))
    }
}
