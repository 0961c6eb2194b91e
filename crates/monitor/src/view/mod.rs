//! The state as HTML, rendered once for all viewers.
//!
//! | module | what is in it |
//! |---|---|
//! | `renderer` | when to render, the newest frame, and who receives it |
//! | `frame` | the sections at one moment, as a page and as server-sent events |
//! | `sections` | one module for each section of the page |
//! | `words` | numbers and times as text |

mod frame;
mod renderer;
mod sections;
mod words;

pub(crate) use frame::Frame;
pub use renderer::Renderer;
