use std::io::Write as _;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// Nothing is wrong by what the settings are for.
fn blind(_: &Settings, _: Meant<'_>) -> Vec<(String, String)> {
    Vec::new()
}

fn from(toml: &str, environment: &[(&str, &str)], assignments: &[&str]) -> Result<Settings, ConfigError> {
    looked_at(toml, environment, assignments, blind)
}

fn looked_at(
    toml: &str,
    environment: &[(&str, &str)],
    assignments: &[&str],
    look: impl FnOnce(&Settings, Meant<'_>) -> Vec<(String, String)>,
) -> Result<Settings, ConfigError> {
    let path = std::env::temp_dir().join(format!("callplane-config-{}-{:p}.toml", std::process::id(), &toml));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(toml.as_bytes())).expect("a file");
    let assignments: Vec<String> = assignments.iter().map(|one| (*one).to_owned()).collect();
    let loaded = load(Some(&path), variables(environment), &assignments, look);
    std::fs::remove_file(&path).expect("removed");
    loaded.map(|loaded| loaded.settings)
}

#[test]
fn the_command_line_goes_over_the_environment_over_the_file() {
    let toml = "[engine]\ngroup = \"file\"\ntrunk = \"file\"\nengine_id = \"file\"\n";
    let environment =
        [("CALLPLANE_ENGINE__GROUP", "environment"), ("CALLPLANE_ENGINE__TRUNK", "environment")];
    let settings = from(toml, &environment, &["engine.group=flag"]).expect("settings");
    assert_eq!(settings.engine.group, "flag");
    assert_eq!(settings.engine.trunk, "environment");
    assert_eq!(settings.engine.engine_id, "file");
    assert_eq!(settings.engine.api, Settings::default().engine.api);
}

