//! How a worker waits for packets, time and commands: a small trait, so that there can be several ways.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::EndpointSockets;
use crate::ground::{Instant, IpVersion};
use crate::media::core::{EndpointKey, Fabric, Wire};

/// Why a worker woke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Woken {
    /// When.
    pub at: Instant,
    /// The doorbell rang: commands wait.
    pub by_commands: bool,
    /// Packets that were taken in.
    pub packets: usize,
}

/// Sockets, and waiting for them.
pub trait Backend: Sized {
    /// Where packets leave.
    type Wire: Wire;

    /// A back end that also wakes when this eventfd is written to.
    ///
    /// # Errors
    /// What the system says.
    fn new(doorbell: BorrowedFd<'_>) -> io::Result<Self>;

    /// Takes an endpoint's socket of an IP version in. It has none of that version.
    ///
    /// # Errors
    /// What the system says; the socket is closed then.
    fn add(&mut self, endpoint: EndpointKey, version: IpVersion, socket: OwnedFd) -> io::Result<()>;

    /// Gives an endpoint's sockets out. Dropped, they are closed.
    fn remove(&mut self, endpoint: EndpointKey) -> Option<EndpointSockets>;

    /// Gives an endpoint's socket of an IP version out.
    fn remove_of(&mut self, endpoint: EndpointKey, version: IpVersion) -> Option<OwnedFd>;

    /// Sockets that it has.
    fn sockets(&self) -> usize;

    /// Packets that the kernel did not take. A total.
    fn unsent(&self) -> u64;

    /// Where packets leave.
    fn wire(&mut self) -> &mut Self::Wire;

    /// Waits for packets, commands, or until `deadline`, and gives packets to the fabric. Returns at once when
    /// anything is there.
    ///
    /// # Errors
    /// When waiting is impossible: a fault of this program.
    fn turn(&mut self, deadline: Option<Instant>, fabric: &mut Fabric) -> io::Result<Woken>;
}
