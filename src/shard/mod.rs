//! A shard: the floors composed. It alone moves outputs between them.

pub mod io;
