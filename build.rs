//! Compiles the protos with protox, so that no system `protoc` is needed.

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
    Ok(())
}
