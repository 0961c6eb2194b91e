//! Where and how Confluent's HTTP sink sends values.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::ConfigError;
use crate::options::Options;
use crate::sink::header;
use crate::sink::post::{Target, url};
use crate::sink::status::StatusSet;

/// From the options that say what is sent where.
pub(super) fn from_options(options: &mut Options) -> Result<Target, ConfigError> {
    let setting = options.required("http.api.url", "where values are sent to")?;
    if setting.value.contains("${") {
        return Err(options.refuse("http.api.url", "templates are not supported here"));
    }
    let url = url(options, "http.api.url", &setting)?;
    let method = options.choice(
        "request.method",
        Some("POST"),
        &[("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH")],
    )?;
    let method = match method {
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        _ => Method::POST,
    };
    options.choice("request.body.format", Some(()), &[("string", ())])?;
    options.choice("auth.type", Some(()), &[("none", ())])?;
    options.number("batch.max.size", 1, 1..=1)?;
    let separator = options
        .text("header.separator")
        .unwrap_or_else(|| "|".into());
    let listed = options.text("headers").unwrap_or_default();
    let mut headers = HeaderMap::new();
    let items = listed
        .split(separator.as_str())
        .filter(|item| !item.trim().is_empty());
    header::add_all(&mut headers, options, "headers", items)?;
    let retried = match options.take("retry.on.status.codes") {
        None => StatusSet::errors(),
        Some(codes) => codes
            .value
            .parse()
            .map_err(|e: String| options.refuse("retry.on.status.codes", e))?,
    };
    let millis = |n| Duration::from_millis(n);
    Ok(Target {
        method,
        url,
        headers,
        connect_timeout: millis(options.number(
            "http.connect.timeout.ms",
            30_000,
            1..=86_400_000,
        )?),
        timeout: millis(options.number("http.request.timeout.ms", 30_000, 1..=86_400_000)?),
        retries: options.number("max.retries", 10, 0..=u32::MAX)?,
        backoff: millis(options.number("retry.backoff.ms", 3000, 0..=86_400_000)?),
        retried,
    })
}
