use std::time::Duration;

use super::{CODECS, Check};
use crate::codec::Codec;
use crate::dialog::OWNED_FIELDS;

const TYPES: &str = include_str!("../../../../proto/callplane/session/v1/types.proto");

/// What the contract's comment says between two phrases, as a list.
fn told(from: &str, to: &str) -> Vec<String> {
    let comment: Vec<&str> = TYPES.lines().map(|line| line.trim_start().trim_start_matches("// ")).collect();
    let comment = comment.join(" ");
    let (_, rest) = comment.split_once(from).expect("the phrase before it");
    let (list, _) = rest.split_once(to).expect("the phrase behind it");
    list.split(", ").map(|name| name.trim().to_owned()).collect()
}

#[test]
fn a_length_of_time_out_of_its_bounds_is_told_in_words() {
    let told = |most| {
        let mut check = Check::default();
        let value = prost_types::Duration { seconds: 0, nanos: 1 };
        check.duration("limits.max_duration", Some(value), Duration::from_millis(1)..=most);
        check.bad[0].problem.clone()
    };
    assert_eq!(told(Duration::MAX), "is not at least 1ms");
    assert_eq!(told(Duration::from_secs(5)), "is not within 1ms to 5s");
}

#[test]
fn the_contract_names_the_header_fields_that_are_refused() {
    let owned: Vec<&str> = OWNED_FIELDS.iter().map(|name| name.as_str()).collect();
    assert_eq!(told("Callplane owns these, in their compact forms too: ", ". It writes them"), owned);
}

#[test]
fn the_codecs_that_can_be_asked_for_are_those_that_media_has() {
    let spoken = Codec::ALL.map(|codec| format!("{}/{}", codec.name(), codec.clock_rate_hz()));
    assert_eq!(CODECS.map(|(name, rate)| format!("{name}/{rate}")), spoken);
    let told = told("best first. Served: ", ". Another name");
    assert_eq!(told, Codec::ALL.map(|codec| codec.name().to_owned()));
}
