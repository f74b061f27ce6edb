//! Access keys: a request signed with SDK-HMAC-SHA256.
//!
//! Three values, each made from the one before: [`CanonicalRequest`], [`StringToSign`], [`Signature`]. None of them has
//! a `Debug`: a canonical request holds the security token. The date is an argument, so the same request always gives
//! the same signature; a retry is signed again, since the gateway refuses a date that is 15 minutes old.

use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

/// The name of the algorithm, as it starts the header and the string to sign.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// The header that carries [`sdk_date`]; always signed.
pub const DATE_HEADER: &str = "X-Sdk-Date";
/// A header with this name replaces the hash of a body.
const CONTENT_HEADER: &str = "x-sdk-content-sha256";

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The same for a path, whose slashes separate.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// What is to be signed.
pub struct Request<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// Where it goes, with path and query as they are sent.
    pub url: &'a Url,
    /// The headers to sign, [`DATE_HEADER`] among them, each name once. `host` comes from the URL, whatever is here. A
    /// name with an underscore is left out, as the vendor's signers do: gateways drop such headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, empty where there is none.
    pub body: &'a [u8],
}

/// A request in the one spelling that both sides agree on.
pub struct CanonicalRequest {
    text: String,
    signed_headers: String,
}

impl CanonicalRequest {
    /// Spells the request out.
    pub fn new(request: &Request<'_>) -> Self {
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .filter(|(name, _)| !name.contains('_') && name != "host")
            .collect();
        headers.push(("host".to_owned(), host(request.url)));
        headers.sort();

        let signed_headers = headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let text = format!(
            "{}\n{}\n{}\n{lines}\n{signed_headers}\n{}",
            request.method.to_uppercase(),
            canonical_path(request.url),
            canonical_query(request.url),
            payload_hash(&headers, request.body),
        );
        Self {
            text,
            signed_headers,
        }
    }

    /// The text itself. It holds the security token, where there is one.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the signed headers, as the `Authorization` header lists them.
    pub fn signed_headers(&self) -> &str {
        &self.signed_headers
    }

    /// What goes into the string to sign.
    pub fn sha256_hex(&self) -> String {
        hex(&Sha256::digest(&self.text))
    }
}

/// The text that the secret key signs.
pub struct StringToSign(String);

