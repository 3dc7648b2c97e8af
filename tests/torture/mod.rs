//! What both torture suites share: where the files are and what the verdicts mean. Reading and writing everything is in
//! `exercise`, cutting and flipping bytes in `mutate`.

mod exercise;
mod mutate;

use std::path::Path;

use bytes::Bytes;
use callplane::sip::{Limits, Message, ResponseBuilder, validate, validate_response};

pub use exercise::exercise;
use exercise::reparse;
pub use mutate::{cut_everywhere, mutate};

/// What becomes of a message, and which layer says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "one suite has no message for some of them")]
pub enum Verdict {
    /// It is no SIP message. A request is answered statelessly with this status, from what could be made out of it.
    Syntax(u16),
    /// It reads, and `validate` refuses it with this status.
    Message(u16),
    /// A response that is dropped without a word.
    Discard,
    /// Accepted here, and nothing is wrong with it.
    Fine,
    /// Accepted here. Transport judges it, because it compares addresses and connections.
    Transport(&'static str),
    /// Accepted here. The transaction layer judges it, because it knows what was sent and received before.
    Transaction(&'static str),
    /// Accepted here. Whoever serves the method judges it: options, methods, bodies, bindings, credentials.
    User(&'static str),
}

impl Verdict {
    /// What this floor does: a status, a silent drop, or nothing.
    pub const fn here(self) -> Outcome {
        match self {
            Self::Syntax(status) => Outcome::NoMessage(status),
            Self::Message(status) => Outcome::Refused(status),
            Self::Discard => Outcome::Dropped,
            Self::Fine | Self::Transport(_) | Self::Transaction(_) | Self::User(_) => Outcome::Accepted,
        }
    }
}

/// What this floor made of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    NoMessage(u16),
    Refused(u16),
    Dropped,
    Accepted,
}

/// Judges bytes as a receiver would.
pub fn judge(bytes: &Bytes) -> Outcome {
    match Message::parse(bytes.clone(), &Limits::default()) {
        Err(_) if bytes.starts_with(b"SIP/") => Outcome::Dropped,
        Err(error) => Outcome::NoMessage(error.status().code()),
        Ok(Message::Request(request)) => match validate(&request) {
            Ok(_) => Outcome::Accepted,
            Err(reject) => Outcome::Refused(reject.status.code()),
        },
        Ok(Message::Response(response)) => match validate_response(&response) {
            Ok(_) => Outcome::Accepted,
            Err(_) => Outcome::Dropped,
        },
    }
}

/// The files of a suite by name.
pub fn corpus(suite: &str) -> Vec<(String, Bytes)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora");
    let folder = std::fs::read_dir(root.join(suite)).expect("the suite's folder");
    let mut files: Vec<(String, Bytes)> = folder
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a readable file").into())
        })
        .collect();
    files.sort();
    files
}

/// Holds every file against its row; every row must have its file and every file its row.
pub fn check_table(files: &[(String, Bytes)], table: &[(&str, Verdict)]) {
    for (name, bytes) in files {
        let Some((_, verdict)) = table.iter().find(|(row, _)| row == name) else {
            panic!("no row for {name}")
        };
        assert_eq!(judge(bytes), verdict.here(), "{name}: {verdict:?}");
        exercise(bytes);
    }
    assert_eq!(files.len(), table.len(), "a row without a file, or a file without a row");
}

/// A request that is refused, as no message or by `validate`, can be answered: the answer is well-formed and goes back
/// by the same Via.
pub fn check_refusal(name: &str, bytes: &Bytes) {
    let answer = match Message::parse(bytes.clone(), &Limits::default()) {
        Err(error) => {
            let salvage = error.salvage().unwrap_or_else(|| panic!("{name}: nothing to answer with"));
            salvage.respond(error.status()).to_tag("t").build()
        }
        Ok(Message::Request(request)) => {
            let reject = validate(&request).expect_err("refused");
            if request.headers().top_via().is_err() {
                return;
            }
            ResponseBuilder::to_request(&request, reject.status).reason(reject.reason).to_tag("t").build()
        }
        Ok(Message::Response(_)) => panic!("{name} is a response"),
    };
    let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
    let reread = reparse(answer.as_bytes());
    assert!(reread.headers().top_via().is_ok(), "{name}");
}
