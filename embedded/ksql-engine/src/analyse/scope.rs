//! The names that an expression may use, and their slots in the row.

use std::sync::Arc;

use crate::analyse::rewrite::rewrite;
use crate::catalog::Source;
use crate::types::SqlType;
use ksql_parser::ast::{Expr, ExprKind, Ident};
use ksql_parser::error::{Refusal, invalid, unsupported};

/// Pseudo columns of every record.
pub(crate) const PSEUDO: [(&str, SqlType); 3] = [
    ("ROWTIME", SqlType::BigInt),
    ("ROWPARTITION", SqlType::Integer),
    ("ROWOFFSET", SqlType::BigInt),
];
/// Pseudo columns of records with a windowed key.
pub(crate) const BOUNDS: [&str; 2] = ["WINDOWSTART", "WINDOWEND"];

/// Whether the name is reserved: no declared column may have it.
pub(crate) fn is_reserved(name: &str) -> bool {
    PSEUDO.iter().any(|(pseudo, _)| *pseudo == name) || BOUNDS.contains(&name)
}

/// The name of a join key if neither side is a column.
pub(crate) const ROWKEY: &str = "ROWKEY";

/// A source in a statement.
#[derive(Clone, Debug)]
pub(crate) struct ScopeSource {
    pub(crate) alias: String,
    pub(crate) source: Arc<Source>,
    /// The slot of its first column.
    pub(crate) base: usize,
}

impl ScopeSource {
    /// Its columns in slot order: key, value, pseudo columns, window bounds.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (String, SqlType)> + '_ {
        let own = self
            .source
            .schema
            .columns()
            .map(|column| (column.name.clone(), column.ty.clone()));
        let pseudo = PSEUDO
            .iter()
            .map(|(name, ty)| ((*name).to_owned(), ty.clone()));
        let bounds = BOUNDS
            .iter()
            .filter(|_| self.source.window.is_some())
            .map(|name| ((*name).to_owned(), SqlType::BigInt));
        own.chain(pseudo).chain(bounds)
    }

    /// The number of its slots.
    pub(crate) fn width(&self) -> usize {
        self.columns().count()
    }

    /// The index of the slot in the key, if it is a key column.
    pub(crate) fn key_of(&self, slot: usize) -> Option<usize> {
        slot.checked_sub(self.base)
            .filter(|index| *index < self.source.schema.key.len())
    }
}

/// The sources of a statement, and names outside of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) sources: Vec<ScopeSource>,
    /// Names outside of all sources, with their slots.
    pub(crate) extra: Vec<(&'static str, usize)>,
}

impl Scope {
    /// Adds a source after the others.
    pub(crate) fn push(&mut self, alias: &Ident, source: Arc<Source>) -> Result<(), Refusal> {
        if self.sources.iter().any(|other| other.alias == alias.name) {
            bail!(invalid at alias.at,
                "`{}` names two sources: give one of them an alias", alias.name);
        }
        let base = self.width();
        self.sources.push(ScopeSource {
            alias: alias.name.clone(),
            source,
            base,
        });
        Ok(())
    }

    /// The number of slots of all sources.
    pub(crate) fn width(&self) -> usize {
        self.sources
            .last()
            .map_or(0, |last| last.base + last.width())
    }

    /// The types of all slots.
    pub(crate) fn types(&self) -> Vec<SqlType> {
        self.sources
            .iter()
            .flat_map(|source| source.columns().map(|(_, ty)| ty).collect::<Vec<_>>())
            .collect()
    }

    /// The slot of a column.
    pub(crate) fn slot(&self, source: Option<&Ident>, name: &Ident) -> Result<usize, Refusal> {
        if let Some(source) = source
            && !self
                .sources
                .iter()
                .any(|candidate| candidate.alias == source.name)
        {
            bail!(invalid at source.at,
                "there is no source or alias `{}` in this statement", source.name);
        }
        let mut found = Vec::new();
        for candidate in &self.sources {
            if source.is_none_or(|source| source.name == candidate.alias) {
                let place = candidate
                    .columns()
                    .position(|(column, _)| column == name.name);
                found.extend(place.map(|place| (candidate, candidate.base + place)));
            }
        }
        match found.as_slice() {
            [(_, slot)] => Ok(*slot),
            [] => {
                let extra = self.extra.iter().find(|(extra, _)| *extra == name.name);
                match extra {
                    Some((_, slot)) if source.is_none() => Ok(*slot),
                    // The bounds of the window that the query defines.
                    Some((extra, slot)) if BOUNDS.contains(extra) && self.sources.len() == 1 => {
                        Ok(*slot)
                    }
                    Some((extra, _)) if BOUNDS.contains(extra) => Err(unsupported(
                        name.at,
                        format!(
                            "`{}` of one source of a join is not supported: name no source",
                            name.name
                        ),
                    )),
                    _ => Err(self.unknown(name)),
                }
            }
            many => {
                let names: Vec<String> = many
                    .iter()
                    .map(|(candidate, _)| format!("{}.{}", candidate.alias, name.name))
                    .collect();
                Err(invalid(
                    name.at,
                    format!(
                        "column `{}` is ambiguous: {}",
                        name.name,
                        names.join(" or ")
                    ),
                ))
            }
        }
    }

    fn unknown(&self, name: &Ident) -> Refusal {
        let other_case = self
            .sources
            .iter()
            .flat_map(|source| {
                source
                    .columns()
                    .map(|(column, _)| column)
                    .collect::<Vec<_>>()
            })
            .find(|column| column.eq_ignore_ascii_case(&name.name));
        let hint = match other_case {
            Some(column) => format!("; did you mean \"{column}\"? It must be quoted"),
            None => String::new(),
        };
        invalid(name.at, format!("there is no column `{}`{hint}", name.name))
    }

    /// Replaces every name with its slot.
    pub(crate) fn resolve(&self, expr: &Expr) -> Result<Expr, Refusal> {
        rewrite(expr, &mut |part| match &part.kind {
            ExprKind::Column { source, name } => Ok(Some(Expr {
                kind: ExprKind::Slot(self.slot(source.as_ref(), name)?),
                at: part.at,
                height: part.height,
            })),
            _ => Ok(None),
        })
    }
}
