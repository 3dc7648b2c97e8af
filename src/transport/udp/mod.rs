//! Datagrams (RFC 3261 §18.1.1, §18.2.1): one socket per listener, read in batches, written from any thread.

mod kernel;
mod receiver;
mod sender;

pub use receiver::UdpReceiver;
pub(super) use sender::UdpSender;

pub(super) use kernel::ask_for_icmp_errors;
