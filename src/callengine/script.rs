//! What to do with a call, chosen by the user part of its request URI.

use std::time::Duration;

use crate::ground::is_audio_path;

/// The longest pause that a user part may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// The longest name of a room: a bridge's id has 64 characters, of which `room-` and `mesh-` take five.
const ROOM_NAME_MAX: usize = 59;
/// What a user part that asks for something impossible is refused with.
const NOT_FOUND: u32 = 404;

/// What to do with an incoming call.
#[derive(Clone, Debug, PartialEq)]
pub enum Script {
    /// Answer and send the caller its own audio back. Also for every user part not known.
    Echo,
    /// Answer and send nothing.
    Answer,
    /// Send 180, answer at once, and send nothing.
    AnswerRinging,
    /// Answer and play a tone of so many hertz.
    Tone(f64),
    /// Answer, play a WAV file, hang up.
    Play(String),
    /// Ring so long, then answer and echo.
    Ring(Duration),
    /// Play a tone with 183, then answer.
    Early,
    /// Refuse with this status.
    Reject(u32),
    /// Send the caller to this user.
    Redirect(String),
    /// Ring, and never answer.
    NoAnswer,
    /// Answer into a mixing room.
    Room(String),
    /// Answer into a full-mesh room.
    Mesh(String),
    /// Call this user at the trunk and bridge.
    Dial(String),
    /// Answer, hold after so long, resume after as long again.
    Hold(Duration),
    /// Answer, hang up after so long.
    Bye(Duration),
}

impl Script {
    /// The script for a user part. A word not known is [`Script::Echo`]; a known one whose argument cannot be used is
    /// refused with 404.
    #[must_use]
    pub fn of_user(user: &str) -> Self {
        let Some((word, argument)) = user.split_once('-') else { return Self::of_word(user) };
        let script = match word {
            "answer" if argument == "180" => Some(Self::AnswerRinging),
            "tone" => frequency(argument).map(Self::Tone),
            "play" => is_audio_path(argument).then(|| Self::Play(argument.to_owned())),
            "ring" => seconds(argument).map(Self::Ring),
            "reject" => status(argument).map(Self::Reject),
            "redirect" => called(argument).map(Self::Redirect),
            "room" => room(argument).map(Self::Room),
            "mesh" => room(argument).map(Self::Mesh),
            "dial" => called(argument).map(Self::Dial),
            "hold" => seconds(argument).map(Self::Hold),
            "bye" => seconds(argument).map(Self::Bye),
            _ => return Self::of_word(word),
        };
        script.unwrap_or(Self::Reject(NOT_FOUND))
    }

    fn of_word(word: &str) -> Self {
        match word {
            "answer" => Self::Answer,
            "early" => Self::Early,
            "noanswer" => Self::NoAnswer,
            _ => Self::Echo,
        }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let pause = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (pause <= PAUSE_MAX).then_some(pause)
}

fn frequency(text: &str) -> Option<f64> {
    text.parse().ok().filter(|hertz| (20.0..=3900.0).contains(hertz))
}

fn status(text: &str) -> Option<u32> {
    text.parse().ok().filter(|status| (400..=699).contains(status))
}

/// A user part that can be written into a URI as it is (RFC 3261 §25.1, `user` without escapes).
fn called(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
    (!text.is_empty() && text.bytes().all(is_plain)).then(|| text.to_owned())
}

/// A room's name: a part of a bridge's id.
fn room(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    ((1..=ROOM_NAME_MAX).contains(&text.len()) && text.bytes().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_part_of_the_table_names_its_script() {
        let rows = [
            ("echo", Script::Echo),
            ("answer", Script::Answer),
            ("answer-180", Script::AnswerRinging),
            ("tone-440", Script::Tone(440.0)),
            ("tone-1320.5", Script::Tone(1320.5)),
            ("play-welcome.wav", Script::Play("welcome.wav".into())),
            ("play-two-words.wav", Script::Play("two-words.wav".into())),
            ("play-de/hello.wav", Script::Play("de/hello.wav".into())),
            ("ring-2", Script::Ring(Duration::from_secs(2))),
            ("early", Script::Early),
            ("reject-486", Script::Reject(486)),
            ("redirect-bob", Script::Redirect("bob".into())),
            ("noanswer", Script::NoAnswer),
            ("room-x", Script::Room("x".into())),
            ("mesh-x", Script::Mesh("x".into())),
            ("dial-bob", Script::Dial("bob".into())),
            ("hold-0.5", Script::Hold(Duration::from_millis(500))),
            ("bye-3", Script::Bye(Duration::from_secs(3))),
        ];
        for (user, script) in rows {
            assert_eq!(Script::of_user(user), script, "{user}");
        }
    }

    #[test]
    fn a_word_not_known_is_echoed() {
        for user in ["", "service", "tone", "alice-b", "dial", "+49-30-1234", "echo-x"] {
            assert_eq!(Script::of_user(user), Script::Echo, "{user}");
        }
    }

    #[test]
    fn an_argument_that_cannot_be_used_is_refused() {
        let long = format!("room-{}", "x".repeat(ROOM_NAME_MAX + 1));
        let long_path = format!("play-{}", "x".repeat(600));
        let rows = [
            "tone-",
            "tone-5",
            "tone-NaN",
            "reject-200",
            "ring-x",
            "ring--1",
            "bye-99999999",
            "hold-",
            "play-",
            "play-../x",
            "play-a//b",
            "play-/etc/passwd",
            "play-a\\..\\b",
            "play-\0",
            &long_path,
            "dial-",
            "dial-a@b",
            "dial-a b",
            "dial-ä",
            "redirect-",
            "redirect-a@b",
            "room-",
            "room-a b",
            "mesh-a/b",
            &long,
        ];
        for user in rows {
            assert_eq!(Script::of_user(user), Script::Reject(404), "{user}");
        }
    }
}
