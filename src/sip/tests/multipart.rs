//! Multipart bodies: parts, boundaries, nesting, what is broken.

use bytes::Bytes;

use super::super::multipart::{MultipartError, Part, find, parts};
use super::super::*;
use super::{invite, lines};

fn body(text: &str) -> Bytes {
    lines(text)
}

fn contents(text: &str) -> Result<Vec<String>, MultipartError> {
    let parts = parts(&body(text), "b", &Limits::default())?;
    Ok(parts.iter().map(|part| String::from_utf8_lossy(&part.content).replace("\r\n", "|")).collect())
}

#[test]
fn parts_stand_between_delimiters() {
    assert_eq!(
        contents("preamble|--b|Content-Type: text/plain||one|two|--b||three|--b--|epilogue"),
        Ok(vec!["one|two".into(), "three".into()])
    );
    assert_eq!(contents("--b||x|--b--"), Ok(vec!["x".into()]));
    assert_eq!(contents("--b  ||x|--b--  |"), Ok(vec!["x".into()]));
    assert_eq!(contents("--b|A: b|--b--"), Ok(vec![String::new()]));
    assert_eq!(contents("--b|--b--"), Ok(vec![String::new()]));
    assert_eq!(contents("--b||x --b y|--bb|--b--"), Ok(vec!["x --b y|--bb".into()]));
    assert_eq!(contents("--b--"), Ok(vec![]));
}

#[test]
fn a_body_whose_last_part_does_not_end_is_refused() {
    for bad in ["", "nothing", "--b||x", "--b||x|--b|", "--c||x|--c--"] {
        assert_eq!(contents(bad), Err(MultipartError::Unclosed), "{bad}");
    }
    assert_eq!(parts(&body("--b--"), "", &Limits::default()), Err(MultipartError::NoBoundary));
    assert_eq!(parts(&body("--b--"), &"b".repeat(71), &Limits::default()), Err(MultipartError::NoBoundary));
}

#[test]
fn a_part_has_its_own_header_fields() {
    let parts = parts(
        &body("--b|c: application/SDP; x=1|Content-Disposition: session|X-A : y||v=0|--b||z|--b--"),
        "b",
        &Limits::default(),
    );
    let Ok([first, second]) = parts.as_deref() else { panic!("{parts:?}") };
    assert!(first.content_type().is_some_and(|media| media.is_sdp()));
    assert_eq!(
        (first.header("content-disposition"), first.header("x-a"), first.header("none")),
        (Some("session"), Some("y"), None)
    );
    assert!(second.content_type().is_some_and(|media| media.is("text", "plain")));
}

#[test]
fn a_part_says_what_it_is_for_and_how_it_is_encoded() {
    let parts = parts(
        &body(
            "--b|Content-Disposition: signal;handling=required|Content-Transfer-Encoding: base64||eA==|\
             --b|Content-Disposition: (||x|--b|Content-Transfer-Encoding: Binary||y|--b--",
        ),
        "b",
        &Limits::default(),
    )
    .unwrap();
    let [first, second, third] = &parts[..] else { panic!("{parts:?}") };
    let disposition = first.content_disposition().unwrap();
    assert_eq!(
        (disposition.kind, disposition.is_required(), disposition.is_optional()),
        ("signal", true, false)
    );
    assert_eq!((second.content_disposition(), third.content_disposition()), (None, None));
    assert_eq!([first, second, third].map(Part::is_encoded), [true, false, false]);
}

fn offer_in(content_type: &str, text: &str, limits: &Limits) -> Result<Option<Bytes>, MultipartError> {
    let request = invite(&format!("Content-Type: {content_type}|"));
    find(request.headers(), &body(text), "application", "sdp", limits)
}

#[test]
fn the_offer_is_found_where_it_stands() {
    let limits = Limits::default();
    let offer = Some(Bytes::from_static(b"v=0"));
    assert_eq!(offer_in("application/sdp", "v=0", &limits), Ok(offer.clone()));
    assert_eq!(offer_in("text/plain", "v=0", &limits), Ok(None));
    assert_eq!(
        offer_in(
            "multipart/mixed;boundary=b",
            "--b||text|--b|Content-Type: application/sdp||v=0|--b--",
            &limits
        ),
        Ok(offer.clone())
    );
    let nested = "--b|Content-Type: multipart/alternative;boundary=\"c d\"||--c d|Content-Type: application/sdp||v=0|--c d--|--b--";
    assert_eq!(offer_in("multipart/mixed;boundary=b", nested, &limits), Ok(offer));
    assert_eq!(offer_in("multipart/mixed", nested, &limits), Err(MultipartError::NoBoundary));
}

#[test]
fn parts_and_nesting_are_bounded() {
    let limits = Limits { multipart_parts: 2, multipart_nesting: 1, ..Limits::default() };
    let many = "--b||1|--b||2|--b||3|--b--";
    let error = offer_in("multipart/mixed;boundary=b", many, &limits).err();
    assert_eq!(error.map(|error| error.status().code()), Some(413));
    let nested = "--b|Content-Type: multipart/mixed;boundary=c||--c||x|--c--|--b--";
    let error = offer_in("multipart/mixed;boundary=b", nested, &limits).err();
    assert_eq!(error, Some(MultipartError::TooLarge { what: Bound::MultipartNesting, limit: 1 }));
}
