//! The parts of the OpenAPI document that depend on the pipeline: names, units, limits, examples.
//!
//! The handlers' annotations leave them out, and this module adds them.

use model_store::features::TrainingRow;
use pipeline::definition::capitalized;
use pipeline::{Column, Definition, ErrorKind};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi as Document;

use super::examples;
use super::wording::{a, is_plain, of_one, plural, spelled_out};

/// The name under which the annotations refer to a row of `POST /predictions`.
pub(super) const RECORD: &str = "Record";

/// The whole document of a pipeline.
///
/// # Errors
/// The document cannot be written as JSON.
pub(super) fn of(
    document: &Document,
    definition: &'static Definition,
    first_row: Option<&TrainingRow>,
) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(document)?;
    let pipeline = Pipeline {
        definition,
        first_row,
    };
    pipeline.describe_calls(&mut document);
    pipeline.describe_schemas(&mut document);
    pipeline.name_the_record(&mut document);
    if definition.error == ErrorKind::Absolute {
        replace_texts(
            &mut document,
            "mean absolute relative error",
            "mean absolute error",
        );
    }
    Ok(document)
}

struct Pipeline<'a> {
    definition: &'static Definition,
    first_row: Option<&'a TrainingRow>,
}

impl Pipeline<'_> {
    fn describe_calls(&self, document: &mut Value) {
        let definition = self.definition;
        let (record, records) = (&definition.record, &definition.records);
        let target = &definition.target().name;
        let trigger = &definition.topics.trigger;
        let key = &definition.key;
        set(
            document,
            "/info/description",
            format!(
                "Predictions of {} {target}, training, model versions. {}Errors are problems (RFC 9457) \
                 with a stable `type`.",
                of_one(record),
                self.units()
            ),
        );
        set(
            document,
            "/tags/0/description",
            format!("The {target} of one {record} or many"),
        );
        let get = "/paths/~1prediction/get";
        set(
            document,
            &format!("{get}/summary"),
            format!("Predict the {target} of one {record}"),
        );
        let parameters = definition.inputs().map(|column| self.parameter(column));
        let parameters = Value::Array(parameters.collect());
        insert_after(document, get, "operationId", "parameters", parameters);
        let targets = plural(target);
        set(
            document,
            "/paths/~1predictions/post/summary",
            format!(
                "Predict the {targets} of many {records}: an array of the same length and order"
            ),
        );
        set(
            document,
            "/paths/~1train/post/description",
            format!(
                "A body that is a row of `{trigger}` is a trigger. If its version is not live, the answer is\n\
                 `superseded` and nothing is trained. If the same trigger (`ModelVersion`, `{key}_Start`,\n\
                 `{key}_End` and `ErrorAvg`) has been decided on before, the answer is `unchanged`. Otherwise the\n\
                 training waits until the row of its last {record} is stored. Equal requests at the same time share one\n\
                 training."
            ),
        );
        set(
            document,
            "/paths/~1train/post/requestBody/description",
            format!("A row of {trigger}, or anything else"),
        );
    }

    fn describe_schemas(&self, document: &mut Value) {
        let definition = self.definition;
        let target_unit = self.in_unit(definition.target());
        set(document, "/components/schemas/Answer", self.answer());
        set(
            document,
            &format!("/components/schemas/{RECORD}"),
            self.record(),
        );
        set(document, "/components/schemas/Trigger", self.trigger());
        let properties = |schema: &str| format!("/components/schemas/{schema}/properties");
        set(
            document,
            &format!(
                "{}/ResidualStandardError/description",
                properties("FitView")
            ),
            format!("Residual standard error{target_unit}."),
        );
        let terms = definition.inputs().take(1);
        let terms: String = terms.map(|column| format!(", `{}`", column.name)).collect();
        set(
            document,
            &format!("{}/Term/description", properties("CoefficientView")),
            format!("The column: `(Intercept)`{terms}, …"),
        );
        let mut categories = definition.categories();
        let levels = match (categories.next(), categories.next()) {
            (Some(only), None) => plural(&only.name),
            _ => "levels".to_owned(),
        };
        set(
            document,
            &format!(
                "{}/PooledSummary/oneOf/0/description",
                properties("ModelView")
            ),
            format!(
                "The statistics of the pooled fit, which predicts for {levels} that the training rows do not\n\
                 contain; null if it equals `Summary`."
            ),
        );
        let Some(group) = definition.group() else {
            return;
        };
        let description = format!("The {} in the training rows.", plural(&group.name));
        let list = |kind: Value| json!({ "type": kind, "items": { "type": "string" }, "description": description });
        let view = properties("ModelView");
        insert_after(
            document,
            &view,
            "LastRow",
            &group.field,
            list(json!("array")),
        );
        let report = properties("TrainReport");
        let maybe = list(json!(["array", "null"]));
        insert_after(document, &report, "SkippedRows", &group.field, maybe);
        if let Some(Value::Array(required)) =
            document.pointer_mut("/components/schemas/ModelView/required")
        {
            let place = required.iter().position(|name| name == "SkippedRows");
            let place = place.map_or(required.len(), |place| place + 1);
            required.insert(place, group.field.as_str().into());
        }
    }

    /// Names the schema of a row of `POST /predictions` after the record.
    fn name_the_record(&self, document: &mut Value) {
        let legal = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        };
        let mut name: String = capitalized(&self.definition.record)
            .chars()
            .map(legal)
            .collect();
        let items = "/paths/~1predictions/post/requestBody/content/application~1json/schema/items";
        let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else {
            return;
        };
        let Some(record) = schemas.shift_remove(RECORD) else {
            return;
        };
        while schemas.contains_key(&name) {
            name.push('_');
        }
        schemas.insert(name.clone(), record);
        schemas.sort_keys();
        set(
            document,
            items,
            json!({ "$ref": format!("#/components/schemas/{name}") }),
        );
    }

    fn answer(&self) -> Value {
        let definition = self.definition;
        let target = definition.target();
        let unit = self.in_unit(target);
        let comma = if unit.is_empty() { "" } else { "," };
        let number = |description: String| json!({ "type": "number", "format": "double", "description": description });
        let text = |description: &str| json!({ "type": "string", "description": description });
        let mut properties = Map::new();
        properties.insert(
            target.field.clone(),
            number(format!("Predicted {}{unit}.", target.name)),
        );
        properties.insert(
            "ModelTime".to_owned(),
            text("When the model was trained, by the wall clock: `YYYY-MM-DD HH:MM:SS`, UTC."),
        );
        properties.insert(
            "ModelVersion".to_owned(),
            text("The version that predicted."),
        );
        for (field, end) in [("Lower95", "Lower"), ("Upper95", "Upper")] {
            let description = format!("{end} end of the 95 % prediction interval{comma}{unit}.");
            properties.insert(field.to_owned(), number(description));
        }
        let mut categories = definition.categories();
        let unseen = match (categories.next(), categories.next()) {
            (Some(only), None) => {
                let name = &only.name;
                json!({ "type": "boolean", "description": format!(
                    "Whether the training rows do not contain the {name}, so that the fit without {name} predicted."
                ) })
            }
            _ => json!({
                "type": "array", "items": { "type": "string" },
                "description": "The categories with a level that the training rows do not contain, so that a fit without them predicted."
            }),
        };
        if let Some(field) = definition.unseen_field() {
            properties.insert(field, unseen);
        }
        let required: Vec<&String> = properties.keys().collect();
        let description = format!("The model's answer for one {}.", definition.record);
        json!({ "type": "object", "description": description, "required": required, "properties": properties })
    }

    fn record(&self) -> Value {
        let inputs = self.definition.inputs();
        let property = |column: &Column| {
            let description = match column.is_category() {
                true => "Any text.".to_owned(),
                false => format!("{}.", self.description(column)),
            };
            let mut schema = kind(column);
            schema.insert("description".to_owned(), description.into());
            schema.insert("example".to_owned(), self.example(column));
            schema.extend(limits(column));
            (column.name.clone(), Value::Object(schema))
        };
        let properties: Map<String, Value> = inputs.map(property).collect();
        let required: Vec<&String> = properties.keys().collect();
        let description = format!(
            "{} to predict, for the documentation.",
            capitalized(&a(&self.definition.record))
        );
        json!({ "type": "object", "description": description, "required": required, "properties": properties })
    }

    fn parameter(&self, column: &Column) -> Value {
        let mut schema = kind(column);
        schema.extend(limits(column));
        json!({
            "name": column.name, "in": "query", "description": self.description(column), "required": true,
            "schema": schema, "example": self.example(column)
        })
    }

    fn trigger(&self) -> Value {
        let definition = self.definition;
        let (record, records) = (&definition.record, &definition.records);
        let text =
            |description: String| json!({ "type": ["string", "null"], "description": description });
        let mut properties = Map::new();
        let mut add = |field: String, schema: Value| properties.insert(field, schema);
        add(
            "ModelVersion".to_owned(),
            text("The version with the large error.".to_owned()),
        );
        if let Some(group) = definition.group() {
            let description = format!("The {} in the window.", plural(&group.name));
            add(
                group.field.clone(),
                json!({ "type": "array", "items": { "type": "string" }, "description": description }),
            );
        }
        for (end, which) in [("Start", "first"), ("End", "last")] {
            add(
                format!("{}_{end}", definition.key),
                text(format!("The {which} {record} in the window.")),
            );
        }
        let error = match definition.error {
            ErrorKind::Relative => "Mean relative error over the window.",
            ErrorKind::Absolute => "Mean error over the window.",
        };
        add(
            "ErrorAvg".to_owned(),
            json!({ "type": ["number", "null"], "format": "double", "description": error }),
        );
        let description = format!("The number of {records} in the window.");
        add(
            definition.count_field(),
            json!({ "type": ["integer", "null"], "format": "int64", "description": description, "minimum": 0 }),
        );
        let topic = &definition.topics.trigger;
        let description = format!("The fields of a record of `{topic}`. Each is optional.");
        json!({ "type": "object", "description": description, "properties": properties })
    }

    fn description(&self, column: &Column) -> String {
        if column.is_category() {
            return "Any text; the answer flags one that is not in the training rows".to_owned();
        }
        format!("{}{}", capitalized(&column.name), self.in_unit(column))
    }

    /// ` in kilograms`; empty if the column has no unit.
    fn in_unit(&self, column: &Column) -> String {
        let unit = column.unit.as_deref();
        unit.map_or_else(String::new, |unit| format!(" in {}", spelled_out(unit)))
    }

    /// A sentence on the units of all numbers, with a final space; empty if there is no unit.
    fn units(&self) -> String {
        let numbers = self.definition.numbers();
        let mut by_unit: Vec<(&str, Vec<&str>)> = Vec::new();
        for column in numbers.chain([self.definition.target()]) {
            let Some(unit) = column.unit.as_deref() else {
                continue;
            };
            match by_unit.iter_mut().find(|(known, _)| *known == unit) {
                Some((_, names)) => names.push(&column.name),
                None => by_unit.push((unit, vec![&column.name])),
            }
        }
        let is_prose = by_unit
            .iter()
            .all(|(_, names)| names.iter().all(|name| is_plain(name)));
        let parts: Vec<String> = by_unit
            .iter()
            .enumerate()
            .map(|(at, (unit, names))| {
                let unit = spelled_out(unit);
                if !is_prose {
                    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                    return format!("{}: {unit}", names.join(", "));
                }
                let names: Vec<String> = names.iter().map(|name| plural(name)).collect();
                let verb = if at == 0 { " are" } else { "" };
                format!("{}{verb} {unit}", names.join(" and "))
            })
            .collect();
        match (parts.is_empty(), is_prose) {
            (true, _) => String::new(),
            (false, true) => format!("{}. ", capitalized(&parts.join(", "))),
            (false, false) => format!("Units: {}. ", parts.join("; ")),
        }
    }

    fn example(&self, column: &Column) -> Value {
        examples::of(self.definition, column, self.first_row)
    }
}

