//! Verifies requests that are signed with SDK-HMAC-SHA256.
//!
//! Written apart from the client's signer, and from the request as it arrives: a mistake in one of them does not hide in
//! the other.

use super::credentials::equal_in_constant_time;
use super::request::ApiRequest;
use super::system::hex;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};
use thiserror::Error;

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE_HEADER: &str = "x-sdk-date";
/// Replaces the hash of a body.
const CONTENT_HEADER: &str = "x-sdk-content-sha256";
/// How far the date of a signature may be from the gateway's clock, in real time.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);

/// What a query encodes: everything but RFC 3986's unreserved characters. A path keeps its slashes.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Why a signature is refused, in the gateway's words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum InvalidSignature {
    #[error("verify aksk signature fail")]
    Wrong,
    #[error("verify aksk signature fail, signature expired: X-Sdk-Date {0}")]
    Expired(String),
    #[error("verify aksk signature fail, invalid security token")]
    SecurityToken,
}

/// The parts of an `Authorization` header.
#[derive(Debug)]
pub(super) struct Authorization<'a> {
    pub(super) access_key: &'a str,
    /// In lower case, sorted.
    signed_headers: Vec<String>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// `None` where the request is not signed.
    pub(super) fn of(request: &'a ApiRequest<'_>) -> Result<Option<Self>, InvalidSignature> {
        let Some(parts) = request
            .header("authorization")
            .and_then(|header| header.strip_prefix(ALGORITHM)?.strip_prefix(' '))
        else {
            return Ok(None);
        };
        let part = |name: &str| {
            parts
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
                .filter(|part| !part.is_empty())
                .ok_or(InvalidSignature::Wrong)
        };
        let mut signed_headers: Vec<String> = part("SignedHeaders")?
            .split(';')
            .map(str::to_ascii_lowercase)
            .collect();
        signed_headers.sort();
        Ok(Some(Self {
            access_key: part("Access")?,
            signed_headers,
            signature: part("Signature")?,
        }))
    }

    /// Computes the signature again. Host and date have to be signed.
    pub(super) fn verify(
        &self,
        request: &ApiRequest<'_>,
        secret_key: &SecretString,
        security_token: Option<&SecretString>,
    ) -> Result<(), InvalidSignature> {
        let signs = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !signs("host") || !signs(DATE_HEADER) {
            return Err(InvalidSignature::Wrong);
        }
        let date = request.header(DATE_HEADER).ok_or(InvalidSignature::Wrong)?;
        let signed_at = parse_sdk_date(date).ok_or(InvalidSignature::Wrong)?;
        let skew = request
            .received_at
            .wall
            .duration_since(signed_at)
            .unwrap_or_else(|error| error.duration());
        if skew > MAX_CLOCK_SKEW {
            return Err(InvalidSignature::Expired(date.to_owned()));
        }
        if let Some(own) = security_token
            && !request
                .header("x-security-token")
                .is_some_and(|token| equal_in_constant_time(token, own.expose_secret()))
        {
            return Err(InvalidSignature::SecurityToken);
        }
        let expected = canonical_request(request, &self.signed_headers)
            .and_then(|canonical| signature(secret_key, date, &canonical))
            .ok_or(InvalidSignature::Wrong)?;
        if equal_in_constant_time(&expected, self.signature) {
            Ok(())
        } else {
            Err(InvalidSignature::Wrong)
        }
    }
}

/// The text that both sides hash. `None` where a signed header is missing.
fn canonical_request(request: &ApiRequest<'_>, signed_headers: &[String]) -> Option<String> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((request.target, ""));
    // An encoded slash becomes a slash: the vendor decodes before it splits.
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let path = percent_encode(&decoded, RESERVED_IN_PATH).to_string();
    let closing_slash = if path.ends_with('/') { "" } else { "/" };
    let mut pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort();
    let encode = |text: &str| percent_encode(text.as_bytes(), RESERVED).to_string();
    let query: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    let headers = signed_headers
        .iter()
        .map(|name| Some(format!("{name}:{}\n", request.header(name)?.trim())))
        .collect::<Option<String>>()?;
    // Where the header or the body is empty, the vendor's signers ignore the header.
    let payload_hash = match request.header(CONTENT_HEADER) {
        Some(given) if !given.trim().is_empty() && !request.body.is_empty() => given.to_owned(),
        _ => hex(&Sha256::digest(request.body)),
    };
    Some(format!(
        "{}\n{path}{closing_slash}\n{}\n{headers}\n{}\n{payload_hash}",
        request.method.to_uppercase(),
        query.join("&"),
        signed_headers.join(";"),
    ))
}

