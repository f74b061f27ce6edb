//! Files that inputs name: identity tokens, `clouds.yaml`, root certificates.

use crate::escape;
use secrecy::SecretString;
use std::path::Path;

/// Reads a file that an input names, up to a size that no such file has.
///
/// # Errors
/// What is wrong, in words that can be shown.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    const LARGEST: u64 = 8 * 1024 * 1024;
    let shown = escape::line(&path.to_string_lossy());
    let is_file = std::fs::metadata(path).map(|metadata| metadata.is_file());
    let open = |error: std::io::Error| format!("`{shown}`: {}", escape::line(&error.to_string()));
    if !is_file.map_err(open)? {
        return Err(format!("`{shown}` is not a file"));
    }
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(open)?;
    file.take(LARGEST).read_to_end(&mut text).map_err(open)?;
    Ok(text)
}

/// Reads the job's OIDC token from its file.
///
/// # Errors
/// What is wrong, as the end of a sentence about the input; nothing of the content is in it.
pub fn read_id_token(path: &Path) -> Result<SecretString, String> {
    let text = read_file(path).map_err(|error| format!("cannot be read: {error}"))?;
    match std::str::from_utf8(&text).map(str::trim) {
        Ok(token) if !token.is_empty() && is_plain(token) => Ok(SecretString::from(token)),
        _ => Err(format!(
            "holds no token: `{}`",
            escape::line(&path.to_string_lossy())
        )),
    }
}

/// Whether it is nothing but visible ASCII characters, as every token and key is.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
