//! docker-compose.yml with docker-compose.secure.yml: no service has more rights than it needs, and secrets are only
//! in files.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::programs::{unknown, variables};
use crate::project::{captures, compose, root, settings, strings, text};

const OVERLAY: &str = "docker-compose.secure.yml";

/// The overlay. Its tags become parts of keys: `a: !reset null` is `a: null`, and `a: !override …` is `a!: …`.
fn overlay() -> Value {
    let text = text(OVERLAY)
        .replace(": !reset []", ": null")
        .replace(": !reset null", ": null");
    let text = text.replace("volumes: !override", "volumes!:");
    serde_saphyr::from_str(&text).expect("docker-compose.secure.yml is YAML")
}

/// Merges as `docker compose` does: mappings by key, sequences one after the other, except commands.
fn merge(base: Value, over: Value, key: &str) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, over) in over {
                let replaces = key.strip_suffix('!');
                let name = replaces.unwrap_or(&key);
                match (base.remove(name), over) {
                    // `!reset`. A variable without a value is passed on, which no secret may be.
                    (Some(_), Value::Null) => {}
                    (Some(value), over) if replaces.is_none() => {
                        base.insert(name.to_owned(), merge(value, over, name));
                    }
                    (_, over) => {
                        base.insert(name.to_owned(), over);
                    }
                }
            }
            Value::Object(base)
        }
        (Value::Array(base), Value::Array(over)) if !["command", "test"].contains(&key) => {
            Value::Array(base.into_iter().chain(over).collect())
        }
        (_, over) => over,
    }
}

fn merged() -> Map<String, Value> {
    let all = merge(compose(), overlay(), "")["services"].take();
    all.as_object().expect("services").clone()
}

/// The text of a source path: `./` and `${PIPELINE}` are the checkout.
fn source(mount: &str) -> String {
    let mount = mount.replace("${PIPELINE:?see .env}", ".");
    let source = mount.split(':').next().unwrap();
    source.strip_prefix("./").unwrap_or(source).to_owned()
}

#[test]
fn every_container_is_hardened() {
    let services = merged();
    assert!(services.len() >= 18, "{}", services.len());
    for (name, service) in &services {
        assert_eq!(service["read_only"], true, "{name}");
        assert!(
            strings(&service["cap_drop"]).contains(&"ALL".to_owned()),
            "{name}"
        );
        let options = strings(&service["security_opt"]);
        assert!(
            options.contains(&"no-new-privileges:true".to_owned()),
            "{name}"
        );
        assert!(service.get("mem_limit").is_some(), "{name}");
        let added = strings(&service["cap_add"]);
        let reads_secrets = ["kafka-users", "mongo-users"].contains(&name.as_str());
        assert_eq!(added.is_empty(), !reads_secrets, "{name} has {added:?}");
        assert!(service.get("privileged").is_none(), "{name}");
    }
}

#[test]
fn no_secret_is_in_an_environment_variable_or_a_command() {
    let names = ["PASSWORD", "TOKEN", "SECRET", "KEY"];
    for (name, service) in merged() {
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            let file = variable.ends_with("_FILE")
                || value
                    .as_str()
                    .is_some_and(|value| value.starts_with("/run/secrets/"));
            let named = variable.split('_').any(|part| names.contains(&part));
            assert!(!named || file, "{name}: {variable}");
        }
        let texts = [
            &service["environment"],
            &service["command"],
            &service["entrypoint"],
        ];
        for text in texts.map(strings).concat() {
            for secret in ["PASSWORD:?", "TOKEN?", "TOKEN:?", "MONGO_USER"] {
                assert!(!text.contains(secret), "{name}: {text}");
            }
            let passwords = captures(&text, r"://[^/@:]+:([^/@]+)@");
            assert!(passwords.is_empty(), "{name}: {passwords:?} in an address");
        }
    }
}

#[test]
fn no_container_sees_the_checkouts_secrets() {
    for (name, service) in merged() {
        for mount in strings(&service["volumes"]) {
            let source = source(&mount);
            let path = root().join(&source);
            assert!(!source.is_empty() && source != ".", "{name}: {mount}");
            assert!(!path.join(".env").exists(), "{name}: {mount} has .env");
            assert!(!source.starts_with("secrets"), "{name}: {mount}");
        }
    }
}

