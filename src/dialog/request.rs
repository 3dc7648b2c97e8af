//! Writing requests of ours: what is to be sent is a [`Draft`] until it is known where to, because Via and Contact name
//! the listener (RFC 3261 §12.2.1.1, §13.2.2.4).

use std::fmt;

use crate::ground::{Body, Description, Flow, HeaderField, Transport};
use crate::sip::{BuildError, HeaderName, InDialog, Method, NameAddrSpec, Request, RequestBuilder, ViaSpec};
use crate::transaction::TransactionId;

use super::refusal::{ALLOW, supported};
use super::settings::{DialogSettings, Listener};
use super::state::Dialog;

/// Max-Forwards of requests within a dialog.
pub(super) const MAX_FORWARDS: u8 = 70;

/// Why a request of ours is sent; comes back with what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The leg's first INVITE.
    Invite,
    /// A re-INVITE.
    Reinvite,
    /// The ACK to a 2xx of this INVITE.
    Ack(TransactionId),
    /// The BYE that ends the leg.
    Bye,
    /// The BYE to a fork that is not wanted.
    ForkBye,
    /// The same without a transaction: sent once, and again with the ACK of this INVITE.
    LoneBye(TransactionId),
    /// INFO or MESSAGE, with the session's key.
    Request(u64),
}

/// A request before it is known where it goes.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub purpose: Purpose,
    pub method: Method,
    pub sequence: u32,
    pub max_forwards: u8,
    pub fields: Vec<HeaderField>,
    pub content: Content,
}

/// What a draft carries.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Nothing,
    Description(Description),
    Body(Body),
}

impl From<Option<Description>> for Content {
    fn from(description: Option<Description>) -> Self {
        description.map_or(Self::Nothing, Self::Description)
    }
}

impl From<Option<Body>> for Content {
    fn from(body: Option<Body>) -> Self {
        body.map_or(Self::Nothing, Self::Body)
    }
}

impl Draft {
    /// A request with nothing in it.
    pub fn bare(purpose: Purpose, method: Method, sequence: u32) -> Self {
        let (fields, content) = (Vec::new(), Content::Nothing);
        Self { purpose, method, sequence, max_forwards: MAX_FORWARDS, fields, content }
    }

    /// Whether it is a target refresh request: it then bears our Contact (RFC 3261 §12.2).
    fn refreshes_target(&self) -> bool {
        self.method == Method::Invite
    }

    /// Writes it for one flow.
    ///
    /// # Errors
    /// When it makes no message.
    pub fn write(
        &self,
        dialog: &Dialog,
        settings: &DialogSettings,
        listener: &Listener,
        branch: &str,
    ) -> Result<Request, BuildError> {
        let routes: Vec<String> = dialog.routes().map(ToOwned::to_owned).collect();
        let remote = NameAddrSpec {
            tag: named(dialog.remote_tag()),
            ..address(dialog.remote_name(), dialog.remote_uri())
        };
        let local = NameAddrSpec {
            tag: named(dialog.local_tag()),
            ..address(dialog.local_name(), dialog.local_uri())
        };
        let via = ViaSpec {
            transport: listener.transport,
            host: &listener.host,
            port: Some(listener.port),
            branch,
            rport: true,
        };
        let head = InDialog {
            via,
            local,
            remote,
            call_id: dialog.call_id(),
            sequence: self.sequence,
            remote_target: dialog.target(),
            route_set: &routes,
            max_forwards: self.max_forwards,
        };
        let mut builder = head.request(&self.method);
        if self.refreshes_target() {
            builder = builder
                .header(
                    HeaderName::Contact,
                    ContactOf { listener, token: dialog.local_tag(), secure: dialog.secure },
                )
                .header(HeaderName::Allow, ALLOW);
            if let Some(supported) = supported() {
                builder = builder.header(HeaderName::Supported, supported);
            }
        }
        self.content(self.more(builder, settings)).build()
    }

    fn more(&self, mut builder: RequestBuilder, settings: &DialogSettings) -> RequestBuilder {
        let theirs = self.fields.iter().any(|field| HeaderName::parse(&field.name) == HeaderName::UserAgent);
        if !settings.product.is_empty() && !theirs {
            builder = builder.header(HeaderName::UserAgent, &settings.product);
        }
        for field in &self.fields {
            builder = builder.header_named(&field.name, &field.value);
        }
        builder
    }

    fn content(&self, builder: RequestBuilder) -> RequestBuilder {
        match &self.content {
            Content::Nothing => builder,
            Content::Description(Description(sdp)) => builder.body(SDP, sdp.clone()),
            Content::Body(body) => builder.body(&body.content_type, body.content.clone()),
        }
    }
}

/// The type of session descriptions.
pub(super) const SDP: &str = "application/sdp";

fn named(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn address<'a>(name: &'a str, uri: &'a str) -> NameAddrSpec<'a> {
    NameAddrSpec { display_name: named(name), ..NameAddrSpec::new(uri) }
}

/// Our Contact: the listener's advertised address with an opaque token of the dialog as user (RFC 3261 §8.1.1.8).
pub(super) struct ContactOf<'a> {
    pub listener: &'a Listener,
    pub token: &'a str,
    pub secure: bool,
}

impl fmt::Display for ContactOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listener { transport, host, port, .. } = self.listener;
        let parameter = match transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            // With `sips:` TLS is implied, and `transport=tls` is deprecated (RFC 3261 §26.2.2).
            Transport::Tls if self.secure => "",
            Transport::Tls => ";transport=tls",
            Transport::Ws => ";transport=ws",
            Transport::Wss if self.secure => ";transport=ws",
            Transport::Wss => ";transport=wss",
        };
        let scheme = if self.secure { "sips" } else { "sip" };
        write!(f, "<{scheme}:{}@{host}:{port}{parameter}>", self.token)
    }
}

/// Whether a request of this length goes by a stream instead of a datagram (RFC 3261 §18.1.1).
pub(super) fn is_too_long(request: &Request, flow: &Flow, settings: &DialogSettings) -> bool {
    flow.transport == Transport::Udp && request.as_bytes().len() > settings.datagram_bytes_max
}
