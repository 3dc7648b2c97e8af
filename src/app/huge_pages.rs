//! Transparent huge pages, off for this process unless they are asked for. The kernel clears two megabytes at a time to make
//! one, while a call waits: with them the slowest of a hundred calls takes several times as long, and the process a good
//! third more memory; throughput is the same.

use rustix::thread::disable_transparent_huge_pages;

/// Switches them off where they are not wanted. Where the system does not allow it, they stay.
pub(super) fn settle(wanted: bool) {
    if wanted {
        return;
    }
    if let Err(error) = disable_transparent_huge_pages(true) {
        tracing::warn!(%error, "transparent huge pages stay on");
    }
}
