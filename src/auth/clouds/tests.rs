use secrecy::ExposeSecret;

use super::*;

const CLOUDS: &str = "
clouds:
  otc:
    profile: otc
    auth:
      auth_url: https://iam.eu-de.example.com/v3
      username: ci
      user_domain_name: OTC00000000001000000000
      project_name: eu-de_shop
      project_id: 0123
    region_name: eu-de
    interface: public
    cacert: /etc/ssl/own.pem
  keys:
    auth: {ak: AKUNDER, sk: 'sk under'}
    access_key: AKBESIDE
  \"beside\":
    ak: AKBESIDE
    sk: SKBESIDE
    security_token: ST
";

fn secret(value: Option<&SecretString>) -> Option<&str> {
    value.map(ExposeSecret::expose_secret)
}

fn cloud(clouds: &str, name: &str) -> Cloud {
    lookup(clouds, None, name).unwrap()
}

#[test]
fn common_clouds_file_is_read() {
    let otc = cloud(CLOUDS, "otc");
    assert_eq!(
        otc.auth_url.as_deref(),
        Some("https://iam.eu-de.example.com/v3")
    );
    assert_eq!(otc.username.as_deref(), Some("ci"));
    assert_eq!(
        otc.user_domain_name.as_deref(),
        Some("OTC00000000001000000000")
    );
    assert_eq!(otc.project_name.as_deref(), Some("eu-de_shop"));
    // As it was written, not as a number.
    assert_eq!(otc.project_id.as_deref(), Some("0123"));
    assert_eq!(otc.region_name.as_deref(), Some("eu-de"));
    assert_eq!(otc.cacert.as_deref(), Some("/etc/ssl/own.pem"));
    assert!(otc.password.is_none() && otc.token.is_none() && otc.access_key.is_none());
}

#[test]
fn access_keys_under_or_beside_auth() {
    let keys = cloud(CLOUDS, "keys");
    assert_eq!(keys.access_key.as_deref(), Some("AKUNDER"));
    assert_eq!(secret(keys.secret_key.as_ref()), Some("sk under"));
    let beside = cloud(CLOUDS, "beside");
    assert_eq!(beside.access_key.as_deref(), Some("AKBESIDE"));
    assert_eq!(secret(beside.secret_key.as_ref()), Some("SKBESIDE"));
    assert_eq!(secret(beside.security_token.as_ref()), Some("ST"));
    let long = cloud("clouds: {c: {auth: {access_key: A, secret_key: S}}}", "c");
    assert_eq!(
        (long.access_key.as_deref(), secret(long.secret_key.as_ref())),
        (Some("A"), Some("S"))
    );
    let twice = cloud(
        "clouds: {c: {username: beside, auth: {username: under}}}",
        "c",
    );
    assert_eq!(twice.username.as_deref(), Some("under"));
}

#[test]
fn secure_file_wins_value_by_value() {
    let clouds = "clouds: {c: {auth: {username: u, password: old, domain_name: d}}}";
    let secure = "clouds: {c: {auth: {password: new, token: }}, extra: {auth: {token: t}}}";
    let c = lookup(clouds, Some(secure), "c").unwrap();
    assert_eq!(c.username.as_deref(), Some("u"));
    assert_eq!(secret(c.password.as_ref()), Some("new"));
    assert_eq!(c.user_domain_name.as_deref(), Some("d"));
    assert!(c.token.is_none());
    assert_eq!(
        secret(
            lookup(clouds, Some(secure), "extra")
                .unwrap()
                .token
                .as_ref()
        ),
        Some("t")
    );
    assert_eq!(
        lookup(clouds, Some(""), "c").unwrap().username.as_deref(),
        Some("u")
    );
    // Under another name and at another place, too.
    let keys = lookup(
        "clouds: {c: {auth: {sk: old}}}",
        Some("clouds: {c: {secret_key: new}}"),
        "c",
    )
    .unwrap();
    assert_eq!(secret(keys.secret_key.as_ref()), Some("new"));
}

#[test]
fn null_is_unset_quoted_null_set() {
    let of = |value: &str| {
        cloud(
            &format!("clouds: {{c: {{auth: {{password: {value}, username: u}}}}}}"),
            "c",
        )
        .password
        .map(|p| p.expose_secret().to_owned())
    };
    for unset in ["", "~", "null", "''", "'  '"] {
        assert_eq!(of(unset), None, "{unset}");
    }
    for (written, read) in [
        ("'null'", "null"),
        ("1e3", "1e3"),
        ("yes", "yes"),
        ("\"a\\tb \"", "a\tb "),
        ("!!str 7", "7"),
    ] {
        assert_eq!(of(written).as_deref(), Some(read), "{written}");
    }
}

