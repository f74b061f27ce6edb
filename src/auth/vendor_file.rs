//! The credentials file of Huawei Cloud's SDKs: `~/.huaweicloud/credentials`, section `[basic]`.
//!
//! Source: `huaweicloudsdkcore/auth/provider.py` (3.1.219), `ProfileCredentialProvider`. What it reads is what Python's
//! `configparser` reads, but for interpolation (`%(name)s`).

use std::collections::BTreeMap;

/// What the section says, by the name of the input that it is for. Names that mean nothing here are left out.
pub fn read(text: &str) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::new();
    let mut is_basic = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            is_basic = section.trim_end_matches(']') == "basic";
            continue;
        }
        let Some((name, value)) = line.split_once(['=', ':']).filter(|_| is_basic) else {
            continue;
        };
        let input = match name.trim().to_ascii_lowercase().as_str() {
            "ak" => "access-key",
            "sk" => "secret-key",
            "security_token" => "security-token",
            "project_id" => "project-id",
            "idp_id" => "idp-id",
            "id_token_file" => "id-token-file",
            "iam_endpoint" => "iam-endpoint",
            _ => continue,
        };
        values.insert(input, value.trim().to_owned());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_section_is_read() {
        let text = "[global]\nak = no\n# ak = no\n[basic]\nAK = AK1\nsk: s=k\nproject_id=\nother = x\n[more]\nsk = no\n";
        let values = read(text);
        let all: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(
            all,
            [
                ("access-key", "AK1"),
                ("project-id", ""),
                ("secret-key", "s=k")
            ]
        );
    }
}
