//! One endpoint's socket.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

/// What every socket gets.
#[derive(Clone, Copy, Debug)]
pub struct SocketSettings {
    /// Receive buffer asked of the kernel, in bytes; 0: the system's default. What a worker that is late finds there
    /// is not lost.
    pub receive_buffer_bytes: usize,
    /// The DSCP of packets sent, 0 to 63 (RFC 4594 §4.1: 46 for telephony).
    pub dscp: u8,
}

/// Whether this says that the system is short of something: it passes, and is nobody's fault.
#[must_use]
pub fn is_short(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC)
}

/// Opens a non-blocking datagram socket, bound.
///
/// # Errors
/// [`Errno::ADDRINUSE`] when another process has the port; else whatever the system says.
pub fn open(address: IpAddr, port: u16, settings: &SocketSettings) -> Result<OwnedFd, Errno> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if settings.receive_buffer_bytes > 0 {
        sockopt::set_socket_recv_buffer_size(&socket, settings.receive_buffer_bytes)?;
    }
    match address {
        IpAddr::V4(_) => sockopt::set_ip_tos(&socket, settings.dscp << 2)?,
        IpAddr::V6(_) => {
            sockopt::set_ipv6_v6only(&socket, true)?;
            sockopt::set_ipv6_tclass(&socket, u32::from(settings.dscp) << 2)?;
        }
    }
    bind(&socket, &SocketAddr::new(address, port))?;
    Ok(socket)
}
