//! What is asked of the kernel that no safe crate offers: many datagrams by one system call, to be woken for reading
//! alone, the errors that ICMP brought (RFC 3261 §18.4), and how many datagrams a full buffer cost.
//!
//! The only unsafe code of transport is here. Everything is Linux's: `recvmmsg(2)`, `ip(7)` on IP_RECVERR,
//! `socket(7)` on SO_MEMINFO.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::Arc;

use libc::{c_int, c_void, iovec, mmsghdr, msghdr, sockaddr_storage, socklen_t};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Buffers for one `recvmmsg` call, used again and again.
///
/// `headers` point into the other three vectors, none of which ever grows or is handed out, so the pointers stay good
/// wherever the struct itself moves.
pub struct Batch {
    buffer: Vec<u8>,
    names: Vec<sockaddr_storage>,
    /// Never read here: the kernel does, by `headers`.
    _vectors: Vec<iovec>,
    headers: Vec<mmsghdr>,
    slot_bytes: usize,
    filled: usize,
}

// SAFETY: the raw pointers in `_vectors` and `headers` point only into this struct's own heap memory, which no one
// else can reach; `&Batch` gives out shared slices only.
unsafe impl Send for Batch {}
// SAFETY: as above; nothing is mutated through `&Batch`.
unsafe impl Sync for Batch {}

/// One datagram in a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// What came, cut at the slot's size.
    pub bytes: &'a [u8],
    /// Whether it was longer than the slot.
    pub cut: bool,
    /// Who sent it.
    pub remote: SocketAddr,
}

impl Batch {
    /// Room for `slots` datagrams of `slot_bytes` bytes each. Memory that no datagram reaches stays untouched, so it
    /// costs address space only.
    pub fn new(slots: usize, slot_bytes: usize) -> Self {
        let (slots, slot_bytes) = (slots.clamp(1, 1024), slot_bytes.clamp(1, 65_536));
        let mut buffer = vec![0_u8; slots * slot_bytes];
        // SAFETY: all-zero is a valid value of these C structs.
        let mut names: Vec<sockaddr_storage> = vec![unsafe { zeroed() }; slots];
        let mut vectors: Vec<iovec> = (0..slots)
            .map(|slot| iovec {
                // SAFETY: `slot * slot_bytes` is inside the buffer.
                iov_base: unsafe { buffer.as_mut_ptr().add(slot * slot_bytes) }.cast::<c_void>(),
                iov_len: slot_bytes,
            })
            .collect();
        let headers = (0..slots)
            .map(|slot| {
                // SAFETY: all-zero is a valid mmsghdr: no name, no vectors, no control data.
                let mut header: mmsghdr = unsafe { zeroed() };
                // SAFETY: `slot` is inside both vectors.
                header.msg_hdr.msg_name = unsafe { names.as_mut_ptr().add(slot) }.cast::<c_void>();
                header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
                // SAFETY: as above.
                header.msg_hdr.msg_iov = unsafe { vectors.as_mut_ptr().add(slot) };
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Self { buffer, names, _vectors: vectors, headers, slot_bytes, filled: 0 }
    }

    /// Takes what waits on the socket, without blocking. Returns how many came; what came before is overwritten.
    ///
    /// # Errors
    /// `WouldBlock` when nothing waits, or an error that ICMP brought.
    pub fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        for header in &mut self.headers[..self.filled] {
            header.msg_hdr.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
        }
        self.filled = 0;
        // SAFETY: every header points to a name and a vector, every vector to `slot_bytes` bytes, all alive and
        // exclusively borrowed here; a null time limit with MSG_DONTWAIT is allowed.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        self.filled = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        Ok(self.filled)
    }

    /// How many datagrams one call can bring.
    pub fn slots(&self) -> usize {
        self.headers.len()
    }

    /// What the last call brought. A datagram from no IP address, which the kernel never gives, is left out.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.headers[..self.filled].iter().enumerate().filter_map(|(slot, header)| {
            let begin = slot * self.slot_bytes;
            let length = (header.msg_len as usize).min(self.slot_bytes);
            Some(Datagram {
                bytes: &self.buffer[begin..begin + length],
                cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
                remote: address(&self.names[slot])?,
            })
        })
    }
}

