//! The command line.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reqwest::Url;
use service_runtime::client::ClientArgs;
use service_runtime::{Secret, UsageError};

/// Arguments of `ksql`. Without a statement or a file, it starts a prompt on a terminal.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct KsqlArgs {
    /// Statements to execute; each but the last ends with a semicolon
    #[arg(conflicts_with_all = ["execute", "file"])]
    pub(crate) statement: Option<String>,

    /// Statements to execute, as with ksqlDB's own client
    #[arg(long, short, value_name = "STATEMENT", conflicts_with = "file")]
    pub(crate) execute: Option<String>,

    /// A file of statements (- for standard input); sent in one request up to a SELECT or PRINT
    #[arg(long, short)]
    pub(crate) file: Option<PathBuf>,

    /// Address of the ksqlDB server
    #[arg(
        long,
        env = "KSQL_SERVER",
        default_value = "http://127.0.0.1:8088",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) server: ServerUrl,

    /// Whom to trust.
    #[command(flatten)]
    pub(crate) client: ClientArgs,

    /// Print the server's JSON, one value per line
    #[arg(long)]
    pub(crate) json: bool,

    /// How long the server may take to answer, in seconds; running queries have no limit
    #[arg(long, env = "KSQL_TIMEOUT", default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,

    /// Wait for a server that is not up yet: 120 seconds, or the number given
    #[arg(long, env = "KSQL_WAIT", default_value_t = 0, hide_default_value = true, num_args = 0..=1, default_missing_value = "120", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) wait: u64,

    /// User name, if the server requires one
    #[arg(long, env = "KSQL_USER")]
    pub(crate) user: Option<String>,

    /// Password of that user
    #[arg(long, env = "KSQL_PASSWORD", hide_env_values = true)]
    pub(crate) password: Option<Secret>,

    /// File with that password, instead of --password
    #[arg(long, env = "KSQL_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

impl KsqlArgs {
    /// User and password, if both are given.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, UsageError> {
        let wrong = |message: &str| Err(UsageError(message.into()));
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return wrong("--password and --password-file are both set: give one of them");
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(path)) => Some(read_password(path)?),
            (None, None) => None,
        };
        // Compose files set an unset variable to the empty string.
        let password = password.filter(|password| !password.0.is_empty());
        match (self.user.clone().filter(|user| !user.is_empty()), password) {
            (None, None) => Ok(None),
            (Some(_), _) if !self.server.0.username().is_empty() => {
                wrong("--user is set and --server contains a user name: leave one of them out")
            }
            (Some(user), Some(password)) => Ok(Some(Credentials { user, password })),
            (Some(_), None) => wrong("--user needs --password or --password-file"),
            (None, Some(_)) => wrong("--password and --password-file need --user"),
        }
    }
}

fn read_password(path: &Path) -> Result<Secret, UsageError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        UsageError(format!("--password-file {path} cannot be read: {error}"))
    })?;
    Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// User and password.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

/// A server's address. It is printed without the user and password that it may contain.
#[derive(Clone)]
pub(crate) struct ServerUrl(Url);

impl ServerUrl {
    /// The address of an endpoint, with each path segment escaped.
    pub(crate) fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

impl FromStr for ServerUrl {
    type Err = String;

    /// Uses HTTP for `HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, String> {
        let with_scheme = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let mut url = Url::parse(&with_scheme).map_err(|error| invalid(&error))?;
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return Err(
                    "https:// needs TLS: this program was built without it; build it with `--features tls`"
                        .into(),
                );
            }
            scheme => return Err(invalid(&format!("{scheme}:// is not supported"))),
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }
}

fn invalid(reason: &dyn fmt::Display) -> String {
    format!(
        "{reason}; expected HOST:PORT or a URL such as http://127.0.0.1:8088, with a host name in ASCII"
    )
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // These fail only without a host, which `from_str` rejects.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        f.write_str(shown.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: KsqlArgs,
    }

    fn parse(args: &[&str]) -> Result<KsqlArgs, clap::Error> {
        Cli::try_parse_from([&["ksql"], args].concat()).map(|cli| cli.args)
    }

    #[test]
    fn passwords_are_not_printed() {
        let args = parse(&["--server", "http://me:s3cret@h:1/", "--password", "s3cret"]).unwrap();
        let shown = format!("{args:?} {}", args.server);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.ends_with(" http://h:1"), "{shown}");
    }

    #[test]
    fn wait_takes_an_optional_limit() {
        for (args, wait) in [
            (&[][..], 0),
            (&["SHOW STREAMS", "--wait"], 120),
            (&["--wait", "--file", "f"], 120),
            (&["--wait", "5", "--file", "f"], 5),
            (&["--wait=5", "SHOW STREAMS"], 5),
        ] {
            assert_eq!(parse(args).unwrap().wait, wait, "{args:?}");
        }
        assert!(parse(&["--wait", "SHOW STREAMS"]).is_err());
    }

    #[test]
    fn statements_come_from_one_source() {
        for args in [
            ["-e", "A", "-f", "b"],
            ["-e", "A", "B", "--json"],
            ["-f", "b", "B", "--json"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn a_user_needs_exactly_one_password() {
        for args in [
            &["--user", "u"][..],
            &["--password", "p"],
            &["--user", "u", "--password", "p", "--password-file", "f"],
            &["--user", "u", "--password", "p", "--server", "http://v@h"],
            &["--user", "u", "--password-file", "no/such/file"],
        ] {
            assert!(parse(args).unwrap().credentials().is_err(), "{args:?}");
        }
        for (args, given) in [
            (&["--user", "u", "--password", "p"][..], true),
            (&[], false),
            (&["--user", "", "--password", ""], false),
        ] {
            let credentials = parse(args).unwrap().credentials().unwrap();
            assert_eq!(credentials.is_some(), given, "{args:?}");
        }
    }

    #[test]
    fn an_address_is_a_url_or_host_and_port() {
        for (given, address) in [
            ("127.0.0.1:8089", "http://127.0.0.1:8089"),
            ("localhost:8089", "http://localhost:8089"),
            ("ksql", "http://ksql"),
            ("http://h/ksql/", "http://h/ksql"),
        ] {
            let server: ServerUrl = given.parse().unwrap();
            assert_eq!(server.to_string(), address);
        }
    }

    #[test]
    fn a_wrong_address_is_reported_with_reason_and_example() {
        for (given, reason) in [
            ("nonsense:://", "nonsense:// is not supported"),
            ("ftp://h", "ftp:// is not supported"),
            ("h:port", "invalid port number"),
            ("http://", "empty host"),
            ("", "empty host"),
            ("http://müller.de", "a host name in ASCII"),
        ] {
            let error = parse(&["--server", given]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{given}");
            let message = error.to_string();
            for part in [reason, "http://127.0.0.1:8088"] {
                assert!(message.contains(part), "{given}: {message}");
            }
        }
    }

    #[test]
    fn an_endpoint_keeps_the_servers_path_and_escapes_names() {
        let server: ServerUrl = "http://h/ksql/?a=b".parse().unwrap();
        let url = server.endpoint(&["status", "stream", "`A/B`", "create"]);
        let expected = "http://h/ksql/status/stream/%60A%2FB%60/create";
        assert_eq!(url.as_str(), expected);
    }
}
