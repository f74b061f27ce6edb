//! Base URLs, as people write them.

use std::net::IpAddr;
use url::{Host, Url};

/// Whether the URL can only lead to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Reads a base URL, as people write it: a trailing slash, or a version at its end (`/v2`, `/v3`), is dropped.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub fn parse(text: &str, allow_http: bool) -> Result<Url, String> {
    let mut url = Url::parse(text)
        .map_err(|error| format!("is no URL ({error}); accepted: `https://HOST`"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user name or password; accepted: `https://HOST`, since sign-in has its own inputs".to_owned()
        );
    }
    if url.host().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err("is no base URL; accepted: `https://HOST`, without `?` and `#`".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if allow_http || is_loopback(&url) => {}
        "http" => {
            return Err("would send the credential in clear; accepted: https, or http to a loopback address \
                        (`allow-http` lifts this)"
                .to_owned());
        }
        _ => return Err("is neither https nor http; accepted: `https://HOST`".to_owned()),
    }
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/auth/tokens") {
        return Err(
            "is the address of one request; accepted: `https://HOST`, with or without `/v3`"
                .to_owned(),
        );
    }
    let path = match path.rsplit_once('/') {
        Some((base, "v1.0" | "v2" | "v3" | "v3.0")) => base,
        _ => path,
    };
    let path = path.trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// The URL of `path` below a base URL; each segment is escaped.
pub fn join(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_url_spellings_are_equal() {
        for text in [
            "https://iam.eu-de.otc.t-systems.com",
            "https://iam.eu-de.otc.t-systems.com/",
            "https://iam.eu-de.otc.t-systems.com/v3",
            "https://iam.eu-de.otc.t-systems.com/v3/",
            "https://iam.eu-de.otc.t-systems.com:443/v3",
        ] {
            let url = join(&parse(text, false).unwrap(), &["v3", "auth", "tokens"]);
            assert_eq!(
                url.as_str(),
                "https://iam.eu-de.otc.t-systems.com/v3/auth/tokens",
                "{text}"
            );
        }
    }

    #[test]
    fn http_is_for_loopback_alone() {
        for good in [
            "http://127.0.0.1:8080",
            "http://127.8.8.8",
            "http://[::1]:1",
            "http://localhost:1/base/",
        ] {
            assert!(parse(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::]",
            "ftp://127.0.0.1",
            "https://u:p@host",
            "https://host/?x",
            "https://host/#x",
            "dcs.eu-de.otc.t-systems.com",
            "https://",
        ] {
            assert!(parse(bad, false).is_err(), "{bad}");
        }
        assert!(parse("http://10.0.0.1", true).is_ok());
    }

    #[test]
    fn path_segment_cannot_escape() {
        let base = parse("http://127.0.0.1:1/base/", false).unwrap();
        assert_eq!(
            join(&base, &["v2", "a/../b?c#d"]).as_str(),
            "http://127.0.0.1:1/base/v2/a%2F..%2Fb%3Fc%23d"
        );
    }
}
