//! Every header field of RFC 3261 §20, and the later ones, in its typed form.

use super::super::*;
use super::{invite, message};

fn good<T, E: std::fmt::Debug>(value: Result<T, E>) -> T {
    value.unwrap_or_else(|error| panic!("{error:?}"))
}

fn some<T, E: std::fmt::Debug>(value: Result<Option<T>, E>) -> T {
    good(value).unwrap_or_else(|| panic!("missing"))
}

fn tokens(list: List<'_, Token<'_>>) -> Vec<String> {
    list.map(|token| good(token).0.to_owned()).collect()
}

#[test]
fn addresses_have_names_uris_tags_and_parameters() {
    let request = invite("Reply-To: Bob <sip:bob@biloxi.com>;x=\"a;b\"|");
    let headers = request.headers();
    let from = good(headers.from());
    assert_eq!(from.display_name().as_deref(), Some("Alice"));
    assert_eq!((from.uri_text(), from.tag()), ("sip:alice@example.org", Some("a1")));
    assert_eq!(good(headers.to()).tag(), None);
    let reply_to = some(headers.reply_to());
    assert_eq!(reply_to.display_name().as_deref(), Some("Bob"));
    assert_eq!(reply_to.params().get("X"), Some("a;b"));
    assert_eq!(reply_to.to_string(), "Bob <sip:bob@biloxi.com>;x=\"a;b\"");
    assert_eq!(good(reply_to.uri()).host_text(), "biloxi.com");
}

#[test]
fn without_brackets_parameters_belong_to_the_header_field() {
    let request = invite("Refer-To: sip:carol@example.com;x=1|");
    let refer_to = some(request.headers().refer_to());
    assert_eq!((refer_to.uri_text(), refer_to.params().get("x")), ("sip:carol@example.com", Some("1")));
}

#[test]
fn contacts_are_lists_over_several_fields_or_a_star() {
    let request =
        invite("m: \"Mr. Watson\" <sip:watson@bell.com>;q=0.7;expires=3600, <mailto:w@bell.com>;q=0.1|");
    let found: Vec<_> = request.headers().contacts().map(|contact| good(contact).address()).collect();
    let uris: Vec<_> = found.iter().flatten().map(NameAddr::uri_text).collect();
    assert_eq!(uris, ["sip:alice@192.0.2.1", "sip:watson@bell.com", "mailto:w@bell.com"]);
    assert_eq!(found[1].and_then(|contact| contact.q()), Some(700));
    assert_eq!(found[1].and_then(|contact| contact.expires()), Some(3600));
    let star = message("REGISTER sip:b SIP/2.0|Contact: *|Expires: 0||");
    assert_eq!(star.headers().contacts().collect::<Vec<_>>(), [Ok(Contact::Star)]);
    assert_eq!(star.headers().first_contact(), Ok(None));
    for bad in ["*, <sip:a@b>", "*;q=1", "<>", "<sip:a@b", "sip:a@b>", "\"A\" sip:a@b", "a,b <sip:c>"] {
        let message = message(&format!("REGISTER sip:b SIP/2.0|Contact: {bad}||"));
        assert!(message.headers().contacts().any(|contact| contact.is_err()), "{bad}");
    }
}

#[test]
fn expires_of_a_contact_is_an_hour_when_it_cannot_be_read() {
    for (text, expected) in [("7", 7), ("99999999999999", u32::MAX), ("soon", 3600), ("\"5\"", 5)] {
        let request = invite(&format!("Reply-To: <sip:a@b>;expires={text}|"));
        assert_eq!(some(request.headers().reply_to()).expires(), Some(expected), "{text}");
    }
}

#[test]
fn vias_split_at_commas_and_keep_their_order() {
    let request = invite(
        "Via: SIP/2.0/TCP p1;branch=z9hG4bK1;received=192.0.2.7;rport=99 , SIP/2.0/TLS [::1]:5061;maddr=a;ttl=16|",
    );
    let vias: Vec<_> = request.headers().vias().map(good).collect();
    assert_eq!(vias.iter().map(|via| via.transport_text).collect::<Vec<_>>(), ["UDP", "TCP", "TLS"]);
    assert_eq!(vias[0].port_or_default(), 5070);
    assert_eq!((vias[1].rport, vias[1].received()), (Rport::Port(99), "192.0.2.7".parse().ok()));
    assert_eq!((vias[2].maddr, vias[2].params.get("ttl"), vias[2].port), (Some("a"), Some("16"), Some(5061)));
    assert_eq!(vias[2].to_string(), "SIP/2.0/TLS [::1]:5061;maddr=a;ttl=16");
    assert_eq!(vias[2].magic_branch(), None);
}

