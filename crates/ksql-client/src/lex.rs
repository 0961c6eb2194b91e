//! The few tokens of ksqlDB's SQL that must be told apart to split a text into statements.
//!
//! Quotes are doubled inside of quotes, comments are `-- to the end of the line` and
//! `/* not nested */`, as in ksqlDB's grammar (`SqlBase.g4`).

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword, name or number.
    Word,
    /// `'text'`.
    Text,
    /// `"name"` or `` `name` ``.
    Quoted,
    /// Any other character.
    Symbol,
}

/// A token and where its first byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    /// Whether this is the keyword, in any case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// What a `'text'` stands for.
    pub(crate) fn unquoted(&self) -> Option<String> {
        let inner = self.text.strip_prefix('\'')?.strip_suffix('\'')?;
        (self.kind == Kind::Text).then(|| inner.replace("''", "'"))
    }
}

/// Something that was opened at this byte and is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclosed {
    pub(crate) what: &'static str,
    pub(crate) start: usize,
}

/// The tokens of a text; the last item is an error where something is not closed.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn unclosed(&mut self, what: &'static str) -> Unclosed {
        let start = self.at;
        self.at = self.text.len();
        Unclosed { what, start }
    }

    fn skip_blanks(&mut self) -> Result<(), Unclosed> {
        loop {
            let rest = self.rest();
            if rest.starts_with("--") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + "/**/".len(),
                    None => return Err(self.unclosed("comment")),
                }
            } else {
                let blanks = rest.len() - rest.trim_start().len();
                if blanks == 0 {
                    return Ok(());
                }
                self.at += blanks;
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Unclosed>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(unclosed) = self.skip_blanks() {
            return Some(Err(unclosed));
        }
        let rest = self.rest();
        let first = rest.chars().next()?;
        let (kind, length) = match first {
            '\'' => (Kind::Text, quoted(rest, first)),
            '"' | '`' => (Kind::Quoted, quoted(rest, first)),
            _ if in_word(first) => {
                let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
                (Kind::Word, Some(end))
            }
            _ => (Kind::Symbol, Some(first.len_utf8())),
        };
        let Some(text) = length.and_then(|length| rest.get(..length)) else {
            return Some(Err(self.unclosed("quote")));
        };
        let start = self.at;
        self.at += text.len();
        Some(Ok(Token { kind, text, start }))
    }
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of what is quoted at the start of the text, quotes included.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut from = 1;
    loop {
        let end = from + text.get(from..)?.find(quote)? + 1;
        if !text.get(end..)?.starts_with(quote) {
            return Some(end);
        }
        from = end + 1;
    }
}
