//! Every description of `corpora/sdp`, taken as an offer as it stands. Nearly all are of RFC 4317 and name a host in `c=`.

use std::path::{Path, PathBuf};

use super::{Answer, answer, lines_of};
use crate::codec::Codec::{self, Pcmu};
use crate::ground::Mismatch;
use crate::sdp::{Facts, RemotePlace, SdpError};

/// What becomes of an offer.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// Answered in this m-line with this codec first, and with telephone events or not.
    Speaks(usize, Codec),
    /// Answered, without a stream.
    NoStream,
    /// 488.
    NothingAcceptable,
}

use Outcome::{NoStream, NothingAcceptable, Speaks};

/// File number and outcome. Those refused speak only iLBC; 44 and 45 have no m-line.
const EXPECTED: [(u8, Outcome); 54] = [
    (2, Speaks(0, Pcmu)),
    (3, Speaks(0, Pcmu)),
    (4, Speaks(0, Pcmu)),
    (5, Speaks(0, Pcmu)),
    (6, Speaks(0, Pcmu)),
    (7, Speaks(0, Pcmu)),
    (8, Speaks(0, Pcmu)),
    (9, NothingAcceptable),
    (10, Speaks(0, Pcmu)),
    (11, NothingAcceptable),
    (12, NothingAcceptable),
    (13, NothingAcceptable),
    (14, NothingAcceptable),
    (15, NothingAcceptable),
    (16, Speaks(0, Pcmu)),
    (17, NothingAcceptable),
    (18, NothingAcceptable),
    (19, NothingAcceptable),
    (20, NothingAcceptable),
    (21, NothingAcceptable),
    (22, Speaks(0, Pcmu)),
    (23, Speaks(0, Pcmu)),
    (24, Speaks(0, Pcmu)),
    (25, NothingAcceptable),
    (26, NothingAcceptable),
    (27, NothingAcceptable),
    (28, Speaks(0, Pcmu)),
    (29, NothingAcceptable),
    (30, NothingAcceptable),
    (31, Speaks(0, Pcmu)),
    (32, Speaks(0, Pcmu)),
    (33, NothingAcceptable),
    (34, NothingAcceptable),
    (35, NothingAcceptable),
    (36, Speaks(0, Pcmu)),
    (37, Speaks(0, Pcmu)),
    (38, Speaks(0, Pcmu)),
    (39, Speaks(0, Pcmu)),
    (40, NothingAcceptable),
    (41, NothingAcceptable),
    (42, NothingAcceptable),
    (43, NothingAcceptable),
    (44, NoStream),
    (45, NoStream),
    (46, NothingAcceptable),
    (47, NothingAcceptable),
    (48, NothingAcceptable),
    (49, NothingAcceptable),
    (50, NothingAcceptable),
    (51, NothingAcceptable),
    (52, NothingAcceptable),
    (53, NothingAcceptable),
    (54, NothingAcceptable),
    (55, NothingAcceptable),
];

/// Offers of RFC 4317 whose answer there speaks a codec that is spoken here, with that answer.
const EXCHANGES: [(u8, u8); 6] = [(2, 3), (4, 5), (6, 7), (22, 23), (36, 37), (38, 39)];

/// The folder.
fn corpus() -> PathBuf {
    Path::new(option_env!("CORPORA_FOLDER").unwrap_or_default()).join("sdp")
}

fn read(folder: &Path, number: u8) -> String {
    std::fs::read_to_string(folder.join(format!("{number}.sdp"))).unwrap()
}

#[test]
#[cfg_attr(not(callplane_corpora), ignore = "needs data of others, see tests/corpora")]
fn every_description_of_the_corpus_is_answered_or_refused_as_the_table_says() {
    let folder = corpus();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), EXPECTED.len(), "a row for every file");
    for (number, expected) in EXPECTED {
        let offer = read(&folder, number);
        let answered = answer(&offer);
        if let Ok(answer) = &answered {
            assert_place(&answer.negotiated.facts, &offer);
        }
        assert_eq!(outcome(answered), expected, "{number}.sdp");
    }
}

/// What we take is what RFC 4317 takes: the same line of audio, beginning with the same codec.
#[test]
#[cfg_attr(not(callplane_corpora), ignore = "needs data of others, see tests/corpora")]
fn offers_of_the_rfc_are_answered_as_there_where_the_codec_is_ours() {
    let folder = corpus();
    for (offer, theirs) in EXCHANGES {
        let (answered, theirs) = (answer(&read(&folder, offer)).unwrap(), read(&folder, theirs));
        let words = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let (ours, theirs) = (lines_of(&answered.sdp, "m="), lines_of(theirs.as_bytes(), "m="));
        assert_eq!(ours.len(), theirs.len(), "{offer}.sdp");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let (ours, theirs) = (words(ours), words(theirs));
            assert_eq!((&ours[0], &ours[2]), (&theirs[0], &theirs[2]), "{offer}.sdp");
            match ours[0].as_str() {
                "m=audio" => assert_eq!((&ours[1][..], &ours[3]), ("10000", &theirs[3]), "{offer}.sdp"),
                _ => assert_eq!(ours[1], "0", "{offer}.sdp"),
            }
        }
    }
}

/// The stream goes to the host that the offer names, at the port of its audio.
fn assert_place(facts: &Facts, offer: &str) {
    let Some(stream) = &facts.stream else { return };
    let host = lines_of(offer.as_bytes(), "c=IN IP4 ")[0].trim_start_matches("c=IN IP4 ");
    let port = lines_of(offer.as_bytes(), "m=audio ")[0].split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(stream.remote, RemotePlace::Named { host: host.trim().into(), port });
}

fn outcome(answered: Result<Answer, SdpError>) -> Outcome {
    match answered {
        Err(SdpError::NothingAcceptable(mismatch)) => {
            assert_eq!(mismatch, Mismatch::MediaFormat);
            NothingAcceptable
        }
        Err(error) => panic!("{error}"),
        Ok(answer) => match answer.negotiated.facts.stream {
            None => NoStream,
            Some(stream) => {
                let live = |line: &&str| !line.contains(" 0 RTP/");
                let index = lines_of(&answer.sdp, "m=").iter().position(live).unwrap();
                Speaks(index, stream.codec())
            }
        },
    }
}
