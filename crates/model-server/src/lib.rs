//! The model over HTTP: predictions, training, versions and what is live.
