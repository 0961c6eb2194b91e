//! Prometheus scrapes services that exist, and Grafana's files refer to each other.

use serde_json::Value;

use crate::project::{captures, files, service, strings, text};

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn prometheus_scrapes_ports_that_services_listen_on() {
    let config = yaml("observability/prometheus/prometheus.yml");
    let jobs = config["scrape_configs"].as_array().unwrap();
    assert!(!jobs.is_empty());
    for job in jobs {
        for targets in job["dns_sd_configs"].as_array().unwrap() {
            let port = targets["port"].to_string();
            for name in strings(&targets["names"]) {
                let found = service(&name);
                let published = [strings(&found["ports"]), strings(&found["expose"])].concat();
                let listens = published
                    .iter()
                    .any(|one| one.rsplit(':').next() == Some(&port));
                assert!(listens, "{name}:{port}");
            }
        }
    }
}

#[test]
fn alerts_name_jobs_that_are_scraped() {
    let jobs = captures(
        &text("observability/prometheus/prometheus.yml"),
        r"job_name: (\S+)",
    );
    let named = captures(
        &text("observability/prometheus/alerts.yml"),
        r#"job="([^"]+)""#,
    );
    assert!(!named.is_empty() && named.is_subset(&jobs), "{named:?}");
}

#[test]
fn the_rule_tests_make_every_alert_fire() {
    let alerts = captures(
        &text("observability/prometheus/alerts.yml"),
        r"(?m)- alert: (\S+)",
    );
    let tested = captures(
        &text("observability/prometheus/alerts.test.yml"),
        r#"alertname="([^"]+)""#,
    );
    assert_eq!(tested, alerts);
}

#[test]
fn dashboards_use_the_provisioned_source_and_folder() {
    let sources = yaml("observability/grafana/provisioning/datasources/prometheus.yml");
    let source = sources["datasources"][0]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    let dashboards = files("observability/grafana/dashboards", ".json");
    assert!(!dashboards.is_empty());
    for path in dashboards {
        let dashboard: Value = serde_json::from_str(&text(&path)).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            if panel["type"] != "row" {
                assert_eq!(
                    panel["datasource"]["uid"],
                    source.as_str(),
                    "{path}: {panel}"
                );
            }
        }
    }
    let provider = yaml("observability/grafana/provisioning/dashboards/files.yml");
    let folder = provider["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    let mounts = strings(&service("grafana")["volumes"]);
    let mount = format!("./observability/grafana/dashboards:{folder}:ro");
    assert!(mounts.contains(&mount), "{mounts:?}");
}
