//! The torture messages of RFC 4475 and RFC 5118 through the layer: whatever they hold, at most one message goes out for
//! each, and nothing stays behind.

use std::path::Path;

use super::*;

fn files() -> Vec<(String, Bytes)> {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora");
    let mut files = Vec::new();
    for folder in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(corpora.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            files.push((path.display().to_string(), std::fs::read(&path).unwrap().into()));
        }
    }
    files
}

#[test]
fn every_torture_message_is_survived_and_answered_at_most_once() {
    let files = files();
    assert_eq!(files.len(), 49 + 12);
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
