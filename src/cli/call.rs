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

use crate::callengine::command;
use crate::proto::session::v1::{
    Ack, AttachRequest, AttachResponse, CallLimits, Command, CreateSessionRequest, EndCause, Event, Open,
    Party, Ping, SessionEnded, attach_item::Item, attach_request::Message, command::Verb, event::Payload,
    event_service_client::EventServiceClient,
};

/// How many requests wait for the stream at most.
const OUTBOX_REQUESTS_MAX: usize = 16;

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
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How long it may ring.
    #[arg(long, default_value_t = 60)]
    ring_seconds: i64,
    /// A tone to play, hertz; 0 plays nothing.
    #[arg(long, default_value_t = 0.0)]
    tone: f64,
    /// What counts as success: "answered", or end causes such as "busy" or "timeout", separated by commas.
    #[arg(long, default_value = "answered")]
    expect: String,
}

/// Why a call could not be placed.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("{0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("{0}")]
    Status(#[from] tonic::Status),
    #[error("the service refused the call: {0}")]
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
        let channel = Endpoint::from_shared(args.api.clone())?.tcp_nodelay(true).connect().await?;
        let name = format!("call-{}", std::process::id());
        let (requests, outgoing) = mpsc::channel(OUTBOX_REQUESTS_MAX);
        let open = Open { engine_id: name.clone(), group: name, ..Default::default() };
        let request = AttachRequest { message: Some(Message::Open(open)) };
        requests.send(request).await.map_err(|_| CallError::Closed)?;
        let items =
            EventServiceClient::new(channel).attach(ReceiverStream::new(outgoing)).await?.into_inner();
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
                                return Ok(std::mem::take(&mut self.report));
                            }
                            _ => {}
                        }
                    }
                    Some(Item::CommandResult(result)) => {
                        let refused = result.status.filter(|status| status.code != 0);
                        if let Some(refused) = refused {
                            return Err(CallError::Refused(refused.message));
                        }
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

/// Sleeps until then; for ever when there is no then.
async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn words(payload: &Payload) -> String {
    match payload {
        Payload::SessionCreated(created) => {
            let session = created.session.as_ref();
            format!("calling, session {}", session.map_or("", |session| &session.session_id))
        }
        Payload::Progress(progress) => {
            let audio = if progress.early_media { ", with audio" } else { "" };
            format!("{} {}{audio}", progress.sip_status, progress.reason_phrase)
        }
        Payload::Connected(connected) => {
            let media = connected.media.clone().unwrap_or_default();
            format!("connected: {} from {} to {}", media.codec, media.local_address, media.remote_address)
        }
        Payload::DtmfReceived(dtmf) => format!("key {}", dtmf.digit),
        Payload::MediaHealth(health) if health.receiving => "audio is back".into(),
        Payload::MediaHealth(_) => "no audio comes".into(),
        Payload::SessionEnded(ended) => ended_words(ended),
        other => format!("{other:?}"),
    }
}

fn ended_words(ended: &SessionEnded) -> String {
    let mut text = format!("ended: {}", cause_words(ended.cause()));
    if ended.sip_status != 0 {
        text.push_str(&format!(", {} {}", ended.sip_status, ended.reason_phrase));
    }
    if let Some(statistics) = &ended.statistics {
        text.push_str(&format!(
            "; RTP: {} sent, {} received, {} lost",
            statistics.packets_sent, statistics.packets_received, statistics.packets_lost
        ));
    }
    text
}

fn cause_words(cause: EndCause) -> String {
    cause.as_str_name().trim_start_matches("END_CAUSE_").replace('_', "-").to_ascii_lowercase()
}

impl Report {
    fn is(&self, expected: &str) -> bool {
        expected.split(',').any(|one| match one {
            "answered" => self.answered,
            cause => cause == cause_words(self.cause),
        })
    }

    fn words(&self) -> String {
        let answered = if self.answered { "answered" } else { "not answered" };
        format!("it was {answered} and ended with {}", cause_words(self.cause))
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
}
