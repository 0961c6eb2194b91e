//! The whole loop in one process, and the tools for any running pipeline.
