//! `clouds.yaml`, `secure.yaml` and `clouds-public.yaml`.

use super::text::{SECRET, assert_line, assert_no_secret, parts, read, with_secret};
use dcs_migration_wait::auth::clouds::{Cloud, CloudsError, Texts, lookup};
use dcs_migration_wait::escape;

/// Whatever the files hold, errors quote nothing of them but names. What they mean is compared with openstacksdk
/// (`scripts/openstack-oracle`).
///
/// The name of a cloud and the three files.
pub fn clouds_yaml(data: &[u8]) {
    let Some(text) = read(data) else { return };
    let text = with_secret(&text);
    let parts: Vec<String> = parts(text.as_bytes())
        .iter()
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    let name = parts[0].trim();
    let text = |n: usize| parts.get(n).map(String::as_str);
    let texts = Texts {
        clouds: text(1),
        secure: text(2),
        public: text(3),
    };
    match lookup(&texts, name, None) {
        Ok(cloud) => {
            let values: Vec<&String> = open_values(&cloud).into_iter().flatten().collect();
            if !values.iter().any(|value| value.contains(SECRET)) {
                assert_no_secret(&format!("{cloud:?}"));
            }
            assert!(values.iter().all(|value| !value.trim().is_empty()));
            // A second file that says nothing changes nothing.
            let with = |secure| {
                let texts = Texts { secure, ..texts };
                format!("{:?}", lookup(&texts, name, None))
            };
            assert_eq!(with(Some("clouds: {}\n")), with(None));
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
                    .all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte))
            );
            let words = format!(
                "in clouds.yaml or secure.yaml, {field} of cloud {cloud:?} is not a text; quote it"
            );
            assert_eq!(text, words);
        }
        CloudsError::Key {
            cloud,
            key,
            problem,
        } => {
            assert_eq!(*cloud, escape::line(asked));
            if ![cloud, key, problem]
                .iter()
                .any(|part| part.contains(SECRET))
            {
                assert_no_secret(&text);
            }
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
pub(super) fn open_values(cloud: &Cloud) -> [Option<&String>; 12] {
    [
        cloud.auth_url.as_ref(),
        cloud.username.as_ref(),
        cloud.user_id.as_ref(),
        cloud.user_domain_name.as_ref(),
        cloud.user_domain_id.as_ref(),
        cloud.project_id.as_ref(),
        cloud.project_name.as_ref(),
        cloud.project_domain_name.as_ref(),
        cloud.project_domain_id.as_ref(),
        cloud.region_name.as_ref(),
        cloud.cacert.as_ref(),
        cloud.dcs_endpoint.as_ref(),
    ]
}
