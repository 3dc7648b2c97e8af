//! The binary: settings, build, spawn, wait, drain. All of it is in the library.

use std::process::ExitCode;

use callplane::cli::{self, Cli};
use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
