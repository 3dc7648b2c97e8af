//! `callplane call`: places one call through a running Callplane and reports each event of it.
//!
//! It attaches as an engine of a group of its own, so that no incoming call comes its way.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

use super::words::{cause, causes, words};
use crate::callengine::command;
use crate::proto::session::v1::{
    Ack, AttachRequest, AttachResponse, CallLimits, Command, CreateSessionRequest, EndCause, Event, Open,
    Party, Ping, attach_item::Item, attach_request::Message, command::Verb, event::Payload,
    event_service_client::EventServiceClient,
};

/// How many requests wait for the stream at most.
const OUTBOX_REQUESTS_MAX: usize = 16;

/// How long connecting to the API may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long the service may take to end the stream.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// What to call, and how.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// Whom to call, for example sip:echo@127.0.0.1:5060.
    uri: String,
    /// The session API of a running Callplane.
    #[arg(long, default_value = "http://127.0.0.1:7070")]
    api: String,
    /// Who calls; the service's own identity when not given.
    #[arg(long, default_value = "")]
    from: String,
    /// How long the call stands before it is hung up.
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// How long it may ring.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=600))]
    ring_seconds: i64,
    /// A tone to play, 20 to 3900 hertz; 0 plays nothing.
    #[arg(long, default_value_t = 0.0, value_parser = hertz)]
    tone: f64,
    /// What counts as success: "answered", or end causes such as "busy" or "timeout", separated by commas.
    #[arg(long, default_value = "answered", value_parser = expectation)]
    expect: String,
}

/// The longest that a call is held, seconds.
const SECONDS_MAX: f64 = 86_400.0;

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("is not 0 to {SECONDS_MAX}"))
}

fn hertz(text: &str) -> Result<f64, String> {
    let hertz = text.parse().ok().filter(|hertz| *hertz == 0.0 || (20.0..=3900.0).contains(hertz));
    hertz.ok_or_else(|| "is neither 0 nor 20 to 3900".into())
}

fn expectation(text: &str) -> Result<String, String> {
    let is_known = |one: &str| one == "answered" || causes().any(|cause| cause == one);
    match text.split(',').find(|one| !is_known(one)) {
        None => Ok(text.to_owned()),
        Some(unknown) => {
            let causes: Vec<String> = causes().collect();
            Err(format!("{unknown:?} is neither answered nor one of {}", causes.join(", ")))
        }
    }
}

/// Why a call could not be placed.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("--api {0}: {1}")]
    Api(String, String),
    #[error("{0}")]
    Status(#[from] tonic::Status),
    #[error("refused: {0}")]
    Refused(String),
    #[error("the service closed the stream")]
    Closed,
    #[error("{0}")]
    Runtime(#[from] std::io::Error),
}

/// How the call went.
#[derive(Debug, Default)]
struct Report {
    answered: bool,
    cause: EndCause,
}

/// Places the call; success when it went as expected.
#[must_use]
pub fn run(args: &CallArgs) -> ExitCode {
    match place(args) {
        Ok(report) if report.is(&args.expect) => ExitCode::SUCCESS,
        Ok(report) => {
            eprintln!("callplane: expected {}, but {}", args.expect, report.words());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("callplane: {error}");
            ExitCode::FAILURE
        }
    }
}

fn place(args: &CallArgs) -> Result<Report, CallError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut call = Call::attach(args).await?;
        call.outbox(Message::Command(Command { verb: Some(create(args)) })).await?;
        let outcome = call.follow(args).await;
        call.close().await;
        outcome
    })
}

fn create(args: &CallArgs) -> Verb {
    let ring_timeout = Some(prost_types::Duration { seconds: args.ring_seconds, nanos: 0 });
    Verb::CreateSession(CreateSessionRequest {
        target_uri: args.uri.clone(),
        from: (!args.from.is_empty()).then(|| Party { uri: args.from.clone(), display_name: String::new() }),
        limits: Some(CallLimits { ring_timeout, max_duration: None }),
        ..Default::default()
    })
}

struct Call {
    requests: mpsc::Sender<AttachRequest>,
    items: Streaming<AttachResponse>,
    began: Instant,
    report: Report,
}

