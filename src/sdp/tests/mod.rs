//! Offers and answers: the files of the corpus, a table of named cases, re-offers, and descriptions gone wrong.

mod addresses;
mod answers;
mod corpus;
mod invariants;
mod mutations;
mod offers;
mod sessions;

use std::net::{IpAddr, Ipv4Addr};

use super::{Answer, Intent, LocalMedia, SdpError, Stream, make_answer};
use crate::codec::Codec;

/// An endpoint at 192.0.2.1:10000 that prefers µ-law.
fn local() -> LocalMedia {
    LocalMedia {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        origin: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 10_000,
        codecs: Codec::ALL.to_vec(),
        telephone_events: true,
        ptime_ms: 20,
        session_id: 4711,
    }
}

/// The same at 2001:db8::2.
fn at_ipv6() -> LocalMedia {
    let address = "2001:db8::2".parse().expect("an address");
    LocalMedia { address, origin: address, ..local() }
}

/// A description from its m- and a-lines, at 198.51.100.7.
fn described(lines: &str) -> String {
    described_at("IN IP4 198.51.100.7", lines)
}

fn described_at(connection: &str, lines: &str) -> String {
    let body: String = lines.lines().map(|line| format!("{}\r\n", line.trim())).collect();
    format!("v=0\r\no=peer 1 1 {connection}\r\ns=-\r\nc={connection}\r\nt=0 0\r\n{body}")
}

/// Answers an offer and checks that the answer is one.
fn answer(offer: &str) -> Result<Answer, SdpError> {
    let answer = make_answer(offer.as_bytes(), &local(), Intent::default(), None)?;
    invariants::check(offer.as_bytes(), &answer.sdp);
    Ok(answer)
}

/// The stream that an offer's answer settles.
fn stream(offer: &str) -> Stream {
    answer(offer).expect("the offer is acceptable").negotiated.facts.stream.expect("there is audio")
}

/// The lines of a description that begin with `prefix`.
fn lines_of<'a>(sdp: &'a [u8], prefix: &str) -> Vec<&'a str> {
    let text = std::str::from_utf8(sdp).expect("our descriptions are text");
    text.lines().filter(|line| line.starts_with(prefix)).collect()
}
