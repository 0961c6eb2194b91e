//! What our programs understand, read from their sources: `clap`'s attributes.

use std::collections::BTreeSet;
use std::path::Path;

use syn::{Attribute, Fields, Item};

use crate::project::{captures, root};

/// Flags, environment variables and subcommands of one program.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) flags: BTreeSet<String>,
    pub(crate) variables: BTreeSet<String>,
    pub(crate) subcommands: BTreeSet<String>,
}

/// The program of the crate `name`, with what it takes from the crates that it is made of.
pub(crate) fn program(name: &str) -> Program {
    let shared = ["kafka-io", "service-runtime"];
    let parts: &[&str] = match name {
        "catchweight" => &["catchweight", "fish-producer", "ksql-client", "observer"],
        "monitor" => &["monitor", "observer"],
        other => &[other],
    };
    let mut program = Program::default();
    program.variables.insert("RUST_LOG".into());
    for part in parts.iter().chain(&shared) {
        let sources = root().join("crates").join(part).join("src");
        assert!(sources.is_dir(), "there is no program {name}");
        read_folder(&sources, &mut program);
    }
    program
}

fn read_folder(folder: &Path, program: &mut Program) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, program);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            file.items.iter().for_each(|item| read_item(item, program));
        }
    }
}

fn read_item(item: &Item, program: &mut Program) {
    match item {
        Item::Struct(found) => {
            let Fields::Named(fields) = &found.fields else {
                return;
            };
            for field in &fields.named {
                let name = field.ident.as_ref().unwrap().to_string();
                read_field(&name, &field.attrs, program);
            }
        }
        Item::Enum(found) if derives(&found.attrs, "Subcommand") => {
            for variant in &found.variants {
                program
                    .subcommands
                    .insert(variant.ident.to_string().to_lowercase());
            }
        }
        _ => {}
    }
}

fn read_field(name: &str, attributes: &[Attribute], program: &mut Program) {
    for tokens in attributes.iter().filter_map(|one| arguments(one, "arg")) {
        let named = captures(&tokens, r#"\blong\s*=\s*"([^"]+)""#);
        if !named.is_empty() {
            program.flags.extend(named);
        } else if !captures(&tokens, r"\b(long)\b").is_empty() {
            program.flags.insert(name.replace('_', "-"));
        }
        program
            .variables
            .extend(captures(&tokens, r#"\benv\s*=\s*"([^"]+)""#));
    }
}

fn arguments(attribute: &Attribute, name: &str) -> Option<String> {
    let list = attribute.meta.require_list().ok()?;
    list.path.is_ident(name).then(|| source_of(list))
}

fn derives(attributes: &[Attribute], name: &str) -> bool {
    attributes
        .iter()
        .filter_map(|one| arguments(one, "derive"))
        .any(|list| list.contains(name))
}

fn source_of(list: &syn::MetaList) -> String {
    list.tokens.to_string()
}

#[test]
fn the_sources_tell_what_the_programs_understand() {
    let predictor = program("predictor");
    assert!(predictor.flags.contains("bootstrap-servers"));
    assert!(predictor.flags.contains("kafka-property"));
    assert!(predictor.variables.contains("MODEL_URL"));
    assert!(predictor.subcommands.contains("healthcheck"));
    let tools = program("catchweight");
    for name in ["demo", "up", "verify", "replay", "ksql", "connectors"] {
        assert!(tools.subcommands.contains(name), "{name}");
    }
}
