//! A connector's options, with typed accessors. An option that no accessor reads is an error.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::ConfigError;
use crate::resolve::{Resolver, resolve};
use crate::source::Definition;

/// The value of an option: raw, as in the file, for messages; and resolved, which may contain a secret.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) raw: String,
    pub(crate) value: String,
}

/// The options of a connector that have not been read yet. [`Options::finish`] rejects the rest.
pub(crate) struct Options {
    origin: String,
    connector: String,
    entries: BTreeMap<String, Setting>,
    without_effect: Vec<String>,
}

impl Options {
    /// All options of a definition, resolved and trimmed.
    pub(crate) fn new(
        origin: &str,
        definition: Definition,
        resolver: Resolver<'_>,
    ) -> Result<Self, ConfigError> {
        let mut options = Self {
            origin: origin.to_owned(),
            connector: definition.name,
            entries: BTreeMap::new(),
            without_effect: Vec::new(),
        };
        for (option, raw) in definition.config {
            let value = resolve(&raw, resolver).map_err(|e| options.refuse(&option, e))?;
            let value = value.trim().to_owned();
            options.entries.insert(option, Setting { raw, value });
        }
        Ok(options)
    }

    pub(crate) fn connector(&self) -> &str {
        &self.connector
    }

    /// An error for `option` of this connector.
    pub(crate) fn refuse(&self, option: &str, reason: impl Display) -> ConfigError {
        ConfigError::Option {
            origin: self.origin.clone(),
            connector: self.connector.clone(),
            option: option.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn take(&mut self, option: &str) -> Option<Setting> {
        self.entries.remove(option)
    }

    pub(crate) fn text(&mut self, option: &str) -> Option<String> {
        self.take(option).map(|setting| setting.value)
    }

    /// A required option; `help` describes it.
    pub(crate) fn required(&mut self, option: &str, help: &str) -> Result<Setting, ConfigError> {
        match self.take(option) {
            Some(setting) if !setting.value.is_empty() => Ok(setting),
            _ => Err(self.refuse(option, format_args!("is missing: expected {help}"))),
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, option: &str, default: bool) -> Result<bool, ConfigError> {
        match self.take(option) {
            None => Ok(default),
            Some(setting) => match setting.value.to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(self.refuse(
                    option,
                    format_args!("`{}` is invalid: expected true or false", setting.raw),
                )),
            },
        }
    }

    /// A whole number within `range`.
    pub(crate) fn number<N>(
        &mut self,
        option: &str,
        default: N,
        range: RangeInclusive<N>,
    ) -> Result<N, ConfigError>
    where
        N: FromStr + PartialOrd + Display,
    {
        match self.take(option) {
            None => Ok(default),
            Some(setting) => match setting.value.parse() {
                Ok(number) if range.contains(&number) => Ok(number),
                _ => Err(self.refuse(
                    option,
                    format_args!(
                        "`{}` is invalid: expected a whole number from {} to {}",
                        setting.raw,
                        range.start(),
                        range.end()
                    ),
                )),
            },
        }
    }

    /// One of `choices`, by its text in any case.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        option: &str,
        default: Option<T>,
        choices: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        let known = || {
            let texts: Vec<_> = choices
                .iter()
                .map(|(text, _)| format!("`{text}`"))
                .collect();
            texts.join(" or ")
        };
        let Some(setting) = self.take(option) else {
            return default.ok_or_else(|| {
                self.refuse(option, format_args!("is missing: expected {}", known()))
            });
        };
        choices
            .iter()
            .find(|(text, _)| text.eq_ignore_ascii_case(&setting.value))
            .map(|(_, choice)| *choice)
            .ok_or_else(|| {
                let reason = format!("`{}` is not supported: expected {}", setting.raw, known());
                self.refuse(option, reason)
            })
    }

    /// A list separated by commas, without empty items.
    pub(crate) fn list(&mut self, option: &str) -> Vec<String> {
        let text = self.text(option).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// An address that the embedder supplies: the value must start with `${env:NAME}`. Returns the rest
    /// of the value.
    pub(crate) fn embedder_address(
        &mut self,
        option: &str,
        what: &str,
    ) -> Result<String, ConfigError> {
        let setting = self.required(option, what)?;
        match setting
            .raw
            .trim()
            .strip_prefix("${env:")
            .and_then(|rest| rest.split_once('}'))
        {
            Some((_, rest)) => Ok(rest.to_owned()),
            None => Err(self.refuse(
                option,
                format_args!("a fixed address is not supported: expected {what}"),
            )),
        }
    }

    /// Accepts `option` if it is set, and records that it has no effect here.
    pub(crate) fn without_effect(&mut self, option: &str) {
        if self.take(option).is_some() {
            self.without_effect.push(option.to_owned());
        }
    }

    /// Like [`without_effect`](Self::without_effect), but the value must be a whole number in `range`.
    pub(crate) fn number_without_effect<N>(
        &mut self,
        option: &str,
        range: RangeInclusive<N>,
    ) -> Result<(), ConfigError>
    where
        N: FromStr + PartialOrd + Display + Copy,
    {
        if let Some(setting) = self.entries.get(option).cloned() {
            self.number(option, *range.start(), range)?;
            self.entries.insert(option.to_owned(), setting);
        }
        self.without_effect(option);
        Ok(())
    }

    /// Like [`without_effect`](Self::without_effect), for every option that begins with `prefix`.
    pub(crate) fn without_effect_below(&mut self, prefix: &str) {
        let names: Vec<_> = self
            .entries
            .keys()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect();
        for name in names {
            self.without_effect(&name);
        }
    }

    /// The options that were accepted but have no effect.
    ///
    /// # Errors
    /// An option that is unknown for this connector class.
    pub(crate) fn finish(self) -> Result<Vec<String>, ConfigError> {
        match self.entries.keys().next() {
            Some(option) => Err(self.refuse(
                option,
                "is not known for this connector class: correct or remove it",
            )),
            None => Ok(self.without_effect),
        }
    }
}
