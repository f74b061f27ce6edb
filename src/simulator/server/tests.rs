//! Real sockets, and a client that writes and reads plain text.

mod connections;
mod responses;
mod sign_in;
mod tasks;

use super::*;
use crate::simulator::credentials::Auth;
use crate::simulator::options::{PROJECT_ID, PROJECT_NAME};
use crate::simulator::scenario::{REDIS_PASSWORD, Scenario};
use crate::simulator::signature;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

/// A running simulator, with its state and its log.
struct Fixture {
    address: SocketAddr,
    services: Arc<Services>,
    log: mpsc::Receiver<ServedRequest>,
    server: tokio::task::JoinHandle<Infallible>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fixture {
    async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, log) = mpsc::channel();
        let services = Arc::new(Services::new(options, move |served: &ServedRequest| {
            sender.send(served.clone()).unwrap_or(())
        }));
        let server = tokio::spawn(accept(listener, Arc::clone(&services)));
        Self {
            address,
            services,
            log,
            server,
        }
    }

    async fn with_auth(auth: Auth) -> Self {
        Self::start(Options {
            auth,
            ..Options::default()
        })
        .await
    }

    /// Moves the start of a scenario's own task into the past.
    fn set_elapsed(&self, scenario: Scenario, elapsed: Duration) {
        let (_, dcs) = &mut *self.services.state.lock().unwrap();
        dcs.set_elapsed(&self.services.options, scenario, elapsed);
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<TextResponse> {
        let mut stream = TcpStream::connect(self.address).await?;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        Ok(TextResponse(String::from_utf8(bytes).unwrap()))
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> TextResponse {
        self.send("GET", target, headers, "").await.unwrap()
    }

    async fn post(&self, target: &str, body: &str) -> TextResponse {
        self.send("POST", target, &[TOKEN], body).await.unwrap()
    }

    async fn get_signed(&self, target: &str, keys: &Keys<'_>) -> TextResponse {
        self.send_signed("GET", target, keys, "").await
    }

    async fn send_signed(
        &self,
        method: &str,
        target: &str,
        keys: &Keys<'_>,
        body: &str,
    ) -> TextResponse {
        let date = humantime::format_rfc3339_seconds(keys.at)
            .to_string()
            .replace(['-', ':'], "");
        let host = self.address.to_string();
        let mut headers = vec![("x-sdk-date", date.as_str()), ("x-project-id", PROJECT_ID)];
        headers.extend(keys.security_token.map(|token| ("x-security-token", token)));
        let signed: HeaderMap = headers
            .iter()
            .chain(&[("host", host.as_str())])
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let request = ApiRequest {
            id: "",
            received_at: now(),
            method,
            target,
            headers: &signed,
            body: body.as_bytes(),
        };
        let secret_key = SecretString::from(keys.secret_key);
        let authorization = signature::authorization(&request, keys.access_key, &secret_key);
        headers.push(("Authorization", &authorization));
        self.send(method, target, &headers, body).await.unwrap()
    }
}

#[derive(Clone, Copy)]
struct Keys<'a> {
    access_key: &'a str,
    secret_key: &'a str,
    security_token: Option<&'a str>,
    at: SystemTime,
}

#[derive(Debug)]
struct TextResponse(String);

impl TextResponse {
    fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.0.split_once("\r\n\r\n")?;
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }

    fn json(&self) -> Value {
        serde_json::from_str(self.body()).unwrap()
    }

    fn code(&self) -> (u16, String) {
        (
            self.status(),
            self.json()["error_code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

const TOKEN: (&str, &str) = ("X-Auth-Token", "some");

fn stats(scenario: Scenario) -> String {
    format!(
        "/v2/{PROJECT_ID}/migration-task/{}/stats",
        scenario.task_id()
    )
}

fn detail(scenario: Scenario) -> String {
    format!("/v2/{PROJECT_ID}/migration-task/{}", scenario.task_id())
}
