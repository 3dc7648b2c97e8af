//! What a deserializer says, in words that need no knowledge of Rust.

/// The message as it is told.
pub(super) fn plain(message: &str) -> String {
    let unfit = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = unfit.and_then(|rest| rest.split_once(", expected ")) {
        return format!("has to be {}, not {}", wanted(expected), given(found));
    }
    let variant = message.strip_prefix("unknown variant ");
    if let Some((found, expected)) = variant.and_then(|rest| rest.split_once(", expected ")) {
        return format!("has to be {}, not {found}", expected.trim_start_matches("one of "));
    }
    if let Some(field) = message.strip_prefix("missing field ") {
        return format!("{field} is missing");
    }
    match message.rsplit_once("invalid ") {
        Some((found, "socket address syntax")) => {
            let given = found.trim_end_matches(": ");
            let given = if given.is_empty() { String::new() } else { format!(", not {given}") };
            format!("has to be {SOCKET_ADDRESS}{given}")
        }
        Some((found, "IPv4 address syntax")) => format!("{found}it has to be an IPv4 address"),
        Some((found, "IPv6 address syntax")) => format!("{found}it has to be an IPv6 address"),
        _ => message.to_owned(),
    }
}

const SOCKET_ADDRESS: &str =
    "an address with a port, as 127.0.0.1:7070 or [::1]:7070; names are not looked up";

/// The range of a type by its name.
fn wanted(expected: &str) -> String {
    let numbers = |from: i128, to: u128| format!("a whole number from {from} to {to}");
    match expected {
        "u8" => numbers(0, u8::MAX.into()),
        "u16" => numbers(0, u16::MAX.into()),
        "u32" => numbers(0, u32::MAX.into()),
        "u64" | "usize" => "a whole number from 0 up".into(),
        "i32" => numbers(i32::MIN.into(), i32::MAX as u128),
        "a sequence" => "a list".into(),
        "a map" => "a section".into(),
        "a string" | "string" | "path string" => "text".into(),
        "a boolean" => "true or false".into(),
        "socket address" => SOCKET_ADDRESS.into(),
        struct_of if struct_of.starts_with("struct ") => "a section".into(),
        other => other.to_owned(),
    }
}

/// A value as it was written.
fn given(found: &str) -> String {
    let kinds = ["string ", "integer ", "floating point ", "boolean "];
    match kinds.iter().find_map(|kind| found.strip_prefix(kind)) {
        Some(value) => value.trim_matches('`').to_owned(),
        None => match found {
            "map" => "a section".into(),
            "sequence" => "a list".into(),
            other => other.to_owned(),
        },
    }
}

/// The names among which an unknown one was looked for; `None` when the message is about something else.
pub(super) fn names_expected(message: &str) -> Option<Vec<&str>> {
    let rest = message.strip_prefix("unknown field ")?;
    let (_, expected) = rest.split_once(", ")?;
    Some(expected.split('`').skip(1).step_by(2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_rust_is_left() {
        let rows = [
            (
                "invalid type: string \"many\", expected u16",
                "has to be a whole number from 0 to 65535, not \"many\"",
            ),
            (
                "invalid value: integer `-1`, expected u32",
                "has to be a whole number from 0 to 4294967295, not -1",
            ),
            ("invalid type: boolean `true`, expected usize", "has to be a whole number from 0 up, not true"),
            ("invalid type: integer `7`, expected a sequence", "has to be a list, not 7"),
            ("invalid type: string \"x\", expected struct MediaSettings", "has to be a section, not \"x\""),
            ("invalid type: map, expected a string", "has to be text, not a section"),
            ("unknown variant `tls`, expected `udp` or `tcp`", "has to be `udp` or `tcp`, not `tls`"),
            ("missing field `bind`", "`bind` is missing"),
            ("\"::1\": invalid IPv4 address syntax", "\"::1\": it has to be an IPv4 address"),
        ];
        for (message, told) in rows {
            assert_eq!(plain(message), told);
        }
        let told = plain("\"h:1\": invalid socket address syntax");
        assert!(told.contains("names are not looked up") && told.ends_with("not \"h:1\""), "{told}");
    }
}
