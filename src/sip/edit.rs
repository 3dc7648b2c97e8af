//! Making another message from one: header fields put in, replaced and taken out, the body exchanged.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use super::build::writer::Writer;
use super::error::BuildError;
use super::headers::Headers;
use super::{HeaderName, Request, Response, Rport};

/// One change.
enum Change {
    Remove(HeaderName),
    RemoveNamed(String),
    Prepend(HeaderName, String),
    Append(String, String),
    Set(HeaderName, String),
    ReplaceFirst(HeaderName, String),
}

/// Changes to the header fields and body of a message. They are made in the order of the calls when the new message is
/// written; what is not changed keeps its value byte for byte and its place.
#[must_use]
#[derive(Default)]
pub struct Edit {
    changes: Vec<Change>,
    body: Option<(String, Bytes)>,
}

/// Changes to a request.
#[must_use]
pub struct EditRequest<'a> {
    request: &'a Request,
    uri: Option<String>,
    edit: Edit,
}

/// Changes to a response.
#[must_use]
pub struct EditResponse<'a> {
    response: &'a Response,
    edit: Edit,
}

macro_rules! changes {
    ($type:ident) => {
        impl $type<'_> {
            /// Takes out all fields of a name.
            pub fn remove(mut self, name: HeaderName) -> Self {
                self.edit.changes.push(Change::Remove(name));
                self
            }

            /// Takes out all fields of a name that may be unknown.
            pub fn remove_named(mut self, name: &str) -> Self {
                self.edit.changes.push(Change::RemoveNamed(name.to_owned()));
                self
            }

            /// Puts a field before the first of its name, or at the top when there is none: Via, Route, Record-Route.
            pub fn prepend(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
                self.edit.changes.push(Change::Prepend(name, value.to_string()));
                self
            }

            /// Puts a field at the end.
            pub fn append(self, name: HeaderName, value: impl fmt::Display) -> Self {
                self.append_named(name.as_str(), value)
            }

            /// Puts a field with any name at the end.
            pub fn append_named(mut self, name: &str, value: impl fmt::Display) -> Self {
                self.edit.changes.push(Change::Append(name.to_owned(), value.to_string()));
                self
            }

            /// Puts one field in the place of all of its name, or at the end when there is none.
            pub fn set(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
                self.edit.changes.push(Change::Set(name, value.to_string()));
                self
            }

            /// Exchanges the value of the first field of a name, if there is one.
            pub fn replace_first(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
                self.edit.changes.push(Change::ReplaceFirst(name, value.to_string()));
                self
            }

            /// Exchanges the body and Content-Type. An empty type leaves none.
            pub fn body(mut self, content_type: &str, content: Bytes) -> Self {
                self.edit.body = Some((content_type.to_owned(), content));
                self
            }
        }
    };
}

changes!(EditRequest);
changes!(EditResponse);

impl EditRequest<'_> {
    /// Another Request-URI.
    pub fn uri(mut self, uri: &str) -> Self {
        self.uri = Some(uri.to_owned());
        self
    }

    /// Writes the new request.
    ///
    /// # Errors
    /// As [`super::RequestBuilder::build`].
    pub fn build(self) -> Result<Request, BuildError> {
        let uri = self.uri.as_deref().unwrap_or(self.request.request_uri());
        let mut writer = Writer::request(self.request.method(), uri);
        self.edit.write(self.request.headers(), &mut writer);
        writer.into_request(self.edit.content(self.request.body()))
    }
}

impl EditResponse<'_> {
    /// Writes the new response.
    ///
    /// # Errors
    /// As [`super::ResponseBuilder::build`].
    pub fn build(self) -> Result<Response, BuildError> {
        let mut writer = Writer::response(self.response.status(), self.response.reason());
        self.edit.write(self.response.headers(), &mut writer);
        writer.into_response(self.edit.content(self.response.body()))
    }
}

impl Request {
    /// Begins another request that differs from this one.
    pub fn edit(&self) -> EditRequest<'_> {
        EditRequest { request: self, uri: None, edit: Edit::default() }
    }
}

impl Response {
    /// Begins another response that differs from this one.
    pub fn edit(&self) -> EditResponse<'_> {
        EditResponse { response: self, edit: Edit::default() }
    }
}

/// One line of the new message.
enum Line<'a> {
    Kept(super::Field<'a>),
    New(HeaderName, &'a str, &'a str),
}

