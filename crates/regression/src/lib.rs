//! Linear models by formula over named columns: fit, guards, summary, prediction with interval, leave-one-out.
