//! The SQL against the definition: topics, fields, types, and how errors are measured.

use ksql_parser::ast::{
    ArithmeticOp, ColumnDef, ColumnRole, Expr, ExprKind, Ident, Property, Query, SelectItem,
    Statement, StatementKind, TypeKind, TypeName,
};
use ksql_parser::{Literal, parse_script};
use pipeline::{Definition, ErrorKind, TriggerRule};

use super::Problem;

/// What a statement reads or writes.
struct Source<'a> {
    name: &'a str,
    topic: Option<&'a str>,
    line: usize,
    content: Content<'a>,
}

enum Content<'a> {
    /// Declared columns.
    Columns(&'a [ColumnDef]),
    /// The query that fills it.
    Query(&'a Query),
}

struct Check<'a> {
    definition: &'a Definition,
    file: &'a str,
    text: &'a str,
    sources: Vec<Source<'a>>,
    problems: &'a mut Vec<Problem>,
}

/// Checks the SQL. Returns the topics that it names.
pub(super) fn check(
    definition: &Definition,
    file: &str,
    text: &str,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let statements = match parse_script(text) {
        Ok(statements) => statements,
        Err(error) => {
            problems.push(Problem::new(file, error.to_string()));
            return Vec::new();
        }
    };
    let mut check = Check {
        definition,
        file,
        text,
        sources: sources(&statements, text),
        problems,
    };
    check.predicted();
    check.actual();
    check.rows();
    check.trigger();
    let topics = check.sources.iter().filter_map(|source| source.topic);
    topics.map(str::to_owned).collect()
}

fn sources<'a>(statements: &'a [Statement], text: &str) -> Vec<Source<'a>> {
    let source = |statement: &'a Statement| {
        let (target, properties, content) = match &statement.kind {
            StatementKind::CreateSource {
                target,
                columns,
                properties,
                ..
            } => (target, properties, Content::Columns(columns)),
            StatementKind::CreateAs {
                target,
                properties,
                query,
                ..
            } => (target, properties, Content::Query(query)),
            _ => return None,
        };
        Some(Source {
            name: &target.name.name,
            topic: topic(properties),
            line: line_of(text, statement.start),
            content,
        })
    };
    statements.iter().filter_map(source).collect()
}