#[test]
fn anchors_and_merge_keys_work() {
    let text = "
base: &base {auth: &auth {username: u, password: p}, region_name: eu-de}
more: &more {region_name: eu-nl, cacert: c}
clouds:
  one: {<<: *base, region_name: eu-ch2}
  two:
    <<: [*more, *base]
    auth: {<<: *auth, username: v}
";
    let one = cloud(text, "one");
    assert_eq!(
        (one.username.as_deref(), one.region_name.as_deref()),
        (Some("u"), Some("eu-ch2"))
    );
    let two = cloud(text, "two");
    assert_eq!(
        (two.username.as_deref(), secret(two.password.as_ref())),
        (Some("v"), Some("p"))
    );
    assert_eq!(
        (two.region_name.as_deref(), two.cacert.as_deref()),
        (Some("eu-nl"), Some("c"))
    );
}

#[test]
fn bombs_do_not_go_off() {
    let mut laughs = "a0: &a0 {k0: lol}\n".to_owned();
    let mut merges = laughs.clone();
    for n in 1..100 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
        merges.push_str(&format!("a{n}: &a{n} {{<<: [{aliases}], k{n}: lol}}\n"));
    }
    let clouds = "clouds: {c: {region_name: r}}\n";
    assert_eq!(
        cloud(&format!("{laughs}{clouds}"), "c")
            .region_name
            .as_deref(),
        Some("r")
    );
    let too_much = Some(CloudsError::TooMuch { file: File::Clouds });
    assert_eq!(
        lookup(&format!("{merges}{clouds}"), None, "c").err(),
        too_much
    );
    assert_eq!(
        lookup(&"a: [*a, ".repeat(100), None, "c")
            .err()
            .map(|error| error.to_string().contains("line")),
        Some(true)
    );
    assert_eq!(lookup(&"[".repeat(100), None, "c").err(), too_much);
    assert_eq!(lookup(&" ".repeat(LONGEST + 1), None, "c").err(), too_much);
    let mut chain = "a0: &a0 []\n".to_owned();
    for n in 1..20_000 {
        chain.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert_eq!(lookup(&chain, None, "c").err(), too_much);
    assert_eq!(
        lookup("a: &a [*a]", None, "c").err(),
        Some(CloudsError::Syntax {
            file: File::Clouds,
            line: 1
        })
    );
}

#[test]
fn errors_name_clouds_and_nothing_else() {
    let error = lookup(CLOUDS, Some("clouds: {more: {}, stray: s3cret}"), "prod").unwrap_err();
    assert_eq!(
        error.to_string(),
        "clouds.yaml has no cloud \"prod\"; it has: beside, keys, more, otc"
    );
    assert_eq!(
        lookup("", None, "prod").unwrap_err().to_string(),
        "clouds.yaml has no cloud \"prod\"; it names none"
    );
    let many: String = (0..30).map(|n| format!("  c{n:02}: {{}}\n")).collect();
    let error = lookup(&format!("clouds:\n{many}"), None, "prod")
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("c18, c19, and 10 more"), "{error}");

    for broken in [
        "clouds:\n  c:\n    password: [s3cret\n",
        "clouds:\n\tpassword: s3cret",
        "a: b: s3cret",
        "*s3cret",
    ] {
        let error = lookup("clouds: {c: {}}", Some(broken), "c").err();
        let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(
            matches!(
                error,
                Some(CloudsError::Syntax {
                    file: File::Secure,
                    ..
                })
            ),
            "{broken}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
    let error = lookup("clouds: {c: {auth: {password: {{ s3cret }}}}}", None, "c").unwrap_err();
    assert_eq!(
        error,
        CloudsError::NotText {
            cloud: "c".to_owned(),
            field: "password"
        }
    );
    let tab = lookup("clouds:\n  c: {}\n\tx: y", None, "c").unwrap_err();
    assert_eq!(tab.to_string(), "clouds.yaml is not valid YAML: line 3");
    for shape in ["- a", "text", "clouds:", "clouds: [c]", "clouds: {c: }"] {
        assert!(
            matches!(lookup(shape, None, "c"), Err(CloudsError::Unknown { known, .. }) if known.is_empty()),
            "{shape}"
        );
    }
    assert!(
        !format!(
            "{:?}",
            cloud("clouds: {c: {auth: {password: s3cret}}}", "c")
        )
        .contains("s3cret")
    );
}

#[test]
fn file_paths_are_those_of_openstack() {
    let of = |file, home, xdg| -> Vec<String> {
        search_paths(file, home, xdg)
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    };
    assert_eq!(
        of(Some("/run/c.yaml"), Some("/home/u"), None),
        [
            "/run/c.yaml",
            "./clouds.yaml",
            "./clouds.yml",
            "/home/u/.config/openstack/clouds.yaml",
            "/home/u/.config/openstack/clouds.yml",
            "/etc/openstack/clouds.yaml",
            "/etc/openstack/clouds.yml"
        ]
    );
    assert_eq!(
        of(None, Some("/home/u"), Some("/x"))
            .get(2)
            .map(String::as_str),
        Some("/x/openstack/clouds.yaml")
    );
    assert_eq!(of(Some(" "), Some(""), Some("")).len(), 4);
    assert_eq!(
        secure_search_paths(Some("/run/s"), None, None).get(1),
        Some(&PathBuf::from("./secure.yaml"))
    );
}
