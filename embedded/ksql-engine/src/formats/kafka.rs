//! The `KAFKA` format: big-endian numbers, UTF-8 text.

use crate::formats::DecodeError;
use crate::types::SqlType;
use crate::value::Value;

/// Whether the format supports the type.
pub(crate) fn supports(ty: &SqlType) -> bool {
    matches!(
        ty,
        SqlType::Integer | SqlType::BigInt | SqlType::Double | SqlType::Varchar
    )
}

/// Reads one value.
pub(crate) fn read(bytes: &[u8], ty: &SqlType) -> Result<Value, DecodeError> {
    let wrong = |wanted: usize| {
        DecodeError(format!(
            "expected {wanted} bytes for {ty} in KAFKA format, got {}",
            bytes.len()
        ))
    };
    match ty {
        SqlType::Integer => Ok(Value::Integer(i32::from_be_bytes(
            bytes.try_into().map_err(|_| wrong(4))?,
        ))),
        SqlType::BigInt => Ok(Value::BigInt(i64::from_be_bytes(
            bytes.try_into().map_err(|_| wrong(8))?,
        ))),
        SqlType::Double => Ok(Value::Double(f64::from_be_bytes(
            bytes.try_into().map_err(|_| wrong(8))?,
        ))),
        // Invalid UTF-8 becomes U+FFFD.
        _ => Ok(Value::text(String::from_utf8_lossy(bytes))),
    }
}

/// Appends one value; `false` for NULL.
pub(crate) fn append(value: &Value, bytes: &mut Vec<u8>) -> bool {
    match value {
        Value::Integer(number) => bytes.extend_from_slice(&number.to_be_bytes()),
        Value::BigInt(number) => bytes.extend_from_slice(&number.to_be_bytes()),
        Value::Double(number) => bytes.extend_from_slice(&number.to_be_bytes()),
        Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        _ => return false,
    }
    true
}
