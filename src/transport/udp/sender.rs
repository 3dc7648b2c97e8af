//! Sending datagrams, from whatever thread has one to send.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use super::kernel;
use crate::transport::SendError;
use crate::transport::counters::{Counters, add, count};

/// How often a datagram is offered again when the kernel answers with an error that an earlier datagram caused.
///
/// With ICMP errors asked for, the kernel reports one by failing the next call on the socket, whatever its
/// destination, without doing what was asked.
const OFFERS_MAX: usize = 4;

/// The sending side of one UDP listener.
///
/// Nothing is queued: a datagram that finds the kernel's buffer full is dropped and counted, as if the network had
/// lost it, and the transaction that sent it sends again (RFC 3261 §17). Only what will never go is an error.
#[derive(Debug)]
pub struct UdpSender {
    socket: Arc<UdpSocket>,
    counters: Arc<Counters>,
}

impl UdpSender {
    pub(in crate::transport) fn new(socket: Arc<UdpSocket>, counters: Arc<Counters>) -> Self {
        Self { socket, counters }
    }

    /// Hands a datagram to the kernel.
    ///
    /// # Errors
    /// When it can never go this way.
    pub fn send(&self, remote: SocketAddr, datagram: &[u8]) -> Result<(), SendError> {
        let mut offers = 0;
        let error = loop {
            offers += 1;
            match self.socket.send_to(datagram, remote) {
                Ok(_) => {
                    count(&self.counters.datagrams_out);
                    add(&self.counters.datagram_bytes_out, datagram.len() as u64);
                    return Ok(());
                }
                Err(error) if is_full(&error) => {
                    count(&self.counters.datagrams_unsent_full);
                    return Ok(());
                }
                Err(error) if offers < OFFERS_MAX && kernel::is_icmp_echo(&error) => {}
                Err(error) => break error,
            }
        };
        count(&self.counters.datagrams_unsent_error);
        Err(match error.raw_os_error() {
            Some(libc::EMSGSIZE) => SendError::TooLarge,
            Some(libc::EAFNOSUPPORT | libc::EINVAL) => SendError::AddressFamily,
            _ => SendError::Io(error.kind()),
        })
    }

    /// How many datagrams the kernel dropped before they were read, as far as it tells.
    pub fn dropped_by_kernel(&self) -> u64 {
        kernel::dropped_by_kernel(self.socket.as_fd()).unwrap_or(0)
    }
}

/// Whether the kernel has no room now and will have some soon.
fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}
