//! TLS.

use super::*;

// ------------------------------------------------------------------------------------------------------------- TLS

/// An authority, and what it can sign.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// What a server of these names shows.
    fn server(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        shown(certificate.der().clone(), &key)
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>(),
    )
    .unwrap()
}

fn shown(
    certificate: rustls::pki_types::CertificateDer<'static>,
    key: &KeyPair,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
}

fn over_tls(config: Arc<ServerConfig>) -> FakeCloud {
    let cloud = FakeCloud::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(config)).unwrap();
    cloud.stats([done()]).detail([status("TERMINATED")])
}

const HERE: &[&str] = &["127.0.0.1", "localhost"];

#[test]
fn untrusted_server_sees_no_token() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let key = KeyPair::generate().unwrap();
    let self_signed = params(HERE).self_signed(&key).unwrap();
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let not_yet = |params: &mut CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    // With our authority's certificate as `ca-file`, and without.
    let rows: Vec<(&str, Arc<ServerConfig>, bool, &str)> = vec![
        (
            "self-signed",
            shown(self_signed.der().clone(), &key),
            false,
            "UnknownIssuer",
        ),
        (
            "self-signed, with ca-file",
            shown(self_signed.der().clone(), &key),
            true,
            "UnknownIssuer",
        ),
        (
            "unknown authority",
            ours.server(HERE, |_| {}),
            false,
            "UnknownIssuer",
        ),
        (
            "another authority",
            other.server(HERE, |_| {}),
            true,
            "UnknownIssuer",
        ),
        (
            "wrong name",
            ours.server(&["dcs.example.com"], |_| {}),
            true,
            "not valid for name",
        ),
        ("expired", ours.server(HERE, expired), true, "expired"),
        (
            "not yet valid",
            ours.server(HERE, not_yet),
            true,
            "not valid yet",
        ),
    ];
    each(
        &rows,
        |row| row.0.to_owned(),
        |(_, config, has_file, words)| {
            let sandbox = |cloud: &FakeCloud| {
                let sandbox = Sandbox::waiting_on(cloud).file("given-ca.pem", &ours.pem());
                if *has_file {
                    sandbox.set("DCS_CA_FILE", "given-ca.pem")
                } else {
                    sandbox
                }
            };
            let cloud = over_tls(Arc::clone(config));
            let run = sandbox(&cloud).run();
            run.ended("invalid-input", 2)
                .says(&["cannot trust 127.0.0.1", "`ca-file`", words]);
            assert_eq!(
                (cloud.connections(), cloud.requests().len()),
                (1, 0),
                "{}",
                run.transcript()
            );

            // Nor does it get to see a password.
            let iam = over_tls(Arc::clone(config)).on("POST", LOGIN, [refusal(403, "IAM.0081")]);
            let run = sandbox(&iam)
                .unset("DCS_AUTH_TOKEN")
                .sets(&[
                    ("DCS_USERNAME", "ci"),
                    ("DCS_DOMAIN_NAME", "OTC1"),
                    ("DCS_IAM_ENDPOINT", &iam.url()),
                ])
                .secret("DCS_PASSWORD", "PasswordOfNobody1")
                .run();
            run.ended("invalid-input", 2).says(&["`ca-file`"]);
            assert_eq!((iam.connections(), iam.requests().len()), (1, 0));
        },
    );
}

#[test]
fn ca_file_makes_authority_trusted() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let several = format!("{}{}", other.pem(), ours.pem());
    for pem in [ours.pem(), several] {
        let cloud = over_tls(ours.server(HERE, |_| {}));
        let trusting = || Sandbox::waiting_on(&cloud).file("given-ca.pem", &pem);
        trusting()
            .set("DCS_CA_FILE", "given-ca.pem")
            .run()
            .ended("completed", 0);
        trusting()
            .set("OS_CACERT", "given-ca.pem")
            .run()
            .ended("completed", 0);
        assert_eq!(cloud.requests()[0].header("x-auth-token"), Some(TOKEN));
        let named = trusting().set(
            "DCS_ENDPOINT",
            &format!("https://localhost:{}", cloud.port()),
        );
        named
            .set("DCS_CA_FILE", "given-ca.pem")
            .run()
            .ended("completed", 0);
    }
}

#[test]
fn ca_certificate_as_server_is_named() {
    let key = KeyPair::generate().unwrap();
    let mut authority = params(HERE);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    let cloud = over_tls(shown(certificate.der().clone(), &key));
    let trusting = Sandbox::waiting_on(&cloud).file("given-ca.pem", &certificate.pem());
    let run = trusting.set("DCS_CA_FILE", "given-ca.pem").run();
    run.ended("invalid-input", 2)
        .says(&["cannot trust 127.0.0.1", "CA:TRUE"]);
}

#[test]
fn self_signed_certificate_as_ca_file() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(HERE).self_signed(&key).unwrap();
    let cloud = over_tls(shown(certificate.der().clone(), &key));
    let trusting = Sandbox::waiting_on(&cloud).file("given-ca.pem", &certificate.pem());
    trusting
        .set("DCS_CA_FILE", "given-ca.pem")
        .run()
        .ended("completed", 0);
}
