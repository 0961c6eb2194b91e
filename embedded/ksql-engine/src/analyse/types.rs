//! Type names.

use crate::types::{Field, SqlType};
use ksql_parser::ast::{TypeKind, TypeName};
use ksql_parser::error::{Refusal, invalid, unsupported};

const SUPPORTED: &str = "supported are BOOLEAN, INTEGER, BIGINT, DOUBLE, VARCHAR, ARRAY<…>, MAP<VARCHAR, …> and STRUCT<…>";

/// The type with this name.
pub(crate) fn resolve(name: &TypeName) -> Result<SqlType, Refusal> {
    match &name.kind {
        TypeKind::Array(element) => Ok(SqlType::Array(Box::new(resolve(element)?))),
        TypeKind::Map(key, value) => {
            if resolve(key)? != SqlType::Varchar {
                bail!(unsupported at key.at, "only VARCHAR keys of a MAP are supported");
            }
            Ok(SqlType::Map(Box::new(resolve(value)?)))
        }
        TypeKind::Struct(members) => {
            let mut fields: Vec<Field> = Vec::with_capacity(members.len());
            for (member, ty) in members {
                if fields.iter().any(|field| field.name == member.name) {
                    bail!(invalid at member.at, "field `{}` is declared twice", member.name);
                }
                fields.push(Field {
                    name: member.name.clone(),
                    ty: resolve(ty)?,
                });
            }
            Ok(SqlType::Struct(fields.into()))
        }
        TypeKind::Named(text, parameters) => match (text.as_str(), parameters.as_slice()) {
            ("BOOLEAN", []) => Ok(SqlType::Boolean),
            ("INT" | "INTEGER", []) => Ok(SqlType::Integer),
            ("BIGINT", []) => Ok(SqlType::BigInt),
            ("DOUBLE", []) => Ok(SqlType::Double),
            ("VARCHAR" | "STRING", []) => Ok(SqlType::Varchar),
            ("DECIMAL", [precision, scale]) => {
                let fits = *precision >= 1 && *precision <= 38 && scale <= precision;
                match (u32::try_from(*precision), u32::try_from(*scale)) {
                    (Ok(precision), Ok(scale)) if fits => Ok(SqlType::Decimal { precision, scale }),
                    _ => Err(unsupported(
                        name.at,
                        "expected DECIMAL(precision, scale) with a precision from 1 to 38 and a scale up to the precision",
                    )),
                }
            }
            ("TIMESTAMP" | "DATE" | "TIME" | "BYTES", []) | ("VARCHAR" | "STRING", _) => {
                Err(unsupported(
                    name.at,
                    format!("type {text} is not supported; {SUPPORTED}"),
                ))
            }
            _ => Err(invalid(
                name.at,
                format!("there is no type `{text}`; {SUPPORTED}"),
            )),
        },
    }
}
