//! Requests to a real ksqlDB server and its responses, byte for byte.

use std::path::Path;

/// One exchange of `tests/recordings`.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The statements of the request's body.
    pub(crate) ksql: Option<String>,
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<Vec<u8>>,
    /// Whether the response is complete.
    pub(crate) ended: bool,
}

impl Recording {
    /// Reads the recording with this number, which is the start of its file name.
    pub(crate) fn read(number: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        let file = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.split('-').next() == Some(number)
            })
            .unwrap_or_else(|| panic!("no recording {number}"));
        let text = std::fs::read_to_string(file).unwrap();
        let (request, response) = text.split_once("### RESPONSE").unwrap();
        let (head, body) = request.split_once("\n\n").unwrap();
        let mut first = head.lines().nth(1).unwrap().split(' ');
        let body: Option<serde_json::Value> = serde_json::from_str(body.trim()).ok();
        let (head, reply) = response.split_once("\n\n").unwrap();
        let header = |name: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(name));
            found.map(str::to_owned)
        };
        // The length may be off by a few bytes: the host names in the recordings were replaced.
        let (body_pieces, ended) = match header("content-length: ") {
            Some(_) => (vec![reply.trim_end_matches('\n').as_bytes().to_vec()], true),
            None => chunks(reply.as_bytes()),
        };
        Self {
            method: first.next().unwrap().into(),
            path: first.next().unwrap().into(),
            ksql: body.map(|body| body["ksql"].as_str().unwrap().trim().into()),
            status: header("HTTP/1.1 ").unwrap()[..3].parse().unwrap(),
            content_type: header("content-type: "),
            body: body_pieces,
            ended,
        }
    }

    /// The body of the response as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body.concat()).unwrap()
    }

    /// The same exchange with another body in the response.
    pub(crate) fn with(mut self, body: &str) -> Self {
        self.body = vec![body.as_bytes().to_vec()];
        self
    }

    /// The same exchange with other statements in the request.
    pub(crate) fn of(mut self, statements: &str) -> Self {
        self.ksql = Some(statements.to_owned());
        self
    }
}

/// The pieces of a chunked body, and whether the last one is present.
fn chunks(mut bytes: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut pieces = Vec::new();
    loop {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return (pieces, false);
        };
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        match usize::from_str_radix(size, 16) {
            Ok(0) => return (pieces, true),
            Ok(size) => {
                pieces.push(bytes[end + 1..][..size].to_vec());
                bytes = &bytes[end + 1 + size + 1..];
            }
            // A note about the time between two chunks.
            Err(_) => bytes = &bytes[end + 1..],
        }
    }
}