impl Line<'_> {
    fn name(&self) -> HeaderName {
        match self {
            Line::Kept(field) => field.name(),
            Line::New(name, ..) => *name,
        }
    }

    fn name_text(&self) -> &str {
        match self {
            Line::Kept(field) => field.name_text(),
            Line::New(_, text, _) => text,
        }
    }
}

impl Edit {
    fn content<'b>(&'b self, old: &'b [u8]) -> &'b [u8] {
        self.body.as_ref().map_or(old, |(_, content)| content)
    }

    fn write(&self, headers: Headers<'_>, writer: &mut Writer) {
        let mut lines: Vec<Line<'_>> = headers.iter().map(Line::Kept).collect();
        for change in &self.changes {
            change.apply(&mut lines);
        }
        if let Some((content_type, _)) = &self.body {
            lines.retain(|line| line.name() != HeaderName::ContentType);
            if !content_type.is_empty() {
                lines.push(Line::New(
                    HeaderName::ContentType,
                    HeaderName::ContentType.as_str(),
                    content_type,
                ));
            }
        }
        // The writer puts Content-Length at the end itself.
        for line in lines.iter().filter(|line| line.name() != HeaderName::ContentLength) {
            match line {
                Line::Kept(field) => writer.copy(field),
                Line::New(_, text, value) => writer.named(text, value),
            }
        }
    }
}

impl Change {
    fn apply<'a>(&'a self, lines: &mut Vec<Line<'a>>) {
        let find = |lines: &[Line<'_>], name| lines.iter().position(|line| line.name() == name);
        match self {
            Self::Remove(name) => lines.retain(|line| line.name() != *name),
            Self::RemoveNamed(name) => {
                let known = HeaderName::parse(name);
                lines.retain(|line| match known {
                    HeaderName::Other => !line.name_text().eq_ignore_ascii_case(name),
                    known => line.name() != known,
                });
            }
            Self::Prepend(name, value) => {
                let at = find(lines, *name).unwrap_or(0);
                lines.insert(at, Line::New(*name, name.as_str(), value));
            }
            Self::Append(name, value) => lines.push(Line::New(HeaderName::parse(name), name, value)),
            Self::Set(name, value) => {
                let at = find(lines, *name).unwrap_or(lines.len());
                lines.retain(|line| line.name() != *name);
                let at = at.min(lines.len());
                lines.insert(at, Line::New(*name, name.as_str(), value));
            }
            Self::ReplaceFirst(name, value) => {
                if let Some(at) = find(lines, *name) {
                    lines[at] = Line::New(*name, name.as_str(), value);
                }
            }
        }
    }
}

/// See [`Request::with_received`].
pub(crate) fn with_received(request: &Request, from: IpAddr, port: u16) -> Request {
    let headers = request.headers();
    let Ok(via) = headers.top_via() else { return request.clone() };
    let asked = via.rport != Rport::Absent;
    if via.host.ip() == Some(from) && !asked && via.received_text.is_none() {
        return request.clone();
    }
    let Some(field) = headers.fields(HeaderName::Via).next().and_then(|field| field.value()) else {
        return request.clone();
    };
    let rest = field[via_len(field, &via)..].to_owned();
    let stamped = Stamped { via: &via, from, port: asked.then_some(port) };
    let value = format!("{stamped}{rest}");
    request.edit().replace_first(HeaderName::Via, value).build().unwrap_or_else(|_| request.clone())
}

/// Where the first element of a Via value ends.
fn via_len(value: &str, via: &super::Via<'_>) -> usize {
    let tail = if via.params.is_empty() { via.host_text } else { via.params.as_str() };
    let end = tail.as_ptr() as usize + tail.len() - value.as_ptr() as usize;
    value[end..].find(',').map_or(value.len(), |comma| end + comma)
}

struct Stamped<'a> {
    via: &'a super::Via<'a>,
    from: IpAddr,
    port: Option<u16>,
}

impl fmt::Display for Stamped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let via = self.via;
        write!(f, "{}/{}/{} {}", via.protocol, via.version, via.transport_text, via.host_text)?;
        if let Some(port) = via.port {
            write!(f, ":{port}")?;
        }
        for param in via.params.iter() {
            if ["received", "rport"].iter().any(|name| param.name.eq_ignore_ascii_case(name)) {
                continue;
            }
            write!(f, ";{}", param.name)?;
            if let Some(value) = param.value {
                write!(f, "={value}")?;
            }
        }
        if let Some(port) = self.port {
            write!(f, ";rport={port}")?;
        }
        write!(f, ";received={}", self.from)
    }
}
