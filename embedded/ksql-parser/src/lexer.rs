//! Text to tokens.

use winnow::ascii::digit1;
use winnow::combinator::{alt, delimited, opt, repeat};
use winnow::error::{ContextError, ParserError};
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, none_of, one_of, take_until, take_while};
use winnow::{ModalResult, Parser};

use crate::error::{ErrorKind, Refusal};

type Input<'t> = LocatingSlice<&'t str>;

/// A constant as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `NULL`
    Null,
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// `12`
    Integer(i64),
    /// `0.15`: the text of a DECIMAL
    Decimal(String),
    /// `1.5e3`
    Double(f64),
    /// `'text'`
    Text(String),
}

/// A token and its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Offset of its first byte.
    pub start: usize,
    /// Offset after its last byte.
    pub end: usize,
}

/// The kind of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenKind {
    /// A keyword or an unquoted name, as written.
    Word(String),
    /// A name in `"` or `` ` ``.
    Quoted(String),
    /// A number or a string.
    Literal(Literal),
    /// An operator or a separator.
    Symbol(&'static str),
}

/// Longer symbols before their prefixes.
const SYMBOLS: &[&str] = &[
    "->", "=>", ":=", "<>", "!=", "<=", ">=", "||", "(", ")", "[", "]", ",", ".", ";", "+", "-",
    "*", "/", "%", "=", "<", ">",
];

/// Splits the text into tokens, without comments and white space.
///
/// # Errors
/// A character that starts no token, or a quote or comment that is not closed.
pub fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        let start = input.current_token_start();
        if space(&mut input).is_err() {
            return Err(syntax(start, "a comment that starts with /* is not closed"));
        }
        if input.is_empty() {
            return Ok(tokens);
        }
        let start = input.current_token_start();
        match token(&mut input) {
            Ok(TokenKind::Literal(Literal::Double(number))) if number.is_infinite() => {
                return Err(syntax(start, "this number is out of the range of DOUBLE"));
            }
            Ok(kind) => tokens.push(Token {
                kind,
                start,
                end: input.current_token_start(),
            }),
            Err(_) => return Err(syntax(start, &lexical_error(&input))),
        }
    }
}

fn syntax(at: usize, message: &str) -> Refusal {
    Refusal {
        kind: ErrorKind::Syntax,
        at,
        message: message.to_owned(),
    }
}

fn lexical_error(input: &Input<'_>) -> String {
    match input.chars().next() {
        Some('\'') => "a string that starts with ' is not closed".to_owned(),
        Some(quote @ ('"' | '`')) => format!("a name that starts with {quote} is not closed"),
        Some('0'..='9') => "this number is out of range or malformed".to_owned(),
        Some(other) => format!("unexpected character `{other}`"),
        None => "unexpected end of the text".to_owned(),
    }
}

/// Skips white space and comments. As in ksqlDB, the character after `--` always belongs to the comment,
/// even a line feed: an empty comment `--` also hides the next line.
pub(crate) fn space(input: &mut Input<'_>) -> ModalResult<()> {
    let white = take_while(1.., |c: char| c.is_whitespace()).void();
    let in_line = |c| !matches!(c, '\n' | '\r');
    let line = ("--", opt(any), take_while(0.., in_line)).void();
    let block = ("/*", take_until(0.., "*/"), "*/").void();
    let _: () = repeat(0.., alt((white, line, block))).parse_next(input)?;
    if input.starts_with("/*") {
        return Err(ParserError::from_input(input));
    }
    Ok(())
}

fn token(input: &mut Input<'_>) -> ModalResult<TokenKind> {
    alt((
        word.map(TokenKind::Word),
        number.map(TokenKind::Literal),
        quoted('\'').map(|text| TokenKind::Literal(Literal::Text(text))),
        quoted('"').map(TokenKind::Quoted),
        quoted('`').map(TokenKind::Quoted),
        symbol.map(TokenKind::Symbol),
    ))
    .parse_next(input)
}

/// A name may begin with a digit if a letter follows (`1X`), unless it reads as a number (`1e3`).
fn word(input: &mut Input<'_>) -> ModalResult<String> {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '@' || c == ':';
    let plain = (
        one_of(letter),
        take_while(0.., move |c| part(c) && c != ':'),
    )
        .take();
    let digits = (digit1, one_of(letter), take_while(0.., part))
        .take()
        .verify(|text: &str| !is_exponent(text));
    alt((plain, digits)).map(str::to_owned).parse_next(input)
}

fn is_exponent(text: &str) -> bool {
    text.split_once(['e', 'E'])
        .is_some_and(|(mantissa, exponent)| {
            mantissa.bytes().all(|byte| byte.is_ascii_digit())
                && exponent.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn number(input: &mut Input<'_>) -> ModalResult<Literal> {
    let exponent = || (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1).void();
    let fraction = || alt(((digit1, ".", opt(digit1)).void(), (".", digit1).void()));
    let float = alt(((fraction(), exponent()).void(), (digit1, exponent()).void())).take();
    alt((
        float.verify_map(|text: &str| text.parse().ok().map(Literal::Double)),
        fraction()
            .take()
            .map(|text: &str| Literal::Decimal(text.to_owned())),
        digit1.verify_map(|text: &str| text.parse().ok().map(Literal::Integer)),
    ))
    .parse_next(input)
}

/// A doubled quote is an escaped quote.
pub(crate) fn quoted<'t>(
    quote: char,
) -> impl Parser<Input<'t>, String, winnow::error::ErrMode<ContextError>> {
    let doubled = (quote, quote).value(quote);
    delimited(
        quote,
        repeat(0.., alt((doubled, none_of(quote)))).fold(String::new, |mut text, c| {
            text.push(c);
            text
        }),
        quote,
    )
}

fn symbol(input: &mut Input<'_>) -> ModalResult<&'static str> {
    for symbol in SYMBOLS {
        if input.starts_with(symbol) {
            let _ = winnow::token::literal(*symbol).parse_next(input)?;
            return Ok(symbol);
        }
    }
    Err(ParserError::from_input(input))
}
