//! The sockets of a worker, by their endpoint.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{SendFlags, sendto};

use crate::media::core::{EndpointKey, Wire};

/// The sockets, by their endpoint's place.
#[derive(Debug, Default)]
pub struct Sockets {
    pub(super) places: Vec<Option<(EndpointKey, OwnedFd)>>,
    pub(super) count: usize,
    pub(super) unsent: u64,
}

impl Sockets {
    pub(super) fn get(&self, endpoint: EndpointKey) -> Option<&OwnedFd> {
        let (key, socket) = self.places.get(endpoint.index())?.as_ref()?;
        (*key == endpoint).then_some(socket)
    }
}

impl Wire for Sockets {
    fn send(&mut self, from: EndpointKey, to: SocketAddr, packet: &[u8]) -> bool {
        let sent =
            self.get(from).is_some_and(|socket| sendto(socket, packet, SendFlags::empty(), &to).is_ok());
        self.unsent += u64::from(!sent);
        sent
    }
}
