//! Statements into requests, and what becomes of the replies.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use service_runtime::CancellationToken;

use crate::client::{Client, Reply, Request};
use crate::error::Error;
use crate::render::{self, RowTable};
use crate::settings::{Setting, Settings};
use crate::split::{Kind, Statement, in_place};
use crate::stream::{Event, Item, Lines, Rows, StreamError};

/// Pauses between looks at a command that is not executed yet.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// What one user does at one server.
pub(crate) struct Session<'a> {
    pub(crate) client: Client,
    pub(crate) out: &'a mut dyn Write,
    /// Write what the server sends instead of tables.
    pub(crate) json: bool,
    settings: Settings,
    /// The newest command that a reply has named.
    sequence: Option<i64>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(client: Client, json: bool, out: &'a mut dyn Write) -> Self {
        let (settings, sequence) = (Settings::default(), None);
        Self {
            client,
            out,
            json,
            settings,
            sequence,
        }
    }

    /// Executes the statements in order: each query alone, all that stand between two queries in
    /// one request. Ends at the first that fails.
    ///
    /// `stop` ends a running query, which is no error where nothing comes after it.
    pub(crate) async fn run(
        &mut self,
        statements: &[Statement<'_>],
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut groups = statements
            .chunk_by(|a, b| !a.is_query() && !b.is_query())
            .peekable();
        while let Some(group) = groups.next() {
            let Some(first) = group.first() else { continue };
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    let over = first.is_query() && groups.peek().is_none();
                    anyhow::ensure!(over, "stopped at line {}: from there on statements may not be executed", first.line);
                    return Ok(());
                }
                outcome = self.group(first, group) => outcome?,
            }
        }
        Ok(())
    }

    async fn group(
        &mut self,
        first: &Statement<'_>,
        group: &[Statement<'_>],
    ) -> anyhow::Result<()> {
        let text = in_place(group);
        let request = Request {
            ksql: &text,
            settings: &self.settings,
            command_sequence_number: self.sequence,
        };
        if !first.is_query() {
            return self.commands(group, &text).await;
        }
        let reply = self.client.query(&request).await?;
        match first.kind {
            Kind::Print => self.text(reply).await,
            _ => self.rows(reply).await,
        }
    }

    async fn commands(&mut self, group: &[Statement<'_>], text: &str) -> anyhow::Result<()> {
        let settings: Vec<&Setting> = group
            .iter()
            .filter_map(|statement| match &statement.kind {
                Kind::Setting(setting) => Some(setting),
                _ => None,
            })
            .collect();
        let only_settings = settings.len() == group.len();
        if only_settings {
            // Whether a client may set it at all: the server does not look at this in a request.
            for setting in &settings {
                if let Setting::Set(name, _) = setting {
                    self.client.check_property(name).await?;
                }
            }
        }
        let request = Request {
            ksql: text,
            settings: &self.settings,
            command_sequence_number: self.sequence,
        };
        let entities = match self.client.execute(&request).await {
            Err(Error::Rejected(mut rejection)) => {
                for entity in std::mem::take(&mut rejection.entities) {
                    self.entity(&entity).await?;
                }
                return Err(Error::Rejected(rejection.narrowed(group, text)).into());
            }
            entities => entities?,
        };
        let mut failures = Vec::new();
        for entity in entities {
            failures.extend(self.entity(&entity).await?);
        }
        if !failures.is_empty() {
            let failures: Vec<_> = failures.iter().map(Error::to_string).collect();
            anyhow::bail!(failures.join("\n"));
        }
        for setting in settings {
            self.settings.apply(setting);
            if only_settings && !self.json {
                writeln!(self.out, "{setting}")?;
            }
        }
        Ok(self.out.flush()?)
    }

    /// Writes one entity of a reply; a command first is waited for. The inner error is the
    /// command's.
    async fn entity(&mut self, raw: &RawValue) -> anyhow::Result<Option<Error>> {
        let mut entity: Value = serde_json::from_str(raw.get())?;
        let accepted = entity["commandStatus"].clone();
        if let Some(number) = entity["commandSequenceNumber"].as_i64() {
            self.sequence = self.sequence.max(Some(number));
        }
        self.settle(&mut entity).await?;
        let statement = text_of(&entity["statementText"]);
        let failed = (entity["commandStatus"]["status"] == "ERROR").then(|| Error::Failed {
            message: text_of(&entity["commandStatus"]["message"]),
            statement,
        });
        if self.json {
            match accepted == entity["commandStatus"] {
                true => render::json_line(self.out, raw)?,
                false => render::json_line(self.out, &serde_json::value::to_raw_value(&entity)?)?,
            }
        } else if failed.is_none() {
            render::show(self.out, &entity)?;
        }
        Ok(failed)
    }

    /// Asks for a command's status until it is executed or has failed.
    async fn settle(&self, entity: &mut Value) -> anyhow::Result<()> {
        let mut pause = FIRST_LOOK;
        let mut waited = Duration::ZERO;
        while let Some(status) = pending(&entity["commandStatus"]) {
            if waited >= self.client.timeout() {
                let seconds = self.client.timeout().as_secs();
                let statement = text_of(&entity["statementText"]);
                return Err(Error::Pending {
                    seconds,
                    status,
                    statement,
                }
                .into());
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_LOOK);
            let id = text_of(&entity["commandId"]);
            entity["commandStatus"] = self.client.status(&id).await?;
        }
        Ok(())
    }

    async fn text(&mut self, mut reply: Reply) -> anyhow::Result<()> {
        let mut lines = Lines::default();
        while let Some(bytes) = reply.next().await? {
            self.out.write_all(&lines.push(bytes.as_ref()))?;
            self.out.flush()?;
        }
        Ok(())
    }

    async fn rows(&mut self, mut reply: Reply) -> anyhow::Result<()> {
        let mut rows = Rows::default();
        let mut table = None;
        while let Some(bytes) = reply.next().await? {
            for item in rows.push(bytes.as_ref()).map_err(unusable)? {
                self.item(&mut table, item)?;
            }
        }
        if let Some(mut table) = table {
            table.end(self.out)?;
        }
        Ok(rows.finish().map_err(unusable)?)
    }

    fn item(&mut self, table: &mut Option<RowTable>, item: Item) -> anyhow::Result<()> {
        if let Event::Failed(rejection) = item.event {
            return Err(Error::Rejected(rejection).into());
        }
        if self.json {
            return Ok(render::json_line(self.out, &item.raw)?);
        }
        match (item.event, table) {
            (Event::Header(columns), table) => {
                *table = Some(RowTable::new(&columns));
            }
            (Event::Row { cells, tombstone }, Some(table)) => {
                table.row(self.out, &cells, tombstone)?;
            }
            (Event::Final(message), table) => {
                if let Some(table) = table {
                    table.end(self.out)?;
                }
                writeln!(self.out, "{message}")?;
            }
            _ => render::json_line(self.out, &item.raw)?,
        }
        Ok(self.out.flush()?)
    }
}

fn unusable(error: StreamError) -> Error {
    Error::Reply(error.to_string())
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn pending(status: &Value) -> Option<String> {
    let status = status["status"].as_str()?;
    matches!(status, "QUEUED" | "PARSING" | "EXECUTING").then(|| status.to_owned())
}
