use super::CODECS;
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
