//! The sockets of a worker, by their endpoint.

use std::net::SocketAddr;

use rustix::net::{SendFlags, sendto};

use super::EndpointSockets;
use crate::ground::IpVersion;
use crate::media::core::{EndpointKey, Wire};

/// The sockets, by their endpoint's place.
#[derive(Debug, Default)]
pub struct Sockets {
    pub(super) places: Vec<Option<(EndpointKey, EndpointSockets)>>,
    pub(super) count: usize,
    pub(super) unsent: u64,
}

impl Sockets {
    pub(super) fn get(&self, endpoint: EndpointKey) -> Option<&EndpointSockets> {
        let (key, sockets) = self.places.get(endpoint.index())?.as_ref()?;
        (*key == endpoint).then_some(sockets)
    }

    pub(super) fn get_mut(&mut self, endpoint: EndpointKey) -> Option<&mut EndpointSockets> {
        let (key, sockets) = self.places.get_mut(endpoint.index())?.as_mut()?;
        (*key == endpoint).then_some(sockets)
    }

    /// The sockets of an endpoint; whatever is there of an earlier one is gone.
    pub(super) fn make(&mut self, endpoint: EndpointKey) -> &mut EndpointSockets {
        let index = endpoint.index();
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        let place = &mut self.places[index];
        if place.as_ref().is_some_and(|(key, _)| *key != endpoint) {
            *place = None;
        }
        &mut place.get_or_insert_with(|| (endpoint, EndpointSockets::default())).1
    }
}

impl Wire for Sockets {
    fn send(&mut self, from: EndpointKey, to: SocketAddr, packet: &[u8]) -> bool {
        let socket = self.get(from).and_then(|sockets| sockets.get(IpVersion::of(to.ip())));
        let sent = socket.is_some_and(|socket| sendto(socket, packet, SendFlags::empty(), &to).is_ok());
        self.unsent += u64::from(!sent);
        sent
    }
}
