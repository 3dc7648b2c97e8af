//! The sending side of transport as a driver sees it, so that a silent one can stand in its place.

use bytes::Bytes;

use crate::ground::Flow;
use crate::transport::{SendTag, Transports};

/// Sends messages.
pub trait Wire: Send + Sync {
    /// Sends a message and returns at once. If it cannot be sent, the shard that the tag names is told.
    fn send(&self, tag: SendTag, flow: &Flow, message: Bytes);
}

impl Wire for Transports {
    fn send(&self, tag: SendTag, flow: &Flow, message: Bytes) {
        Self::send(self, tag, flow, message);
    }
}
