//! The torture messages of RFC 4475 and RFC 5118 through the layer: whatever they hold, at most one message goes out for
//! each, and nothing stays behind.

use std::path::PathBuf;

use super::*;

fn corpora() -> PathBuf {
    std::env::var_os("CALLPLANE_CORPORA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora")),
        PathBuf::from,
    )
}

fn files() -> Vec<(String, Bytes)> {
    let mut files = Vec::new();
    for folder in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(corpora().join(folder)).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "dat") {
                files.push((path.display().to_string(), std::fs::read(&path).unwrap().into()));
            }
        }
    }
    files
}

#[test]
fn every_torture_message_is_survived_and_answered_at_most_once() {
    let files = files();
    if files.is_empty() {
        eprintln!("skipped: no corpora at {}", corpora().display());
    }
    for (name, bytes) in files {
        let mut rig = Rig::new();
        let out = match Message::parse(bytes, &Limits::default()) {
            Ok(message) => rig.receive(message),
            Err(error) => {
                if let Some(salvage) = error.salvage() {
                    rig.layer.reply_to_salvage(&salvage, udp_flow(), error.status());
                }
                rig.drain()
            }
        };
        assert!(out.sent.len() <= 1, "{name}: {:?}", out.lines());
        for event in &out.events {
            if let TransactionEvent::Request { id, request, .. } = event {
                rig.layer.respond(*id, &response_to(request, 500), rig.now).unwrap();
            }
        }
        rig.drain();
        rig.advance(ms(70_000));
        rig.assert_empty();
    }
}
