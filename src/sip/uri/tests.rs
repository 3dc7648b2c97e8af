use super::super::error::Flaw;
use super::*;

fn uri(text: &str) -> Uri<'_> {
    match Uri::parse(text) {
        Ok(uri) => uri,
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn a_sip_uri_has_all_its_parts() {
    let uri = uri("sip:alice:secret@[2001:db8::1]:5070;transport=tcp;lr?subject=project%20x&priority=urgent");
    assert_eq!(uri.scheme(), Scheme::Sip);
    assert_eq!(uri.user(), Some("alice"));
    assert_eq!(uri.password(), Some("secret"));
    assert_eq!(uri.host(), Host::parse("[2001:db8::1]"));
    assert_eq!(uri.host_text(), "[2001:db8::1]");
    assert_eq!(uri.port(), Some(5070));
    assert_eq!(uri.transport(), Some("tcp"));
    assert!(uri.is_loose_router());
    assert_eq!(uri.params().as_str(), ";transport=tcp;lr");
    assert_eq!(uri.headers().get("Subject"), Some("project%20x"));
    assert_eq!(uri.headers().iter().count(), 2);
    assert_eq!(uri.to_string(), uri.as_str());
}

#[test]
fn a_uri_may_be_a_host_alone() {
    let uri = uri("sips:example.com");
    assert_eq!((uri.scheme(), uri.user(), uri.port()), (Scheme::Sips, None, None));
    assert!(uri.params().iter().next().is_none() && uri.headers().is_empty());
    assert_eq!(uri.host(), Some(Host::Name("example.com")));
}

#[test]
fn user_parts_keep_what_looks_like_parameters_and_escapes() {
    let text = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
    let odd = uri(text);
    assert_eq!(odd.user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(odd.password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert_eq!(uri("sip:user;par=u%40example.net@example.com").user(), Some("user;par=u%40example.net"));
    assert_eq!(uri("sip:sips%3Auser%40example.com@example.net").user(), Some("sips%3Auser%40example.com"));
    assert_eq!(uri("sip:null-%00-null@example.com").user(), Some("null-%00-null"));
}

#[test]
fn parameter_names_are_found_through_case_and_escapes() {
    let uri = uri("sip:host5.example.net;%6C%72;n%61me=v%61lue%25%34%31");
    assert!(uri.is_loose_router());
    assert_eq!(uri.params().get("NAME").map(unescape).as_deref(), Some("value%41"));
}

#[test]
fn telephone_uris_are_numbers_with_parameters() {
    let global = uri("tel:+1-201-555-0123;ext=7");
    assert_eq!((global.scheme(), global.user(), global.host()), (Scheme::Tel, Some("+1-201-555-0123"), None));
    assert_eq!(global.params().get("ext"), Some("7"));
    assert_eq!(uri("tel:7042;phone-context=example.com").params().get("phone-context"), Some("example.com"));
    for bad in ["tel:", "tel:+", "tel:-.-", "tel:+1 2", "tel:hello"] {
        assert!(Uri::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn other_absolute_uris_are_kept_whole() {
    for text in
        ["isbn:2983792873", "http://www.example.com", "soap.beep://192.0.2.103:3002", "urn:service:sos"]
    {
        let uri = uri(text);
        assert!(matches!(uri.scheme(), Scheme::Other(scheme) if text.starts_with(scheme)));
        assert!(uri.user().is_none() && uri.host().is_none());
    }
}

#[test]
fn what_is_no_uri_is_refused_with_its_place() {
    let refused = |text: &str| Uri::parse(text).map(|_| ()).map_err(|error| (error.what, error.offset));
    assert_eq!(refused("sip:a@b c"), Err((Flaw::Uri, 7)));
    assert_eq!(refused("sip:2001:db8::10"), Err((Flaw::Port, 9)));
    assert_eq!(refused("sip:a%4@b"), Err((Flaw::Escape, 5)));
    assert_eq!(refused("sip:@b"), Err((Flaw::Uri, 4)));
    assert_eq!(refused("sip:a@"), Err((Flaw::Host, 6)));
    assert_eq!(refused("sip:a@b:99999"), Err((Flaw::Port, 8)));
    assert_eq!(refused("sip:a@b;"), Err((Flaw::Parameter, 8)));
    assert_eq!(refused("sip:a@b;;lr"), Err((Flaw::Parameter, 8)));
    assert_eq!(refused("sip:a@b?"), Err((Flaw::Parameter, 8)));
    assert_eq!(refused("sip:a@[::1"), Err((Flaw::Host, 6)));
    for bad in ["", "sip", ":", "sip:", "1:a", "a b:c", "sip:a@b/c", "mailto:", "sip:a@@b"] {
        assert!(refused(bad).is_err(), "{bad}");
    }
    let many = format!("sip:a@b{}", ";x=1".repeat(200));
    assert_eq!(refused(&many).map_err(|(what, _)| what), Err(Flaw::TooMany));
    assert!(Uri::parse(&format!("sip:{}@b", "a".repeat(70_000))).is_err());
}

/// The examples of RFC 3261 §19.1.4.
#[test]
fn equivalent_uris_of_the_rfc_are_equivalent() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
        ("tel:+12015550123;ext=7;isub=x", "TEL:+12015550123;isub=X;ext=7"),
        ("urn:service:sos", "URN:service:sos"),
    ] {
        assert!(uri(a).equivalent(&uri(b)), "{a} {b}");
        assert!(uri(b).equivalent(&uri(a)), "{b} {a}");
    }
}

#[test]
fn different_uris_of_the_rfc_are_different() {
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a:p@b", "sip:a@b"),
        ("sip:a@b?x=1&x=2", "sip:a@b?x=1&y=2"),
        ("tel:+12015550123", "tel:+12015550123;ext=7"),
        ("tel:+12015550123", "tel:12015550123"),
        ("urn:service:sos", "urn:service:SOS"),
    ] {
        assert!(!uri(a).equivalent(&uri(b)), "{a} {b}");
        assert!(!uri(b).equivalent(&uri(a)), "{b} {a}");
    }
}

#[test]
fn an_escaped_reserved_character_is_not_the_bare_one() {
    assert!(!uri("sip:a%3Bb@c").equivalent(&uri("sip:a;b@c")));
    assert!(!uri("sip:a%2Fb@c").equivalent(&uri("sip:a/b@c")));
    assert!(uri("sip:a%2Db@c").equivalent(&uri("sip:a-b@c")));
}

#[test]
fn an_owned_uri_is_the_same_uri() {
    let owned = uri("sip:alice@[2001:db8::1]:5070;lr").to_buf();
    assert_eq!(owned.as_uri().port(), Some(5070));
    assert_eq!(owned, UriBuf::parse(owned.as_str()).unwrap_or_else(|error| panic!("{error}")));
    assert!(owned.as_uri().equivalent(&uri("sip:alice@[2001:DB8:0::1]:5070;lr")));
}
