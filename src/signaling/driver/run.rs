//! The loop: take, handle, drain, flush, sleep.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::alarm::Alarm;
use super::call_log::CallLog;
use super::inbox::Taken;
use super::route::{Outlets, Stake, Waiting};
use super::trace::{Contexts, Traces};
use super::{Core, Gauges, Inbox, Request};
use crate::engine::Logged;
use crate::ground::{Instant, Now};
use crate::session::command::{EngineRef, Verb};
use crate::shard::io::Input;
use crate::signaling::clock::Clock;
use crate::signaling::engines::EngineHandle;
use crate::signaling::linger::Urgency;
use crate::signaling::refusal::Refusal;
use crate::transport::{Arrival, Notice, ShardQueue};

/// Messages and requests taken per round. Between rounds outputs are flushed and the clock is read again.
const ROUND_MAX: usize = 64;

/// Rounds before the other tasks of the thread get their turn.
const ROUNDS_MAX: usize = 4;

/// Messages that wait from which on the shard counts its queue as long, and down to which it does not any more.
const QUEUE_LONG: (usize, usize) = (256, 32);

/// What a driver is made with.
pub struct Parts<C> {
    /// The shard.
    pub core: C,
    /// Its number, counted from 0.
    pub shard: u16,
    /// The clock of all shards.
    pub clock: Clock,
    /// Where messages come from.
    pub network: ShardQueue,
    /// Where everything else comes from.
    pub inbox: Arc<Inbox>,
    /// Where outputs go.
    pub outlets: Outlets,
    /// What others can read.
    pub gauges: Arc<Gauges>,
    /// What calls' spans hang under, where calls are traced.
    pub contexts: Contexts,
}

/// Drives one shard. See the [module](super).
pub struct Driver<C> {
    pub(super) core: C,
    pub(super) shard: u16,
    clock: Clock,
    network: ShardQueue,
    network_open: bool,
    queue_long: bool,
    pub(super) inbox: Arc<Inbox>,
    pub(super) outlets: Outlets,
    gauges: Arc<Gauges>,
    pub(super) traces: Traces,
    pub(super) call_log: CallLog,
    /// Requests whose answer is out. A shard answers most within the input; each entry came by a request of the inbox.
    pub(super) waiting: HashMap<u64, Waiting>,
    ticket: u64,
    /// Events of the present input: they go behind the replies.
    pub(super) events: Vec<(EngineRef, Logged, Urgency)>,
    /// Streams that are to be woken, and when. One at most for each engine and departure.
    lingering: Vec<(Instant, Arc<EngineHandle>)>,
    /// When requests to media that wait for company are to be sent.
    media_at: Option<Instant>,
    /// Answers that are known at once.
    pub(super) at_once: VecDeque<Input>,
    arrivals: Vec<Arrival>,
    taken: Taken,
    alarm: Alarm,
}

