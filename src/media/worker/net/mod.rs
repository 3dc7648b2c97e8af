//! Sockets: ports, addresses, and how datagrams get between the kernel and a fabric.

mod addresses;
mod backend;
mod epoll;
mod ports;
mod socket;

pub use addresses::{Addresses, peer_address};
pub use backend::{Backend, Woken};
pub use epoll::Epoll;
pub use ports::{PortCounts, PortPool};
pub use socket::{SocketSettings, is_short, open};