impl StringToSign {
    /// `date` is the value of [`DATE_HEADER`].
    pub fn new(date: &str, request: &CanonicalRequest) -> Self {
        Self(format!("{ALGORITHM}\n{date}\n{}", request.sha256_hex()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The signature of one request.
pub struct Signature(String);

impl Signature {
    /// Signs; the key is the secret key as it is, nothing is derived from it.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub fn new(secret_key: &SecretString, text: &StringToSign) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(text.as_str().as_bytes());
        Self(hex(&mac.finalize().into_bytes()))
    }

    /// In hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of the `Authorization` header. `date` is the value of [`DATE_HEADER`] among the request's headers.
pub fn authorization(
    access_key: &str,
    secret_key: &SecretString,
    date: &str,
    request: &Request<'_>,
) -> String {
    let canonical = CanonicalRequest::new(request);
    let signature = Signature::new(secret_key, &StringToSign::new(date, &canonical));
    format!(
        "{ALGORITHM} Access={access_key}, SignedHeaders={}, Signature={}",
        canonical.signed_headers(),
        signature.as_str()
    )
}

/// The value of [`DATE_HEADER`]: `YYYYMMDDTHHMMSSZ`.
pub fn sdk_date(at: SystemTime) -> String {
    // A clock before 1970 or after 9999 is wrong anyway, and the gateway says so; formatting it would panic.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let at = at.clamp(SystemTime::UNIX_EPOCH, last);
    humantime::format_rfc3339_seconds(at)
        .to_string()
        .replace(['-', ':'], "")
}

/// The `Host` header that an HTTP client sends for the URL: the port only where it is not the scheme's own.
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The path, decoded and encoded again so that every spelling of it is the same one, with a slash at its end (which the
/// request itself does not have). An encoded slash ends up as a slash: the vendor decodes before it splits.
fn canonical_path(url: &Url) -> String {
    let decoded: Vec<u8> = percent_decode_str(url.path()).collect();
    let mut path = percent_encode(&decoded, RESERVED_IN_PATH).to_string();
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// The query, sorted by what it means and not by how it was written.
fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<_> = url.query_pairs().collect();
    pairs.sort();
    let encode = |text| utf8_percent_encode(text, RESERVED);
    pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn payload_hash(headers: &[(String, String)], body: &[u8]) -> String {
    let given = headers
        .iter()
        .find(|(name, value)| name == CONTENT_HEADER && !value.is_empty());
    match given {
        // Without a body the vendor's signers ignore the header.
        Some((_, value)) if !body.is_empty() => value.clone(),
        _ => hex(&Sha256::digest(body)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

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

    fn vectors() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sign");
        let entries = fs::read_dir(root)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut cases: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        cases.sort();
        cases
    }

    #[test]
    fn every_vector_agrees_at_every_stage() {
        let cases = vectors();
        assert!(cases.len() >= 20, "only {} vectors found", cases.len());
        for case in cases {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let expected = |file: &str| fs::read_to_string(case.join(file)).unwrap();
            let vector: Vector = serde_json::from_str(&expected("request.json")).unwrap();
            let headers: Vec<_> = vector
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let url = Url::parse(&vector.url).unwrap();
            let body = vector.body.as_bytes();
            let request = Request {
                method: &vector.method,
                url: &url,
                headers: &headers,
                body,
            };

            let canonical = CanonicalRequest::new(&request);
            assert_eq!(
                canonical.as_str(),
                expected("canonical-request.txt"),
                "{name}: canonical request"
            );
            let to_sign = StringToSign::new(&vector.date, &canonical);
            assert_eq!(
                to_sign.as_str(),
                expected("string-to-sign.txt"),
                "{name}: string to sign"
            );
            let header = authorization(
                &vector.access_key,
                &vector.secret_key.into(),
                &vector.date,
                &request,
            );
            assert_eq!(
                header,
                expected("authorization.txt"),
                "{name}: authorization"
            );
        }
    }

    #[test]
    fn signed_host_is_the_sent_host() {
        let of = |url: &str| host(&Url::parse(url).unwrap());
        assert_eq!(
            of("https://DCS.eu-de.example.com/v2"),
            "dcs.eu-de.example.com"
        );
        assert_eq!(of("https://dcs.example.com:443/"), "dcs.example.com");
        assert_eq!(of("https://dcs.example.com:80/"), "dcs.example.com:80");
        assert_eq!(of("http://127.0.0.1:8080/"), "127.0.0.1:8080");
        assert_eq!(of("http://[::1]:8080/"), "[::1]:8080");
        assert_eq!(
            of("https://user:secret@dcs.example.com/"),
            "dcs.example.com"
        );
    }

    #[test]
    fn callers_host_header_does_not_win() {
        let url = Url::parse("https://dcs.example.com/").unwrap();
        let headers = [
            ("Host", "other.example.com"),
            (DATE_HEADER, "20250102T030405Z"),
        ];
        let canonical = CanonicalRequest::new(&Request {
            method: "GET",
            url: &url,
            headers: &headers,
            body: b"",
        });
        assert_eq!(canonical.signed_headers(), "host;x-sdk-date");
        assert!(canonical.as_str().contains("\nhost:dcs.example.com\n"));
    }

    #[test]
    fn dates_outside_calendar_are_clamped() {
        let at = |seconds| sdk_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101T000000Z");
        assert_eq!(at(1_573_789_015), "20191115T033655Z");
        assert_eq!(at(1_573_789_015 + 86_400 * 365_000_000), "99991231T235959Z");
        assert_eq!(
            sdk_date(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            "19700101T000000Z"
        );
        assert_eq!(
            sdk_date(SystemTime::UNIX_EPOCH + Duration::from_millis(1_999)),
            "19700101T000001Z"
        );
    }
}