impl<C: Core> Driver<C> {
    /// A driver. To be made on the runtime that it is to run on.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn new(parts: Parts<C>) -> io::Result<Self> {
        Ok(Self {
            core: parts.core,
            shard: parts.shard,
            clock: parts.clock,
            network: parts.network,
            network_open: true,
            queue_long: false,
            inbox: parts.inbox,
            outlets: parts.outlets,
            gauges: parts.gauges,
            traces: Traces::new(parts.contexts),
            call_log: CallLog::default(),
            waiting: HashMap::new(),
            ticket: 0,
            events: Vec::new(),
            lingering: Vec::new(),
            media_at: None,
            at_once: VecDeque::new(),
            arrivals: Vec::with_capacity(ROUND_MAX),
            taken: Taken::default(),
            alarm: Alarm::new()?,
        })
    }

    /// Runs until the inbox is told to stop.
    ///
    /// # Errors
    /// When the system refuses to set a timer, as it has no reason to.
    pub async fn run(mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS_MAX {
            let worked = self.round(cx);
            if self.taken.stopped {
                return Poll::Ready(Ok(()));
            }
            if !worked && let Poll::Pending = self.poll_sleep(cx)? {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what is there and does it. Whether there was anything; if not, whatever comes wakes the driver.
    fn round(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.clock.now();
        let mut worked = false;
        if self.core.poll_timeout().is_some_and(|at| at <= now.mono) {
            self.core.handle_timeout(now);
            self.drain(now);
            worked = true;
        }
        if self.inbox.poll_take(cx, &mut self.taken, ROUND_MAX) {
            self.take_inbox(now);
            worked = true;
        }
        worked |= self.network_open && self.take_network(cx, now);
        self.lingering.retain(|(at, engine)| {
            let waits = *at > now.mono;
            if !waits {
                engine.wake_lingering();
            }
            waits
        });
        if worked || self.media_at.is_some_and(|at| at <= now.mono) {
            self.media_at = self.outlets.media.flush(now.mono);
        }
        if worked {
            self.gauges.publish(self.core.load(), self.core.counters());
        }
        worked
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let lingering = self.lingering.iter().map(|(at, _)| *at).chain(self.media_at);
        let until = self.core.poll_timeout().into_iter().chain(lingering).min();
        self.alarm.poll(cx, until, self.clock.mono())
    }

    fn take_network(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let taken = match self.network.poll_batch(cx, &mut arrivals, ROUND_MAX) {
            Poll::Ready(taken) => taken,
            Poll::Pending => {
                self.arrivals = arrivals;
                return false;
            }
        };
        self.network_open = taken > 0;
        self.notice_length(now);
        for arrival in arrivals.drain(..) {
            self.arrived(arrival, now);
        }
        self.arrivals = arrivals;
        taken > 0
    }

    /// Tells the shard when its queue becomes long, and when it no longer is.
    fn notice_length(&mut self, now: Now) {
        let waiting = self.network.len();
        let long = if self.queue_long { waiting > QUEUE_LONG.1 } else { waiting >= QUEUE_LONG.0 };
        if long != self.queue_long {
            self.queue_long = long;
            self.handle(Input::QueueLong(long), now);
        }
    }

    fn take_inbox(&mut self, now: Now) {
        let mut taken = std::mem::take(&mut self.taken);
        for input in taken.inputs.drain(..) {
            self.handle(input, now);
        }
        for request in taken.requests.drain(..) {
            self.request(request, now);
        }
        self.taken = taken;
    }

    fn arrived(&mut self, arrival: Arrival, now: Now) {
        match arrival {
            Arrival::Message(message) => {
                self.handle(Input::Received { bytes: message.bytes, flow: message.flow }, now);
            }
            Arrival::Overdue(message) => {
                self.handle(Input::Overdue { bytes: message.bytes, flow: message.flow }, now);
            }
            Arrival::Notice(Notice::FlowDown { connection, .. }) => {
                self.handle(Input::FlowDown { connection }, now);
            }
            Arrival::Notice(Notice::SendFailed { tag, error }) => {
                tracing::debug!(shard = self.shard, %error, "not sent");
                self.handle(Input::SendFailed { tag: tag.token }, now);
            }
            Arrival::Notice(Notice::Unreachable { listener, remote, error }) => {
                tracing::debug!(shard = self.shard, %remote, %error, "unreachable");
                self.handle(Input::Unreachable { listener, remote }, now);
            }
        }
    }

    fn request(&mut self, request: Request, now: Now) {
        self.ticket += 1;
        let ticket = self.ticket;
        match request {
            Request::Command { session, command, reply, expires, trace } => {
                let stake = match &command.verb {
                    Verb::Create(_) => Stake::Id(session.clone()),
                    Verb::JoinBridge { bridge, .. } => Stake::Place(bridge.clone(), session.clone()),
                    _ => Stake::Nothing,
                };
                let waiting = Waiting::Command { reply, stake };
                if now.mono >= expires {
                    return self.command_reply(waiting, Err(Refusal::Deadline), now);
                }
                self.waiting.insert(ticket, waiting);
                match (&command.verb, trace.map(|asked| *asked)) {
                    (Verb::Create(create), asked) => {
                        self.traces.about_to_make(&session, asked, create.parent.as_ref());
                    }
                    (_, Some(asked)) => self.traces.asked(&session, asked),
                    (_, None) => {}
                }
                self.handle(Input::Command { ticket, session, command }, now);
                self.traces.made();
            }
            Request::Query { query, reply } => {
                self.waiting.insert(ticket, Waiting::Query(reply));
                self.handle(Input::Query { ticket, query }, now);
            }
        }
    }

    /// One input, and whatever it leads to at once.
    fn handle(&mut self, input: Input, now: Now) {
        self.core.handle(input, now);
        self.drain(now);
    }

    fn drain(&mut self, now: Now) {
        loop {
            while let Some(output) = self.core.poll_output() {
                self.route(output, now);
            }
            // Media that is away answers at once, and its answers lead to more.
            let Some(answer) = self.at_once.pop_front() else { break };
            self.core.handle(answer, now);
        }
        for (engine, logged, urgency) in self.events.drain(..) {
            let lingers = self.outlets.engines.append(&engine, logged, urgency, now.mono);
            linger(&mut self.lingering, lingers);
        }
    }

    /// A stream is to be woken then.
    pub(super) fn linger(&mut self, lingers: Option<(Instant, Arc<EngineHandle>)>) {
        linger(&mut self.lingering, lingers);
    }
}

fn linger(lingering: &mut Vec<(Instant, Arc<EngineHandle>)>, lingers: Option<(Instant, Arc<EngineHandle>)>) {
    let Some((at, engine)) = lingers else { return };
    // What went at once in between has made room for a second wait until the same departure.
    if !lingering.iter().any(|(other, waits)| *other == at && Arc::ptr_eq(waits, &engine)) {
        lingering.push((at, engine));
    }
}
