//! The model's answer for one record, as every client gets it.

use model_store::LiveModel;
use model_store::features::{self, Features};
use pipeline::Definition;
use regression::{PredictError, Prediction};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The names in answers that depend on the pipeline.
#[derive(Debug)]
pub struct AnswerNames {
    target: &'static str,
    unseen: Unseen,
}

/// How an answer flags levels that the training rows do not contain.
#[derive(Debug)]
enum Unseen {
    /// The model has no category.
    Never,
    /// One category: true or false in this field.
    Flag(String),
    /// Several categories: in this field the list of those with such a level.
    List(String, Box<[&'static str]>),
}

impl AnswerNames {
    /// The names of a pipeline.
    pub fn of(definition: &'static Definition) -> Self {
        let categories: Box<[&str]> = definition
            .categories()
            .map(|column| column.name.as_str())
            .collect();
        Self {
            target: &definition.target().field,
            unseen: match definition.unseen_field() {
                None => Unseen::Never,
                Some(field) if categories.len() == 1 => Unseen::Flag(field),
                Some(field) => Unseen::List(field, categories),
            },
        }
    }
}

/// The model's answer for one record; serialized, the object of `GET /prediction`.
#[derive(Debug)]
pub struct Answer<'a> {
    names: &'a AnswerNames,
    model: &'a LiveModel,
    prediction: Prediction,
    /// The categories with a level that the training rows do not contain.
    unseen: Vec<&'static str>,
}

impl<'a> Answer<'a> {
    /// Predicts from the features of a record.
    ///
    /// # Errors
    /// Those of [`features::predict`].
    pub fn of(
        names: &'a AnswerNames,
        model: &'a LiveModel,
        features: &Features<'_>,
    ) -> Result<Self, PredictError> {
        let prediction = features::predict(&model.info.model, features)?;
        let unseen = match &names.unseen {
            Unseen::List(_, categories) if !prediction.unseen.is_empty() => {
                let unseen = prediction.unseen.iter();
                unseen
                    .filter_map(|index| categories.get(index).copied())
                    .collect()
            }
            _ => Vec::new(),
        };
        Ok(Self {
            names,
            model,
            prediction,
            unseen,
        })
    }

    /// Whether the training rows do not contain a level.
    pub fn is_unseen(&self) -> bool {
        !self.prediction.unseen.is_empty()
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry(self.names.target, &self.prediction.value)?;
        fields.serialize_entry("ModelTime", &self.model.model_time)?;
        fields.serialize_entry("ModelVersion", &self.model.info.model_version)?;
        fields.serialize_entry("Lower95", &self.prediction.lower)?;
        fields.serialize_entry("Upper95", &self.prediction.upper)?;
        match &self.names.unseen {
            Unseen::Never => {}
            Unseen::Flag(field) => fields.serialize_entry(field, &self.is_unseen())?,
            Unseen::List(field, _) => fields.serialize_entry(field, &self.unseen)?,
        }
        fields.end()
    }
}
