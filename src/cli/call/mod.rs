//! `callplane call`: places one call through a running Callplane and reports each event of it.
//!
//! It attaches as an engine of a group of its own, so that no incoming call comes its way.

mod args;

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

use super::words::{cause, words};
use crate::callengine::command;
use crate::callengine::settings::process_name;
use crate::ground::with_causes;
use crate::proto::session::v1::{
    Ack, AttachRequest, AttachResponse, CallLimits, Command, CommandResult, CreateSessionRequest, EndCause,
    Event, Open, Party, Ping, attach_item::Item, attach_request::Message, command::Verb, event::Payload,
    event_service_client::EventServiceClient, playback_ended::Cause,
};

use args::{ANSWERED, API_VARIABLE};

pub use args::CallArgs;

/// How many requests wait for the stream at most.
const OUTBOX_REQUESTS_MAX: usize = 16;

/// How long connecting to the API may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How often the service hears that we are there.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// The exit status of a command that an interrupt has ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// How long the service may take to end the stream.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// Why a call could not be placed.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("--api {0}: {1}")]
    Api(String, String),
    #[error("{0}: {1}")]
    Variable(&'static str, String),
    #[error("{}", .0.message())]
    Status(#[from] tonic::Status),
    #[error("refused: {0}")]
    Refused(String),
    #[error("the tone could not be played: {0}")]
    Unheard(String),
    #[error("the service closed the stream")]
    Closed,
    #[error("interrupted")]
    Interrupted,
    #[error("{0}")]
    Runtime(#[from] std::io::Error),
}

/// How the call went.
#[derive(Debug, Default)]
struct Report {
    answered: bool,
    cause: EndCause,
    /// What the peer hung up for that answered and then could not do what it was called for.
    complaint: Option<String>,
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
            if matches!(error, CallError::Interrupted) {
                ExitCode::from(INTERRUPTED)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn place(args: &CallArgs) -> Result<Report, CallError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut call = Call::attach(args).await?;
        call.outbox(Message::Command(Command { verb: Some(create(args)), ..Default::default() })).await?;
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
    /// The session's id, once it has told it.
    session: String,
    hang_up: Option<Instant>,
    refused: Option<String>,
    /// Why the tone was not heard.
    unheard: Option<String>,
    interrupted: bool,
    report: Report,
}

impl Call {
    async fn attach(args: &CallArgs) -> Result<Self, CallError> {
        let api = args
            .api(std::env::var_os(API_VARIABLE))
            .map_err(|what| CallError::Variable(API_VARIABLE, what))?;
        let failed = |error| CallError::Api(api.clone(), with_causes(&error));
        let endpoint = Endpoint::from_shared(api.clone()).map_err(failed)?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIME_MAX).tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(failed)?;
        let name = format!("call-{}", process_name());
        let (requests, outgoing) = mpsc::channel(OUTBOX_REQUESTS_MAX);
        let open = Open { engine_id: name.clone(), group: name, ..Default::default() };
        let request = AttachRequest { message: Some(Message::Open(open)) };
        requests.send(request).await.map_err(|_| CallError::Closed)?;
        let items = EventServiceClient::new(channel).attach(ReceiverStream::new(outgoing)).await;
        let failed = |status: tonic::Status| CallError::Api(api.clone(), no_api(&status));
        let items = items.map_err(failed)?.into_inner();
        Ok(Self {
            requests,
            items,
            began: Instant::now(),
            session: String::new(),
            hang_up: None,
            refused: None,
            unheard: None,
            interrupted: false,
            report: Report::default(),
        })
    }

    async fn outbox(&self, message: Message) -> Result<(), CallError> {
        let request = AttachRequest { message: Some(message) };
        self.requests.send(request).await.map_err(|_| CallError::Closed)
    }

    /// Reports events until the session is over; hangs up when its time has come or at an interrupt, and does not wait
    /// for the end at a second one.
    async fn follow(&mut self, args: &CallArgs) -> Result<Report, CallError> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut ping = tokio::time::interval(PING_INTERVAL);
        loop {
            let response = tokio::select! {
                response = self.items.message() => response?.ok_or(CallError::Closed)?,
                Some(()) = interrupts.recv() => {
                    if std::mem::replace(&mut self.interrupted, true) {
                        return Err(CallError::Interrupted);
                    }
                    // A call that has not told its id yet is hung up when it does.
                    if !self.session.is_empty() {
                        self.hang_up = Some(Instant::now());
                    }
                    continue;
                }
                () = until(self.hang_up) => {
                    self.hang_up = None;
                    self.command(command::terminate(&self.session)).await?;
                    continue;
                }
                _ = ping.tick() => {
                    self.outbox(Message::Ping(Ping {})).await?;
                    continue;
                }
            };
            for item in response.items {
                let over = match item.item {
                    Some(Item::Event(event)) => self.event(event, args).await?,
                    Some(Item::CommandResult(result)) => self.result(result).map(|()| false)?,
                    _ => false,
                };
                if over {
                    return self.outcome();
                }
            }
        }
    }

    /// Reports an event and does what follows from it. Whether it was the last one.
    async fn event(&mut self, event: Event, args: &CallArgs) -> Result<bool, CallError> {
        self.tell(&event);
        let begins = self.session.is_empty();
        self.session = event.session_id;
        if begins && self.interrupted {
            self.hang_up = Some(Instant::now());
        }
        self.outbox(Message::Ack(Ack { through: event.cursor })).await?;
        match event.payload {
            Some(Payload::Connected(_)) => {
                self.report.answered = true;
                self.hang_up = Some(Instant::now() + Duration::from_secs_f64(args.seconds));
                if args.tone > 0.0 {
                    self.command(command::tone(&self.session, args.tone)).await?;
                }
                Ok(false)
            }
            Some(Payload::PlaybackEnded(ended)) if ended.cause() == Cause::Failed => {
                self.unheard = Some(ended.reason);
                Ok(false)
            }
            Some(Payload::SessionEnded(ended)) => {
                self.report.cause = ended.cause();
                self.report.complaint = complaint(&ended.reason_header);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A refused command ends the call: nothing of one that did not go as asked is left standing.
    fn result(&mut self, result: CommandResult) -> Result<(), CallError> {
        let Some(status) = result.status.filter(|status| status.code != 0) else { return Ok(()) };
        if self.session.is_empty() || self.refused.is_some() {
            return Err(CallError::Refused(status.message));
        }
        self.refused = Some(status.message);
        self.hang_up = Some(Instant::now());
        Ok(())
    }

    fn outcome(&mut self) -> Result<Report, CallError> {
        match (self.refused.take(), self.unheard.take()) {
            (Some(what), _) => Err(CallError::Refused(what)),
            (None, Some(what)) => Err(CallError::Unheard(what)),
            (None, None) if self.interrupted => Err(CallError::Interrupted),
            (None, None) => Ok(std::mem::take(&mut self.report)),
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
        self.outbox(Message::Command(Command { verb: Some(verb), ..Default::default() })).await
    }

    fn tell(&self, event: &Event) {
        let at = self.began.elapsed().as_secs_f64();
        if let Some(payload) = &event.payload {
            println!("{at:8.3}s  {}", words(payload));
        }
    }
}

/// A Reason (RFC 3326) by which the peer says that it has failed: with a SIP status of 400 or more.
fn complaint(reason: &str) -> Option<String> {
    let (protocol, params) = reason.split_once(';')?;
    let mut params = params.split(';').map(str::trim);
    let status = params.find_map(|param| param.strip_prefix("cause=")?.parse::<u16>().ok())?;
    (protocol.trim().eq_ignore_ascii_case("SIP") && status >= 400).then(|| reason.to_owned())
}

/// Why the API is not there. What is no gRPC says so by breaking the connection off.
fn no_api(status: &tonic::Status) -> String {
    match status.code() {
        tonic::Code::Unknown | tonic::Code::Internal | tonic::Code::Unavailable => {
            let cause = std::error::Error::source(status).map(with_causes);
            format!("nobody speaks gRPC there: {}", cause.unwrap_or_else(|| status.message().to_owned()))
        }
        _ => status.message().to_owned(),
    }
}

/// Sleeps until then; for ever when there is no then.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Report {
    fn is(&self, expected: &str) -> bool {
        expected.split(',').any(|one| match one {
            ANSWERED => self.answered && self.complaint.is_none(),
            ended => ended == cause(self.cause),
        })
    }

    fn words(&self) -> String {
        let answered = if self.answered { "answered" } else { "not answered" };
        let complaint = self.complaint.iter().map(|complaint| format!(", {complaint}")).collect::<String>();
        format!("it was {answered} and ended with {}{complaint}", cause(self.cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_expected_is_told_by_answer_or_end_cause() {
        let busy = Report { answered: false, cause: EndCause::Busy, complaint: None };
        assert!(busy.is("busy") && busy.is("timeout,busy") && !busy.is("answered"));
        let answered = Report { answered: true, cause: EndCause::LocalHangup, complaint: None };
        assert!(answered.is("answered") && answered.is("local-hangup") && !answered.is("busy"));
    }

    #[test]
    fn a_peer_that_hangs_up_because_it_has_failed_is_no_success() {
        for reason in ["SIP;cause=404;text=\"x.wav is in none of the audio folders\"", "sip ; cause=503"] {
            let failed = Report { answered: true, complaint: complaint(reason), ..Report::default() };
            assert!(!failed.is(ANSWERED) && failed.words().contains(reason), "{reason}");
        }
        for reason in ["", "Q.850;cause=16", "SIP;cause=200;text=\"Call completed elsewhere\"", "SIP"] {
            assert_eq!(complaint(reason), None, "{reason}");
        }
    }
}
