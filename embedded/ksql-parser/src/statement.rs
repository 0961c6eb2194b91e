//! Statements and types.

use crate::ast::{
    ColumnDef, ColumnRole, Ident, Listing, Property, SourceKind, Statement, StatementKind, Target,
    TypeKind, TypeName,
};
use crate::lexer::{Literal, TokenKind};
use crate::query::query;
use crate::stream::{
    Parsed, Tokens, advance, at, comma_list, eat_symbol, eat_word, eat_words, expect_symbol, fail,
    identifier, is_symbol, is_word, is_word_at, not_supported, peek, peek_at, text, whole,
};

/// The deepest nesting of a type.
const MAX_TYPE_DEPTH: u16 = 32;

const SUPPORTED: &str = "expected a statement: CREATE STREAM, CREATE TABLE, INSERT INTO … SELECT, DROP, \
     TERMINATE, SET, UNSET, SELECT, SHOW, LIST, DESCRIBE, EXPLAIN or PRINT";

/// Statements of ksqlDB that are not supported.
const OTHER: [&str; 7] = [
    "DEFINE", "UNDEFINE", "ALTER", "ASSERT", "RUN", "PAUSE", "RESUME",
];

/// A statement with its semicolon.
pub(crate) fn statement(input: &mut Tokens<'_>) -> Parsed<Statement> {
    let start = at(input);
    let kind = kind(input)?;
    let end = match peek(input) {
        Some(token) if is_symbol(input, ";") => token.end,
        _ => return Err(fail(input, "expected `;`")),
    };
    advance(input)?;
    Ok(Statement { kind, start, end })
}

fn kind(input: &mut Tokens<'_>) -> Parsed<StatementKind> {
    if is_word(input, "SELECT") {
        return Ok(StatementKind::Select(Box::new(query(input)?)));
    }
    if eat_word(input, "CREATE") {
        return create(input);
    }
    if eat_words(input, &["INSERT", "INTO"]) {
        let target = identifier(input)?;
        if !is_word(input, "SELECT") {
            return Err(not_supported(
                input,
                "INSERT INTO is supported with SELECT only",
            ));
        }
        return Ok(StatementKind::InsertInto {
            target,
            query: Box::new(query(input)?),
        });
    }
    if eat_word(input, "DROP") {
        return drop(input);
    }
    if eat_word(input, "TERMINATE") {
        let query = if eat_word(input, "ALL") {
            None
        } else {
            Some(identifier(input)?)
        };
        return Ok(StatementKind::Terminate { query });
    }
    if eat_word(input, "SET") {
        let at = at(input);
        let name = text(input)?;
        expect_symbol(input, "=")?;
        let value = text(input)?;
        return Ok(StatementKind::Set { name, value, at });
    }
    if eat_word(input, "UNSET") {
        let at = at(input);
        let name = text(input)?;
        return Ok(StatementKind::Unset { name, at });
    }
    if eat_word(input, "SHOW") || eat_word(input, "LIST") {
        return show(input);
    }
    if eat_word(input, "DESCRIBE") {
        let all = ["STREAMS", "TABLES", "CONNECTOR"];
        if all.iter().any(|word| is_word(input, word)) || is_function(input) {
            return Err(not_supported(
                input,
                "DESCRIBE is supported with the name of one stream or table",
            ));
        }
        let name = identifier(input)?;
        let extended = eat_word(input, "EXTENDED");
        return Ok(StatementKind::Describe { name, extended });
    }
    if eat_word(input, "EXPLAIN") {
        let statements = ["SELECT", "CREATE", "INSERT"];
        if statements.iter().any(|word| is_word(input, word)) {
            return Err(not_supported(
                input,
                "EXPLAIN is supported with the id of a query, not with a statement",
            ));
        }
        return Ok(StatementKind::Explain {
            query: identifier(input)?,
        });
    }
    if eat_word(input, "PRINT") {
        return print(input);
    }
    if OTHER.iter().any(|word| is_word(input, word)) {
        return Err(not_supported(input, "this statement is not supported"));
    }
    Err(fail(input, SUPPORTED))
}

