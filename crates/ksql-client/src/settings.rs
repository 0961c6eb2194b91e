//! `SET`, `UNSET`, `DEFINE` and `UNDEFINE`.
//!
//! A server executes them for the rest of their request only; a client keeps them and sends them
//! with every later request.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::lex::{Kind, Token};

/// A statement that changes how later statements are executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `SET 'property' = 'value'`.
    Set(String, String),
    /// `UNSET 'property'`.
    Unset(String),
    /// `DEFINE variable = 'value'`.
    Define(String, String),
    /// `UNDEFINE variable`.
    Undefine(String),
}

impl Setting {
    /// Reads a statement's tokens; none where it is anything else, or not written correctly (which
    /// is the server's to tell).
    pub(crate) fn parse(tokens: &[Token<'_>]) -> Option<Self> {
        match tokens {
            [word, name, equals, value] if equals.text == "=" => {
                if word.is("SET") {
                    Some(Self::Set(name.unquoted()?, value.unquoted()?))
                } else if word.is("DEFINE") && name.kind == Kind::Word {
                    Some(Self::Define(name.text.to_owned(), value.unquoted()?))
                } else {
                    None
                }
            }
            [word, name] if word.is("UNSET") => Some(Self::Unset(name.unquoted()?)),
            [word, name] if word.is("UNDEFINE") && name.kind == Kind::Word => {
                Some(Self::Undefine(name.text.to_owned()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(name, value) => write!(f, "From now on {name} is {value}"),
            Self::Unset(name) => write!(f, "From now on {name} is the server's default"),
            Self::Define(name, value) => write!(f, "From now on ${{{name}}} is {value}"),
            Self::Undefine(name) => write!(f, "From now on ${{{name}}} is not defined"),
        }
    }
}

/// What later requests carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Properties that were set.
    pub streams_properties: BTreeMap<String, String>,
    /// Variables that were defined.
    pub session_variables: BTreeMap<String, String>,
}

impl Settings {
    /// Keeps what a setting says.
    pub fn apply(&mut self, setting: &Setting) {
        match setting.clone() {
            Setting::Set(name, value) => self.streams_properties.insert(name, value),
            Setting::Unset(name) => self.streams_properties.remove(&name),
            Setting::Define(name, value) => self.session_variables.insert(name, value),
            Setting::Undefine(name) => self.session_variables.remove(&name),
        };
    }
}
