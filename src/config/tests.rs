use std::io::Write as _;

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn from(toml: &str, environment: &[(&str, &str)], assignments: &[&str]) -> Result<Settings, ConfigError> {
    let path = std::env::temp_dir().join(format!("callplane-config-{}-{:p}.toml", std::process::id(), &toml));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(toml.as_bytes())).expect("a file");
    let assignments: Vec<String> = assignments.iter().map(|one| (*one).to_owned()).collect();
    let loaded = load(Some(&path), variables(environment), &assignments);
    std::fs::remove_file(&path).expect("removed");
    loaded
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
        ("", vec![("CALLPLANE_TRUNK", "x")], vec![], "CALLPLANE_TRUNK"),
        ("", vec![], vec!["engine.group"], "engine.group"),
        ("", vec![], vec!["engine.group.name=x"], "engine.group"),
        ("", vec![], vec!["admin.listen=nowhere"], "admin.listen"),
        ("", vec![], vec!["media.bind_ipv4="], "media.bind_ipv4"),
        ("", vec![], vec!["media.bind_ipv4=::1"], "media.bind_ipv4"),
        ("", vec![], vec!["admin.drain_ms=99999999999"], "admin.drain_ms"),
        ("[engine\n", vec![], vec![], "engine"),
    ];
    for (toml, environment, assignments, named) in rows {
        let error = from(toml, &environment, &assignments).expect_err(named).to_string();
        assert!(error.contains(named), "{error:?} should name {named:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(Some(Path::new("/nowhere/callplane.toml")), [], &[]).expect_err("no file").to_string();
    assert!(error.contains("/nowhere/callplane.toml"), "{error}");
}

#[test]
fn foreign_variables_and_those_that_are_no_settings_are_left_alone() {
    let environment = [("PATH", "/bin"), ("CALLPLANE_CORPORA", "/data"), ("CALLPLANE_SEED", "7")];
    assert!(load(None, variables(&environment), &[]).is_ok());
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
