//! The compose file names services, ports, variables and commands that are there.

use std::collections::{BTreeMap, BTreeSet};

use pipeline::topics;
use serde_json::Value;

use crate::programs::{unknown, variables};
use crate::project::{captures, compose, root, service, services, settings, strings, text};

/// The ports on which a service listens, by what it publishes and exposes.
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

/// The program of a service that is built from the project's own Dockerfile.
fn target(service: &Value) -> Option<&str> {
    service["build"]["target"].as_str()
}

#[test]
fn every_variable_of_the_compose_file_has_a_default_and_none_is_left_over() {
    let used = captures(&text("docker-compose.yml"), r"[^$]\$\{(\w+)");
    assert_eq!(used, settings());
}

#[test]
fn services_wait_for_services_that_are_there() {
    let names: BTreeSet<String> = services().into_iter().map(|(name, _)| name).collect();
    for (name, service) in services() {
        if let Some(others) = service["depends_on"].as_object() {
            for other in others.keys() {
                assert!(names.contains(other), "{name} waits for {other}");
            }
        }
    }
}

#[test]
fn an_address_names_a_service_and_a_port_on_which_it_listens() {
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
fn our_services_get_only_variables_and_flags_that_they_understand() {
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
fn the_dockerfile_makes_what_the_compose_file_builds_with_settings_that_are_understood() {
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
fn the_topics_that_our_services_write_are_created_and_no_others() {
    let script = strings(&service("topics")["command"]).join("\n");
    let created = captures(&script, r"(?m)^create (\S+)");
    let mut wanted: BTreeSet<String> = topics::WRITTEN_BY_SERVICES.map(String::from).into();
    wanted.insert(topics::dead_letters_of(topics::MACHINE_MEASUREMENT));
    assert_eq!(created, wanted);
}

#[test]
fn what_is_mounted_is_in_the_project_or_a_volume_of_the_file() {
    let volumes = compose()["volumes"].as_object().unwrap().clone();
    for (name, service) in services() {
        for mount in strings(&service["volumes"]) {
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
fn host_ports_are_on_loopback_only_and_no_container_has_a_fixed_name() {
    for (name, service) in services() {
        for port in strings(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert!(service.get("container_name").is_none(), "{name}");
    }
}
