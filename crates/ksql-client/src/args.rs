//! The command line.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reqwest::Url;
use service_runtime::UsageError;

/// Settings of `ksql`. Without a statement or file, and on a terminal: a prompt.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct KsqlArgs {
    /// Statements to execute; each but the last ends with a semicolon
    #[arg(conflicts_with_all = ["execute", "file"])]
    pub statement: Option<String>,

    /// The same, as ksqlDB's own client has it
    #[arg(long, short, value_name = "STATEMENT", conflicts_with = "file")]
    pub execute: Option<String>,

    /// A file of statements; all up to a SELECT or PRINT go in one request; -: standard input
    #[arg(long, short)]
    pub file: Option<PathBuf>,

    /// The ksqlDB server
    #[arg(
        long,
        env = "KSQL_SERVER",
        default_value = "http://127.0.0.1:8088",
        value_name = "URL",
        hide_env_values = true
    )]
    pub server: ServerUrl,

    /// One JSON value a line, as the server sends it
    #[arg(long)]
    pub json: bool,

    /// How long the server may take to answer, in seconds; a running query is not bounded by it
    #[arg(long, env = "KSQL_TIMEOUT", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,

    /// Wait for a server that is not up yet; for 120 seconds, or as many as are given
    #[arg(long, env = "KSQL_WAIT", default_value_t = 0, hide_default_value = true, num_args = 0..=1, default_missing_value = "120", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub wait: u64,

    /// User for a server that requires one
    #[arg(long, env = "KSQL_USER")]
    pub user: Option<String>,

    /// That user's password
    #[arg(long, env = "KSQL_PASSWORD", hide_env_values = true)]
    pub password: Option<Secret>,

    /// A file with that password, instead of --password
    #[arg(long, env = "KSQL_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Where the prompt keeps what was entered [default: catchweight/ksql_history in the user's
    /// folder for state]
    #[arg(long, env = "KSQL_HISTORY", value_name = "FILE")]
    pub history: Option<PathBuf>,
}

impl KsqlArgs {
    /// User and password, if there are any.
    ///
    /// # Errors
    /// Where one is given without the other or twice, or the file cannot be read.
    pub fn credentials(&self) -> Result<Option<Credentials>, UsageError> {
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => {
                return Err(UsageError(
                    "--password and --password-file are both set: give one of them".into(),
                ));
            }
            (Some(password), None) => Some(password.clone()),
            (None, Some(path)) => Some(password_in(path)?),
            (None, None) => None,
        };
        // A variable that is set to nothing, as compose files do, is not set.
        let password = password.filter(|password| !password.0.is_empty());
        match (self.user.clone().filter(|user| !user.is_empty()), password) {
            (None, None) => Ok(None),
            (Some(_), _) if self.server.names_a_user() => Err(UsageError(
                "--user is set and --server names a user too: leave one of them out".into(),
            )),
            (Some(user), Some(password)) => Ok(Some(Credentials { user, password })),
            (Some(_), None) => Err(UsageError(
                "--user needs --password or --password-file".into(),
            )),
            (None, Some(_)) => Err(UsageError(
                "--password and --password-file need --user".into(),
            )),
        }
    }
}

fn password_in(path: &Path) -> Result<Secret, UsageError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        UsageError(format!("--password-file {path} cannot be read: {error}"))
    })?;
    Ok(Secret(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret,
}

/// A text that is not shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A server's address. It is shown without the user and password that it may have.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// The address of an endpoint; each segment is escaped as it must be.
    pub(crate) fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    fn names_a_user(&self) -> bool {
        !self.0.username().is_empty()
    }
}

impl FromStr for ServerUrl {
    type Err = String;

    /// `HOST:PORT` is enough for HTTP.
    fn from_str(text: &str) -> Result<Self, String> {
        let with_scheme = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let mut url = Url::parse(&with_scheme).map_err(|error| no_address(&error))?;
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return Err(
                    "it needs TLS, which this program was built without: build it with `--features tls`"
                        .into(),
                );
            }
            scheme => return Err(no_address(&format!("{scheme}:// is no protocol of ksqlDB"))),
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }
}

fn no_address(reason: &dyn fmt::Display) -> String {
    format!(
        "{reason}; the address of a ksqlDB server is HOST:PORT or a URL like http://127.0.0.1:8088"
    )
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // An error means that there is no host, which `from_str` does not let pass.
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
    fn passwords_are_not_shown() {
        let args = parse(&["--server", "http://me:s3cret@h:1/", "--password", "s3cret"]).unwrap();
        let shown = format!("{args:?} {}", args.server);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.ends_with(" http://h:1"), "{shown}");
    }

    #[test]
    fn waiting_may_be_given_a_limit() {
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
    fn statements_come_from_one_place() {
        for args in [
            ["-e", "A", "-f", "b"],
            ["-e", "A", "B", "--json"],
            ["-f", "b", "B", "--json"],
        ] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn a_user_needs_one_password() {
        let refused = [
            &["--user", "u"][..],
            &["--password", "p"],
            &["--user", "u", "--password", "p", "--password-file", "f"],
            &["--user", "u", "--password", "p", "--server", "http://v@h"],
            &["--user", "u", "--password-file", "no/such/file"],
        ];
        for args in refused {
            assert!(parse(args).unwrap().credentials().is_err(), "{args:?}");
        }
        let given = parse(&["--user", "u", "--password", "p"]).unwrap();
        assert!(given.credentials().unwrap().is_some());
        for args in [&[][..], &["--user", "", "--password", ""]] {
            assert!(parse(args).unwrap().credentials().unwrap().is_none());
        }
    }

    #[test]
    fn a_host_and_port_are_an_address() {
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
    fn what_is_no_address_is_wrong_usage_that_says_why_and_gives_an_example() {
        for (given, reason) in [
            ("nonsense:://", "nonsense:// is no protocol"),
            ("ftp://h", "ftp:// is no protocol"),
            ("h:port", "invalid port number"),
            ("http://", "empty host"),
            ("", "empty host"),
        ] {
            let error = parse(&["--server", given]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{given}");
            let told = error.to_string();
            for part in [reason, "http://127.0.0.1:8088"] {
                assert!(told.contains(part), "{given}: {told}");
            }
        }
    }

    #[test]
    fn an_endpoint_keeps_the_servers_path_and_escapes_names() {
        let server: ServerUrl = "http://h/ksql/?a=b".parse().unwrap();
        let url = server.endpoint(&["status", "stream", "`A/B`", "create"]);
        assert_eq!(
            url.as_str(),
            "http://h/ksql/status/stream/%60A%2FB%60/create"
        );
    }
}
