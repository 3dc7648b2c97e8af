//! What the unary calls share: who calls, until when, and the way to the switchboard and back.
//!
//! A command goes to its shard before the call first waits, so that a client that gives up never cancels it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tonic::{Request, Status};

use crate::ground::Instant;
use crate::session::command::CommandDone;
use crate::signaling::bridges::{BridgeView, NewBridge};
use crate::signaling::driver::Reply;
use crate::signaling::refusal::Refusal;
use crate::signaling::switchboard::{Caller, Deadline, Switchboard};
use crate::telemetry::call_trace::remote_context;

use super::orders::{Asks, Context, Order, Parsed, parse};
use super::status::status_of;

/// How long a command may wait for its shard when its client sets no deadline, or a longer one.
pub(super) const COMMAND_TIME_MAX: Duration = Duration::from_secs(5);

/// The services. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    pub(super) board: Arc<Switchboard>,
    /// The most that a page of a list has.
    pub(super) page_max: u32,
}

/// What a unary command answers.
pub(super) enum Answer {
    Session(CommandDone, Option<String>),
    Bridge(BridgeView),
    Nothing,
}

/// When a request's head was here.
#[derive(Clone, Copy, Debug)]
struct Arrived(Instant);

impl Api {
    /// The services in front of a switchboard.
    #[must_use]
    pub const fn new(board: Arc<Switchboard>) -> Self {
        Self { board, page_max: 1_000 }
    }

    /// Marks a request with when it came. Its message may take its time behind its head, the client's deadline does not
    /// wait for it.
    pub(super) fn arrived(&self, request: &mut Request<()>) {
        request.extensions_mut().insert(Arrived(self.board.clock.mono()));
    }

    /// Until when a request may be carried out: the client's own deadline, or [`COMMAND_TIME_MAX`].
    pub(super) fn deadline<R>(&self, request: &Request<R>) -> Deadline {
        let own = request.metadata().get("grpc-timeout").and_then(|value| value.to_str().ok());
        let time = own.and_then(timeout).unwrap_or(COMMAND_TIME_MAX).min(COMMAND_TIME_MAX);
        let arrived = request.extensions().get::<Arrived>();
        Deadline::after(arrived.map_or_else(|| self.board.clock.mono(), |arrived| arrived.0), time)
    }

    fn caller(&self, context: &Context, deadline: Deadline) -> Result<Caller, Refusal> {
        let engine = context.engine_ref();
        if let Some(engine) = &engine
            && !self.board.engines.is_attached(engine)
        {
            return Err(Refusal::EngineNotAttached(engine.clone()));
        }
        let command_id = context.command_id.clone().unwrap_or_default();
        let trace = context.trace.clone();
        Ok(Caller { engine, group: context.group_or_default(), command_id, deadline, trace })
    }

    /// Carries a command out.
    pub(super) async fn command<R: Asks>(&self, request: Request<R>) -> Result<Answer, Status> {
        let deadline = self.deadline(&request);
        let told = request.metadata().get("traceparent").and_then(|value| value.to_str().ok());
        let trace = told.and_then(remote_context);
        let Parsed { named, asked } = parse(request.into_inner());
        let answer = match asked {
            Ok((mut context, order)) => {
                context.trace = context.trace.or(trace);
                self.carry_out(&context, order, deadline).await
            }
            Err(refusal) => Err(refusal),
        };
        answer.map_err(|refusal| status_of(&refusal, &named))
    }

    async fn carry_out(
        &self,
        context: &Context,
        order: Order,
        deadline: Deadline,
    ) -> Result<Answer, Refusal> {
        let caller = self.caller(context, deadline)?;
        let (reply, answer) = oneshot::channel();
        let reply = Reply::Waiting(reply);
        let mut made = None;
        match order {
            Order::Session { session, verb, created } => {
                made = created;
                self.board.command(&caller, session, verb, reply);
            }
            Order::Create { session, group, create } => {
                self.board.create(&caller, session, group, *create, reply);
            }
            Order::Join { bridge, session } => self.board.join(&caller, bridge, session, reply),
            Order::Leave { bridge, session } => self.board.leave(&caller, bridge, session, reply),
            Order::Destroy { bridge } => {
                let (reply, answer) = oneshot::channel();
                // Whoever asked may have gone.
                self.board.destroy_bridge(&caller, bridge, move |done| drop(reply.send(done)));
                let done = answer.await.unwrap_or(Err(Refusal::Internal("the bridge's task was dropped")));
                return done.map(|()| Answer::Nothing);
            }
            Order::CreateBridge { bridge, mode, members, group, keep_when_empty } => {
                let group = group.unwrap_or_else(|| Arc::clone(&caller.group));
                let owner = caller.engine.clone();
                let new = NewBridge { id: bridge, mode, group, owner, keep_when_empty };
                return self.create_bridge(&caller, new, &members).await.map(Answer::Bridge);
            }
        }
        let done = self.board.result(deadline, answer).await?;
        Ok(Answer::Session(done, made))
    }

    async fn create_bridge(
        &self,
        caller: &Caller,
        new: NewBridge,
        members: &[crate::ground::SessionId],
    ) -> Result<BridgeView, Refusal> {
        let operation = self.board.begin_bridge(caller, new, members)?;
        let (reply, answer) = oneshot::channel();
        let board = Arc::clone(&self.board);
        // Goes on when the client gives up.
        self.board.tasks.spawn_on(&self.board.front, async move {
            board.finish_bridge(operation, move |made| drop(reply.send(made))).await;
        });
        answer.await.unwrap_or(Err(Refusal::Internal("the bridge's task was dropped")))
    }
}

impl Answer {
    /// The session's short form.
    pub(super) fn status(self) -> Option<crate::proto::session::v1::SessionStatus> {
        match self {
            Self::Session(done, _) => Some(super::words::session_status(&done)),
            Self::Bridge(_) | Self::Nothing => None,
        }
    }
}

/// A `grpc-timeout`: at most eight digits and a unit. One that cannot be read counts as none.
fn timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(value * 3_600),
        'M' => Duration::from_secs(value * 60),
        'S' => Duration::from_secs(value),
        'm' => Duration::from_millis(value),
        'u' => Duration::from_micros(value),
        'n' => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("5S", Some(Duration::from_secs(5)))]
    #[case("100m", Some(Duration::from_millis(100)))]
    #[case("99999999u", Some(Duration::from_micros(99_999_999)))]
    #[case("1H", Some(Duration::from_secs(3_600)))]
    #[case("2M", Some(Duration::from_secs(120)))]
    #[case("7n", Some(Duration::from_nanos(7)))]
    #[case("", None)]
    #[case("S", None)]
    #[case("5", None)]
    #[case("123456789S", None)]
    #[case("-1S", None)]
    #[case("5ß", None)]
    fn a_timeout_is_digits_and_a_unit(#[case] text: &str, #[case] expected: Option<Duration>) {
        assert_eq!(timeout(text), expected);
    }
}
