//! The syntax of a subset of ksqlDB's SQL: text in, syntax tree out.
//!
//! | module | |
//! |---|---|
//! | [`ast`] | the syntax tree |
//! | [`keywords`] | the reserved words |
//! | [`error`] | refused statements, with line and column |
//! | [`lexer`] | text to tokens |
//! | [`split`] | splits a script into statements without parsing them |
//! | `statement`, `query`, `expression`, `window` | the grammar, tokens to tree |
//!
//! The grammar covers the part of ksqlDB's language reference that the engine executes. This crate does
//! not know which streams, tables and columns exist.
//!
//! ```
//! use ksql_parser::ast::StatementKind;
//!
//! let statements = ksql_parser::parse_script("SELECT ID FROM S WHERE V > 9 EMIT CHANGES;")?;
//! assert!(matches!(&statements[0].kind, StatementKind::Select(query) if query.filter.is_some()));
//!
//! let error = ksql_parser::parse_script("SELECT ID\nFORM S;").unwrap_err();
//! assert_eq!(error.line, 2);
//! # Ok::<(), ksql_parser::error::StatementError>(())
//! ```

pub mod ast;
pub mod error;
mod expression;
pub mod keywords;
pub mod lexer;
mod query;
pub mod split;
mod statement;
mod stream;
mod window;

use ast::Statement;
pub use lexer::Literal;
pub use window::unit_ms;
use winnow::stream::TokenSlice;

use crate::error::{ErrorKind, Refusal, StatementError, located};

/// The longest script, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// Parses all statements of a script. Each must end with a semicolon.
///
/// # Errors
/// The first syntax error, with line and column.
pub fn parse_script(text: &str) -> Result<Vec<Statement>, StatementError> {
    parse(text).map_err(|refusal| located(text, refusal))
}

fn parse(text: &str) -> Result<Vec<Statement>, Refusal> {
    if text.len() > MAX_SCRIPT_BYTES {
        return Err(Refusal {
            kind: ErrorKind::Syntax,
            at: 0,
            message: format!("the text is longer than {MAX_SCRIPT_BYTES} bytes"),
        });
    }
    let tokens = lexer::tokens(text)?;
    let mut input = TokenSlice::new(&tokens);
    let mut statements = Vec::new();
    while !input.is_empty() {
        match statement::statement(&mut input) {
            Ok(statement) => statements.push(statement),
            Err(fail) => return Err(fail.refusal(&tokens, text.len())),
        }
    }
    Ok(statements)
}
