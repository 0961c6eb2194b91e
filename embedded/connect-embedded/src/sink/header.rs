//! HTTP headers from options.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::ConfigError;
use crate::options::Options;

/// Adds a header. `text` may be a secret: errors do not show it.
pub(super) fn add(
    headers: &mut HeaderMap,
    options: &Options,
    option: &str,
    name: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let name = HeaderName::try_from(name.trim())
        .map_err(|_| options.refuse(option, format_args!("`{name}` is not a valid header name")))?;
    let mut value = HeaderValue::try_from(text.trim()).map_err(|_| {
        options.refuse(
            option,
            format_args!("the value of `{name}` is not a valid header value"),
        )
    })?;
    value.set_sensitive(name == reqwest::header::AUTHORIZATION);
    headers.insert(name, value);
    Ok(())
}

/// Adds each `name:value` of a list.
pub(super) fn add_all<'a>(
    headers: &mut HeaderMap,
    options: &Options,
    option: &str,
    items: impl IntoIterator<Item = &'a str>,
) -> Result<(), ConfigError> {
    for item in items {
        let (name, text) = item
            .split_once(':')
            .ok_or_else(|| options.refuse(option, "an item is invalid: expected name:value"))?;
        add(headers, options, option, name, text)?;
    }
    Ok(())
}
