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

fn texts<'a>(clouds: &'a str, secure: Option<&'a str>) -> Texts<'a> {
    Texts {
        clouds: Some(clouds),
        secure,
        public: None,
    }
}

fn lookup(clouds: &str, secure: Option<&str>, name: &str) -> Result<Cloud, CloudsError> {
    super::lookup(&texts(clouds, secure), name, None)
}

fn cloud(clouds: &str, name: &str) -> Cloud {
    lookup(clouds, None, name).unwrap()
}

/// The secrets of the sign-in, in the order of its fields.
fn secrets(cloud: &Cloud) -> Vec<&str> {
    let secrets = cloud.sign_in.secrets().into_iter();
    secrets.map(ExposeSecret::expose_secret).collect()
}

fn access_key(cloud: &Cloud) -> Option<&str> {
    match &cloud.sign_in {
        SignIn::AccessKey { access_key, .. } => access_key.as_deref(),
        SignIn::Unknown
        | SignIn::Password { .. }
        | SignIn::Passcode(_)
        | SignIn::Token { .. }
        | SignIn::ApplicationCredential { .. }
        | SignIn::OidcAccessToken { .. } => None,
    }
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
    assert!(secrets(&otc).is_empty());
}

#[test]
fn access_keys_under_or_beside_auth() {
    let keys = cloud(CLOUDS, "keys");
    // As openstacksdk reads values that it does not know: `access_key` before `ak`.
    assert_eq!(access_key(&keys), Some("AKBESIDE"));
    assert_eq!(secrets(&keys), ["sk under"]);
    let beside = cloud(CLOUDS, "beside");
    assert_eq!(access_key(&beside), Some("AKBESIDE"));
    assert_eq!(secrets(&beside), ["SKBESIDE", "ST"]);
}

#[test]
fn secure_file_wins_value_by_value() {
    let clouds = "clouds: {c: {auth: {username: u, password: old, user_domain_name: d}}}";
    let secure =
        "clouds: {c: {auth: {password: new}}, extra: {auth_type: token, auth: {token: t}}}";
    let c = lookup(clouds, Some(secure), "c").unwrap();
    assert_eq!(c.username.as_deref(), Some("u"));
    assert_eq!(secrets(&c), ["new"]);
    assert_eq!(c.user_domain_name.as_deref(), Some("d"));
    let extra = lookup(clouds, Some(secure), "extra").unwrap();
    assert_eq!(secrets(&extra), ["t"]);
    let alone = super::lookup(
        &Texts {
            secure: Some(secure),
            ..Texts::default()
        },
        "extra",
        None,
    );
    assert_eq!(secrets(&alone.unwrap()), ["t"]);
    assert_eq!(
        lookup(clouds, Some(""), "c").unwrap().username.as_deref(),
        Some("u")
    );
}

#[test]
fn keys_that_mislead_are_refused() {
    for (cloud, key) in [
        ("verify: false", "verify"),
        ("insecure: true", "insecure"),
        ("cert: c.pem", "cert"),
        ("auth_plugin: token", "auth_plugin"),
        ("auth-type: token", "auth-type"),
        ("auth_type: v3kerberos", "auth_type"),
        ("auth: {token: t, username: u}", "token"),
        ("auth: {username: u, passcode: '1'}", "passcode"),
        (
            "auth_type: v3token, auth: {token: t, username: u}",
            "username",
        ),
        ("auth_type: v3totp, auth: {username: u}", "passcode"),
        ("auth: {project_id: }", "project_id"),
        ("auth: {trust_id: t}", "trust_id"),
        ("auth: {user_name: a, user-name: b}", "user-name"),
        ("auth: {auth_url: 'https://iam.{zone}.x'}", "auth_url"),
        ("regions: eu-de", "regions"),
        ("regions: [{values: {}}]", "regions"),
        ("profile: rackspace", "profile"),
        (
            "dcs_endpoint_override: 'https://x/{project_id}'",
            "dcs_endpoint_override",
        ),
    ] {
        let text = format!("clouds: {{c: {{{cloud}}}}}");
        match lookup(&text, None, "c") {
            Err(CloudsError::Key { key: named, .. }) => assert_eq!(named, key, "{cloud}"),
            other => panic!("{cloud}: {other:?}"),
        }
    }
}

#[test]
fn values_of_a_region_win() {
    let text = "clouds: {c: {auth: {project_id: all}, regions: [eu-nl, {name: eu-de, values: {auth: {project_id: own}}}]}}";
    let of = |region| super::lookup(&texts(text, None), "c", region);
    let first = of(None).unwrap();
    assert_eq!(
        (first.region_name.as_deref(), first.project_id.as_deref()),
        (Some("eu-nl"), Some("all"))
    );
    let second = of(Some("eu-de")).unwrap();
    assert_eq!(
        (second.region_name.as_deref(), second.project_id.as_deref()),
        (Some("eu-de"), Some("own"))
    );
    assert!(of(Some("eu-ch2")).is_err());
}

#[test]
fn null_is_unset_quoted_null_set() {
    let of = |value: &str| {
        cloud(
            &format!("clouds: {{c: {{auth: {{password: {value}, username: u}}}}}}"),
            "c",
        )
    };
    let of = |value: &str| secrets(&of(value)).first().map(|&text| text.to_owned());
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
        (two.username.as_deref(), secrets(&two)),
        (Some("v"), vec!["p"])
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
    assert_eq!(
        lookup(&" ".repeat(yaml::LONGEST + 1), None, "c").err(),
        too_much
    );
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
    let of = |file, explicit, folders: &Folders| -> Vec<String> {
        let paths = folders.paths(file, explicit);
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    };
    let home = Folders {
        home: Some("/home/u".into()),
        ..Folders::default()
    };
    let found = of(File::Clouds, Some("/run/c.yaml"), &home);
    assert_eq!(
        found[..5],
        [
            "/run/c.yaml",
            "./clouds.yaml",
            "./clouds.yml",
            "./clouds.json",
            "/home/u/.config/openstack/clouds.yaml",
        ]
    );
    assert!(found.ends_with(&[
        "/etc/xdg/openstack/clouds.json".to_owned(),
        "/etc/openstack/clouds.yaml".to_owned(),
        "/etc/openstack/clouds.yml".to_owned(),
        "/etc/openstack/clouds.json".to_owned(),
    ]));
    let xdg = Folders {
        xdg_home: Some("/x".into()),
        xdg_dirs: vec!["/y".into()],
        ..home
    };
    let found = of(File::Secure, None, &xdg);
    assert_eq!(found[3], "/x/openstack/secure.yaml");
    assert_eq!(found[6], "/home/u/.config/openstack/secure.yaml");
    assert_eq!(found[9], "/y/openstack/secure.yaml");
}