fn kind(column: &Column) -> Map<String, Value> {
    let kind = match column.is_category() {
        true => json!({ "type": "string" }),
        false => json!({ "type": "number", "format": "double" }),
    };
    match kind {
        Value::Object(kind) => kind,
        _ => Map::new(),
    }
}

fn limits(column: &Column) -> Map<String, Value> {
    if column.is_category() {
        let longest = pipeline::column::MAX_LEVEL_CHARS.into();
        let limits = [("maxLength", longest), ("minLength", 1.into())];
        return limits
            .map(|(name, limit)| (name.to_owned(), limit))
            .into_iter()
            .collect();
    }
    let limits = [
        ("maximum", column.at_most()),
        ("minimum", column.at_least()),
        ("exclusiveMaximum", column.below()),
        ("exclusiveMinimum", column.above()),
    ];
    limits
        .into_iter()
        .filter_map(|(name, limit)| Some((name.to_owned(), number(limit?))))
        .collect()
}

/// A number without a fraction if it has none.
fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        (number as i64).into()
    } else {
        number.into()
    }
}

/// Sets the value at a JSON pointer, which exists.
fn set(document: &mut Value, pointer: &str, value: impl Into<Value>) {
    debug_assert!(document.pointer(pointer).is_some(), "{pointer}");
    if let Some(place) = document.pointer_mut(pointer) {
        *place = value.into();
    }
}

/// Inserts a field after another field of the object at a JSON pointer.
fn insert_after(document: &mut Value, pointer: &str, after: &str, name: &str, value: Value) {
    debug_assert!(document.pointer(pointer).is_some(), "{pointer}");
    if let Some(Value::Object(fields)) = document.pointer_mut(pointer) {
        let place = fields.keys().position(|field| field == after);
        fields.shift_insert(
            place.map_or(fields.len(), |place| place + 1),
            name.to_owned(),
            value,
        );
    }
}

/// Replaces a part of all texts.
fn replace_texts(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text.contains(from) => *text = text.replace(from, to),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| replace_texts(value, from, to)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| replace_texts(value, from, to)),
        _ => {}
    }
}
