//! From text to statements: `lexer` cuts it into tokens, the grammar's modules read those.
//!
//! The grammar is ksqlDB's (`SqlBase.g4`), as far as this engine goes. Nothing here knows a column
//! or a type of a row; that is the job of `analyse`.

pub mod ast;
mod expression;
pub(crate) mod keywords;
pub(crate) mod lexer;
mod query;
mod statement;
mod stream;
mod window;

use ast::Statement;
pub use lexer::Literal;
pub(crate) use window::unit_ms;
use winnow::stream::TokenSlice;

use crate::error::{ErrorKind, Refusal, StatementError, located};

/// The longest script that is read, in bytes.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// Reads all statements of a script; each ends with a semicolon.
///
/// # Errors
/// The first statement that is not of the grammar, with its line and column.
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
