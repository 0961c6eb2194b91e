//! Simulators of the two machines of a fish factory: one measures, the other weighs.