/// The IP address in a socket address, if it holds one.
fn address(name: &sockaddr_storage) -> Option<SocketAddr> {
    let name = ptr::from_ref(name);
    // SAFETY: a sockaddr_storage is large enough and aligned for every address family, and its family says which
    // one lies in it.
    unsafe {
        match c_int::from((*name).ss_family) {
            libc::AF_INET => {
                let v4 = &*name.cast::<libc::sockaddr_in>();
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let v6 = &*name.cast::<libc::sockaddr_in6>();
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

/// Has the current runtime watch a socket for what can be read and for errors, and for nothing else: watching for room
/// to write, as tokio's own socket does, would wake the receiver after every datagram sent.
///
/// # Errors
/// When the runtime cannot watch it.
pub fn watch(socket: Arc<UdpSocket>) -> io::Result<AsyncFd<Arc<UdpSocket>>> {
    // SAFETY: the descriptor stays open and the same for as long as the `Arc`, which the `AsyncFd` owns.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE | Interest::ERROR) }
        .map_err(Into::into)
}

/// Sets an integer socket option.
fn set_option(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: `value` lives for the call and its size is given.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast::<c_void>(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks the kernel to keep what ICMP says about datagrams sent from this socket.
///
/// # Errors
/// When the kernel refuses.
pub fn ask_for_icmp_errors(socket: BorrowedFd<'_>, ipv6: bool) -> io::Result<()> {
    if ipv6 {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)
    } else {
        set_option(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)
    }
}

/// One ICMP error: to whom the datagram had been sent, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct IcmpError {
    /// Where the datagram was to go.
    pub remote: SocketAddr,
    /// What became of it.
    pub error: io::ErrorKind,
    /// Whether ICMP says that the destination is not to be reached, or that it cannot read the header, as opposed to
    /// all else that waits in the same queue: a time exceeded, a packet too large (RFC 3261 §18.4).
    pub is_unreachable: bool,
}

/// Destination unreachable but for "fragmentation needed", or parameter problem (RFC 792, RFC 4443).
const fn is_unreachable(error: &libc::sock_extended_err) -> bool {
    match (error.ee_origin, error.ee_type) {
        (libc::SO_EE_ORIGIN_ICMP, 3) => error.ee_code != 4,
        (libc::SO_EE_ORIGIN_ICMP, 12) | (libc::SO_EE_ORIGIN_ICMP6, 1 | 4) => true,
        _ => false,
    }
}

/// Takes the next ICMP error that waits on the socket; `None` when there is none.
pub fn next_icmp_error(socket: BorrowedFd<'_>) -> Option<IcmpError> {
    // Aligned as control messages must be; one extended error with its offender fits well.
    let mut control = [0_u64; 64];
    // SAFETY: all-zero is a valid value of these C structs.
    let (mut name, mut header): (sockaddr_storage, msghdr) = unsafe { (zeroed(), zeroed()) };
    header.msg_name = ptr::from_mut(&mut name).cast::<c_void>();
    header.msg_namelen = size_of::<sockaddr_storage>() as socklen_t;
    header.msg_control = control.as_mut_ptr().cast::<c_void>();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the header points to a name and to control room that live for the call; no data is asked for.
    let received = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    if received < 0 {
        return None;
    }
    // SAFETY: the kernel filled in the header, whose control data is what CMSG_FIRSTHDR and CMSG_NXTHDR walk.
    let mut control = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    while !control.is_null() {
        // SAFETY: not null, so it points to a control message inside `control`.
        let (level, kind) = unsafe { ((*control).cmsg_level, (*control).cmsg_type) };
        let is_error = (level == libc::IPPROTO_IP && kind == libc::IP_RECVERR)
            || (level == libc::IPPROTO_IPV6 && kind == libc::IPV6_RECVERR);
        if is_error {
            // SAFETY: a control message of this kind carries a sock_extended_err.
            let error =
                unsafe { ptr::read_unaligned(libc::CMSG_DATA(control).cast::<libc::sock_extended_err>()) };
            let is_unreachable = is_unreachable(&error);
            let error = io::Error::from_raw_os_error(error.ee_errno as i32).kind();
            return address(&name).map(|remote| IcmpError { remote, error, is_unreachable });
        }
        // SAFETY: as for CMSG_FIRSTHDR.
        control = unsafe { libc::CMSG_NXTHDR(&raw const header, control) };
    }
    None
}

/// Whether a call on a socket can have failed in place of an earlier datagram: with ICMP errors asked for, the kernel
/// reports one by failing the next call, whatever it is and wherever it goes, without doing what was asked.
pub fn is_icmp_echo(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::ENOPROTOOPT
                | libc::EPROTO
                | libc::EINTR
        )
    )
}

/// How many datagrams the kernel dropped because the socket's receive buffer was full.
///
/// # Errors
/// When the kernel refuses.
pub fn dropped_by_kernel(socket: BorrowedFd<'_>) -> io::Result<u64> {
    /// Of asm-generic/socket.h; the libc crate does not have it.
    const SO_MEMINFO: c_int = 55;
    let mut fields = [0_u32; libc::SK_MEMINFO_DROPS as usize + 1];
    let mut bytes = size_of_val(&fields) as socklen_t;
    // SAFETY: the kernel writes at most `bytes` bytes into `fields`.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            fields.as_mut_ptr().cast::<c_void>(),
            &raw mut bytes,
        )
    };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::from(fields[libc::SK_MEMINFO_DROPS as usize]))
}