#[test]
fn what_cannot_be_used_is_refused_by_its_name() {
    let rows = [
        ("[engine]\ntrnk = \"x\"\n", vec![], vec![], "trnk"),
        ("[engin]\n", vec![], vec![], "engin"),
        ("[engine]\nsessions_max = \"many\"\n", vec![], vec![], "engine.sessions_max"),
        ("", vec![("CALLPLANE_ENGINE__SESSIONS_MAX", "-1")], vec![], "engine.sessions_max"),
        ("", vec![("CALLPLANE_ENGINE_TRUNK", "x")], vec![], "CALLPLANE_ENGINE__TRUNK is one"),
        ("", vec![], vec!["engine.group"], "engine.group"),
        ("", vec![], vec!["engine.group.name=x"], "engine.group"),
        ("", vec![], vec!["admin.listen=nowhere"], "admin.listen"),
        ("", vec![], vec!["media.bind_ipv4="], "media.bind_ipv4"),
        ("", vec![], vec!["media.bind_ipv4=::1"], "media.bind_ipv4"),
        ("", vec![], vec!["admin.drain_ms=99999999999"], "admin.drain_ms"),
        ("[engine\n", vec![], vec![], "is no TOML"),
        ("", vec![], vec!["engine.trunk=sip:sbc.example"], "engine.trunk"),
        ("", vec![], vec!["engine.trunk=bob@sbc.example:5060"], "engine.trunk"),
        ("", vec![], vec!["engine.trunk=sbc.example:port"], "engine.trunk"),
        ("", vec![], vec!["engine.trunk=sbc.example:0"], "engine.trunk"),
        ("", vec![], vec!["engine.trunk=sbc.example;transport=tcp"], "engine.trunk"),
        ("", vec![], vec!["engine.trunk=two words"], "engine.trunk"),
        ("", vec![], vec!["telemetry.log=debgu"], "telemetry.log"),
        ("", vec![], vec!["telemetry.log=callplane=loud"], "telemetry.log"),
        ("", vec![], vec!["signaling.identity_uri=bob"], "signaling.identity_uri"),
        ("[signaling]\nproduct = \"A\\r\\nB: c\"\n", vec![], vec![], "signaling.product"),
        ("", vec![], vec!["signaling.grpc_listen=localhost:7070"], "names are not looked up"),
        ("", vec![], vec!["signaling.media_address=http://media.example:7080"], "without http://"),
        ("", vec![], vec!["signaling.media_address=media.example"], "has no port"),
        ("", vec![], vec!["signaling.media_address=media.example:0"], "port"),
        ("", vec![], vec!["signaling.media_address=media.example:99999"], "not 99999"),
        ("", vec![], vec!["engine.group=two words"], "engine.group"),
        ("", vec![], vec!["engine.engine_id=a/b"], "engine.engine_id"),
        ("", vec![], vec!["engine.api=127.0.0.1:7070"], "http://127.0.0.1:7070"),
        ("", vec![], vec!["engine.api=https://127.0.0.1:7070"], "TLS"),
        ("", vec![], vec!["engine.api=sip:127.0.0.1"], "http://"),
        ("", vec![], vec!["engine.api=http://a b:1"], "engine.api"),
        ("", vec![], vec!["telemetry.otlp_endpoint=127.0.0.1:4317"], "http://127.0.0.1:4317"),
    ];
    for (toml, environment, assignments, named) in rows {
        let error = from(toml, &environment, &assignments).expect_err(named).to_string();
        assert!(error.contains(named), "{error:?} should name {named:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let nowhere = Path::new("/nowhere/callplane.toml");
    let error = load(Some(nowhere), [], &[], blind).expect_err("no file").to_string();
    assert!(error.contains("/nowhere/callplane.toml"), "{error}");
}

#[test]
fn foreign_variables_and_those_that_are_no_settings_are_left_alone() {
    let environment = [("PATH", "/bin"), ("CALLPLANE", "/bin/callplane"), ("CALLPLANE_CORPORA", "/data")];
    assert!(load(None, variables(&environment), &[], blind).is_ok());
}

#[test]
fn what_compose_has_for_itself_does_not_stop_a_start_and_is_told() {
    let shell = ["CALLPLANE_PUBLIC_ADDRESS", "CALLPLANE_TRUNK", "CALLPLANE_BUILD_TARGET"];
    let loaded = load(None, shell.map(|name| (name.into(), "x".into())), &[], blind).expect("settings");
    assert_eq!(loaded.warnings.len(), shell.len());
    assert!(loaded.warnings[1].contains("CALLPLANE_ENGINE__TRUNK"), "{:?}", loaded.warnings);
}

#[test]
fn all_faults_are_told_at_once_each_with_where_it_comes_from() {
    let toml = "[engine]\nsessions_max = \"many\"\n\n[[signaling.listeners]]\ntransport = \"tls\"\nbind = \"0.0.0.0:5061\"\n\
                [[signaling.listeners]]\ntransport = \"udp\"\nbind = \"here:5060\"\ngroup = \"a b\"\n[media]\nrtp_port_min = 40000\n";
    let environment = [("CALLPLANE_MEDIA__RTP_PORT", "1"), ("CALLPLANE_FOO", "1")];
    let error = from(toml, &environment, &["admin.drain_ms=99999999999", "noise"]).expect_err("faults");
    let told = error.to_string();
    let lines = [
        ("engine.sessions_max: has to be a whole number", ".toml:2)"),
        ("signaling.listeners[0].transport: has to be `udp` or `tcp`, not `tls`", ".toml:5)"),
        ("signaling.listeners[1].bind: has to be an address with a port", ".toml:9)"),
        ("media.rtp_port: is no setting", "(CALLPLANE_MEDIA__RTP_PORT)"),
        ("CALLPLANE_FOO: is no setting", "CALLPLANE_SECTION__KEY"),
        ("admin.drain_ms: ", "(--set)"),
        ("--set noise: write section.key=value", ""),
        ("media.rtp_port_max: ", ""),
    ];
    for (begins, holds) in lines {
        let line = told.lines().find(|line| line.starts_with(begins));
        assert!(line.is_some_and(|line| line.contains(holds)), "{begins:?} … {holds:?} is not in\n{told}");
    }
    assert_eq!(told.lines().count(), lines.len(), "{told}");
}

#[test]
fn what_is_at_fault_hides_nothing_that_a_look_finds() {
    let toml = "[media]\naudio_roots = [\"/nowhere\"]\ndscp = 99\n[[signaling.listeners]]\ntransport = \"udp\"\n\
                bind = \"here:1\"\n[[signaling.listeners]]\ntransport = \"udp\"\nbind = \"127.0.0.1:2\"\n";
    let told = |look: fn(&Settings, Meant<'_>) -> Vec<(String, String)>| {
        looked_at(toml, &[], &["signaling.media_address=media"], look).expect_err("faults").to_string()
    };
    let what = || "is odd".to_owned();
    let whole = told(|settings, meant| {
        assert_eq!(settings.media.audio_roots, [Path::new("/nowhere")]);
        assert_eq!(settings.signaling.listeners.len(), 1, "the other one cannot be used");
        for unknown in ["media.dscp", "signaling.media_address"] {
            assert_eq!(meant(unknown), None, "{unknown}");
        }
        let keys = ["media.audio_roots", "signaling.listeners[0].bind", "media.api"];
        keys.into_iter().filter_map(|key| Some((meant(key)?, "is odd".to_owned()))).collect()
    });
    for (begins, origin) in [
        ("media.dscp: at most 63", ".toml:3)"),
        ("signaling.listeners[0].bind: has to be an address", ".toml:6)"),
        ("signaling.media_address: \"media\" has no port", "(--set)"),
        ("media.audio_roots: is odd", ".toml:2)"),
        ("signaling.listeners[1].bind: is odd", ".toml:9)"),
        ("media.api: is odd", ".toml:1)"),
    ] {
        let line = whole.lines().find(|line| line.starts_with(begins));
        assert!(line.is_some_and(|line| line.contains(origin)), "{begins} … {origin} is not in\n{whole}");
    }
    assert_eq!(whole.lines().count(), 6, "{whole}");
    let section = |_: &Settings, meant: Meant<'_>| vec![(meant("media.api").unwrap_or_default(), what())];
    let error = looked_at("media = 7\n", &[], &[], section).expect_err("no section").to_string();
    assert!(
        error.lines().any(|line| line == ": is odd"),
        "media is no section, and nothing in it is known: {error}"
    );
}

#[test]
fn a_file_that_cannot_be_read_hides_nothing_that_was_laid_over_it() {
    let environment = [("CALLPLANE_FOO", "1"), ("CALLPLANE_MEDIA__DSCP", "99")];
    let assignments = [
        "signaling.shards=many",
        "media.audio_roots=[\"/nowhere\"]",
        "media.nice=99",
        "noise",
        // Whether these are at fault is for the file to say.
        "media.rtp_port_max=5000",
        "media.bind_ipv4=none",
        "signaling.sip.t2_ms=100",
        "signaling.sessions_max=0",
        "signaling.calls.unconfirmed_max=0",
    ];
    let look = |_: &Settings, meant: Meant<'_>| {
        let keys = ["media.audio_roots", "media.api", "signaling.shards"];
        keys.into_iter().filter_map(|key| Some((meant(key)?, "is odd".to_owned()))).collect()
    };
    let begin = [
        "CALLPLANE_FOO: is no setting",
        "media.dscp: at most 63 (CALLPLANE_MEDIA__DSCP)",
        "signaling.shards: has to be a whole number",
        "media.audio_roots: is odd (--set)",
        "media.nice: -20 to 19 (--set)",
        "--set noise: ",
    ];
    let told = looked_at("[media\n", &environment, &assignments, look).expect_err("faults").to_string();
    let no_file: Vec<String> = assignments.map(str::to_owned).into();
    let nowhere = load(Some(Path::new("/nowhere")), variables(&environment), &no_file, look);
    for (told, of_file) in
        [(told, ": is no TOML"), (nowhere.expect_err("faults").to_string(), "/nowhere: No such file")]
    {
        assert!(told.lines().any(|line| line.contains(of_file)), "{told}");
        for begins in begin {
            assert!(told.lines().any(|line| line.starts_with(begins)), "{begins} is not in\n{told}");
        }
        assert_eq!(told.lines().count(), begin.len() + 1, "{told}");
    }
}

#[test]
fn of_two_keys_that_do_not_go_together_one_is_told_once() {
    let rows = [
        ("[media]\nrtp_port_min = 30000\nrtp_port_max = 20000\n", "media.rtp_port_max"),
        ("[media]\nrtp_port_min = 30000\n", "media.rtp_port_max"),
        ("[media]\nrtp_port_max = 2000\n", "media.rtp_port_max"),
        ("[signaling.sip]\nt1_ms = 5000\nt2_ms = 4000\n", "signaling.sip.t2_ms"),
        ("[signaling]\nshards = 4\nsessions_max = 3\n", "signaling.sessions_max"),
        ("[signaling]\nshards = 4\ncalls.unconfirmed_max = 3\n", "signaling.calls.unconfirmed_max"),
        ("[media]\nbind_ipv4 = \"none\"\nbind_ipv6 = \"none\"\n", "media.bind_ipv4"),
    ];
    for (toml, key) in rows {
        let told = from(toml, &[], &[]).expect_err(key).to_string();
        assert!(told.starts_with(&format!("{key}: ")) && told.lines().count() == 1, "{toml}{told}");
    }
}

#[test]
fn what_is_no_unicode_in_the_environment_is_told() {
    use std::os::unix::ffi::OsStringExt as _;
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let environment = [
        (bytes(b"CALLPLANE_SIGNALING__SHARDS"), bytes(b"\xff")),
        (bytes(b"CALLPLANE_MEDIA__DSCP\xff"), bytes(b"1")),
        (bytes(b"CALLPLANE_CORPORA"), bytes(b"/\xff")),
        (bytes(b"LESS\xff"), bytes(b"\xff")),
    ];
    let told = load(None, environment, &[], blind).expect_err("faults").to_string();
    let lines: Vec<&str> = told.lines().collect();
    let [shards, dscp] = lines[..] else { panic!("{told}") };
    assert!(shards.starts_with("signaling.shards: has to be Unicode"), "{told}");
    assert!(shards.ends_with("(CALLPLANE_SIGNALING__SHARDS)"), "{told}");
    assert!(dscp.starts_with("CALLPLANE_MEDIA__DSCP") && dscp.contains("is no setting"), "{told}");
}

#[test]
fn the_environment_names_the_file_unless_the_command_line_does() {
    let file = std::env::temp_dir().join(format!("callplane-named-{}.toml", std::process::id()));
    std::fs::write(&file, "[engine]\ngroup = \"named\"\n").expect("a file");
    let variable = |path: &Path| [(OsString::from(FILE_VARIABLE), path.as_os_str().to_owned())];
    let named = load(None, variable(&file), &[], blind).expect("settings");
    assert_eq!(named.settings.engine.group, "named");
    let given = load(Some(&file), variable(Path::new("/nowhere")), &[], blind).expect("settings");
    assert_eq!(given.settings.engine.group, "named");
    std::fs::remove_file(&file).expect("removed");
    let noise = ["noise".to_owned()];
    let told = load(None, variable(Path::new("")), &noise, blind).expect_err("no file").to_string();
    assert!(told.starts_with("CALLPLANE_CONFIG: is empty") && told.lines().count() == 2, "{told}");
}

#[test]
fn a_fault_found_later_says_where_its_value_stands() {
    let file = std::env::temp_dir().join(format!("callplane-origin-{}.toml", std::process::id()));
    std::fs::write(&file, "[media]\n\naudio_roots = [\"/nowhere\"]\n").expect("a file");
    let loaded = load(Some(&file), [], &[], blind).expect("settings");
    std::fs::remove_file(&file).expect("removed");
    let fault = loaded.fault("media.audio_roots", "is no folder".into()).to_string();
    assert!(fault.starts_with("media.audio_roots: is no folder (") && fault.ends_with(".toml:3)"), "{fault}");
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    let error = from("[engine]\ngroup = \n", &[], &[]).expect_err("no TOML").to_string();
    assert!(error.contains(".toml:2: is no TOML"), "{error}");
}

#[test]
fn values_are_read_as_toml_and_as_text_where_they_are_none() {
    let settings =
        from("", &[], &["engine.sessions_max=7", "engine.trunk=127.0.0.1:5080"]).expect("settings");
    assert_eq!(settings.engine.sessions_max, 7);
    assert_eq!(settings.engine.trunk, "127.0.0.1:5080");
}

#[test]
fn what_can_be_absent_is_made_so_by_nothing_and_by_none() {
    let toml = "[media]\nbind_ipv6 = \"::\"\napi = \"127.0.0.1:1\"\n[admin]\nlisten = \"127.0.0.1:2\"\n";
    for none in ["", "none", "\"\""] {
        let environment = [("CALLPLANE_MEDIA__BIND_IPV4", none), ("CALLPLANE_ADMIN__LISTEN", none)];
        let assignment = format!("media.api={none}");
        let settings = from(toml, &environment, &[&assignment]).expect("settings");
        assert_eq!((settings.media.bind_ipv4, settings.media.api, settings.admin.listen), (None, None, None));
        assert!(settings.media.bind_ipv6.is_some());
    }
}

#[test]
fn a_trunk_is_a_host_with_or_without_a_port() {
    for trunk in ["sbc.example:5060", "192.0.2.7:5070", "[2001:db8::7]:5060", "sbc.example"] {
        let settings = from("", &[], &[&format!("engine.trunk={trunk}")]).expect(trunk);
        assert_eq!(settings.engine.trunk, trunk);
    }
}

const EXAMPLE: &str = include_str!("../../callplane.example.toml");
const DOCUMENT: &str = include_str!("../../docs/configuration.md");

/// The keys of the table that this text opens, as the message for one that it does not have lists them.
fn keys_of(opening: &str) -> Vec<String> {
    let error = from(&format!("{opening}\nno_such_key = 1\n"), &[], &[]).expect_err(opening).to_string();
    let (_, rest) = error.split_once("there are ").expect("what there is");
    let (names, _) = rest.split_once(" (").expect("where it stands");
    names.split(", ").map(str::to_owned).collect()
}

/// What stands between a heading and the next.
fn part<'a>(text: &'a str, heading: &str, next: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).expect(heading);
    rest.split(next).next().unwrap_or(rest)
}

