//! What a secured Kafka refuses, in one line: who, what, and what to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaSettings;

/// Why Kafka refuses a client's connections, from the client's callbacks. A newer reason replaces an older one, and
/// an answer of Kafka clears it.
#[derive(Debug)]
pub(crate) struct RefusedConnection {
    settings: KafkaSettings,
    reason: Mutex<Option<String>>,
    /// A broker that restarts closes connections too, so after the first connection the log says nothing.
    was_connected: AtomicBool,
}

impl RefusedConnection {
    pub(crate) fn new(settings: KafkaSettings) -> Self {
        Self {
            settings,
            reason: Mutex::default(),
            was_connected: AtomicBool::new(false),
        }
    }

    /// An error of the client. Returns the refusal if it is a new one.
    pub(crate) fn note_error(&self, error: &KafkaError, reason: &str) -> Option<String> {
        let code = error.rdkafka_error_code()?;
        self.note(code, reason)
    }

    /// A line of the client's log: librdkafka reports closed connections nowhere else. Returns the refusal if it
    /// is a new one.
    pub(crate) fn note_log(&self, facility: &str, message: &str) -> Option<String> {
        let code = RDKafkaErrorCode::BrokerTransportFailure;
        if facility != "FAIL" || self.was_connected.load(Ordering::Relaxed) {
            return None;
        }
        self.note(code, message)
    }

