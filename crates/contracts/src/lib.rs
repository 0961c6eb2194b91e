//! Nothing but tests: `tests/it` reads what the parts of the project say of each other.
//!
//! Topics, fields, ports, services, variables and subcommands are named in the compose file, the
//! connector files, the SQL, the Rust sources and the documentation. A name that one of them has
//! and the others do not know is a mistake that no compiler sees.
