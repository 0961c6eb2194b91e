//! The syntax tree, with unresolved names.

use crate::lexer::Literal;

/// A name: in upper case unless it was quoted.
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

/// A statement and its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The statement.
    pub kind: StatementKind,
    /// Byte offset of its first token.
    pub start: usize,
    /// Byte offset after its semicolon.
    pub end: usize,
}

/// Whether a source is a stream or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Every record is an independent fact.
    Stream,
    /// A record is the latest state of its key.
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
        /// The query that fills it.
        query: Box<Query>,
    },
    /// `INSERT INTO name SELECT …`
    InsertInto {
        /// An existing stream.
        target: Ident,
        /// The query whose rows are added.
        query: Box<Query>,
    },
    /// `DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]`
    Drop {
        /// Stream or table.
        kind: SourceKind,
        /// `IF EXISTS`.
        if_exists: bool,
        /// Its name.
        name: Ident,
        /// `DELETE TOPIC`.
        delete_topic: bool,
    },
    /// `TERMINATE id` or `TERMINATE ALL`
    Terminate {
        /// The query's id; `None` for all.
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
    /// `SELECT …`: a transient query or a pull query
    Select(Box<Query>),
    /// `SHOW` or `LIST`
    Show {
        /// What is listed.
        what: Listing,
        /// `EXTENDED`.
        extended: bool,
    },
    /// `DESCRIBE name [EXTENDED]`
    Describe {
        /// A stream or table.
        name: Ident,
        /// `EXTENDED`.
        extended: bool,
    },
    /// `PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]`
    Print {
        /// The topic, in its exact spelling.
        topic: Ident,
        /// `FROM BEGINNING`.
        from_beginning: bool,
        /// Show every nth record.
        interval: Option<u64>,
        /// The number of shown records.
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

/// The target of a `CREATE`.
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

/// The role of a declared column.
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

/// A type as written. Equality ignores the place in the text.
#[derive(Clone, Debug)]
pub struct TypeName {
    /// The type.
    pub kind: TypeKind,
    /// Byte offset in the text.
    pub at: usize,
}

impl PartialEq for TypeName {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The forms of a type.
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
    /// The joined sources.
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
    /// Once, when a window closes.
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
        /// The expression.
        expr: Expr,
        /// The alias.
        alias: Option<Ident>,
    },
}

/// A source in a `FROM` or `JOIN`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The source's name.
    pub name: Ident,
    /// Its name in the statement.
    pub alias: Ident,
}

/// One joined source.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// How unmatched rows are treated.
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

/// How unmatched rows are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// They are dropped.
    Inner,
    /// Left ones are kept, with nulls.
    Left,
    /// Right ones are kept, with nulls.
    Right,
    /// Both are kept, with nulls.
    Outer,
}

/// `WITHIN …`: the allowed distance of the right row's time from the left row's, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// How far back.
    pub before: i64,
    /// How far ahead.
    pub after: i64,
    /// The `GRACE PERIOD`.
    pub grace: Option<i64>,
}

/// A `WINDOW` clause. All times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Byte offset of `WINDOW`.
    pub at: usize,
    /// Tumbling, hopping or session.
    pub kind: WindowKind,
    /// The window's length; a session's gap.
    pub size: i64,
    /// The distance between the starts of consecutive windows.
    pub advance: i64,
    /// The `RETENTION`.
    pub retention: Option<i64>,
    /// The `GRACE PERIOD`.
    pub grace: Option<i64>,
}

/// The kinds of windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Fixed size, without overlap.
    Tumbling,
    /// Fixed size, with overlap.
    Hopping,
    /// Ends after a gap without records.
    Session,
}

/// An expression. Equality ignores the place in the text.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What the expression is.
    pub kind: ExprKind,
    /// Byte offset in the text.
    pub at: usize,
    /// The height of its tree.
    pub height: u16,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expr {
    /// The operands, arguments and items of the expression.
    pub fn children_mut(&mut self) -> Vec<&mut Expr> {
        match &mut self.kind {
            ExprKind::Literal(_)
            | ExprKind::Column { .. }
            | ExprKind::Slot(_)
            | ExprKind::CountAll => Vec::new(),
            ExprKind::Negate(a)
            | ExprKind::Not(a)
            | ExprKind::IsNull(a)
            | ExprKind::Cast(a, _)
            | ExprKind::Field(a, _) => vec![a],
            ExprKind::Binary(_, a, b)
            | ExprKind::Compare(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Subscript(a, b) => vec![a, b],
            ExprKind::Between(a, b, c) => vec![a, b, c],
            ExprKind::Like { text, pattern, .. } => vec![text, pattern],
            ExprKind::In(value, list) => std::iter::once(&mut **value).chain(list).collect(),
            ExprKind::Call { args: items, .. } | ExprKind::Array(items) => {
                items.iter_mut().collect()
            }
            ExprKind::Map(entries) => entries.iter_mut().flat_map(|(a, b)| [a, b]).collect(),
            ExprKind::Case {
                branches,
                otherwise,
            } => {
                let branches = branches.iter_mut().flat_map(|(a, b)| [a, b]);
                branches.chain(otherwise.as_deref_mut()).collect()
            }
            ExprKind::Struct(fields) => fields.iter_mut().map(|(_, value)| value).collect(),
        }
    }
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// A column by name.
    Column {
        /// The source's alias.
        source: Option<Ident>,
        /// The column.
        name: Ident,
    },
    /// A column by its index in the row; set by the analysis.
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
        /// The character that escapes a wildcard.
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
