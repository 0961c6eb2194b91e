//! Where a store is, and how to open it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use pipeline::Definition;

use crate::store::{SqliteStore, Store, StoreError};

/// The address of a store: `sqlite:PATH` or `mongodb://…`.
///
/// `Display` and `Debug` omit user and password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A MongoDB connection string, which may contain a password.
    MongoDb(String),
}

/// A store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("--store {address}: {reason}")]
pub struct OpenError {
    address: StoreAddress,
    reason: String,
}

impl StoreAddress {
    /// Opens the store of a pipeline. Creates a SQLite file if there is none.
    ///
    /// # Errors
    /// The address is wrong, the file cannot be opened, or this build lacks the feature `mongodb`.
    /// A MongoDB server that is down is an error of the first call instead.
    pub async fn open(&self, definition: &'static Definition) -> Result<Arc<dyn Store>, OpenError> {
        self.open_with(definition, |path, definition| {
            SqliteStore::open(path, definition)
        })
        .await
    }

    /// Opens an existing store of a pipeline to read only. Creates nothing, so a mistyped path is an error.
    ///
    /// # Errors
    /// As [`open`](Self::open), or the file does not exist or is not a store.
    pub async fn open_read_only(
        &self,
        definition: &'static Definition,
    ) -> Result<Arc<dyn Store>, OpenError> {
        self.open_with(definition, |path, definition| {
            SqliteStore::open_read_only(path, definition)
        })
        .await
    }

    async fn open_with(
        &self,
        definition: &'static Definition,
        open: fn(&Path, &'static Definition) -> Result<SqliteStore, StoreError>,
    ) -> Result<Arc<dyn Store>, OpenError> {
        let error = |reason: String| OpenError {
            address: self.clone(),
            reason,
        };
        match self {
            Self::Sqlite(path) => {
                let path = path.clone();
                let opened = tokio::task::spawn_blocking(move || open(&path, definition)).await;
                let store = opened.map_err(|panic| error(panic.to_string()))?;
                Ok(Arc::new(store.map_err(|fault| error(fault.to_string()))?))
            }
            #[cfg(feature = "mongodb")]
            Self::MongoDb(uri) => {
                let store = crate::store::MongoStore::at(uri, definition).await;
                Ok(Arc::new(store.map_err(|fault| error(fault.to_string()))?))
            }
            #[cfg(not(feature = "mongodb"))]
            Self::MongoDb(_) => Err(error(
                "this build supports SQLite only: build with --features mongodb".into(),
            )),
        }
    }
}

impl FromStr for StoreAddress {
    type Err = String;

    /// Parses an address, or `@FILE` with the address in a file, so that a password need not be on the command
    /// line or in the environment.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(file) = text.strip_prefix('@') {
            let address = std::fs::read_to_string(file)
                .map_err(|error| format!("{file} cannot be read: {error}"))?;
            // The content may be a secret, so the message does not contain it.
            return match address.trim_ascii() {
                address if address.starts_with('@') => Err(format!(
                    "{file} names another file; expected an address in it"
                )),
                address => address
                    .parse()
                    .map_err(|error: String| format!("in {file}: {error}")),
            };
        }
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            Ok(Self::Sqlite(PathBuf::from(path)))
        } else if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") {
            Ok(Self::MongoDb(text.to_owned()))
        } else {
            Err("expected sqlite:PATH, mongodb://…, or @FILE with one of them in a file".into())
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::MongoDb(uri) => {
                let (scheme, rest) = uri.split_once("://").unwrap_or(("mongodb", ""));
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                let host = host.split(['/', '?']).next().unwrap_or_default();
                write!(f, "{scheme}://{host}")
            }
        }
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displayed_address_has_no_password() {
        let uri = "mongodb://fish:s3cret@db.example:27017/admin?x=y@z";
        let address: StoreAddress = uri.parse().unwrap();
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn an_address_may_be_in_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("uri");
        let read = || format!("@{}", file.display()).parse::<StoreAddress>();
        assert!(read().unwrap_err().contains("cannot be read"));
        std::fs::write(&file, "mongodb://fish:s3cret@db/admin\n").unwrap();
        let expected = StoreAddress::MongoDb("mongodb://fish:s3cret@db/admin".into());
        assert_eq!(read().unwrap(), expected);
        std::fs::write(&file, "s3cret").unwrap();
        let error = read().unwrap_err();
        assert!(
            error.contains("expected sqlite:PATH") && !error.contains("s3cret"),
            "{error}"
        );
    }

    #[test]
    fn an_address_of_another_kind_is_rejected() {
        for text in ["", "sqlite:", "postgres://x", "models.sqlite"] {
            assert!(text.parse::<StoreAddress>().is_err(), "{text}");
        }
    }
}
