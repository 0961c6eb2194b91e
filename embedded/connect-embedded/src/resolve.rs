//! `${env:NAME}` in an option's value, as Connect's environment provider resolves it.

/// Returns a variable's value, or `None` if it is not set. The library itself does not read environment
/// variables.
pub(crate) type Resolver<'a> = &'a dyn Fn(&str) -> Option<String>;

const START: &str = "${";

/// Replaces every `${env:NAME}` in `text`. Leaves a placeholder without a provider, such as `${topic}`,
/// unchanged.
///
/// # Errors
/// A name that is not set, or a provider other than `env`.
pub(crate) fn resolve(text: &str, resolver: Resolver<'_>) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(START) {
        resolved.push_str(before);
        let Some((reference, tail)) = after.split_once('}') else {
            resolved.push_str(START);
            rest = after;
            continue;
        };
        match reference.split_once(':') {
            Some(("env", name)) => resolved.push_str(
                &resolver(name)
                    .ok_or_else(|| format!("variable {name} of `${{env:{name}}}` is not set"))?,
            ),
            Some((provider, _)) => {
                return Err(format!(
                    "provider `{provider}` of `${{{reference}}}` is not supported: expected `env`"
                ));
            }
            None => {
                resolved.push_str(START);
                resolved.push_str(reference);
                resolved.push('}');
            }
        }
        rest = tail;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "URL" => Some("http://127.0.0.1:1".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn a_variable_is_replaced_within_a_value_and_may_be_empty() {
        let resolved = resolve("a ${env:URL}/train ${env:EMPTY}.", &variables);
        assert_eq!(resolved.as_deref(), Ok("a http://127.0.0.1:1/train ."));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = resolve("${env:URL}${env:NOPE}", &variables).expect_err("not set");
        assert!(error.contains("NOPE"), "{error}");
    }

    #[test]
    fn other_providers_are_rejected_and_templates_kept() {
        let error = resolve("${file:/secrets:key}", &variables).expect_err("a file");
        assert!(error.contains("`file`"), "{error}");
        let untouched = "x ${topic} ${ $";
        assert_eq!(resolve(untouched, &variables).as_deref(), Ok(untouched));
    }
}
