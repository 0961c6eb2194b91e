//! Services, ports, variables and commands that docker-compose.yml names exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::programs::{unknown, variables};
use crate::project::{captures, compose, root, service, services, settings, strings, text};

/// The container ports that each service publishes or exposes.
fn listening() -> BTreeMap<String, BTreeSet<String>> {
    services()
        .into_iter()
        .map(|(name, service)| {
            let published = strings(&service["ports"]);
            let exposed = strings(&service["expose"]);
            let ports = published.iter().chain(&exposed);
            let ports = ports.filter_map(|port| port.rsplit(':').next());
            (name, ports.map(str::to_owned).collect())
        })
        .collect()
}

/// The Dockerfile target of a service, if the project builds its image.
fn target(service: &Value) -> Option<&str> {
    service["build"]["target"].as_str()
}

#[test]
fn env_file_sets_exactly_the_variables_that_compose_reads() {
    let used = captures(&text("docker-compose.yml"), r"[^$]\$\{(\w+)");
    assert_eq!(used, settings());
}

#[test]
fn services_depend_on_services_that_exist() {
    let names: BTreeSet<String> = services().into_iter().map(|(name, _)| name).collect();
    for (name, service) in services() {
        if let Some(others) = service["depends_on"].as_object() {
            for other in others.keys() {
                assert!(names.contains(other), "{name} depends on {other}");
            }
        }
    }
}

#[test]
fn addresses_name_a_service_and_a_port_it_listens_on() {
    let listening = listening();
    let mut checked = 0;
    for (name, service) in services() {
        let texts = [&service["environment"], &service["command"]].map(strings);
        for text in texts.concat() {
            for (host, ports) in &listening {
                for port in captures(&text, &format!(r"(?:^|[/@]){host}:(\d+)")) {
                    assert!(ports.contains(&port), "{name}: {host}:{port}");
                    checked += 1;
                }
            }
            for host in captures(&text, r"(?:://|@)([a-z][a-z-]*):\d+") {
                let known = listening.contains_key(&host) || host == "localhost";
                assert!(known, "{name}: {host}");
            }
        }
    }
    assert!(checked >= 10, "only {checked} addresses found");
}

#[test]
fn programs_get_only_flags_and_variables_they_know() {
    for (name, service) in services() {
        let Some(target) = target(&service) else {
            continue;
        };
        let command = strings(&service["command"]);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        assert_eq!(unknown(target, &words), [""; 0], "{name}");
        let known = variables(target, &words);
        for variable in service["environment"].as_object().into_iter().flatten() {
            let known = known.contains(variable.0);
            assert!(known, "{name}: {target} does not read {}", variable.0);
        }
    }
}

#[test]
fn dockerfile_builds_every_target_with_known_variables() {
    let dockerfile = text("Dockerfile");
    let stages = captures(&dockerfile, r"(?m)^FROM \S+ AS (\S+)$");
    for (name, service) in services() {
        if let Some(target) = target(&service) {
            assert!(stages.contains(target), "{name}: {target}");
            let image = service["image"].as_str().unwrap();
            assert_eq!(image, format!("catchweight/{target}"), "{name}");
        }
    }
    for stage in dockerfile.split("\nFROM runtime AS ").skip(1) {
        let (target, lines) = stage.split_once('\n').unwrap();
        let known = variables(target, &[]);
        for line in captures(lines, r"(?m)^ENV (.*)$") {
            for variable in captures(&line, r"(\w+)=") {
                assert!(known.contains(&variable), "{target}: {variable}");
            }
        }
    }
}

#[test]
fn every_program_works_for_the_folder_that_pipeline_names() {
    for (name, service) in services() {
        let Some(target) = target(&service) else {
            continue;
        };
        let mounts = strings(&service["volumes"]);
        let folder = "${PIPELINE:?see .env}:/pipeline:ro".to_owned();
        assert!(mounts.contains(&folder), "{name} mounts {mounts:?}");
        let command = strings(&service["command"]);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        if variables(target, &words).contains("PIPELINE") {
            assert_eq!(service["environment"]["PIPELINE"], "/pipeline", "{name}");
        } else {
            // The SQL's client knows no pipeline, only files.
            assert!(
                command.contains(&"/pipeline/ksql/pipeline.sql".to_owned()),
                "{name}"
            );
        }
    }
}

#[test]
fn no_service_names_files_of_the_shipped_pipeline() {
    for (name, service) in services() {
        for mount in strings(&service["volumes"]) {
            for own in ["./ksql", "./connectors", "./data", "./pipeline.toml"] {
                assert!(!mount.starts_with(own), "{name}: {mount}");
            }
        }
    }
}

#[test]
fn the_demo_feeds_rows_or_the_plan() {
    let producer = service("demo-producer");
    assert_eq!(strings(&producer["command"]), ["feed"]);
    let environment = producer["environment"].as_object().unwrap();
    for variable in ["PLAN", "SPEED", "SEED", "PIPELINE", "MAX_UNJOINED"] {
        assert!(environment.contains_key(variable), "{variable}");
    }
}

/// A variable without a value is passed on if it is set.
#[test]
fn variables_of_one_run_are_passed_on() {
    for (name, variable) in [("demo-producer", "SEED"), ("model-server", "REFINE_AT")] {
        let environment = service(name)["environment"].clone();
        assert_eq!(environment.get(variable), Some(&Value::Null), "{name}");
    }
}

#[test]
fn mounts_are_project_paths_or_declared_volumes() {
    let volumes = compose()["volumes"].as_object().unwrap().clone();
    for (name, service) in services() {
        for mount in strings(&service["volumes"]) {
            let mount = mount.replace("${PIPELINE:?see .env}", "./");
            let source = mount.split(':').next().unwrap();
            let there = match source.strip_prefix("./") {
                Some(path) => root().join(path).exists(),
                None => volumes.contains_key(source),
            };
            assert!(there, "{name}: {mount}");
        }
    }
}

#[test]
fn host_ports_are_loopback_and_container_names_are_free() {
    for (name, service) in services() {
        for port in strings(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert!(service.get("container_name").is_none(), "{name}");
    }
}
