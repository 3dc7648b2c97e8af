//! What RFC 3264 §6 asks of every answer, checked on the bytes with the parser alone.

use sdp_types::{Media, Session};

use crate::sdp::Direction;

/// Panics when `answer` is no answer to `offer`.
pub(super) fn check(offer: &[u8], answer: &[u8]) {
    // What our tolerance reads out of a broken offer is for other tests: here the parser must read both.
    let Ok(offer) = Session::parse(offer) else { return };
    let answer = Session::parse(answer).expect("the answer parses strictly");
    assert_eq!(offer.medias.len(), answer.medias.len(), "as many m-lines");
    let live = answer.medias.iter().filter(|media| media.port != 0).count();
    assert!(live <= 1, "one stream at most");
    for (theirs, ours) in offer.medias.iter().zip(&answer.medias) {
        assert_eq!(
            (&theirs.media, &theirs.proto),
            (&ours.media, &ours.proto),
            "the same kind in the same place"
        );
        assert!(!ours.fmt.is_empty(), "a format in every line");
        if theirs.port == 0 {
            assert_eq!(ours.port, 0, "what is disabled stays so");
        }
        if ours.port != 0 {
            let offered: Vec<&str> = theirs.fmt.split_ascii_whitespace().collect();
            assert!(
                ours.fmt.split(' ').all(|format| offered.contains(&format)),
                "only formats that were offered"
            );
            let (said, offered) = (direction(&answer, ours), direction(&offer, theirs));
            assert_eq!(said.against(offered), said, "{said:?} in answer to {offered:?}");
            assert!(answer.connection.is_some(), "an address");
        }
    }
}

fn direction(session: &Session, media: &Media) -> Direction {
    let named = |attributes: &[sdp_types::Attribute]| {
        attributes.iter().find_map(|attribute| Direction::from_attribute(attribute.attribute.trim()))
    };
    named(&media.attributes).or_else(|| named(&session.attributes)).unwrap_or_default()
}