#[test]
fn routes_are_lists_in_order() {
    let request = invite(
        "Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>|Route: <sip:p3.example.com>|\
         Record-Route: <sip:r1;lr>,<sip:r2>|Path: <sip:e1;lr>|Service-Route: <sip:s1;lr>|",
    );
    let headers = request.headers();
    let uris: Vec<_> = headers.routes().map(|route| good(route).uri_text()).collect();
    assert_eq!(uris, ["sip:p1.example.com;lr", "sip:p2.example.com;lr", "sip:p3.example.com"]);
    assert_eq!(
        headers.record_routes().map(good).filter(|r| r.uri().is_ok_and(|u| u.is_loose_router())).count(),
        1
    );
    assert_eq!((headers.paths().count(), headers.service_routes().count()), (1, 1));
}

#[test]
fn a_list_stops_at_its_first_error() {
    let request = invite("Route: <sip:p1>, nonsense, <sip:p2>|Route: <sip:p3>|");
    let routes: Vec<_> = request.headers().routes().collect();
    assert!(routes[0].is_ok());
    assert_eq!(routes[1], Err(HeaderError { header: HeaderName::Route, what: Flaw::Uri, offset: 10 }));
    assert_eq!(routes.len(), 2);
}

#[test]
fn call_ids_and_cseqs_identify() {
    let request = invite(
        "In-Reply-To: 70710@saturn.bell-tel.com, 17320@saturn.bell-tel.com|RAck: 776656 1 INVITE|RSeq: 988789|",
    );
    let headers = request.headers();
    assert_eq!(headers.call_id(), Ok("7@192.0.2.1"));
    assert_eq!(headers.cseq(), Ok(CSeq { sequence: 314_159, method: Method::Invite }));
    assert_eq!(
        headers.in_reply_to().map(|id| good(id).0).collect::<Vec<_>>()[1],
        "17320@saturn.bell-tel.com"
    );
    assert_eq!(some(headers.rack()).to_string(), "776656 1 INVITE");
    assert_eq!(headers.rseq(), Ok(Some(988_789)));
    for bad in ["a@", "@a", "a b", "a@b@c", ""] {
        assert!(
            message(&format!("ACK sip:b SIP/2.0|Call-ID: {bad}||")).headers().call_id().is_err(),
            "{bad}"
        );
    }
    for bad in ["INVITE", "1", "1INVITE", "-1 INVITE", "4294967296 INVITE", "1 INV ITE", ""] {
        assert!(message(&format!("ACK sip:b SIP/2.0|CSeq: {bad}||")).headers().cseq().is_err(), "{bad}");
    }
}

#[test]
fn token_lists_may_be_empty_and_span_fields() {
    let request = invite(
        "Allow: INVITE, ACK,OPTIONS|Allow: BYE|Allow-Events: presence, message-summary|Require: 100rel|\
         Proxy-Require: foo|Supported:|k: timer, replaces|Unsupported: foo|Content-Encoding: gzip|\
         Content-Language: fr, en-GB|",
    );
    let headers = request.headers();
    assert_eq!(tokens(headers.allow()), ["INVITE", "ACK", "OPTIONS", "BYE"]);
    assert_eq!(tokens(headers.allow_events()), ["presence", "message-summary"]);
    assert_eq!(tokens(headers.supported()), ["timer", "replaces"]);
    assert_eq!(tokens(headers.require()), ["100rel"]);
    assert_eq!(tokens(headers.proxy_require()), ["foo"]);
    assert_eq!(tokens(headers.unsupported()), ["foo"]);
    assert_eq!(tokens(headers.content_encoding()), ["gzip"]);
    assert_eq!(tokens(headers.content_language()), ["fr", "en-GB"]);
    assert!(headers.knows_option("TIMER") && headers.knows_option("100rel") && !headers.knows_option("path"));
}

