//! Arrays, maps and structs: construction and access.

use crate::analyse::typing::{Compiled, Compiler, display_type};
use crate::plan::node::{Node, Typed};
use crate::types::{Field, SqlType};
use ksql_parser::ast::{Expr, Ident};
use ksql_parser::error::{Refusal, invalid};

impl Compiler<'_> {
    pub(super) fn field(&self, base: &Expr, field: &Ident) -> Compiled {
        let typed = self.compile(base)?;
        let Some(SqlType::Struct(fields)) = &typed.ty else {
            bail!(invalid at base.at, "-> needs a STRUCT, got {}", display_type(typed.ty.as_ref()));
        };
        let found = fields
            .iter()
            .position(|candidate| candidate.name == field.name);
        match found.and_then(|index| Some((index, fields.get(index)?.ty.clone()))) {
            Some((index, ty)) => Ok(Typed {
                node: Node::Field(index, Box::new(typed.node)),
                ty: Some(ty),
            }),
            None => {
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                Err(invalid(
                    field.at,
                    format!(
                        "the STRUCT has no field `{}`; it has {}",
                        field.name,
                        names.join(", ")
                    ),
                ))
            }
        }
    }

    pub(super) fn subscript(&self, base: &Expr, index: &Expr) -> Compiled {
        let typed = self.compile(base)?;
        let key = self.compile(index)?;
        let (base_node, key_node) = (Box::new(typed.node), Box::new(key.node));
        match (&typed.ty, &key.ty) {
            (Some(SqlType::Array(element)), Some(SqlType::Integer | SqlType::BigInt)) => {
                Ok(Typed {
                    node: Node::ArrayItem(base_node, key_node),
                    ty: Some((**element).clone()),
                })
            }
            (Some(SqlType::Map(value)), Some(SqlType::Varchar)) => Ok(Typed {
                node: Node::MapItem(base_node, key_node),
                ty: Some((**value).clone()),
            }),
            (base_type, key_type) => Err(invalid(
                index.at,
                format!(
                    "cannot index {} with {}",
                    display_type(base_type.as_ref()),
                    display_type(key_type.as_ref())
                ),
            )),
        }
    }

    /// The nodes and their common type.
    fn uniform<'e>(
        &self,
        items: impl Iterator<Item = &'e Expr>,
        at: usize,
    ) -> Result<(Vec<Node>, SqlType), Refusal> {
        let mut nodes = Vec::new();
        let mut common: Option<SqlType> = None;
        for item in items {
            let typed = self.compile(item)?;
            if let Some(ty) = typed.ty {
                let expected = common.get_or_insert_with(|| ty.clone());
                if *expected != ty {
                    bail!(unsupported at item.at,
                        "all items must have one type: {expected} and {ty} differ");
                }
            }
            nodes.push(typed.node);
        }
        match common {
            Some(ty) => Ok((nodes, ty)),
            None => Err(invalid(at, "at least one item must not be NULL")),
        }
    }

    fn parts(&self, nodes: Vec<Node>) -> Vec<Node> {
        nodes.into_iter().map(|node| self.part(node)).collect()
    }

    pub(super) fn array(&self, items: &[Expr], at: usize) -> Compiled {
        let (nodes, ty) = self.uniform(items.iter(), at)?;
        Ok(Typed {
            node: Node::Array(self.parts(nodes)),
            ty: Some(SqlType::Array(Box::new(ty))),
        })
    }

    pub(super) fn map(&self, entries: &[(Expr, Expr)], at: usize) -> Compiled {
        let (keys, key_type) = self.uniform(entries.iter().map(|(key, _)| key), at)?;
        if key_type != SqlType::Varchar {
            bail!(unsupported at at, "only VARCHAR keys of a MAP are supported");
        }
        let (values, ty) = self.uniform(entries.iter().map(|(_, value)| value), at)?;
        Ok(Typed {
            node: Node::Map(keys.into_iter().zip(self.parts(values)).collect()),
            ty: Some(SqlType::Map(Box::new(ty))),
        })
    }

    pub(super) fn structure(&self, fields: &[(Ident, Expr)]) -> Compiled {
        let mut nodes = Vec::with_capacity(fields.len());
        let mut types: Vec<Field> = Vec::with_capacity(fields.len());
        for (name, expr) in fields {
            let typed = self.compile(expr)?;
            let Some(ty) = typed.ty else {
                bail!(invalid at expr.at, "the type of this field is unknown: write CAST(NULL AS type)");
            };
            if types.iter().any(|field| field.name == name.name) {
                bail!(invalid at name.at, "field `{}` is set twice", name.name);
            }
            types.push(Field {
                name: name.name.clone(),
                ty,
            });
            nodes.push(typed.node);
        }
        Ok(Typed {
            node: Node::Struct(self.parts(nodes)),
            ty: Some(SqlType::Struct(types.into())),
        })
    }
}
