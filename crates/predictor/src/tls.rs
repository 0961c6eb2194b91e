//! TLS to the model: rustls with ring, and the operating system's certificates.

/// Installs ring as the process's cryptography provider, unless there is one.
pub(crate) fn install_provider() {
    // Fails if another part of the process has installed one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
