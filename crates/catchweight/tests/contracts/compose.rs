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
fn compose_creates_the_topics_of_the_pipelines_definition() {
    let topics = service("topics");
    let command = strings(&topics["command"]);
    assert_eq!(command, ["topics", "--pipeline", "/pipeline"]);
    let mounts = strings(&topics["volumes"]);
    assert_eq!(
        mounts,
        ["${PIPELINE:?see .env}/pipeline.toml:/pipeline/pipeline.toml:ro"]
    );
}

#[test]
fn mounts_are_project_paths_or_declared_volumes() {
    let volumes = compose()["volumes"].as_object().unwrap().clone();
    for (name, service) in services() {
        for mount in strings(&service["volumes"]) {
            let mount = mount.replace("${PIPELINE:?see .env}", ".");
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
