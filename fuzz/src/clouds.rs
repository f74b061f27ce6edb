//! `clouds.yaml` and `secure.yaml`.

use super::text::{SECRET, assert_line, assert_no_secret, parts, read, with_secret};
use dcs_migration_wait::auth::clouds::{Cloud, CloudsError, lookup};
use dcs_migration_wait::escape;
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Whatever the files hold, errors quote nothing of them but names of clouds; and what is written is what is read.
///
/// The name of a cloud, `clouds.yaml` and `secure.yaml`; or, after a first line `generate`, what two files say, a value
/// a line ([`generated`]).
pub fn clouds_yaml(data: &[u8]) {
    let Some(text) = read(data) else { return };
    if let Some(lines) = text.strip_prefix("generate\n") {
        return generated(lines);
    }
    let text = with_secret(&text);
    let parts: Vec<String> = parts(text.as_bytes())
        .iter()
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    let (name, clouds) = (parts[0].trim(), parts.get(1).map_or("", String::as_str));
    match lookup(clouds, parts.get(2).map(String::as_str), name) {
        Ok(cloud) => {
            if !open_values(&cloud)
                .iter()
                .flatten()
                .any(|value| value.contains(SECRET))
            {
                assert_no_secret(&format!("{cloud:?}"));
            }
            let all = open_values(&cloud)
                .into_iter()
                .flatten()
                .map(String::as_str)
                .chain(secrets(&cloud));
            for value in all {
                assert!(!value.trim().is_empty());
            }
            // A second file that says nothing changes nothing.
            let with_empty = lookup(clouds, Some("clouds: {}\n"), name);
            assert_eq!(
                format!("{with_empty:?}"),
                format!("{:?}", lookup(clouds, None, name))
            );
        }
        Err(error) => holds_names_only(&error, name),
    }
}

fn holds_names_only(error: &CloudsError, asked: &str) {
    let text = error.to_string();
    assert_line(&text);
    match error {
        CloudsError::Syntax { file, line } => {
            assert_eq!(text, format!("{file} is not valid YAML: line {line}"))
        }
        CloudsError::TooMuch { file } => assert_eq!(
            text,
            format!("{file} is too long, too deep or merges too much")
        ),
        CloudsError::NotText { cloud, field } => {
            assert_eq!(*cloud, escape::line(asked));
            assert!(
                field
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            );
            let words = format!(
                "in clouds.yaml or secure.yaml, {field} of cloud {cloud:?} is not a text; quote it"
            );
            assert_eq!(text, words);
        }
        CloudsError::Unknown { cloud, known } => {
            assert_eq!(*cloud, escape::line(asked));
            assert!(text.len() < 22 * 4000, "{} bytes", text.len());
            if !known
                .iter()
                .chain([cloud])
                .any(|name| name.contains(SECRET))
            {
                assert_no_secret(&text);
            }
        }
    }
}

/// What is not secret.
pub(super) fn open_values(cloud: &Cloud) -> [Option<&String>; 8] {
    [
        cloud.auth_url.as_ref(),
        cloud.username.as_ref(),
        cloud.user_domain_name.as_ref(),
        cloud.project_id.as_ref(),
        cloud.project_name.as_ref(),
        cloud.access_key.as_ref(),
        cloud.region_name.as_ref(),
        cloud.cacert.as_ref(),
    ]
}

fn secrets(cloud: &Cloud) -> impl Iterator<Item = &str> {
    let all = [
        &cloud.password,
        &cloud.token,
        &cloud.secret_key,
        &cloud.security_token,
    ];
    all.into_iter().flatten().map(ExposeSecret::expose_secret)
}

/// Names that a value can have, those that mean the same together, in the order in which they count.
const FIELDS: [&[&str]; 12] = [
    &["auth_url"],
    &["username"],
    &["user_domain_name", "domain_name"],
    &["project_id", "tenant_id"],
    &["project_name", "tenant_name"],
    &["ak", "access_key"],
    &["region_name"],
    &["cacert"],
    &["password"],
    &["token"],
    &["sk", "secret_key"],
    &["security_token"],
];

/// File, cloud, place and name to value; `true` is the file and the place that win.
type Values = BTreeMap<(bool, String, bool, &'static str), String>;

/// Writes the files that say so, and expects to read it.
///
/// The first line is the cloud to look up. Each other line is `FILE CLOUD PLACE NAME VALUE`, where the file is `s` or
/// `c`, and the place `a` (under `auth`) or `b` (beside it). Unknown names become the first.
fn generated(text: &str) {
    let (asked, lines) = text.split_once('\n').unwrap_or((text, ""));
    let mut values = Values::new();
    for line in lines.lines().take(200) {
        let mut words = line.splitn(5, ' ');
        let (Some(file), Some(cloud), Some(place), Some(name)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let name = FIELDS
            .iter()
            .copied()
            .flatten()
            .find(|&&other| other == name)
            .unwrap_or(&"auth_url");
        // A long key has to be written in an unusual way.
        let cloud: String = cloud.chars().take(100).collect();
        values.insert(
            (file == "s", cloud, place == "a", name),
            words.next().unwrap_or_default().to_owned(),
        );
    }
    let asked: String = asked.chars().take(100).collect();
    let found = lookup(
        &written(&values, false),
        Some(&written(&values, true)),
        &asked,
    );
    let names: BTreeSet<&String> = values.keys().map(|(_, cloud, _, _)| cloud).collect();
    let Ok(cloud) = found else {
        let known = names
            .iter()
            .map(|name| escape::line(name))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        assert!(!names.contains(&asked), "{found:?}");
        assert_eq!(
            found.err(),
            Some(CloudsError::Unknown {
                cloud: escape::line(&asked),
                known
            })
        );
        return;
    };
    assert!(names.contains(&asked));
    let secret = |secret: &Option<secrecy::SecretString>| {
        secret.as_ref().map(|text| text.expose_secret().to_owned())
    };
    let read = open_values(&cloud)
        .map(|value| value.cloned())
        .into_iter()
        .chain([
            secret(&cloud.password),
            secret(&cloud.token),
            secret(&cloud.secret_key),
            secret(&cloud.security_token),
        ]);
    // The order of `open_values`, which the first eight of `FIELDS` have.
    for (names, read) in FIELDS.iter().zip(read) {
        let of_this = values
            .iter()
            .filter(|((_, cloud, _, name), value)| {
                *cloud == asked && names.contains(name) && !value.trim().is_empty()
            })
            .max_by_key(|((file, _, place, name), _)| {
                (
                    *file,
                    std::cmp::Reverse(names.iter().position(|other| other == name)),
                    *place,
                )
            });
        assert_eq!(read.as_ref(), of_this.map(|(_, value)| value), "{names:?}");
    }
}

/// One of the files: the clouds in flow style, each value quoted.
fn written(values: &Values, secure: bool) -> String {
    let mut clouds: BTreeMap<&str, [String; 2]> = BTreeMap::new();
    for ((file, cloud, place, name), value) in values {
        if *file == secure {
            let entry = clouds.entry(cloud).or_default();
            let _ = write!(entry[usize::from(*place)], "{name}: {}, ", quoted(value));
        }
    }
    let mut text = "clouds:\n".to_owned();
    for (cloud, [beside, auth]) in clouds {
        let _ = writeln!(text, "  {}: {{{beside}auth: {{{auth}}}}}", quoted(cloud));
    }
    text
}

fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            _ => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}
