//! Descriptions gone wrong: whatever comes, the answer is an answer or a typed error.

use proptest::prelude::*;

use super::at_ipv6 as local;
use super::{Intent, described, invariants};
use crate::sdp::{apply_answer, make_answer, make_offer};

fn whole() -> Vec<u8> {
    described(
        "a=group:BUNDLE 0\nm=audio 4000 RTP/AVP 8 0 96 101\nc=IN IP6 2001:db8::1\na=rtpmap:96 PCMU/8000/1\n\
         a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15,32\na=ptime:20\na=maxptime:40\na=sendonly\n\
         m=video 4002 RTP/AVP 31 32\na=inactive\nm=image 0 udptl t38",
    )
    .into_bytes()
}

/// Changes of single bytes, cuts, and pieces moved elsewhere.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let length = whole().len();
    let bytes = proptest::collection::vec((0..length, any::<u8>()), 0..6);
    let splices = proptest::collection::vec((0..length, 0..length, 0..40_usize), 0..3);
    (bytes, splices, 0..=2 * length).prop_map(|(bytes, splices, keep)| {
        let mut text = whole();
        for (at, byte) in bytes {
            text[at] = byte;
        }
        for (from, to, count) in splices {
            let from = from.min(text.len());
            let piece = text[from..(from + count).min(text.len())].to_vec();
            let to = to.min(text.len());
            text.splice(to..to, piece);
        }
        text.truncate(keep);
        text
    })
}

proptest! {
    #[test]
    fn a_mutated_offer_is_answered_well_or_refused(text in mutated()) {
        if let Ok(answer) = make_answer(&text, &local(), Intent::default(), None) {
            invariants::check(&text, &answer.sdp);
            let again = make_answer(&text, &local(), Intent::default(), Some(&answer.negotiated));
            prop_assert_eq!(again.map(|again| again.sdp), Ok(answer.sdp));
            prop_assert!(make_offer(&local(), Intent::default(), Some(&answer.negotiated)).is_ok());
        }
    }

    #[test]
    fn a_mutated_answer_is_applied_or_refused(text in mutated()) {
        let first = make_answer(&whole(), &local(), Intent::default(), None).unwrap();
        let offer = make_offer(&local(), Intent::default(), Some(&first.negotiated)).unwrap();
        if let Ok(settled) = apply_answer(&offer, &text) {
            prop_assert!(settled.facts.stream.is_none_or(|stream| !stream.formats.is_empty()));
        }
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(text in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = make_answer(&text, &local(), Intent::default(), None);
    }
}
