//! What a secured Kafka refuses, in one line: who, what, and what to do.

use rdkafka::error::RDKafkaErrorCode;

use super::KafkaSettings;

impl KafkaSettings {
    /// The user that the properties name; `None` if they name none, as with a client certificate.
    pub(crate) fn user(&self) -> Option<&str> {
        self.property("sasl.username")
    }

    /// Why Kafka refuses a request on `resource`, such as "topic `a`", which needs the operation `operation`.
    /// `None` if the error is of another kind.
    pub(crate) fn refusal(
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

    /// Why no connection can be used, from librdkafka's error and its reason. `None` if the error says nothing
    /// about security.
    pub(crate) fn connection_refusal(
        &self,
        code: RDKafkaErrorCode,
        reason: &str,
    ) -> Option<String> {
        let user = self.user().unwrap_or("none");
        let advice = match code {
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
            RDKafkaErrorCode::BrokerTransportFailure
                if reason.contains("incorrect security.protocol") =>
            {
                "Kafka closes the connection; check security.protocol, for example SASL_SSL"
                    .to_owned()
            }
            _ => return None,
        };
        Some(format!("{advice}: {reason}"))
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
                "might be caused by incorrect security.protocol configuration",
                "SASL_SSL",
            ),
        ] {
            let text = settings().connection_refusal(code, reason);
            let text = text.expect("a refusal");
            assert!(text.contains(part) && text.ends_with(reason), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        let code = RDKafkaErrorCode::BrokerTransportFailure;
        assert_eq!(settings().connection_refusal(code, "refused"), None);
    }
}
