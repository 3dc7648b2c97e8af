//! Compiles the protos with protox, so that no system `protoc` is needed; and tells the tests what this machine has, so that
//! those that need more are found ignored.

use std::net::UdpSocket;
use std::{env, fs, path::PathBuf};

const PROTOS: [&str; 8] = [
    "callplane/session/v1/types.proto",
    "callplane/session/v1/errors.proto",
    "callplane/session/v1/session_service.proto",
    "callplane/session/v1/bridge_service.proto",
    "callplane/session/v1/playback_service.proto",
    "callplane/session/v1/events.proto",
    "callplane/session/v1/event_service.proto",
    "callplane/media/v1/media_service.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("callplane.binpb");
    fs::write(&out, prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::proto::codec::Codec")
        .compile_fds(descriptors)?;
    what_tests_have();
    Ok(())
}

/// `callplane_corpora`: the data of others is there, see `tests/corpora`. `callplane_ipv6`: so is IPv6.
fn what_tests_have() {
    println!("cargo:rustc-check-cfg=cfg(callplane_corpora, callplane_ipv6)");
    println!("cargo:rerun-if-env-changed=CALLPLANE_CORPORA");
    println!("cargo:rerun-if-changed=build.rs");
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let corpora = env::var_os("CALLPLANE_CORPORA").map_or(beside, PathBuf::from);
    if ["g711", "sdp"].iter().all(|folder| corpora.join(folder).is_dir()) {
        println!("cargo:rustc-env=CORPORA_FOLDER={}", corpora.display());
        println!("cargo:rustc-cfg=callplane_corpora");
    }
    if UdpSocket::bind("[::1]:0").is_ok() {
        println!("cargo:rustc-cfg=callplane_ipv6");
    }
}