#[test]
fn media_types_and_weights() {
    let request = invite(
        "Accept: application/sdp;level=1, application/x-private, text/*;q=0.5|Accept-Encoding: gzip;q=1.0, identity; q=0.5|\
         Accept-Language: da, en-gb;q=0.8, *;q=0|c: text/html; charset=\"ISO-8859-4\"|Content-Disposition: session;handling=optional|\
         MIME-Version: 1.0|",
    );
    let headers = request.headers();
    let accept: Vec<_> = headers.accept().map(good).collect();
    assert_eq!(accept.iter().map(MediaType::q).collect::<Vec<_>>(), [1000, 1000, 500]);
    assert!(
        accept[0].is_sdp() && accept[2].accepts("text", "plain") && !accept[2].accepts("application", "sdp")
    );
    assert_eq!(headers.accept_encoding().map(|w| good(w).q()).collect::<Vec<_>>(), [1000, 500]);
    assert_eq!(headers.accept_language().map(|w| good(w).q()).collect::<Vec<_>>(), [1000, 800, 0]);
    let content_type = some(headers.content_type());
    assert!(content_type.is("Text", "HTML") && content_type.params.get("charset") == Some("ISO-8859-4"));
    assert!(some(headers.content_disposition()).is_optional());
    assert_eq!(headers.mime_version(), Ok(Some((1, 0))));
    for bad in ["text", "text/", "/html", "text/html;", "text/html; charset"] {
        let request = invite(&format!("Content-Type: {bad}|"));
        assert_eq!(request.headers().content_type().is_err(), bad != "text/html; charset", "{bad}");
    }
}

#[test]
fn numbers_keep_their_bounds() {
    let request = invite(
        "Expires: 5|Min-Expires: 99999999999|Content-Length: 0|Max-Breadth: 60|Session-Expires: 1800;refresher=uas|Min-SE: 90;x|",
    );
    let headers = request.headers();
    assert_eq!(headers.max_forwards(), Ok(Some(70)));
    assert_eq!(headers.max_breadth(), Ok(Some(60)));
    assert_eq!((headers.expires(), headers.min_expires()), (Ok(Some(5)), Ok(Some(u32::MAX))));
    assert_eq!(headers.content_length(), Ok(Some(0)));
    let expires = some(headers.session_expires());
    assert_eq!((expires.seconds, expires.refresher()), (1800, Some("uas")));
    assert_eq!(some(headers.min_se()).seconds, 90);
    for bad in ["256", "-1", "x", "", "7 0"] {
        let message = message(&format!("OPTIONS sip:b SIP/2.0|Max-Forwards: {bad}||"));
        assert!(message.headers().max_forwards().is_err(), "{bad}");
    }
}

#[test]
fn times_and_waits() {
    let request =
        invite("Date: Sat, 13 Nov 2010 23:29:00 GMT|Timestamp: 54.2 .5|Retry-After: 18000;duration=3600|");
    let headers = request.headers();
    assert_eq!(some(headers.date()).unix_seconds, 1_289_690_940);
    assert_eq!(some(headers.timestamp()), Timestamp { sent: "54.2", delay: Some(".5") });
    let after = some(headers.retry_after());
    assert_eq!((after.seconds, after.comment, after.duration()), (18_000, None, Some(3600)));
    let commented = invite("Retry-After: 120 (I'm (really) in a meeting)|");
    assert_eq!(some(commented.headers().retry_after()).comment, Some("I'm (really) in a meeting"));
    assert!(invite("Retry-After: 120 (open|").headers().retry_after().is_err());
    assert!(invite("Timestamp: now|").headers().timestamp().is_err());
    assert!(invite("Date: Fri, 01 Jan 2010 16:00:00 EST|").headers().date().is_err());
}

#[test]
fn challenges_and_credentials_keep_their_commas() {
    let request = invite(
        "WWW-Authenticate: Digest realm=\"atlanta.com\", qop=\"auth,auth-int\", nonce=\"84a4cc6f\", opaque=\"\", stale=FALSE, algorithm=MD5|\
         WWW-Authenticate: Digest realm=\"atlanta.com\",algorithm=SHA-256,nonce=\"x\"|\
         Proxy-Authenticate: Bearer realm=\"a\"|\
         Authorization: Digest username=\"bo\\\"b\", uri=\"sip:a@b\", nc=00000001, response=\"1\"|\
         Proxy-Authorization: Negotiate YII/=|Authentication-Info: nextnonce=\"47364c23432d2e131a5fb210812c\", rspauth=\"1\"|",
    );
    let headers = request.headers();
    let challenges: Vec<_> = headers.www_authenticate().map(good).collect();
    assert_eq!(challenges.len(), 2);
    assert!(challenges[0].is_digest());
    assert_eq!(challenges[0].params.get("QOP").as_deref(), Some("auth,auth-int"));
    assert_eq!(challenges[0].params.get("opaque").as_deref(), Some(""));
    assert_eq!(challenges[0].params.iter().count(), 6);
    assert_eq!(challenges[1].params.get("algorithm").as_deref(), Some("SHA-256"));
    assert_eq!(headers.proxy_authenticate().map(|c| good(c).scheme).collect::<Vec<_>>(), ["Bearer"]);
    let credentials: Vec<_> = headers.authorization().map(good).collect();
    assert_eq!(credentials[0].params.get("username").as_deref(), Some("bo\"b"));
    let token: Vec<_> = headers.proxy_authorization().map(|c| good(c).text).collect();
    assert_eq!(token, ["YII/="]);
    assert_eq!(some(headers.authentication_info()).get("rspauth").as_deref(), Some("1"));
    for bad in [
        "Digest",
        "Digest realm",
        "Digest realm=\"a\" nonce=\"b\"",
        "Digest realm=\"a",
        "Digest a=1,",
        "\"x\"",
    ] {
        let request = invite(&format!("Authorization: {bad}|"));
        assert!(request.headers().authorization().all(|c| c.is_err()), "{bad}");
    }
}