#[test]
fn secrets_and_configs_are_declared_and_made() {
    let overlay = overlay();
    let made = tempfile::tempdir().unwrap();
    let script = Command::new(root().join("scripts/certificates"))
        .arg("--directory")
        .arg(made.path())
        .output()
        .unwrap();
    let problem = String::from_utf8_lossy(&script.stderr);
    assert!(script.status.success(), "scripts/certificates: {problem}");
    let mut used = BTreeSet::new();
    for (name, service) in merged() {
        for kind in ["secrets", "configs"] {
            for one in service[kind].as_array().into_iter().flatten() {
                let source = one["source"].as_str().or(one.as_str()).expect("a source");
                let file = overlay[kind][source]["file"].as_str();
                let file = file.unwrap_or_else(|| panic!("{name}: {source} is not declared"));
                used.insert((kind, source.to_owned()));
                if kind == "configs" {
                    assert!(root().join(file).exists(), "{file}");
                } else {
                    let file = file.strip_prefix("secrets/").expect("a file of secrets/");
                    let made = made.path().join(file).exists();
                    assert!(made, "scripts/certificates does not make {file}");
                }
            }
        }
    }
    for kind in ["secrets", "configs"] {
        for source in overlay[kind].as_object().unwrap().keys() {
            assert!(
                used.contains(&(kind, source.clone())),
                "{source} is not used"
            );
        }
    }
}

#[test]
fn programs_know_their_flags_and_variables() {
    for (name, service) in merged() {
        let Some(target) = service["build"]["target"].as_str() else {
            continue;
        };
        let command = strings(&service["command"]);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        assert_eq!(unknown(target, &words), [""; 0], "{name}");
        let known = variables(target, &words);
        for variable in service["environment"].as_object().into_iter().flatten() {
            assert!(known.contains(variable.0), "{name}: {}", variable.0);
        }
        // Whoever talks to Kafka does so as the service's own user.
        if service["environment"]
            .get("KAFKA_BOOTSTRAP_SERVERS")
            .is_some()
        {
            let properties = service["environment"]["KAFKA_PROPERTIES_FILE"].as_str();
            let targets = strings(&service["configs"]);
            assert!(
                targets.contains(&properties.expect(&name).to_owned()),
                "{name}"
            );
        }
        let url = service["environment"]["MODEL_URL"]
            .as_str()
            .unwrap_or("https:");
        assert!(url.starts_with("https:"), "{name}: {url}");
    }
    let read = captures(&text(OVERLAY), r"[^$]\$\{(\w+)");
    assert!(read.is_subset(&settings()), "{read:?}");
}