    pub(crate) fn reason(&self) -> Option<String> {
        let reason = self.reason.lock();
        reason.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection is up.
    pub(crate) fn clear(&self) {
        self.was_connected.store(true, Ordering::Relaxed);
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn note(&self, code: RDKafkaErrorCode, detail: &str) -> Option<String> {
        let advice = self.settings.connection_advice(code, detail)?;
        let mut reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        // The details of one refusal differ, for example by the time that it took.
        if reason
            .as_ref()
            .is_some_and(|known| known.starts_with(&advice))
        {
            return None;
        }
        let refusal = format!("{advice}: {detail}");
        *reason = Some(refusal.clone());
        Some(refusal)
    }
}

impl KafkaSettings {
    /// The user that the properties name; `None` if they name none, as with a client certificate.
    pub(crate) fn user(&self) -> Option<&str> {
        self.property("sasl.username")
    }

    fn has_tls(&self) -> bool {
        let protocol = self.property("security.protocol").unwrap_or_default();
        protocol.to_ascii_uppercase().ends_with("SSL")
    }

    /// Why a request on `resource`, such as "topic `a`", failed: what Kafka does not allow, or else the error.
    pub fn explain(&self, error: &KafkaError, operation: &str, resource: &str) -> String {
        let code = error.rdkafka_error_code();
        let refusal = code.and_then(|code| self.refusal(code, operation, resource));
        refusal.unwrap_or_else(|| error.to_string())
    }

    /// Why Kafka refuses a request on `resource`, such as "topic `a`", which needs the operation `operation`.
    /// `None` if the error is of another kind.
    pub fn refusal(
        &self,
        code: RDKafkaErrorCode,
        operation: &str,
        resource: &str,
    ) -> Option<String> {
        use RDKafkaErrorCode as Code;
        match code {
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed => {
                let user = self.user().unwrap_or("ANONYMOUS or the certificate's name");
                Some(format!(
                    "Kafka does not allow user `{user}` the operation {operation} on {resource}: give the user \
                     this ACL (scripts/kafka-acls), or name another topic, group or user"
                ))
            }
            _ => None,
        }
    }

    /// Why no connection can be used and what to check, from librdkafka's error and its reason. `None` if the error
    /// says nothing about security.
    fn connection_advice(&self, code: RDKafkaErrorCode, reason: &str) -> Option<String> {
        let user = self.user().unwrap_or("none");
        Some(match code {
            RDKafkaErrorCode::Authentication => format!(
                "Kafka rejects the credentials of user `{user}`; check sasl.username, sasl.password and \
                 sasl.mechanism, and that the user exists"
            ),
            RDKafkaErrorCode::SSL | RDKafkaErrorCode::BrokerTransportFailure
                if reason.contains("certificate verify failed") =>
            {
                "Kafka's certificate is not trusted; check ssl.ca.location, the host name in \
                 --bootstrap-servers, and that the certificate has not expired"
                    .to_owned()
            }
            RDKafkaErrorCode::SSL => {
                "TLS with Kafka fails; check security.protocol and the ssl properties".to_owned()
            }
            // A TLS port closes the connection after the first request of a client without TLS.
            RDKafkaErrorCode::BrokerTransportFailure
                if !self.has_tls()
                    && reason.contains("Disconnected")
                    && reason.contains("in state APIVERSION_QUERY") =>
            {
                "Kafka closes the plaintext connection: its port speaks TLS or expects SASL; set \
                 security.protocol, for example -X security.protocol=SASL_SSL"
                    .to_owned()
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> KafkaSettings {
        let mut settings = KafkaSettings::plain("127.0.0.1:1");
        for property in ["sasl.username=predictor", "sasl.password=s3cret"] {
            let property = property.parse().expect("a property");
            settings.kafka_properties.push(property);
        }
        settings
    }

    #[test]
    fn a_missing_acl_is_named_with_user_and_operation() {
        let code = RDKafkaErrorCode::TopicAuthorizationFailed;
        let text = settings().refusal(code, "Read", "topic `weight-retrain`");
        let text = text.expect("a refusal");
        for part in ["`predictor`", "Read", "topic `weight-retrain`", "ACL"] {
            assert!(text.contains(part), "{text}");
        }
        let other = RDKafkaErrorCode::OperationTimedOut;
        assert_eq!(settings().refusal(other, "Read", "topic `x`"), None);
    }

    #[test]
    fn a_refused_connection_says_what_to_check() {
        for (code, reason, part) in [
            (
                RDKafkaErrorCode::Authentication,
                "SASL failed",
                "sasl.password",
            ),
            (
                RDKafkaErrorCode::SSL,
                "certificate verify failed",
                "ssl.ca.location",
            ),
            (RDKafkaErrorCode::SSL, "handshake failed", "ssl properties"),
            (
                RDKafkaErrorCode::BrokerTransportFailure,
                "Disconnected: connection closed by peer (after 1ms in state APIVERSION_QUERY)",
                "speaks TLS",
            ),
        ] {
            let refused = RefusedConnection::new(settings());
            let text = refused.note(code, reason).expect("a refusal");
            assert!(text.contains(part) && text.ends_with(reason), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        let code = RDKafkaErrorCode::BrokerTransportFailure;
        assert_eq!(settings().connection_advice(code, "refused"), None);
    }

    #[test]
    fn a_newer_reason_replaces_an_older_one() {
        let refused = RefusedConnection::new(settings());
        let closed = |millis| {
            let closed = format!("Disconnected (after {millis}ms in state APIVERSION_QUERY)");
            refused.note_log("FAIL", &closed)
        };
        assert!(closed(1).is_some_and(|reason| reason.contains("speaks TLS")));
        assert_eq!(closed(2), None, "logged once");
        let wrong = KafkaError::Global(RDKafkaErrorCode::Authentication);
        let reason = refused.note_error(&wrong, "SASL failed");
        assert!(
            reason
                .as_ref()
                .is_some_and(|reason| reason.contains("credentials"))
        );
        assert_eq!(refused.reason(), reason);
        let other = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        assert_eq!(refused.note_error(&other, "1/1 brokers are down"), None);
        assert_eq!(refused.reason(), reason, "it says nothing about security");
        assert!(closed(3).is_some());
    }

    #[test]
    fn a_broker_that_restarts_does_not_refuse() {
        let closed = "Disconnected: hung up (after 1ms in state APIVERSION_QUERY)";
        let refused = RefusedConnection::new(settings());
        assert_eq!(refused.note_log("SEND", closed), None);
        assert!(refused.note_log("FAIL", closed).is_some());
        assert_eq!(refused.note_log("FAIL", closed), None, "logged once");
        refused.clear();
        assert_eq!(refused.note_log("FAIL", closed), None);
        assert_eq!(refused.reason(), None);
    }
}