#[test]
fn information_fields_hold_bracketed_uris() {
    let request = invite(
        "Alert-Info: <http://www.example.com/sounds/moo.wav>|Call-Info: <http://a/b.jpg> ;purpose=icon, <http://c/> ;purpose=info|\
         Error-Info: <sip:not-in-service@atlanta.com>|Organization: Boxes by Bob|s: Tech Support|Priority: Urgent|\
         Server: HomeServer v2|User-Agent: Softphone/Beta1.5 (build (7)) lib/2|Warning: 307 isi.edu \"Session \\\"x\\\"\", 301 [::1]:5060 \"b\"|",
    );
    let headers = request.headers();
    let alerts: Vec<_> = headers.alert_info().map(|info| good(info).uri_text).collect();
    assert_eq!(alerts, ["http://www.example.com/sounds/moo.wav"]);
    let purposes: Vec<_> = headers.call_info().map(|info| good(info).params.get("purpose")).collect();
    assert_eq!(purposes, [Some("icon"), Some("info")]);
    assert!(headers.error_info().all(|info| good(info).uri().is_ok()));
    assert_eq!((headers.organization(), headers.subject()), (Some("Boxes by Bob"), Some("Tech Support")));
    assert_eq!(some(headers.priority()), Priority::Urgent);
    let named = |name, version| Product::Named { name, version };
    assert_eq!(headers.server().collect::<Vec<_>>(), [named("HomeServer", None), named("v2", None)]);
    let agent: Vec<_> = headers.user_agent().collect();
    assert_eq!(
        agent,
        [named("Softphone", Some("Beta1.5")), Product::Comment("build (7)"), named("lib", Some("2"))]
    );
    let warnings: Vec<_> = headers.warnings().map(good).collect();
    assert_eq!((warnings[0].code, warnings[0].agent), (307, "isi.edu"));
    assert_eq!(warnings[0].text(), "Session \"x\"");
    assert_eq!(warnings[1].agent, "[::1]:5060");
}

#[test]
fn events_and_references() {
    let request = invite(
        "o: refer;id=93809824|Subscription-State: terminated;reason=noresource;retry-after=5|r: <sip:dave@denver.example.org?Replaces=12345>|\
         b: <sip:bob@b>|Replaces: 425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only|Join: 1;to-tag=2;from-tag=3|\
         Target-Dialog: fa77as7dad8@a;local-tag=kkaz-;remote-tag=6544|Reason: Q.850;cause=16;text=\"Terminated\", SIP;cause=600|\
         Info-Package: foo|Recv-Info: foo, bar|P-Asserted-Identity: \"C\" <sip:c@d>, tel:+14085264000|P-Preferred-Identity: <sip:c@d>|\
         Diversion: <sip:x@y>;reason=unconditional|History-Info: <sip:x@y>;index=1|",
    );
    let headers = request.headers();
    let event = some(headers.event());
    assert_eq!((event.package, event.id()), ("refer", Some("93809824")));
    let state = some(headers.subscription_state());
    assert_eq!(
        (state.state, state.reason(), state.retry_after(), state.expires()),
        ("terminated", Some("noresource"), Some(5), None)
    );
    assert_eq!(good(some(headers.refer_to()).uri()).headers().get("replaces"), Some("12345"));
    assert_eq!(some(headers.referred_by()).uri_text(), "sip:bob@b");
    let replaces = some(headers.replaces());
    assert_eq!(
        (replaces.call_id, replaces.to_tag, replaces.from_tag, replaces.early_only),
        ("425928@bobster.example.org", "7743", "6472", true)
    );
    assert_eq!(some(headers.join()).to_tag, "2");
    assert_eq!(some(headers.target_dialog()).from_tag, "6544");
    let reasons: Vec<_> = headers
        .reasons()
        .map(|reason| {
            let reason = good(reason);
            (reason.protocol, reason.cause(), reason.text())
        })
        .collect();
    assert_eq!(reasons, [("Q.850", Some(16), Some("Terminated".into())), ("SIP", Some(600), None)]);
    assert_eq!(some(headers.info_package()).token, "foo");
    assert_eq!(headers.recv_info().count(), 2);
    assert_eq!(
        headers.asserted_identities().map(|id| good(id).uri_text()).collect::<Vec<_>>(),
        ["sip:c@d", "tel:+14085264000"]
    );
    assert_eq!(
        (
            headers.preferred_identities().count(),
            headers.diversions().count(),
            headers.history_info().count()
        ),
        (1, 1, 1)
    );
    for bad in ["1", "1;to-tag=2", "1;to-tag=2;to-tag=2;from-tag=3", ";to-tag=2;from-tag=3"] {
        assert!(invite(&format!("Replaces: {bad}|")).headers().replaces().is_err(), "{bad}");
    }
}

