//! The JSON entities in responses of `POST /ksql`. They are pure functions of a
//! [`View`](crate::view::View).

pub(crate) mod describe;
pub(crate) mod functions;
pub(crate) mod queries;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod topics;
