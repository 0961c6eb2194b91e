//! `${env:NAME}` in an option's value, as Connect's environment provider resolves it.

/// Gives a variable's value; `None` where it is not set. A library reads no environment: whoever
/// embeds this one decides what the names mean.
pub(crate) type Resolver<'a> = &'a dyn Fn(&str) -> Option<String>;

const START: &str = "${";

/// `text` with every `${env:NAME}` replaced, also within a longer value. Text like `${topic}`,
/// which names no provider, is left as it is.
///
/// # Errors
/// What is wrong: a name that is not set, or a provider other than `env`.
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
            Some(("env", name)) => resolved.push_str(&resolver(name).ok_or_else(|| {
                format!("`${{env:{name}}}` names the variable {name}, which is not set")
            })?),
            Some((provider, _)) => {
                return Err(format!(
                    "`${{{reference}}}` asks the provider `{provider}`; only `env` is known here"
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
    fn a_variable_is_replaced_within_a_longer_value_and_may_be_empty() {
        let resolved = resolve("a ${env:URL}/train ${env:EMPTY}.", &variables);
        assert_eq!(resolved.as_deref(), Ok("a http://127.0.0.1:1/train ."));
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = resolve("${env:URL}${env:NOPE}", &variables).expect_err("not set");
        assert!(error.contains("NOPE"), "{error}");
    }

    #[test]
    fn another_provider_is_refused_and_a_template_without_provider_is_left_alone() {
        let error = resolve("${file:/secrets:key}", &variables).expect_err("a file");
        assert!(error.contains("`file`"), "{error}");
        let untouched = "x ${topic} ${ $";
        assert_eq!(resolve(untouched, &variables).as_deref(), Ok(untouched));
    }
}
