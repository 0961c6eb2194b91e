//! What a script says, before any name in it is looked up.

use crate::lexer::Literal;

/// A name as the catalog knows it: unquoted names are upper-cased, quoted ones kept.
#[derive(Clone, Debug)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Byte offset in the text.
    pub at: usize,
}

impl PartialEq for Ident {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// One statement and where its text is.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Byte offset of its first token.
    pub start: usize,
    /// Byte offset after its semicolon.
    pub end: usize,
}

/// Whether a source is a stream or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Every record is a fact of its own.
    Stream,
    /// A record is the newest state of its key.
    Table,
}

/// The supported statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `CREATE STREAM|TABLE name (columns) WITH (…)`
    CreateSource {
        /// Stream or table.
        kind: SourceKind,
        /// Name and flags.
        target: Target,
        /// The declared columns.
        columns: Vec<ColumnDef>,
        /// The `WITH` clause.
        properties: Vec<Property>,
    },
    /// `CREATE STREAM|TABLE name WITH (…) AS SELECT …`
    CreateAs {
        /// Stream or table.
        kind: SourceKind,
        /// Name and flags.
        target: Target,
        /// The `WITH` clause.
        properties: Vec<Property>,
        /// What fills it.
        query: Box<Query>,
    },
    /// `INSERT INTO name SELECT …`
    InsertInto {
        /// An existing stream.
        target: Ident,
        /// What is added to it.
        query: Box<Query>,
    },
    /// `DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]`
    Drop {
        /// Stream or table.
        kind: SourceKind,
        /// Whether a missing one is fine.
        if_exists: bool,
        /// Its name.
        name: Ident,
        /// Whether the topic goes too.
        delete_topic: bool,
    },
    /// `TERMINATE id` or `TERMINATE ALL`
    Terminate {
        /// The query's id; none for all.
        query: Option<Ident>,
    },
    /// `SET 'name'='value'`
    Set {
        /// The property.
        name: String,
        /// Its new value.
        value: String,
        /// Byte offset of the property's name.
        at: usize,
    },
    /// `UNSET 'name'`
    Unset {
        /// The property.
        name: String,
        /// Byte offset of the property's name.
        at: usize,
    },
    /// `SELECT … EMIT CHANGES`: a query that lives as long as somebody listens
    Select(Box<Query>),
    /// `SHOW` or `LIST`
    Show {
        /// What is listed.
        what: Listing,
        /// With details.
        extended: bool,
    },
    /// `DESCRIBE name [EXTENDED]`
    Describe {
        /// A stream or table.
        name: Ident,
        /// With details.
        extended: bool,
    },
    /// `PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]`
    Print {
        /// The topic, in its exact spelling.
        topic: Ident,
        /// From the first record rather than from now on.
        from_beginning: bool,
        /// Every how many records one is shown.
        interval: Option<u64>,
        /// After how many records it ends.
        limit: Option<u64>,
    },
    /// `EXPLAIN id`
    Explain {
        /// A query's id.
        query: Ident,
    },
}

/// What `SHOW` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// `STREAMS`
    Streams,
    /// `TABLES`
    Tables,
    /// `QUERIES`
    Queries,
    /// `TOPICS`
    Topics,
    /// `ALL TOPICS`
    AllTopics,
    /// `PROPERTIES`
    Properties,
    /// `FUNCTIONS`
    Functions,
    /// `VARIABLES`
    Variables,
}

/// What a `CREATE` makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: Ident,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// `OR REPLACE`
    pub or_replace: bool,
}

/// One declared column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: TypeName,
    /// Key or value.
    pub role: ColumnRole,
}

/// What a declared column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// Part of the record's value.
    Value,
    /// `KEY`
    Key,
    /// `PRIMARY KEY`
    PrimaryKey,
    /// `HEADERS` or `HEADER('…')`
    Headers,
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// Which one.
    pub kind: TypeKind,
    /// Byte offset in the text.
    pub at: usize,
}

/// The forms that a type is written in.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// A name, with parameters.
    Named(String, Vec<u64>),
    /// `ARRAY<…>`
    Array(Box<TypeName>),
    /// `MAP<…, …>`
    Map(Box<TypeName>, Box<TypeName>),
    /// `STRUCT<…>`
    Struct(Vec<(Ident, TypeName)>),
}

/// One entry of a `WITH` clause.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Its name, upper-cased.
    pub name: Ident,
    /// Its value.
    pub value: Literal,
    /// Byte offset of the value.
    pub value_at: usize,
}