fn topic(properties: &[Property]) -> Option<&str> {
    let property = properties
        .iter()
        .find(|property| property.name.name == "KAFKA_TOPIC")?;
    match &property.value {
        Literal::Text(topic) => Some(topic),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or_default();
    before.matches('\n').count() + 1
}

impl Check<'_> {
    fn problem(&mut self, line: Option<usize>, text: impl Into<String>) {
        let place = match line {
            Some(line) => format!("{}, line {line}", self.file),
            None => self.file.to_owned(),
        };
        self.problems.push(Problem::new(place, text));
    }

    /// The declared columns of the stream that reads a topic, and the line of its statement.
    fn declared(&mut self, topic: &str, key: &str) -> Option<(Vec<ColumnDef>, usize)> {
        let found = self.sources.iter().find_map(|source| match source.content {
            Content::Columns(columns) if source.topic == Some(topic) => {
                Some((columns.to_vec(), source.line))
            }
            _ => None,
        });
        if found.is_none() {
            let text = format!(
                "no CREATE STREAM reads the topic `{topic}` ({key}){}",
                self.known_topics()
            );
            self.problem(None, text);
        }
        found
    }

    /// The query that writes a topic, and the line of its statement.
    fn query(&mut self, topic: &str, key: &str) -> Option<(Query, usize)> {
        let found = self.sources.iter().find_map(|source| match source.content {
            Content::Query(query) if source.topic == Some(topic) => {
                Some((query.clone(), source.line))
            }
            _ => None,
        });
        if found.is_none() {
            let text = format!(
                "no CREATE … AS SELECT writes the topic `{topic}` ({key}){}",
                self.known_topics()
            );
            self.problem(None, text);
        }
        found
    }

    fn known_topics(&self) -> String {
        let topics: Vec<&str> = self
            .sources
            .iter()
            .filter_map(|source| source.topic)
            .collect();
        match topics.is_empty() {
            true => String::new(),
            false => format!("; the topics of the SQL are {}", topics.join(", ")),
        }
    }

    fn predicted(&mut self) {
        let definition = self.definition;
        let Some((columns, line)) = self.declared(&definition.topics.predicted, "predicted.topic")
        else {
            return;
        };
        self.key(&columns, line);
        for column in definition.inputs().chain(definition.group()) {
            self.field(&columns, line, &column.field, kind_of(column.is_category()));
        }
        self.field(&columns, line, "Timestamp", Kind::Text);
        let answer = columns
            .iter()
            .find(|column| column.name.name == "Prediction");
        let Some(answer) = answer else {
            self.problem(Some(line), "the field `Prediction` is not declared");
            return;
        };
        let TypeKind::Struct(fields) = &answer.ty.kind else {
            self.problem(
                Some(line),
                format!("`Prediction` is {}, expected a STRUCT", shown(&answer.ty)),
            );
            return;
        };
        let target = definition.target().field.as_str();
        for (field, kind) in [
            (target, Kind::Number),
            ("ModelVersion", Kind::Text),
            ("ModelTime", Kind::Text),
        ] {
            let found = fields.iter().find(|(name, _)| name.name == field);
            let found = found.map(|(_, ty)| ty.clone());
            self.typed(line, &format!("Prediction.{field}"), found.as_ref(), kind);
        }
    }

    fn actual(&mut self) {
        let definition = self.definition;
        let Some((columns, line)) = self.declared(&definition.topics.actual, "actual.topic") else {
            return;
        };
        self.key(&columns, line);
        self.field(&columns, line, &definition.target().field, Kind::Number);
        self.field(&columns, line, "Timestamp", Kind::Text);
    }

    fn key(&mut self, columns: &[ColumnDef], line: usize) {
        let key = &self.definition.key;
        let keys: Vec<&str> = columns
            .iter()
            .filter(|column| column.role == ColumnRole::Key)
            .map(|column| column.name.name.as_str())
            .collect();
        if keys != [key.as_str()] {
            let found = if keys.is_empty() {
                "none".to_owned()
            } else {
                keys.join(", ")
            };
            let text = format!("the KEY is {found}, expected `{key}` (record.key)");
            self.problem(Some(line), text);
        }
    }

    fn field(&mut self, columns: &[ColumnDef], line: usize, field: &str, kind: Kind) {
        let found = columns.iter().find(|column| column.name.name == field);
        self.typed(line, field, found.map(|column| &column.ty), kind);
    }

    fn typed(&mut self, line: usize, field: &str, found: Option<&TypeName>, kind: Kind) {
        match found {
            None => self.problem(Some(line), format!("the field `{field}` is not declared")),
            Some(found) if !kind.allows(found) => {
                let text = format!(
                    "the field `{field}` is {}, expected {}",
                    shown(found),
                    kind.name()
                );
                self.problem(Some(line), text);
            }
            Some(_) => {}
        }
    }

    fn rows(&mut self) {
        let definition = self.definition;
        let Some((query, line)) = self.query(&definition.topics.rows, "rows.topic") else {
            return;
        };
        let mut needed = vec!["_id".to_owned(), definition.key.clone()];
        needed.extend(
            definition
                .inputs()
                .chain(definition.group())
                .map(|column| column.field.clone()),
        );
        needed.extend([definition.predicted_field(), definition.actual_field()]);
        needed.extend(["Error", "ModelVersion", "Timestamp"].map(str::to_owned));
        self.selected(&query, line, &needed, "a stored row");
        self.reads(&query, line);
        self.error_kind(&query, line);
    }

    fn trigger(&mut self) {
        let definition = self.definition;
        let Some((query, line)) = self.query(&definition.topics.trigger, "rows.trigger") else {
            return;
        };
        let key = &definition.key;
        let mut needed = vec!["ModelVersion".to_owned()];
        needed.extend(definition.group().map(|group| group.field.clone()));
        needed.extend([
            format!("{key}_Start"),
            format!("{key}_End"),
            "ErrorAvg".to_owned(),
        ]);
        needed.push(definition.count_field());
        self.selected(&query, line, &needed, "a trigger");
        let from = self.topic_of(&query.from.name).map(str::to_owned);
        if from.as_deref() != Some(&definition.topics.rows) {
            let (rows, name) = (&definition.topics.rows, &query.from.name.name);
            let text = format!(
                "the trigger reads {name}, expected the stream of the topic `{rows}` (rows.topic)"
            );
            self.problem(Some(line), text);
        }
        if let Err(error) = TriggerRule::from_sql(self.text, &definition.topics) {
            self.problem(Some(line), error.to_string());
        }
    }

    /// Checks that a query's rows have the fields that `what` needs.
    fn selected(&mut self, query: &Query, line: usize, needed: &[String], what: &str) {
        if query
            .items
            .iter()
            .any(|item| matches!(item, SelectItem::All { .. }))
        {
            return;
        }
        let names: Vec<&str> = query.items.iter().filter_map(output).collect();
        let missing: Vec<String> = needed
            .iter()
            .filter(|field| !names.contains(&field.as_str()))
            .map(|field| format!("`{field}`"))
            .collect();
        if !missing.is_empty() {
            let text = format!(
                "{what} needs the fields {}, which are not selected",
                missing.join(", ")
            );
            self.problem(Some(line), text);
        }
    }

    /// Checks that the join reads the predictions and the actual values.
    fn reads(&mut self, query: &Query, line: usize) {
        let topics = &self.definition.topics;
        let right = query.joins.first().map(|join| &join.relation.name);
        let wanted = [
            (Some(&query.from.name), &topics.predicted, "predicted.topic"),
            (right, &topics.actual, "actual.topic"),
        ];
        for (source, topic, key) in wanted {
            let found = source.and_then(|source| self.topic_of(source));
            if found != Some(topic.as_str()) {
                let name = source.map_or("nothing", |source| source.name.as_str());
                let text = format!(
                    "the join reads {name}, expected the stream of the topic `{topic}` ({key})"
                );
                self.problem(Some(line), text);
            }
        }
        if query
            .joins
            .first()
            .is_some_and(|join| join.within.is_none())
        {
            self.problem(Some(line), "the join has no WITHIN");
        }
    }

    fn topic_of(&self, stream: &Ident) -> Option<&str> {
        let source = self
            .sources
            .iter()
            .find(|source| source.name == stream.name)?;
        source.topic
    }

    /// Compares the error of the SQL with that of the definition: a relative error is a quotient.
    fn error_kind(&mut self, query: &Query, line: usize) {
        let error = query
            .items
            .iter()
            .find(|item| output(item) == Some("Error"));
        let Some(SelectItem::Expr { expr, .. }) = error else {
            return;
        };
        let text = match (self.definition.error, divides(&mut expr.clone())) {
            (ErrorKind::Relative, false) => {
                "\"Error\" is not divided by the actual value, and model.error is \"relative\"; use error = \"absolute\", or divide"
            }
            (ErrorKind::Absolute, true) => {
                "\"Error\" is a quotient, and model.error is \"absolute\"; use error = \"relative\", or do not divide"
            }
            _ => return,
        };
        self.problem(Some(line), text);
    }
}

