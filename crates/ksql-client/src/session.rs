//! Turns statements into requests and responses into output.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use service_runtime::CancellationToken;

use crate::client::{Body, Client, Request};
use crate::error::Error;
use crate::render::{self, RowTable};
use crate::statement::{Kind, Setting, Settings, Statement, in_place};
use crate::stream::{Event, Item, Rows, StreamError};

/// Pauses between polls of a command that is not executed yet.
const FIRST_POLL: Duration = Duration::from_millis(100);
const LONGEST_POLL: Duration = Duration::from_secs(2);

/// A session with one server.
pub(crate) struct Session<'a> {
    pub(crate) client: Client,
    out: &'a mut dyn Write,
    /// Print the server's JSON instead of tables.
    json: bool,
    settings: Settings,
    /// The highest command number in the responses so far.
    sequence: Option<i64>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(client: Client, json: bool, out: &'a mut dyn Write) -> Self {
        Self {
            client,
            out,
            json,
            settings: Settings::default(),
            sequence: None,
        }
    }

    /// Executes the statements in order, up to the first failure. Each query is a separate request; all
    /// statements between two queries are one request.
    ///
    /// `stop` ends a running query. That is an error only if other statements follow.
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
                    let line = first.source.line;
                    let last = first.is_query() && groups.peek().is_none();
                    anyhow::ensure!(last, "stopped at line {line}: this and later statements may not have been executed");
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
        match first.kind {
            Kind::Select => {
                let body = self.client.query(&request).await?;
                self.rows(body, first.limit()).await
            }
            Kind::Print => {
                let body = self.client.query(&request).await?;
                self.text(body).await
            }
            Kind::Setting(_) | Kind::Command => self.commands(group, &text).await,
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
            // Only this call makes the server check the names of properties.
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

    /// Waits until the command of an entity is executed, and writes the entity. Returns the failure of
    /// the command.
    async fn entity(&mut self, raw: &RawValue) -> anyhow::Result<Option<Error>> {
        let mut entity: Value = serde_json::from_str(raw.get())?;
        let accepted = entity["commandStatus"].clone();
        if let Some(number) = entity["commandSequenceNumber"].as_i64() {
            self.sequence = self.sequence.max(Some(number));
        }
        self.wait_for_command(&mut entity).await?;
        let status = &entity["commandStatus"];
        let failure = (status["status"] == "ERROR").then(|| Error::Failed {
            message: text_of(&status["message"]),
            statement: text_of(&entity["statementText"]),
        });
        if !self.json {
            if failure.is_none() {
                render::show(self.out, &entity)?;
            }
        } else if accepted == *status {
            render::json_line(self.out, raw)?;
        } else {
            render::json_line(self.out, &to_raw_value(&entity)?)?;
        }
        Ok(failure)
    }

    /// Polls a command's status until it is executed or has failed.
    async fn wait_for_command(&self, entity: &mut Value) -> anyhow::Result<()> {
        let mut pause = FIRST_POLL;
        let mut waited = Duration::ZERO;
        while let Some(status) = pending(&entity["commandStatus"]) {
            if waited >= self.client.timeout {
                return Err(Error::Pending {
                    seconds: self.client.timeout.as_secs(),
                    status,
                    statement: text_of(&entity["statementText"]),
                }
                .into());
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_POLL);
            let id = text_of(&entity["commandId"]);
            entity["commandStatus"] = self.client.status(&id).await?;
        }
        Ok(())
    }

    /// Writes the response to `PRINT` without the blank lines that keep the connection alive.
    async fn text(&mut self, mut body: Body) -> anyhow::Result<()> {
        let mut last = b'\n';
        while let Some(bytes) = body.next().await? {
            let mut kept = Vec::with_capacity(bytes.as_ref().len());
            for &byte in bytes.as_ref() {
                if (last, byte) != (b'\n', b'\n') {
                    kept.push(byte);
                }
                last = byte;
            }
            self.out.write_all(&kept)?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Writes the rows of a query, at most `limit`: a server may send more if several of its threads find
    /// rows at the same time.
    async fn rows(&mut self, mut body: Body, limit: Option<u64>) -> anyhow::Result<()> {
        let unusable = |error: StreamError| Error::Reply(error.to_string());
        let mut rows = Rows::default();
        let mut table = None;
        let mut left = limit.unwrap_or(u64::MAX);
        while let Some(bytes) = body.next().await? {
            for item in rows.push(bytes.as_ref()).map_err(unusable)? {
                if matches!(item.event, Event::Row { .. }) {
                    if left == 0 {
                        continue;
                    }
                    left -= 1;
                }
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
            (Event::Header(columns), table) => *table = Some(RowTable::new(&columns)),
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

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn pending(status: &Value) -> Option<String> {
    let status = status["status"].as_str()?;
    matches!(status, "QUEUED" | "PARSING" | "EXECUTING").then(|| status.to_owned())
}
