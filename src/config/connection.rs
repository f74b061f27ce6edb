//! Where requests go: endpoints, root certificates, proxies.

use super::env::Reader;
use super::error::Problem;
use super::values::{check_proxy, parse_roots, parse_switch};
use crate::api::Proxies;
use crate::auth::file::read_file;
use crate::auth::{Credentials, ProjectScope, endpoint};
use std::path::Path;
use url::Url;

impl Reader<'_> {
    /// The base URLs of DCS and IAM; those of the region where they are not set.
    pub(super) fn endpoints(&mut self) -> (Option<Url>, Option<Url>) {
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
        let hosts = region.as_deref().map(endpoint::hosts);
        let of_region = |host: Option<&String>| {
            host.and_then(|host| Url::parse(&format!("https://{host}")).ok())
        };
        let explicit = |text: &str| endpoint::parse(text, allow_http).map(Some);
        let dcs = self.parse(
            "endpoint",
            of_region(hosts.as_ref().map(|hosts| &hosts.0)),
            explicit,
        );
        let iam = self.parse(
            "iam-endpoint",
            of_region(hosts.as_ref().map(|hosts| &hosts.1)),
            explicit,
        );
        if dcs.is_none() && !self.has_problem(&["region", "endpoint"]) {
            self.problems.add(
                "region",
                "is missing: set it, or `endpoint`, to say where the task is",
            );
        }
        (dcs, iam)
    }

    /// Some credentials, and a project's name, need IAM.
    pub(super) fn require_iam(
        &mut self,
        iam: Option<&Url>,
        credentials: Option<&Credentials>,
        project: Option<&ProjectScope>,
    ) {
        if iam.is_none()
            && let Some(credentials) = credentials
            && (credentials.is_renewable() || matches!(project, Some(ProjectScope::Name(_))))
            && !self.has_problem(&["region", "iam-endpoint"])
        {
            let text = format!(
                "is missing: set it, or `region`, to sign in by {}",
                credentials.kind()
            );
            self.problems.add("iam-endpoint", text);
        }
    }

    pub(super) fn extra_roots(&mut self) -> Vec<reqwest::Certificate> {
        self.parse("ca-file", Vec::new(), |path| {
            const ACCEPTED: &str = "accepted: a file of PEM certificates";
            let pem = read_file(Path::new(path))
                .map_err(|error| format!("cannot be read: {error}; {ACCEPTED}"))?;
            parse_roots(&pem)
                .ok_or_else(|| format!("holds no certificate, or a broken one; {ACCEPTED}"))
        })
    }

    /// The proxies in force, `None` where none may be used. One that cannot be used would be ignored in silence.
    pub(super) fn proxies(&mut self, endpoints: [Option<&Url>; 2]) -> Option<Proxies> {
        if self.would_leave_in_clear(endpoints) {
            return None;
        }
        let mut of = |scheme: &str, names: [&'static str; 4]| {
            if !endpoints.iter().flatten().any(|url| url.scheme() == scheme) {
                return None;
            }
            let name = names
                .into_iter()
                .find(|name| self.environment.get(name).is_some())?;
            let text = self.environment.get(name).unwrap_or_default();
            if let Err(problem) = check_proxy(&text) {
                self.problems.0.push(Problem {
                    input: name.to_owned(),
                    source: None,
                    text: format!(
                        "names a proxy that cannot be used: {problem}; accepted: `http://HOST:PORT`"
                    ),
                });
            }
            Some(name)
        };
        Some(Proxies {
            https: of(
                "https",
                ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            ),
            http: of(
                "http",
                ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
            ),
        })
    }

    /// Whether what is meant for this machine alone would go in clear to a proxy on another.
    fn would_leave_in_clear(&self, endpoints: [Option<&Url>; 2]) -> bool {
        let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let is_elsewhere = |proxy: &str| {
            let text = self.environment.get(proxy).map(|text| {
                if text.contains("://") {
                    text
                } else {
                    format!("http://{text}")
                }
            });
            text.and_then(|text| Url::parse(&text).ok())
                .is_some_and(|url| !endpoint::is_loopback(&url))
        };
        let stays_here = |url: &Url| url.scheme() == "http" && endpoint::is_loopback(url);
        endpoints.into_iter().flatten().all(stays_here) && proxies.into_iter().any(is_elsewhere)
    }
}
