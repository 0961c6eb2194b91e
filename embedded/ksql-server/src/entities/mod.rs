//! The JSON objects of `POST /ksql`'s answers, one module per family. All of them are pure: what
//! there is goes in as a [`View`](crate::view::View).

pub(crate) mod describe;
pub(crate) mod functions;
pub(crate) mod queries;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod topics;