/// Whether `FUNCTION name` is next.
fn is_function(input: &Tokens<'_>) -> bool {
    let name = peek_at(input, 1).map(|token| &token.kind);
    is_word(input, "FUNCTION")
        && !is_word_at(input, 1, "EXTENDED")
        && matches!(name, Some(TokenKind::Word(_) | TokenKind::Quoted(_)))
}

fn show(input: &mut Tokens<'_>) -> Parsed<StatementKind> {
    let listings: [(&[&str], Listing); 8] = [
        (&["STREAMS"], Listing::Streams),
        (&["TABLES"], Listing::Tables),
        (&["QUERIES"], Listing::Queries),
        (&["TOPICS"], Listing::Topics),
        (&["ALL", "TOPICS"], Listing::AllTopics),
        (&["PROPERTIES"], Listing::Properties),
        (&["FUNCTIONS"], Listing::Functions),
        (&["VARIABLES"], Listing::Variables),
    ];
    let found = listings
        .into_iter()
        .find(|(words, _)| eat_words(input, words));
    let Some((_, what)) = found else {
        let other = ["TYPES", "CONNECTORS", "CONNECTOR", "SOURCE", "SINK"];
        if other.iter().any(|word| is_word(input, word)) {
            return Err(not_supported(
                input,
                "types and connectors cannot be listed: this server has none",
            ));
        }
        return Err(fail(
            input,
            "expected STREAMS, TABLES, QUERIES, TOPICS, ALL TOPICS, PROPERTIES, FUNCTIONS or VARIABLES",
        ));
    };
    let extended = eat_word(input, "EXTENDED");
    Ok(StatementKind::Show { what, extended })
}

fn print(input: &mut Tokens<'_>) -> Parsed<StatementKind> {
    let start = at(input);
    let topic = match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Literal(Literal::Text(topic))) => {
            advance(input)?;
            Ident {
                name: topic.clone(),
                at: start,
            }
        }
        // An unquoted topic keeps its case.
        Some(TokenKind::Word(word)) => {
            let at = identifier(input)?.at;
            Ident {
                name: word.clone(),
                at,
            }
        }
        _ => identifier(input)?,
    };
    let from_beginning = eat_words(input, &["FROM", "BEGINNING"]);
    let interval = if eat_word(input, "INTERVAL") || eat_word(input, "SAMPLE") {
        Some(whole(input)?)
    } else {
        None
    };
    let limit = if eat_word(input, "LIMIT") {
        Some(whole(input)?)
    } else {
        None
    };
    Ok(StatementKind::Print {
        topic,
        from_beginning,
        interval,
        limit,
    })
}

fn source_kind(input: &mut Tokens<'_>) -> Parsed<SourceKind> {
    if eat_word(input, "STREAM") {
        Ok(SourceKind::Stream)
    } else if eat_word(input, "TABLE") {
        Ok(SourceKind::Table)
    } else {
        let other = ["TYPE", "CONNECTOR", "SOURCE", "SINK"];
        if other.iter().any(|word| is_word(input, word)) {
            return Err(not_supported(
                input,
                "only STREAM and TABLE are supported here",
            ));
        }
        Err(fail(input, "expected STREAM or TABLE"))
    }
}

fn drop(input: &mut Tokens<'_>) -> Parsed<StatementKind> {
    let kind = source_kind(input)?;
    let if_exists = eat_words(input, &["IF", "EXISTS"]);
    let name = identifier(input)?;
    let delete_topic = eat_words(input, &["DELETE", "TOPIC"]);
    Ok(StatementKind::Drop {
        kind,
        if_exists,
        name,
        delete_topic,
    })
}

fn create(input: &mut Tokens<'_>) -> Parsed<StatementKind> {
    let or_replace = eat_words(input, &["OR", "REPLACE"]);
    let kind = source_kind(input)?;
    let if_not_exists = eat_words(input, &["IF", "NOT", "EXISTS"]);
    let target = Target {
        name: identifier(input)?,
        if_not_exists,
        or_replace,
    };
    let columns = if eat_symbol(input, "(") {
        let columns = comma_list(input, column)?;
        expect_symbol(input, ")")?;
        Some(columns)
    } else {
        None
    };
    let properties = if eat_word(input, "WITH") {
        expect_symbol(input, "(")?;
        let properties = comma_list(input, property)?;
        expect_symbol(input, ")")?;
        properties
    } else {
        Vec::new()
    };
    match columns {
        None if eat_word(input, "AS") => Ok(StatementKind::CreateAs {
            kind,
            target,
            properties,
            query: Box::new(query(input)?),
        }),
        columns if is_symbol(input, ";") => Ok(StatementKind::CreateSource {
            kind,
            target,
            columns: columns.unwrap_or_default(),
            properties,
        }),
        Some(_) => Err(fail(input, "expected WITH or `;`")),
        None => Err(fail(input, "expected `(`, WITH, AS or `;`")),
    }
}

