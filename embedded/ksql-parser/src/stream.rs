//! The token stream and the basic parsers of the grammar.

use winnow::Parser;
use winnow::error::ParserError;
use winnow::stream::{Stream, TokenSlice};
use winnow::token::any;

use crate::ast::Ident;
use crate::error::{ErrorKind, Refusal};
use crate::keywords::is_reserved;
use crate::lexer::{Literal, Token, TokenKind};

/// The remaining tokens.
pub(crate) type Tokens<'t> = TokenSlice<'t, Token>;

/// The result of a parser.
pub(crate) type Parsed<T> = Result<T, Fail>;

/// Why parsing failed, and the number of remaining tokens.
#[derive(Clone, Debug)]
pub(crate) struct Fail {
    left: usize,
    kind: ErrorKind,
    message: String,
}

impl Fail {
    /// The error at the token where parsing failed.
    pub(crate) fn refusal(self, tokens: &[Token], end: usize) -> Refusal {
        let at = tokens.len().saturating_sub(self.left);
        let (at, found) = match tokens.get(at) {
            Some(token) => (token.start, describe(&token.kind)),
            None => (end, "the end of the text".to_owned()),
        };
        let message = if self.kind == ErrorKind::Syntax {
            format!("{}, but found {found}", self.message)
        } else {
            self.message
        };
        Refusal {
            kind: self.kind,
            at,
            message,
        }
    }
}

impl<'t> ParserError<Tokens<'t>> for Fail {
    type Inner = Self;

    fn from_input(input: &Tokens<'t>) -> Self {
        fail(input, "a token was expected")
    }

    // Parsers look ahead before they consume: a failure is final.
    fn is_backtrack(&self) -> bool {
        false
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

fn describe(kind: &TokenKind) -> String {
    match kind {
        TokenKind::Word(word) => format!("`{word}`"),
        TokenKind::Quoted(name) => format!("`\"{name}\"`"),
        TokenKind::Symbol(symbol) => format!("`{symbol}`"),
        TokenKind::Literal(Literal::Text(text)) => format!("the string '{text}'"),
        TokenKind::Literal(_) => "a number".to_owned(),
    }
}

/// A syntax error at the next token; `expected` completes "…, but found X".
pub(crate) fn fail(input: &Tokens<'_>, expected: impl Into<String>) -> Fail {
    Fail {
        left: input.eof_offset(),
        kind: ErrorKind::Syntax,
        message: expected.into(),
    }
}

/// An unsupported part of ksqlDB's grammar, at the next token.
pub(crate) fn not_supported(input: &Tokens<'_>, message: impl Into<String>) -> Fail {
    Fail {
        left: input.eof_offset(),
        kind: ErrorKind::Unsupported,
        message: message.into(),
    }
}

/// The next token, without consuming it.
pub(crate) fn peek<'t>(input: &Tokens<'t>) -> Option<&'t Token> {
    input.peek_token()
}

/// The token after `skip` others, without consuming any.
pub(crate) fn peek_at<'t>(input: &Tokens<'t>, skip: usize) -> Option<&'t Token> {
    input.iter_offsets().nth(skip).map(|(_, token)| token)
}

/// Byte offset of the next token; `usize::MAX` at the end.
pub(crate) fn at(input: &Tokens<'_>) -> usize {
    peek(input).map_or(usize::MAX, |token| token.start)
}

/// Whether the token after `skip` others is the keyword.
pub(crate) fn is_word_at(input: &Tokens<'_>, skip: usize, word: &str) -> bool {
    matches!(peek_at(input, skip), Some(Token { kind: TokenKind::Word(found), .. })
        if found.eq_ignore_ascii_case(word))
}

/// Whether the next token is the keyword.
pub(crate) fn is_word(input: &Tokens<'_>, word: &str) -> bool {
    is_word_at(input, 0, word)
}

/// Whether the next token is the symbol.
pub(crate) fn is_symbol(input: &Tokens<'_>, symbol: &str) -> bool {
    matches!(peek(input), Some(Token { kind: TokenKind::Symbol(found), .. }) if *found == symbol)
}

/// Consumes one token.
pub(crate) fn advance<'t>(input: &mut Tokens<'t>) -> Parsed<&'t Token> {
    any.parse_next(input)
}

/// Consumes the keyword if it is next.
pub(crate) fn eat_word(input: &mut Tokens<'_>, word: &str) -> bool {
    is_word(input, word) && input.next_token().is_some()
}

/// Consumes the keywords if all of them are next.
pub(crate) fn eat_words(input: &mut Tokens<'_>, words: &[&str]) -> bool {
    let found = words
        .iter()
        .enumerate()
        .all(|(skip, word)| is_word_at(input, skip, word));
    if found {
        let _ = input.next_slice(words.len());
    }
    found
}

/// Consumes the symbol if it is next.
pub(crate) fn eat_symbol(input: &mut Tokens<'_>, symbol: &str) -> bool {
    is_symbol(input, symbol) && input.next_token().is_some()
}

/// Consumes the keyword, or fails.
pub(crate) fn expect_word(input: &mut Tokens<'_>, word: &str) -> Parsed<()> {
    if eat_word(input, word) {
        Ok(())
    } else {
        Err(fail(input, format!("expected {word}")))
    }
}

/// Consumes the symbol, or fails.
pub(crate) fn expect_symbol(input: &mut Tokens<'_>, symbol: &str) -> Parsed<()> {
    if eat_symbol(input, symbol) {
        Ok(())
    } else {
        Err(fail(input, format!("expected `{symbol}`")))
    }
}

/// One or more items, separated by commas.
pub(crate) fn comma_list<'t, T>(
    input: &mut Tokens<'t>,
    mut item: impl FnMut(&mut Tokens<'t>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let mut items = vec![item(input)?];
    while eat_symbol(input, ",") {
        items.push(item(input)?);
    }
    Ok(items)
}

/// Whether the next token can be a name.
pub(crate) fn is_identifier(input: &Tokens<'_>) -> bool {
    match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Word(word)) => !is_reserved(word),
        Some(TokenKind::Quoted(_)) => true,
        _ => false,
    }
}

/// A name: upper-cased unless it is quoted.
pub(crate) fn identifier(input: &mut Tokens<'_>) -> Parsed<Ident> {
    if !is_identifier(input) {
        let reserved = match peek(input).map(|token| &token.kind) {
            Some(TokenKind::Word(word)) => format!(" (`{word}` is reserved: quote it)"),
            _ => String::new(),
        };
        return Err(fail(input, format!("expected a name{reserved}")));
    }
    let token = advance(input)?;
    let name = match &token.kind {
        TokenKind::Word(word) => word.to_uppercase(),
        TokenKind::Quoted(name) => name.clone(),
        _ => return Err(fail(input, "expected a name")),
    };
    Ok(Ident {
        name,
        at: token.start,
    })
}

/// A string constant.
pub(crate) fn text(input: &mut Tokens<'_>) -> Parsed<String> {
    match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Literal(Literal::Text(text))) => {
            advance(input)?;
            Ok(text.clone())
        }
        _ => Err(fail(input, "expected a string in single quotes")),
    }
}

/// A non-negative integer.
pub(crate) fn whole(input: &mut Tokens<'_>) -> Parsed<u64> {
    match peek(input).map(|token| &token.kind) {
        Some(TokenKind::Literal(Literal::Integer(number))) => {
            advance(input)?;
            Ok(number.unsigned_abs())
        }
        _ => Err(fail(input, "expected a whole number")),
    }
}
