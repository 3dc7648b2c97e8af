//! The generated contracts. Only the `grpc` modules and clients import these; nothing generated goes deeper.

/// `callplane.session.v1`: what a call engine speaks.
pub mod session {
    #[allow(clippy::all, missing_docs)]
    pub mod v1 {
        tonic::include_proto!("callplane.session.v1");
    }
}

/// `callplane.media.v1`: what signaling speaks to media.
pub mod media {
    #[allow(clippy::all, missing_docs)]
    pub mod v1 {
        tonic::include_proto!("callplane.media.v1");
    }
}

/// The compiled descriptors of both packages, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/callplane.binpb"));