/// A `SELECT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Byte offset of `SELECT`.
    pub at: usize,
    /// The projection.
    pub items: Vec<SelectItem>,
    /// The first source.
    pub from: Relation,
    /// What is joined to it.
    pub joins: Vec<Join>,
    /// The `WINDOW` clause.
    pub window: Option<Window>,
    /// The `WHERE` condition.
    pub filter: Option<Expr>,
    /// The `GROUP BY` expressions.
    pub group_by: Vec<Expr>,
    /// The `PARTITION BY` expressions.
    pub partition_by: Vec<Expr>,
    /// The `HAVING` condition.
    pub having: Option<Expr>,
    /// The `EMIT` clause.
    pub emit: Option<(Emit, usize)>,
    /// The `LIMIT` clause.
    pub limit: Option<(u64, usize)>,
}

/// When results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// On every change.
    Changes,
    /// Once, when a window is closed.
    Final,
}

/// One item of a projection.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*` or `source.*`
    All {
        /// The source.
        source: Option<Ident>,
        /// Byte offset.
        at: usize,
    },
    /// `expression [AS alias]`
    Expr {
        /// What is computed.
        expr: Expr,
        /// Its name.
        alias: Option<Ident>,
    },
}

/// A source in a `FROM` or `JOIN`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The source's name.
    pub name: Ident,
    /// How the statement calls it.
    pub alias: Ident,
}

/// One joined source.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// What becomes of rows without a partner.
    pub kind: JoinKind,
    /// Byte offset of the join.
    pub at: usize,
    /// The right side.
    pub relation: Relation,
    /// The `WITHIN` clause.
    pub within: Option<Within>,
    /// The `ON` condition.
    pub on: Expr,
}

/// What becomes of rows without a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// They give nothing.
    Inner,
    /// Left ones come with nulls.
    Left,
    /// Right ones come with nulls.
    Right,
    /// Both come with nulls.
    Outer,
}

/// `WITHIN …`: how far the right row's time may be from the left row's. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// How far back.
    pub before: i64,
    /// How far ahead.
    pub after: i64,
    /// The `GRACE PERIOD`.
    pub grace: Option<i64>,
}

/// A `WINDOW` clause. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Byte offset of `WINDOW`.
    pub at: usize,
    /// Tumbling, hopping or session.
    pub kind: WindowKind,
    /// The window's length; a session's gap.
    pub size: i64,
    /// From one window's start to the next one's.
    pub advance: i64,
    /// The `RETENTION`.
    pub retention: Option<i64>,
    /// The `GRACE PERIOD`.
    pub grace: Option<i64>,
}

/// The kinds of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Fixed, without overlap.
    Tumbling,
    /// Fixed, with overlap.
    Hopping,
    /// As long as records keep coming.
    Session,
}

/// An expression. Two are equal if they say the same, wherever they are.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Byte offset in the text.
    pub at: usize,
    /// Height of its tree.
    pub height: u16,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// A column by name, perhaps with its source.
    Column {
        /// The source's alias.
        source: Option<Ident>,
        /// The column.
        name: Ident,
    },
    /// A column of the row on which the expression is evaluated; put in by the analysis.
    Slot(usize),
    /// `-x` or `+x`
    Negate(Box<Expr>),
    /// Arithmetic.
    Binary(ArithmeticOp, Box<Expr>, Box<Expr>),
    /// A comparison.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `AND`
    And(Box<Expr>, Box<Expr>),
    /// `OR`
    Or(Box<Expr>, Box<Expr>),
    /// `NOT`
    Not(Box<Expr>),
    /// `IS NULL`
    IsNull(Box<Expr>),
    /// `BETWEEN low AND high`
    Between(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `IN (…)`
    In(Box<Expr>, Vec<Expr>),
    /// `LIKE pattern [ESCAPE c]`
    Like {
        /// The text.
        text: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// What takes a wildcard its meaning.
        escape: Option<char>,
    },
    /// `CASE WHEN … THEN … [ELSE …] END`
    Case {
        /// Conditions and results.
        branches: Vec<(Expr, Expr)>,
        /// The `ELSE`.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(x AS type)`
    Cast(Box<Expr>, TypeName),
    /// `f(…)`
    Call {
        /// The function, upper-cased.
        name: Ident,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// `COUNT(*)`
    CountAll,
    /// `struct->field`
    Field(Box<Expr>, Ident),
    /// `array[index]` or `map['key']`
    Subscript(Box<Expr>, Box<Expr>),
    /// `ARRAY[…]`
    Array(Vec<Expr>),
    /// `MAP(key := value, …)`
    Map(Vec<(Expr, Expr)>),
    /// `STRUCT(name := value, …)`
    Struct(Vec<(Ident, Expr)>),
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticOp {
    /// `+`, of strings too
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// `=`
    Equal,
    /// `<>`, `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}