fn column(input: &mut Tokens<'_>) -> Parsed<ColumnDef> {
    let name = identifier(input)?;
    let ty = type_name(input, 0)?;
    let role = if eat_words(input, &["PRIMARY", "KEY"]) {
        ColumnRole::PrimaryKey
    } else if eat_word(input, "KEY") {
        ColumnRole::Key
    } else if eat_word(input, "HEADERS") {
        ColumnRole::Headers
    } else if eat_word(input, "HEADER") {
        expect_symbol(input, "(")?;
        text(input)?;
        expect_symbol(input, ")")?;
        ColumnRole::Headers
    } else {
        ColumnRole::Value
    };
    Ok(ColumnDef { name, ty, role })
}

fn property(input: &mut Tokens<'_>) -> Parsed<Property> {
    let start = at(input);
    let mut name = match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Literal(Literal::Text(name))) => {
            advance(input)?;
            Ident {
                name: name.clone(),
                at: start,
            }
        }
        _ => identifier(input)?,
    };
    name.name = name.name.to_uppercase();
    expect_symbol(input, "=")?;
    let value_at = at(input);
    let negative = eat_symbol(input, "-");
    let value = match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Literal(Literal::Integer(number))) if negative => {
            Literal::Integer(number.wrapping_neg())
        }
        Some(TokenKind::Literal(literal)) if !negative => literal.clone(),
        Some(TokenKind::Word(word)) if word.eq_ignore_ascii_case("true") => Literal::Boolean(true),
        Some(TokenKind::Word(word)) if word.eq_ignore_ascii_case("false") => {
            Literal::Boolean(false)
        }
        _ => return Err(fail(input, "expected a string, a number, TRUE or FALSE")),
    };
    advance(input)?;
    Ok(Property {
        name,
        value,
        value_at,
    })
}

/// A type in a column list or a CAST.
pub(crate) fn type_name(input: &mut Tokens<'_>, depth: u16) -> Parsed<TypeName> {
    let start = at(input);
    if depth > MAX_TYPE_DEPTH {
        return Err(not_supported(
            input,
            format!("the type is nested more than {MAX_TYPE_DEPTH} deep"),
        ));
    }
    let name = identifier(input).map_err(|_| fail(input, "expected a type"))?;
    let kind = if name.name == "ARRAY" && eat_symbol(input, "<") {
        let element = type_name(input, depth + 1)?;
        close(input)?;
        TypeKind::Array(Box::new(element))
    } else if name.name == "MAP" && eat_symbol(input, "<") {
        let key = type_name(input, depth + 1)?;
        expect_symbol(input, ",")?;
        let value = type_name(input, depth + 1)?;
        close(input)?;
        TypeKind::Map(Box::new(key), Box::new(value))
    } else if name.name == "STRUCT" && eat_symbol(input, "<") {
        let fields = comma_list(input, |input| {
            let name = identifier(input)?;
            Ok((name, type_name(input, depth + 1)?))
        })?;
        close(input)?;
        TypeKind::Struct(fields)
    } else if eat_symbol(input, "(") {
        let parameters = comma_list(input, whole)?;
        expect_symbol(input, ")")?;
        TypeKind::Named(name.name, parameters)
    } else {
        TypeKind::Named(name.name, Vec::new())
    };
    if is_word(input, "ARRAY") {
        return Err(not_supported(input, "write ARRAY<type>"));
    }
    Ok(TypeName { kind, at: start })
}

fn close(input: &mut Tokens<'_>) -> Parsed<()> {
    expect_symbol(input, ">")
}
