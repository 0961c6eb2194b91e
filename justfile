# Common commands; `just` lists them. Everything here also works without just.

_default:
    @just --list --unsorted

# The demo (arguments: see `just run --help`)
run *ARGS:
    cargo run -- {{ARGS}}

# All tests that need no server
test *ARGS:
    cargo test --workspace {{ARGS}}

# Format, lints, documentation and dependency rules: what to run before a commit
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    scripts/check-layering
    scripts/check-generic

# Everything that CI runs
ci:
    bash .ci/run

# Build times on this machine
build-times *ARGS:
    scripts/build-times {{ARGS}}

# Redraw the pictures of the README
pictures:
    cargo build --release
    scripts/pictures
