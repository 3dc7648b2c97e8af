//! Every description of `corpora/sdp`, taken as an offer. Nearly all name a host of an example domain in `c=`: as they
//! stand nothing could be sent there, so they are judged with an address in its place too.

use std::net::IpAddr;
use std::path::PathBuf;

use super::{Answer, answer, lines_of};
use crate::codec::Codec::{self, Pcmu};
use crate::ground::Mismatch;
use crate::sdp::SdpError;

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

#[test]
fn every_description_of_the_corpus_is_answered_or_refused_as_the_table_says() {
    let corpora = std::env::var_os("CALLPLANE_CORPORA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora")),
        PathBuf::from,
    );
    let Ok(folder) = std::fs::read_dir(corpora.join("sdp")) else {
        println!("skipped: no corpora/sdp");
        return;
    };
    assert_eq!(folder.count(), EXPECTED.len(), "a row for every file");
    for (number, expected) in EXPECTED {
        let offer = std::fs::read_to_string(corpora.join(format!("sdp/{number}.sdp"))).unwrap();
        let placed = with_an_address(&offer);
        if matches!(expected, Speaks(..)) && placed != offer {
            let refused = Err(SdpError::NothingAcceptable(Mismatch::AddressFormat));
            assert_eq!(answer(&offer), refused, "{number}.sdp");
        }
        assert_eq!(outcome(answer(&placed)), expected, "{number}.sdp");
    }
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

/// The description with 198.51.100.7 for every host name of a c-line.
fn with_an_address(offer: &str) -> String {
    let placed = |line: &str| match line.trim_end().strip_prefix("c=IN IP4 ") {
        Some(host) if host.parse::<IpAddr>().is_err() => line.replace(host, "198.51.100.7"),
        _ => line.to_owned(),
    };
    offer.split_inclusive('\n').map(placed).collect()
}