#[test]
fn what_users_and_networks_tell_each_other() {
    let request = invite(
        "User-to-User: 56a390f3d2b7310023a;encoding=hex;purpose=call, \"a\\\"b\";content=isdn-uui|Privacy: id;user|Privacy: critical|\
         Resource-Priority: q735.3, dsn.flash|d: proxy, recurse|Refer-Sub: FALSE|Flow-Timer: 120|",
    );
    let headers = request.headers();
    let data: Vec<_> = headers.user_to_user().map(good).collect();
    assert_eq!(
        (data[0].data(), data[0].encoding(), data[0].purpose()),
        ("56a390f3d2b7310023a".into(), Some("hex"), Some("call"))
    );
    assert_eq!((data[1].data(), data[1].content()), ("a\"b".into(), Some("isdn-uui")));
    assert_eq!(headers.privacy().collect::<Vec<_>>(), ["id", "user", "critical"]);
    assert_eq!(tokens(headers.resource_priority()), ["q735.3", "dsn.flash"]);
    assert_eq!(tokens(headers.request_disposition()), ["proxy", "recurse"]);
    assert!(!headers.wants_refer_subscription() && invite("").headers().wants_refer_subscription());
    assert_eq!(headers.flow_timer(), Ok(Some(120)));
}

#[test]
fn unknown_fields_are_found_by_name_and_kept() {
    let request = invite("X-Custom:  one \t|x-CUSTOM: two|Z: 3|");
    let headers = request.headers();
    let values: Vec<_> = headers.by_name("X-custom").filter_map(|field| field.value()).collect();
    assert_eq!(values, ["one", "two"]);
    assert_eq!(headers.by_name("call-id").count(), 1);
    assert_eq!(headers.by_name("i").count(), 1);
    assert_eq!(
        headers.fields(HeaderName::Other).map(|field| field.name_text()).collect::<Vec<_>>(),
        ["X-Custom", "x-CUSTOM", "Z"]
    );
    assert!(headers.contains(HeaderName::Via) && headers.count(HeaderName::Other) == 3);
    assert_eq!(headers.first(HeaderName::CSeq), Some("314159 INVITE"));
}

#[test]
fn missing_and_malformed_say_which_field_and_where() {
    let request = message("OPTIONS sip:b SIP/2.0|To: \"open <sip:a@b>|From: <sip:a@b>;=1||");
    let headers = request.headers();
    let error = |what, header, offset| HeaderError { header, what, offset };
    assert_eq!(headers.top_via(), Err(error(Flaw::Missing, HeaderName::Via, 0)));
    assert_eq!(headers.cseq(), Err(error(Flaw::Missing, HeaderName::CSeq, 0)));
    assert_eq!(headers.to(), Err(error(Flaw::Quotes, HeaderName::To, 0)));
    assert_eq!(headers.from(), Err(error(Flaw::Parameter, HeaderName::From, 9)));
    assert_eq!(
        headers.from().map_err(|e| e.to_string()).err().as_deref(),
        Some("From: bad parameter at byte 9 of the value")
    );
    assert_eq!(headers.expires(), Ok(None));
}

#[test]
fn too_many_parameters_are_malformed() {
    let params = |n: usize| ";p=1".repeat(n);
    let with = |n| {
        invite(&format!("Reply-To: <sip:a@b>{}|", params(n)))
            .headers()
            .reply_to()
            .map(|_| ())
            .map_err(|e| e.what)
    };
    assert_eq!(with(limits::PARAMS_MAX), Ok(()));
    assert_eq!(with(limits::PARAMS_MAX + 1), Err(Flaw::TooMany));
}