#[test]
fn every_key_is_in_the_example_and_in_the_document() {
    let plain = ["signaling", "signaling.engines", "signaling.calls", "signaling.sip", "signaling.sockets"];
    let plain = plain.into_iter().chain(["signaling.api", "media", "engine", "telemetry", "admin"]);
    let mut rows: Vec<_> = plain.map(|name| (format!("[{name}]"), name)).collect();
    rows.push(("[[signaling.listeners]]".to_owned(), "signaling.listeners"));
    rows.push(("[signaling.groups.default]".to_owned(), "signaling.groups.&lt;name&gt;"));
    let example =
        EXAMPLE.replace("]                                        # the call engine in the box", "]");
    for (opening, title) in rows {
        let listed = part(&example, &opening, "\n[");
        let level = if title.contains('.') { "###" } else { "##" };
        let documented = part(DOCUMENT, &format!("{level} {title}"), "\n##");
        let keys = keys_of(&opening);
        assert!(keys.len() > 1, "{opening}: {keys:?}");
        for key in keys {
            // Tables have headings of their own.
            let heading = [format!("[{title}.{key}"), format!("[[{title}.{key}")];
            let is_table = heading.iter().any(|heading| EXAMPLE.contains(heading.as_str()));
            let is_listed =
                listed.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
            assert!(is_table || is_listed, "{opening} {key} is missing in callplane.example.toml");
            let is_documented = documented.contains(&format!("| `{key}` |"))
                || DOCUMENT.contains(&format!("\n### {title}.{key}"));
            assert!(is_documented, "{opening} {key} is missing in docs/configuration.md");
        }
    }
}

#[test]
fn the_example_holds_the_defaults() {
    let mut example = from(EXAMPLE, &[], &[]).expect("the example");
    let default = Settings::default();
    assert_eq!(example.signaling.groups.remove("default"), Some(Default::default()));
    assert_eq!(format!("{example:#?}"), format!("{default:#?}"));
}

#[test]
fn what_the_example_has_commented_out_can_be_used() {
    let uncommented = |line: &str| match line.strip_prefix("# ") {
        Some(setting) if setting.split(' ').nth(1) == Some("=") => setting.to_owned(),
        _ => line.to_owned(),
    };
    let whole: Vec<String> = EXAMPLE.lines().map(uncommented).collect();
    let settings = from(&whole.join("\n"), &[], &[]).expect("all of the example");
    assert!(settings.media.bind_ipv6.is_some() && settings.telemetry.otlp_endpoint.is_some());
}
