//! What `callplane call` is told: whom to call, how long, and what counts as success.

use std::ffi::OsString;

use clap::Args;

use crate::cli::words::causes;
use crate::config;
use crate::sip::Uri;

/// What to call, and how.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// Whom to call, for example sip:echo@127.0.0.1:5060.
    #[arg(value_parser = called)]
    pub(super) uri: String,
    /// The session API of a running Callplane; where it is not given, the one that the variable CALLPLANE_API names, else
    /// http://127.0.0.1:7070.
    #[arg(long, value_parser = api)]
    pub(super) api: Option<String>,
    /// Who calls; the service's own identity when not given.
    #[arg(long, default_value = "")]
    pub(super) from: String,
    /// How long the call stands before it is hung up.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    pub(super) seconds: f64,
    /// How long it may ring.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=600))]
    pub(super) ring_seconds: i64,
    /// A tone to play, 20 to 3900 hertz; 0 plays nothing.
    #[arg(long, default_value_t = 0.0, value_parser = hertz)]
    pub(super) tone: f64,
    /// What counts as success: "answered", or end causes such as "busy" or "timeout", separated by commas.
    #[arg(long, default_value = "answered", value_parser = expectation)]
    pub(super) expect: String,
}

/// The variable that names the API where the command line does not.
pub(super) const API_VARIABLE: &str = "CALLPLANE_API";

/// Where the API is when nothing says where.
const DEFAULT_API: &str = "http://127.0.0.1:7070";

impl CallArgs {
    /// Where the API is.
    ///
    /// # Errors
    /// What is wrong with the variable, where that is what names it.
    pub(super) fn api(&self, variable: Option<OsString>) -> Result<String, String> {
        match (&self.api, variable) {
            (Some(given), _) => Ok(given.clone()),
            (None, None) => Ok(DEFAULT_API.to_owned()),
            (None, Some(variable)) => {
                let text =
                    variable.into_string().map_err(|variable| format!("{variable:?} is no Unicode"))?;
                api(&text)
            }
        }
    }
}

/// What is expected of a call that is to be answered.
pub(super) const ANSWERED: &str = "answered";

/// The longest that a call is held, seconds.
const SECONDS_MAX: f64 = 86_400.0;

fn called(text: &str) -> Result<String, String> {
    let uri = Uri::parse(text).map_err(|_| "is no SIP URI, as sip:echo@127.0.0.1:5060".to_owned())?;
    if uri.is_sip() { Ok(text.to_owned()) } else { Err("is no sip or sips URI".into()) }
}

fn api(text: &str) -> Result<String, String> {
    config::check_api(text).map(|()| text.to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("is not 0 to {SECONDS_MAX}"))
}

fn hertz(text: &str) -> Result<f64, String> {
    let hertz = text.parse().ok().filter(|hertz| *hertz == 0.0 || (20.0..=3900.0).contains(hertz));
    hertz.ok_or_else(|| "is neither 0 nor 20 to 3900".into())
}

/// Causes may also be written as the API spells them: `NO_ENGINE` for `no-engine`.
fn expectation(text: &str) -> Result<String, String> {
    let is_known = |one: &str| one == ANSWERED || causes().any(|cause| cause == one);
    let spelled = |one: &str| one.to_ascii_lowercase().replace('_', "-");
    let expected: Vec<String> = text.split(',').map(spelled).collect();
    match expected.iter().find(|one| !is_known(one)) {
        None => Ok(expected.join(",")),
        Some(unknown) => {
            let causes: Vec<String> = causes().collect();
            Err(format!("{unknown:?} is neither answered nor one of {}", causes.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        call: CallArgs,
    }

    #[test]
    fn what_cannot_be_used_is_refused_before_the_call() {
        use clap::Parser as _;
        let line = |flag, value| Line::try_parse_from(["call", "sip:echo@h", flag, value]);
        for (flag, value) in [
            ("--tone", "5"),
            ("--tone", "4000"),
            ("--tone", "NaN"),
            ("--expect", "bussy"),
            ("--expect", "busy,"),
            ("--expect", "unspecified"),
            ("--seconds=-1", "x"),
            ("--seconds", "NaN"),
            ("--seconds", "1e30"),
            ("--ring-seconds", "0"),
            ("--api", "127.0.0.1:7070"),
            ("--api", "https://127.0.0.1:7070"),
        ] {
            let error = line(flag, value).err().expect(value).to_string();
            assert!(error.contains(flag.split('=').next().unwrap()), "{error}");
        }
        for (flag, value) in
            [("--tone", "0"), ("--tone", "440"), ("--expect", "answered,NO_ENGINE,busy"), ("--seconds", "0")]
        {
            assert!(line(flag, value).is_ok(), "{flag} {value}");
        }
    }

    #[test]
    fn the_variable_names_the_api_unless_the_command_line_does() {
        use clap::Parser as _;
        use std::os::unix::ffi::OsStringExt as _;
        let line =
            |flags: &[&str]| Line::try_parse_from([&["call", "sip:echo@h"], flags].concat()).unwrap().call;
        let (bare, given) = (line(&[]), line(&["--api", "http://a:1"]));
        assert_eq!(given.api(Some("http://b:2".into())).as_deref(), Ok("http://a:1"));
        assert_eq!(bare.api(Some("http://b:2".into())).as_deref(), Ok("http://b:2"));
        assert_eq!(bare.api(None).as_deref(), Ok(DEFAULT_API));
        for unusable in ["".into(), "b:2".into(), OsString::from_vec(b"http://\xff:1".to_vec())] {
            assert!(bare.api(Some(unusable)).is_err());
        }
    }

    #[test]
    fn what_is_no_sip_uri_is_no_one_to_call() {
        use clap::Parser as _;
        for uri in ["sip:", "echo", "tel:+49301234", "http://127.0.0.1:5060", "sip:a b@h"] {
            let error = Line::try_parse_from(["call", uri]).err().expect(uri).to_string();
            assert!(error.contains("URI"), "{error}");
        }
    }
}