/// The name of a selected item.
fn output(item: &SelectItem) -> Option<&str> {
    match item {
        SelectItem::Expr {
            alias: Some(alias), ..
        } => Some(&alias.name),
        SelectItem::Expr {
            expr:
                Expr {
                    kind: ExprKind::Column { name, .. },
                    ..
                },
            ..
        } => Some(&name.name),
        _ => None,
    }
}

fn divides(expr: &mut Expr) -> bool {
    matches!(expr.kind, ExprKind::Binary(ArithmeticOp::Divide, ..))
        || expr.children_mut().into_iter().any(divides)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
}

fn kind_of(is_category: bool) -> Kind {
    if is_category {
        Kind::Text
    } else {
        Kind::Number
    }
}

impl Kind {
    fn allows(self, found: &TypeName) -> bool {
        let TypeKind::Named(name, _) = &found.kind else {
            return false;
        };
        let names: &[&str] = match self {
            Self::Number => &["DOUBLE", "INT", "INTEGER", "BIGINT", "DECIMAL"],
            Self::Text => &["VARCHAR", "STRING"],
        };
        names.contains(&name.to_uppercase().as_str())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Number => "DOUBLE",
            Self::Text => "VARCHAR",
        }
    }
}

fn shown(ty: &TypeName) -> String {
    match &ty.kind {
        TypeKind::Named(name, _) => name.to_uppercase(),
        TypeKind::Array(_) => "an ARRAY".to_owned(),
        TypeKind::Map(..) => "a MAP".to_owned(),
        TypeKind::Struct(_) => "a STRUCT".to_owned(),
    }
}