impl Call {
    async fn attach(args: &CallArgs) -> Result<Self, CallError> {
        let failed = |error| CallError::Api(args.api.clone(), reason(&error));
        let endpoint = Endpoint::from_shared(args.api.clone()).map_err(failed)?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIME_MAX).tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(failed)?;
        let name = format!("call-{}", std::process::id());
        let (requests, outgoing) = mpsc::channel(OUTBOX_REQUESTS_MAX);
        let open = Open { engine_id: name.clone(), group: name, ..Default::default() };
        let request = AttachRequest { message: Some(Message::Open(open)) };
        requests.send(request).await.map_err(|_| CallError::Closed)?;
        let items = EventServiceClient::new(channel).attach(ReceiverStream::new(outgoing)).await;
        let failed = |status: tonic::Status| CallError::Api(args.api.clone(), reason(&status));
        let items = items.map_err(failed)?.into_inner();
        Ok(Self { requests, items, began: Instant::now(), report: Report::default() })
    }

    async fn outbox(&self, message: Message) -> Result<(), CallError> {
        let request = AttachRequest { message: Some(message) };
        self.requests.send(request).await.map_err(|_| CallError::Closed)
    }

    /// Reports events until the session is over; hangs up when its time has come.
    async fn follow(&mut self, args: &CallArgs) -> Result<Report, CallError> {
        let mut ping = tokio::time::interval(Duration::from_secs(5));
        let mut hang_up = None;
        let mut session = String::new();
        let mut refused = None;
        loop {
            let response = tokio::select! {
                response = self.items.message() => response?.ok_or(CallError::Closed)?,
                () = until(hang_up) => {
                    hang_up = None;
                    self.command(command::terminate(&session)).await?;
                    continue;
                }
                _ = ping.tick() => {
                    self.outbox(Message::Ping(Ping {})).await?;
                    continue;
                }
            };
            for item in response.items {
                match item.item {
                    Some(Item::Event(event)) => {
                        self.tell(&event);
                        session.clone_from(&event.session_id);
                        self.outbox(Message::Ack(Ack { through: event.cursor })).await?;
                        match event.payload {
                            Some(Payload::Connected(_)) => {
                                self.report.answered = true;
                                hang_up =
                                    Some(tokio::time::Instant::now() + Duration::from_secs_f64(args.seconds));
                                if args.tone > 0.0 {
                                    self.command(command::tone(&session, args.tone)).await?;
                                }
                            }
                            Some(Payload::SessionEnded(ended)) => {
                                self.report.cause = ended.cause();
                                let report = std::mem::take(&mut self.report);
                                return refused.map_or(Ok(report), |what| Err(CallError::Refused(what)));
                            }
                            _ => {}
                        }
                    }
                    Some(Item::CommandResult(result)) => {
                        let Some(status) = result.status.filter(|status| status.code != 0) else { continue };
                        if session.is_empty() || refused.is_some() {
                            return Err(CallError::Refused(status.message));
                        }
                        // Nothing of a call that did not go as asked is left standing.
                        refused = Some(status.message);
                        hang_up = Some(tokio::time::Instant::now());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Says that no more comes, and waits for the service to have heard it: so nothing of this engine is left there.
    async fn close(self) {
        let Self { requests, mut items, .. } = self;
        drop(requests);
        let end = async { while let Ok(Some(_)) = items.message().await {} };
        let _ = tokio::time::timeout(CLOSE_TIME_MAX, end).await;
    }

    async fn command(&self, verb: Verb) -> Result<(), CallError> {
        self.outbox(Message::Command(Command { verb: Some(verb) })).await
    }

    fn tell(&self, event: &Event) {
        let at = self.began.elapsed().as_secs_f64();
        if let Some(payload) = &event.payload {
            println!("{at:8.3}s  {}", words(payload));
        }
    }
}

/// An error with what led to it: transports tell the reason only there.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(source) = at {
        let more = source.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        at = source.source();
    }
    text
}

/// Sleeps until then; for ever when there is no then.
async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Report {
    fn is(&self, expected: &str) -> bool {
        expected.split(',').any(|one| match one {
            "answered" => self.answered,
            ended => ended == cause(self.cause),
        })
    }

    fn words(&self) -> String {
        let answered = if self.answered { "answered" } else { "not answered" };
        format!("it was {answered} and ended with {}", cause(self.cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_is_told_by_answer_or_end_cause() {
        let busy = Report { answered: false, cause: EndCause::Busy };
        assert!(busy.is("busy") && busy.is("timeout,busy") && !busy.is("answered"));
        let answered = Report { answered: true, cause: EndCause::LocalHangup };
        assert!(answered.is("answered") && answered.is("local-hangup") && !answered.is("busy"));
    }

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
        ] {
            let error = line(flag, value).err().expect(value).to_string();
            assert!(error.contains(flag.split('=').next().unwrap()), "{error}");
        }
        for (flag, value) in
            [("--tone", "0"), ("--tone", "440"), ("--expect", "answered,no-engine"), ("--seconds", "0")]
        {
            assert!(line(flag, value).is_ok(), "{flag} {value}");
        }
    }
}
