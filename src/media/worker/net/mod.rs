//! Sockets: ports, addresses, and how datagrams get between the kernel and a fabric.

mod addresses;
mod backend;
mod backlog;
mod endpoint_sockets;
mod epoll;
mod ports;
mod socket;
mod sockets;

pub use addresses::Addresses;
pub use backend::{Backend, Woken};
pub use endpoint_sockets::EndpointSockets;
pub use epoll::Epoll;
pub use ports::{Drawn, PortCounts, PortPool};
pub use socket::{SocketSettings, is_short, open};
