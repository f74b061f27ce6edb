//! A test tool, not an example of use: signs the requests that come in as JSON lines and prints the `Authorization`
//! header of each, so that `tests/vendor/compare.py` can hold them against the vendor's signer.

use std::error::Error;
use std::io::{self, BufRead, Write};

use dcs_migration_wait::auth::sign::{self, Request};
use url::Url;

/// The same fields as `tests/vectors/sign/*/request.json`.
#[derive(serde::Deserialize)]
struct Line {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    date: String,
    access_key: String,
    secret_key: String,
    body: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let headers: Vec<_> = line
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let url = Url::parse(&line.url)?;
        let request = Request {
            method: &line.method,
            url: &url,
            headers: &headers,
            body: line.body.as_bytes(),
        };
        writeln!(
            out,
            "{}",
            sign::authorization(
                &line.access_key,
                &line.secret_key.into(),
                &line.date,
                &request
            )
        )?;
    }
    Ok(())
}
