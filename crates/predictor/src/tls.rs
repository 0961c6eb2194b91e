//! TLS to the model: rustls with ring, and the operating system's certificates.

/// Makes ring the process's provider of cryptography, unless it has one.
pub(crate) fn install_provider() {
    // An error means that another part of the process has chosen one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
