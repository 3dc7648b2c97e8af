//! A description: the bytes as they came and what they say.

/// The largest description that is read, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;
/// The most m-lines that are read.
pub const MEDIA_LINES_MAX: usize = 32;

/// A parsed description.
#[derive(Clone, Debug)]
pub struct Description {}
