//! As much of JSON Web Tokens as the simulator needs: it issues one like GitHub and accepts one like an identity provider.
//! Nothing is signed or verified here: the signature is random bytes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// The issuer of GitHub's tokens.
const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// How long a token of a job is valid.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Base64 in the alphabet of URLs, without padding.
pub(super) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The token that GitHub would issue to a job. `random` becomes its id and its signature.
pub(super) fn github_token(audience: &str, random: &[u8; 64], now: SystemTime) -> String {
    let seconds = unix_seconds(now);
    let (id, _) = random.split_at(16);
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
    let (header, claims) = (header.to_string(), claims.to_string());
    [header.as_bytes(), claims.as_bytes(), random]
        .map(base64url)
        .join(".")
}

/// Whether an identity provider would accept the text: three parts, a header with an algorithm, an issuer and an
/// audience, not expired.
pub(super) fn is_acceptable(token: &str, now: SystemTime) -> bool {
    let parts: Option<Vec<Vec<u8>>> = token
        .split('.')
        .map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok())
        .collect();
    let Some([header, claims, signature]) = parts.as_deref() else {
        return false;
    };
    let (Ok(header), Ok(claims)) = (
        serde_json::from_slice::<Value>(header),
        serde_json::from_slice::<Value>(claims),
    ) else {
        return false;
    };
    let has = |object: &Value, name: &str| object.get(name).is_some_and(|value| !value.is_null());
    let is_expired = claims
        .get("exp")
        .and_then(Value::as_f64)
        .is_some_and(|exp| exp <= unix_seconds(now) as f64);
    !signature.is_empty()
        && has(&header, "alg")
        && has(&claims, "iss")
        && has(&claims, "aud")
        && !is_expired
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(1_700_000_000);

    #[test]
    fn job_token_is_accepted_until_expiry() {
        let then = SystemTime::UNIX_EPOCH + NOON;
        let token = github_token("otc", &[7; 64], then);
        assert!(is_acceptable(&token, then));
        assert!(!is_acceptable(&token, then + LIFETIME));
    }

    #[test]
    fn malformed_token_is_refused() {
        let now = SystemTime::UNIX_EPOCH + NOON;
        let part = |value: Value| base64url(value.to_string());
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
            format!("{header}.{claims}.c2lnbg=="),
            format!("{header}.{claims}.c+ln"),
            format!("{}.{claims}.c2ln", part(json!({}))),
            format!("{header}.{}.c2ln", part(json!({"iss": "a"}))),
            format!("{header}.{}.c2ln", part(json!(["iss", "aud"]))),
        ] {
            assert!(!is_acceptable(&bad, now), "{bad}");
        }
    }
}