#[test]
fn kafka_allows_nothing_without_tls_and_an_acl() {
    let kafka = merged()["kafka"]["environment"].clone();
    let protocols = kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
        .as_str()
        .unwrap();
    assert!(!protocols.contains("PLAINTEXT"), "{protocols}");
    for listener in ["INTERNAL", "CONTROLLER"] {
        let client = &kafka[format!("KAFKA_LISTENER_NAME_{listener}_SSL_CLIENT_AUTH")];
        assert_eq!(*client, json!("required"), "{listener}");
    }
    assert!(
        kafka["KAFKA_AUTHORIZER_CLASS_NAME"]
            .as_str()
            .unwrap()
            .ends_with("StandardAuthorizer")
    );
    let users = captures(&text("scripts/certificates"), r#"kafka_users="([^"]*)""#);
    let users: BTreeSet<&str> = users.iter().flat_map(|all| all.split(' ')).collect();
    for (name, service) in merged() {
        for word in strings(&service["command"]) {
            if let Some(user) = word.strip_prefix("sasl.username=") {
                assert!(users.contains(user), "{name}: {user} is no user");
            }
        }
    }
    let worker = text("locked/connect-worker.properties");
    for prefix in ["", "producer.", "consumer.", "admin."] {
        assert!(
            worker.contains(&format!("\n{prefix}security.protocol=SASL_SSL\n")),
            "{prefix}"
        );
    }
    assert!(
        !worker.contains("TRAIN_TOKEN") && !worker.contains("MONGODB_URI"),
        "not in the environment"
    );
}

#[test]
fn servers_without_authentication_are_not_published() {
    for name in ["connect", "ksqldb-server", "prometheus"] {
        assert!(strings(&merged()[name]["ports"]).is_empty(), "{name}");
    }
    let anonymous = merged()["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"].clone();
    assert_eq!(anonymous, "false");
}

/// The networks of a service.
fn networks(service: &Value) -> BTreeSet<String> {
    match service.get("networks") {
        None => BTreeSet::from(["default".to_owned()]),
        Some(named) => strings(named).into_iter().collect(),
    }
}

/// Whoever reaches Connect can read its secrets, and whoever reaches ksqlDB can run SQL.
#[test]
fn few_services_share_a_network_with_connect_and_ksqldb() {
    let services = merged();
    let callers = |server: &str| {
        let reached = networks(&services[server]);
        let others = services.iter().filter(|(name, _)| *name != server);
        others
            .filter(|(_, service)| !networks(service).is_disjoint(&reached))
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
    };
    let mut connect = callers("connect");
    connect.sort_unstable();
    assert_eq!(
        connect,
        ["connectors", "kafka", "model-server", "mongo", "monitor"]
    );
    let mut ksqldb = callers("ksqldb-server");
    ksqldb.sort_unstable();
    assert_eq!(ksqldb, ["kafka", "ksql", "monitor", "sql"]);
}

#[test]
fn services_share_a_network_with_those_that_they_call() {
    let services = merged();
    let declared = overlay()["networks"].as_object().unwrap().clone();
    let mut checked = 0;
    for (name, service) in &services {
        let own = networks(service);
        for network in &own {
            let known = network == "default" || declared.contains_key(network);
            assert!(known, "{name}: {network}");
        }
        let texts = [&service["environment"], &service["command"]].map(strings);
        for host in captures(&texts.concat().join("\n"), r"([a-z][a-z-]*):\d+") {
            if let Some(called) = services.get(&host) {
                let shared = !networks(called).is_disjoint(&own);
                assert!(shared, "{name} does not reach {host}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "only {checked} calls found");
}

#[test]
fn another_pipeline_is_refused() {
    let users = merged()["kafka-users"].clone();
    assert_eq!(strings(&users["entrypoint"]), ["bash", "-c"]);
    let script = strings(&users["command"]).concat().replace("$$", "$");
    let ended = Command::new("bash")
        .args(["-c", &script])
        .env("PIPELINE", "./examples/penguins")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("only the fish factory"), "{said}");
    for (name, service) in merged() {
        for mount in strings(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            assert!(!source.contains("PIPELINE"), "{name}: {mount}");
            let there = !source.starts_with('.') || root().join(source).exists();
            assert!(there, "{name}: docker would make {source}");
        }
        // Those that start first wait for it.
        if ["topics", "connect", "ksqldb-server"].contains(&name.as_str()) {
            assert!(service["depends_on"].get("kafka-users").is_some(), "{name}");
        }
    }
}

#[test]
fn connects_variables_are_files_but_for_the_workers_own() {
    let allowed = captures(
        &text("locked/connect-worker.properties"),
        r"allowlist\.pattern=\^\((.*)\)\$",
    );
    assert_eq!(
        allowed,
        ["KAFKA_BOOTSTRAP_SERVERS|CONNECT_HOST_NAME".to_owned()].into()
    );
    let connect = merged()["connect"].clone();
    let files: BTreeSet<&str> = ["secrets", "configs"]
        .iter()
        .flat_map(|kind| connect[kind].as_array().unwrap())
        .filter_map(|one| one["target"].as_str())
        .map(|target| target.trim_start_matches("/run/secrets/"))
        .collect();
    for file in crate::project::files("connectors", ".json") {
        for name in captures(&text(&file), r"\$\{env:(\w+)\}") {
            assert!(files.contains(name.as_str()), "{file}: {name}");
        }
    }
}

/// The users that can be rotated are those of the documentation.
#[test]
fn documented_mongodb_users_are_those_of_the_script() {
    let users = captures(
        &text("locked/mongo-users.js"),
        r#"(?m)^  "?([a-z-]+)"?: \[\{"#,
    );
    let security = text("docs/security.md");
    let row = captures(&security, r"\| password of a MongoDB user: ([^|]*) \|");
    let row: Vec<&str> = row.iter().flat_map(|row| row.split(", ")).collect();
    let row: BTreeSet<String> = row.iter().map(|user| user.replace('`', "")).collect();
    assert_eq!(row, users);
}