/// The signature in hexadecimal digits.
fn signature(secret_key: &SecretString, date: &str, canonical_request: &str) -> Option<String> {
    let hash = hex(&Sha256::digest(canonical_request));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.expose_secret().as_bytes()).ok()?;
    mac.update(format!("{ALGORITHM}\n{date}\n{hash}").as_bytes());
    Some(hex(&mac.finalize().into_bytes()))
}

/// `YYYYMMDDTHHMMSSZ`.
fn parse_sdk_date(date: &str) -> Option<SystemTime> {
    let is_digits =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let (day, time) = date.strip_suffix('Z')?.split_once('T')?;
    if !is_digits(day, 8) || !is_digits(time, 6) {
        return None;
    }
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    let (hour, minute, second) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// The `Authorization` header of a request whose other headers are complete.
#[cfg(test)]
pub(super) fn authorization(
    request: &ApiRequest<'_>,
    access_key: &str,
    secret_key: &SecretString,
) -> String {
    let mut names: Vec<String> = request.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let canonical = canonical_request(request, &names).unwrap();
    let date = request.header(DATE_HEADER).unwrap();
    format!(
        "{ALGORITHM} Access={access_key}, SignedHeaders={}, Signature={}",
        names.join(";"),
        signature(secret_key, date, &canonical).unwrap()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::system::now;
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};
    use std::fs;
    use std::path::Path;

    #[derive(serde::Deserialize)]
    struct Vector {
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        date: String,
        access_key: String,
        secret_key: String,
        body: String,
    }

    /// Whether the vector's request is accepted as an HTTP client would send it, `changed` before that.
    fn is_accepted(case: &Path, change: impl FnOnce(&mut Vector)) -> bool {
        let read = |file: &str| fs::read_to_string(case.join(file)).unwrap();
        let mut vector: Vector = serde_json::from_str(&read("request.json")).unwrap();
        change(&mut vector);
        let url = url::Url::parse(&vector.url).unwrap();
        let mut host = url.host_str().unwrap().to_owned();
        if let Some(port) = url.port() {
            host = format!("{host}:{port}");
        }
        let own = [
            ("host".to_owned(), host),
            ("authorization".to_owned(), read("authorization.txt")),
        ];
        let headers: HeaderMap = vector
            .headers
            .iter()
            .chain(&own)
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let mut received_at = now();
        received_at.wall = parse_sdk_date(&vector.date).unwrap();
        let request = ApiRequest {
            id: "",
            received_at,
            method: &vector.method,
            target: &url[url::Position::BeforePath..url::Position::AfterQuery],
            headers: &headers,
            body: vector.body.as_bytes(),
        };
        let authorization = Authorization::of(&request).unwrap().unwrap();
        assert_eq!(authorization.access_key, vector.access_key);
        authorization
            .verify(&request, &vector.secret_key.into(), None)
            .is_ok()
    }

    #[test]
    fn vendor_vectors_are_accepted() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sign");
        let mut n_accepted = 0;
        for entry in fs::read_dir(root).unwrap() {
            let case = entry.unwrap().path();
            // The simulator reads headers as ASCII.
            if !case.is_dir() || case.ends_with("header-non-ascii") {
                continue;
            }
            assert!(is_accepted(&case, |_| {}), "{}", case.display());
            assert!(!is_accepted(&case, |vector| vector.method.push('X')));
            assert!(!is_accepted(&case, |vector| vector.secret_key = "x".into()));
            let one_more = |vector: &mut Vector| {
                let mut url = url::Url::parse(&vector.url).unwrap();
                url.query_pairs_mut().append_pair("x", "");
                vector.url = url.into();
            };
            assert!(!is_accepted(&case, one_more), "{}", case.display());
            n_accepted += 1;
        }
        assert!(n_accepted >= 20, "only {n_accepted} vectors");
    }

    #[test]
    fn sdk_date_is_parsed_strictly() {
        let at = |text| {
            parse_sdk_date(text)
                .map(|at| at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        };
        assert_eq!(at("20191115T033655Z"), Some(1_573_789_015));
        for bad in [
            "",
            "20191115T033655",
            "20191315T033655Z",
            "2019-11-15T03:36:55Z",
            "201911150T33655Z",
            "+0191115T033655Z",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
