//! Just enough of JSON Web Tokens to hand one out like a forge and to recognise one like an identity provider. Nothing
//! is signed or verified here: the signature is random bytes.

use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Who issues GitHub's tokens.
const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// How long a token of a job is good for.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Base64 in the alphabet of URLs, without padding.
pub(super) fn base64url(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| (group << 8) | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = (group >> (18 - 6 * place)) & 63;
            out.extend(
                ALPHABET
                    .get(index as usize)
                    .map(|letter| char::from(*letter)),
            );
        }
    }
    out
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .bytes()
        .map(|byte| {
            ALPHABET
                .iter()
                .position(|letter| *letter == byte)
                .map(|index| index as u32)
        })
        .collect::<Option<_>>()?;
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        let group =
            chunk.iter().fold(0, |group, digit| (group << 6) | digit) << (6 * (4 - chunk.len()));
        let [_, bytes @ ..] = group.to_be_bytes();
        match chunk.len() {
            // Six bits are less than a byte.
            1 => return None,
            length => out.extend(bytes.into_iter().take(length - 1)),
        }
    }
    Some(out)
}

/// The token that GitHub would hand out to a job. `noise` is random.
pub(super) fn github(audience: &str, noise: &[u8; 64], now: SystemTime) -> String {
    let seconds = seconds(now);
    let (id, _) = noise.split_at(16);
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": "simulated"});
    let claims = json!({
        "iss": GITHUB,
        "sub": "repo:example/redis-cutover:ref:refs/heads/main",
        "aud": audience,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + LIFETIME.as_secs(),
        "jti": base64url(id),
        "repository": "example/redis-cutover",
        "repository_owner": "example",
        "ref": "refs/heads/main",
        "workflow": "cutover",
        "event_name": "workflow_dispatch",
    });
    [
        header.to_string().as_bytes(),
        claims.to_string().as_bytes(),
        noise,
    ]
    .map(base64url)
    .join(".")
}

/// Whether the text is a token that an identity provider would look at: three parts, a header with an algorithm, an
/// issuer and an audience, not expired.
pub(super) fn is_acceptable(token: &str, now: SystemTime) -> bool {
    let parts: Vec<Vec<u8>> = token.split('.').map_while(from_base64url).collect();
    let [header, claims, signature] = parts.as_slice() else {
        return false;
    };
    if token.split('.').count() != 3 || signature.is_empty() {
        return false;
    }
    let (Ok(header), Ok(claims)) = (
        serde_json::from_slice::<Value>(header),
        serde_json::from_slice::<Value>(claims),
    ) else {
        return false;
    };
    let has = |object: &Value, name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let expired = claims
        .get("exp")
        .and_then(Value::as_f64)
        .is_some_and(|exp| exp <= seconds(now) as f64);
    has(&header, "alg") && has(&claims, "iss") && has(&claims, "aud") && !expired
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(1_700_000_000);

    #[test]
    fn base64_agrees_with_the_rfc_and_comes_back() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
        ] {
            assert_eq!(base64url(plain.as_bytes()), coded);
            assert_eq!(from_base64url(coded).unwrap(), plain.as_bytes());
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
        for bad in ["Z", "Zg==", "a+b", "Zm9vY"] {
            assert_eq!(from_base64url(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_job_token_is_accepted_until_it_expires() {
        let then = SystemTime::UNIX_EPOCH + NOON;
        let token = github("otc", &[7; 64], then);
        assert!(is_acceptable(&token, then));
        assert!(!is_acceptable(&token, then + LIFETIME));
    }

    #[test]
    fn what_only_looks_like_a_token_is_refused() {
        let now = SystemTime::UNIX_EPOCH + NOON;
        let part = |value: Value| base64url(value.to_string().as_bytes());
        let header = part(json!({"alg": "RS256"}));
        let claims = part(json!({"iss": "a", "aud": "b"}));
        assert!(is_acceptable(&format!("{header}.{claims}.c2ln"), now));
        for bad in [
            String::new(),
            "..".to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}.c2ln.c2ln"),
            format!("{header}.{claims}.!"),
            format!("{}.{claims}.c2ln", part(json!({}))),
            format!("{header}.{}.c2ln", part(json!({"iss": "a"}))),
            format!("{header}.{}.c2ln", part(json!(["iss", "aud"]))),
        ] {
            assert!(!is_acceptable(&bad, now), "{bad}");
        }
    }
}
