//! Making another message from one: header fields put in, replaced and taken out, the body exchanged.

use std::fmt::{self, Write as _};

use bytes::Bytes;

use super::build::writer::Writer;
use super::error::BuildError;
use super::headers::Headers;
use super::{HeaderName, Request, Response};

/// One change.
enum Change {
    Remove(HeaderName),
    RemoveNamed(String),
    Prepend(HeaderName, String),
    Append(String, String),
    Set(HeaderName, String),
    ReplaceFirst(HeaderName, String),
}

/// What is to become different.
#[derive(Default)]
struct Edit {
    changes: Vec<Change>,
    body: Option<(String, Bytes)>,
    fault: Option<BuildError>,
}

impl Edit {
    /// Keeps the text of a value. A value whose Display fails is refused like one that would begin another line.
    fn text(&mut self, name: HeaderName, value: impl fmt::Display) -> String {
        let mut text = String::new();
        if write!(text, "{value}").is_err() {
            self.fault.get_or_insert(BuildError::Injection(name));
        }
        text
    }
}

/// Changes to the header fields and body of a request. They are made in the order of the calls when the new message is
/// written; what is not changed keeps its value byte for byte and its place.
#[must_use]
pub struct EditRequest<'a> {
    request: &'a Request,
    uri: Option<String>,
    edit: Edit,
}

/// Changes to the header fields and body of a response; see [`EditRequest`].
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
                let value = self.edit.text(name, value);
                self.edit.changes.push(Change::Prepend(name, value));
                self
            }

            /// Puts a field at the end.
            pub fn append(self, name: HeaderName, value: impl fmt::Display) -> Self {
                self.append_named(name.as_str(), value)
            }

            /// Puts a field with any name at the end.
            pub fn append_named(mut self, name: &str, value: impl fmt::Display) -> Self {
                let value = self.edit.text(HeaderName::parse(name), value);
                self.edit.changes.push(Change::Append(name.to_owned(), value));
                self
            }

            /// Puts one field in the place of all of its name, or at the end when there is none.
            pub fn set(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
                let value = self.edit.text(name, value);
                self.edit.changes.push(Change::Set(name, value));
                self
            }

            /// Exchanges the value of the first field of a name, if there is one.
            pub fn replace_first(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
                let value = self.edit.text(name, value);
                self.edit.changes.push(Change::ReplaceFirst(name, value));
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
        if let Some(fault) = &self.fault {
            writer.fail(fault.clone());
        }
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
