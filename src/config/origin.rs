//! Where each value comes from: the line of the file, the variable, the flag.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file, and the line in it, counted from 1.
    File(Arc<PathBuf>, usize),
    /// A variable of the environment.
    Variable(String),
    /// `--set`.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("--set"),
        }
    }
}

/// The origins of all values, by their keys, such as `signaling.listeners[0].bind`.
#[derive(Debug, Default)]
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Those of a file, whose text is TOML.
    pub fn of_file(path: &Path, text: &str) -> Self {
        let mut origins = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            let file = File { path: Arc::new(path.to_owned()), text };
            file.table("", table.get_ref(), &mut origins.0);
        }
        origins
    }

    /// Something was laid over this key.
    pub fn lay_over(&mut self, key: &str, origin: Origin) {
        self.0.retain(|known, _| known != key && !is_below(known, key));
        self.0.insert(key.to_owned(), origin);
    }

    /// Where the value of a key comes from, or else what it stands in.
    pub fn of(&self, key: &str) -> Option<&Origin> {
        let mut key = key;
        loop {
            if let Some(origin) = self.0.get(key) {
                return Some(origin);
            }
            key = &key[..key.rfind(['.', '['])?];
        }
    }
}

/// Whether a key is of something that stands in another.
pub(super) fn is_below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '[']))
}

struct File<'a> {
    path: Arc<PathBuf>,
    text: &'a str,
}

impl File<'_> {
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or(self.text);
        Origin::File(Arc::clone(&self.path), before.matches('\n').count() + 1)
    }

    fn table(&self, above: &str, table: &DeTable<'_>, origins: &mut BTreeMap<String, Origin>) {
        for (name, value) in table {
            let dot = if above.is_empty() { "" } else { "." };
            let key = format!("{above}{dot}{}", name.get_ref());
            origins.insert(key.clone(), self.at(name.span().start));
            self.value(&key, value, origins);
        }
    }

    fn value(&self, key: &str, value: &Spanned<DeValue<'_>>, origins: &mut BTreeMap<String, Origin>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(key, table, origins),
            DeValue::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    let key = format!("{key}[{index}]");
                    origins.insert(key.clone(), self.at(value.span().start));
                    self.value(&key, value, origins);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_it_was_set_last() {
        let text = "[engine]\ngroup = 'a'\n\n[[signaling.listeners]]\nbind = 'x'\n[[signaling.listeners]]\nbind = 'y'\n";
        let mut origins = Origins::of_file(Path::new("a.toml"), text);
        origins.lay_over("engine.trunk", Origin::Flag);
        let rows = [
            ("engine.group", "a.toml:2"),
            ("engine.trunk", "--set"),
            ("engine.api", "a.toml:1"),
            ("signaling.listeners[1].bind", "a.toml:7"),
            ("signaling.listeners[0].transport", "a.toml:4"),
        ];
        for (key, origin) in rows {
            assert_eq!(origins.of(key).map(ToString::to_string).as_deref(), Some(origin), "{key}");
        }
        origins.lay_over("signaling.listeners", Origin::Variable("CALLPLANE_X".into()));
        let laid_over = origins.of("signaling.listeners[1].bind").map(ToString::to_string);
        assert_eq!(laid_over.as_deref(), Some("CALLPLANE_X"));
        assert_eq!(origins.of("media.api"), None);
    }
}
