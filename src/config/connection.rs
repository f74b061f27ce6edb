//! Where requests go: endpoints, root certificates, proxies.

use super::env::Reader;
use super::error::Problem;
use super::values::{check_proxy, no_proxy, parse_roots, parse_switch};
use crate::api::{Proxies, Proxy};
use crate::auth::file::read_file;
use crate::auth::hosts::{Derived, Place, PlaceError};
use crate::auth::regions::{Region, Service};
use crate::auth::{Credentials, Named, ProjectScope, endpoint};
use crate::escape;
use std::path::Path;
use url::Url;

/// The base URLs, and how each was found, in the words of the log.
pub(super) struct Endpoints {
    pub(super) dcs: Option<Url>,
    pub(super) iam: Option<Url>,
    pub(super) dcs_from: String,
    pub(super) iam_from: String,
}

impl Reader<'_> {
    /// The base URLs of DCS and, where it is needed, IAM.
    pub(super) fn endpoints(
        &mut self,
        credentials: Option<&Credentials>,
        project: Option<&ProjectScope>,
    ) -> Endpoints {
        let allow_http = self.value("allow-http", parse_switch);
        let region = self.parse("region", None, |text| {
            let well_formed = text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            if well_formed {
                Ok(Some(text.to_owned()))
            } else {
                Err("accepted: a region such as `eu-de`".to_owned())
            }
        });
        let cloud_domain = self.parse("cloud-domain", None, |text| {
            let domain = text.trim_start_matches("*.").trim_matches('.');
            let is_label = |label: &str| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if domain.contains('.') && domain.split('.').all(is_label) {
                Ok(Some(domain.to_ascii_lowercase()))
            } else {
                Err("accepted: a domain such as `myhuaweicloud.eu`".to_owned())
            }
        });
        let explicit = |text: &str| endpoint::parse(text, allow_http).map(Some);
        let mut base = |input: &'static str, service: &str| match self.find(input) {
            Some(_) => self.parse(input, None, explicit),
            None => self.of_vendor_region(service, region.as_deref(), allow_http),
        };
        let dcs = base("endpoint", "DCS");
        let iam = base("iam-endpoint", "IAM");
        let project_name = match self.find_named("project-id", "project-name") {
            Some(Named::Name(name)) => Some(name),
            Some(Named::Id(_)) | None => self.text("project-name"),
        };
        let place = Place {
            dcs: dcs.as_ref(),
            iam: iam.as_ref(),
            region: region.as_deref(),
            project_name: project_name.as_deref(),
            cloud_domain: cloud_domain.as_deref(),
        };
        let needs_iam = credentials.is_some_and(Credentials::needs_session)
            || matches!(project, Some(ProjectScope::Name(..)));
        let is_wrong = |reader: &Self, input| {
            reader.has_problem(&["region", "cloud-domain", "endpoint", "iam-endpoint", input])
        };
        let mut derive = |service: Service, given: &Option<Url>, is_needed: bool| {
            if given.is_some() || !is_needed || is_wrong(self, service.input()) {
                return (given.clone(), String::new());
            }
            match place.derive(service) {
                Ok(Derived { url, from, warning }) => {
                    self.warnings.extend(warning);
                    (Some(url), format!(" ({from})"))
                }
                Err(error) => {
                    self.add_place_problem(service, &error, credentials);
                    (None, String::new())
                }
            }
        };
        let (found_dcs, dcs_from) = derive(Service::Dcs, &dcs, true);
        let (found_iam, iam_from) = derive(Service::Iam, &iam, needs_iam);
        Endpoints {
            dcs: found_dcs,
            iam: found_iam,
            dcs_from,
            iam_from,
        }
    }

    /// An address that the vendor's SDKs are given for a region: `HUAWEICLOUD_SDK_REGION_DCS_EU_WEST_101`; the first of
    /// several.
    fn of_vendor_region(
        &mut self,
        service: &str,
        region: Option<&str>,
        allow_http: bool,
    ) -> Option<Url> {
        let region = region?.to_ascii_uppercase().replace('-', "_");
        let name = format!("HUAWEICLOUD_SDK_REGION_{service}_{region}");
        let text = self.environment.get(&name)?;
        let first = text.split(',').next().unwrap_or_default().trim();
        match endpoint::parse(first, allow_http) {
            Ok(url) => Some(url),
            Err(problem) => {
                self.problems.add(&name, problem);
                None
            }
        }
    }

    fn add_place_problem(
        &mut self,
        service: Service,
        error: &PlaceError,
        credentials: Option<&Credentials>,
    ) {
        let input = service.input();
        match error {
            PlaceError::Unknown if service == Service::Dcs => self.problems.add(
                "region",
                "is missing: set it, or `endpoint`, to say where the task is",
            ),
            PlaceError::Unknown => {
                let kind = credentials.map_or("name", Credentials::kind);
                let text = format!("is missing: set it, or `region`, to sign in by {kind}");
                self.problems.add(input, text);
            }
            PlaceError::WithoutRegion => self
                .problems
                .add("region", "is missing, while `cloud-domain` is set"),
            PlaceError::NoSuchRegion(name) => {
                let nearest = Region::nearest(name)
                    .map(|region| format!("did you mean `{}`? ", region.name))
                    .unwrap_or_default();
                let text = format!(
                    "is `{}`, a region that is not known: {nearest}For a cloud of your own set `endpoint` and \
                     `iam-endpoint`, or `cloud-domain`",
                    escape::line(name)
                );
                let source = self.find("region").map(|found| found.source);
                self.problems.0.push(Problem {
                    input: "region".to_owned(),
                    source,
                    text,
                });
            }
            PlaceError::NotIn { given, host } => {
                let text = format!(
                    "is missing: it does not follow from the host `{}` of `{}`; set it, so that the credential goes to no \
                     host that you did not name",
                    escape::line(host),
                    given.input()
                );
                self.problems.add(input, text);
            }
        }
    }

    pub(super) fn extra_roots(&mut self) -> Vec<reqwest::Certificate> {
        let mut broken = Vec::new();
        let roots = self.parse("ca-file", Vec::new(), |path| {
            const ACCEPTED: &str = "accepted: a file of PEM certificates";
            let pem = read_file(Path::new(path))
                .map_err(|error| format!("cannot be read: {error}; {ACCEPTED}"))?;
            let (roots, unusable) = parse_roots(&pem);
            broken = unusable;
            if roots.is_empty() {
                return Err(format!("holds no certificate that can be used; {ACCEPTED}"));
            }
            Ok(roots)
        });
        if !roots.is_empty() {
            self.warnings.extend(
                broken
                    .into_iter()
                    .map(|which| format!("`ca-file`: {which} cannot be used and is left out")),
            );
        }
        roots
    }

    /// What is wrong with the roots that `SSL_CERT_FILE` names instead of the system's, where https needs them.
    pub(super) fn check_system_roots(&mut self, endpoints: [Option<&Url>; 2]) {
        const VARIABLE: &str = "SSL_CERT_FILE";
        let needs_roots = endpoints
            .into_iter()
            .flatten()
            .any(|url| url.scheme() == "https");
        let Some(path) = self.environment.get(VARIABLE).filter(|_| needs_roots) else {
            return;
        };
        match read_file(Path::new(&path)) {
            Err(error) => self
                .problems
                .add(VARIABLE, format!("cannot be read: {error}")),
            Ok(pem) => {
                let (_, broken) = parse_roots(&pem);
                self.warnings.extend(
                    broken
                        .into_iter()
                        .map(|which| format!("{VARIABLE}: {which} cannot be used and is left out")),
                );
            }
        }
    }

    /// The proxies in force.
    pub(super) fn proxies(&mut self, endpoints: [Option<&Url>; 2]) -> Proxies {
        if self.would_leave_in_clear(endpoints) {
            return Proxies::default();
        }
        let no_proxy = ["NO_PROXY", "no_proxy"]
            .into_iter()
            .find_map(|name| self.environment.get(name))
            .map(|text| no_proxy(&text))
            .unwrap_or_default();
        let mut of = |scheme: &str, names: [&'static str; 4]| {
            if !endpoints.iter().flatten().any(|url| url.scheme() == scheme) {
                return None;
            }
            let (name, text) = names
                .into_iter()
                .find_map(|name| Some((name, self.environment.get(name)?)))?;
            match check_proxy(&text) {
                Ok(url) => Some(Proxy { name, url }),
                Err(problem) => {
                    self.problems.0.push(Problem {
                        input: name.to_owned(),
                        source: None,
                        text: format!(
                            "names a proxy that cannot be used: {problem}; accepted: `http://HOST:PORT`"
                        ),
                    });
                    None
                }
            }
        };
        Proxies {
            https: of(
                "https",
                ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            ),
            http: of(
                "http",
                ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
            ),
            no_proxy,
        }
    }

    /// Whether what is meant for this machine alone would go in clear to a proxy on another.
    fn would_leave_in_clear(&self, endpoints: [Option<&Url>; 2]) -> bool {
        let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let is_elsewhere = |proxy: &str| {
            let url = self
                .environment
                .get(proxy)
                .and_then(|text| check_proxy(&text).ok());
            url.is_some_and(|url| !endpoint::is_loopback(&url))
        };
        let stays_here = |url: &Url| url.scheme() == "http" && endpoint::is_loopback(url);
        endpoints.into_iter().flatten().all(stays_here) && proxies.into_iter().any(is_elsewhere)
    }
}
