//! Which host gets a credential: none that its owner did not name.
//!
//! In this order: the address itself; what follows from the other service's address; the domain of a private cloud;
//! the table of regions.

use super::endpoint;
use super::regions::{Provider, Region, Service};
use url::Url;

/// What the inputs say about the place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// The address of DCS.
    pub dcs: Option<&'a Url>,
    /// The address of IAM.
    pub iam: Option<&'a Url>,
    /// The region that is set.
    pub region: Option<&'a str>,
    /// The name of the project, which begins with its region's.
    pub project_name: Option<&'a str>,
    /// The domain of a private or partner cloud.
    pub cloud_domain: Option<&'a str>,
}

/// An address that was not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The address.
    pub url: Url,
    /// What it follows from, in the words of the log.
    pub from: String,
    /// What is odd about it.
    pub warning: Option<String>,
}

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceError {
    /// Nothing says where.
    Unknown,
    /// A private cloud needs the region, too.
    WithoutRegion,
    /// No region has this name.
    NoSuchRegion(String),
    /// The other service's address does not tell.
    NotIn {
        /// Which service's address was given.
        given: Service,
        /// Its host.
        host: String,
    },
}

impl Service {
    /// The input with its address.
    pub fn input(self) -> &'static str {
        match self {
            Self::Dcs => "endpoint",
            Self::Iam => "iam-endpoint",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Dcs => Self::Iam,
            Self::Iam => Self::Dcs,
        }
    }

    /// How hosts of the service begin.
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Dcs => &["dcs."],
            Self::Iam => &["iam.", "iam-pub."],
        }
    }
}

impl<'a> Place<'a> {
    fn given(&self, service: Service) -> Option<&'a Url> {
        match service {
            Service::Dcs => self.dcs,
            Service::Iam => self.iam,
        }
    }

    /// The region: the one that is set, else that of the project's name, else that of IAM's host.
    pub fn region(&self) -> Option<(&'a str, &'static str)> {
        let in_project = || {
            let name = self.project_name?;
            let name = name.split_once('_').map_or(name, |(region, _)| region);
            Region::named(name).map(|_| (name, "the project's name"))
        };
        let in_iam = || {
            let region = Region::in_host(self.iam?.host_str()?)?;
            Some((region.name, "`iam-endpoint`"))
        };
        self.region
            .map(|region| (region, "`region`"))
            .or_else(in_project)
            .or_else(in_iam)
    }

    /// The address of a service that was not given.
    ///
    /// # Errors
    /// Where no host follows from what is known.
    pub fn derive(&self, service: Service) -> Result<Derived, PlaceError> {
        let derived = |host: &str, from: String, warning| {
            let url = Url::parse(&format!("https://{host}")).map_err(|_| PlaceError::Unknown)?;
            Ok(Derived { url, from, warning })
        };
        let region = self.region();
        let row = region.and_then(|(name, _)| Region::named(name));
        // An address on this machine says nothing about the cloud behind it.
        let elsewhere = self
            .given(service.other())
            .filter(|url| !endpoint::is_loopback(url));
        if let Some(other) = elsewhere {
            let given = service.other();
            let host = other.host_str().unwrap_or_default();
            // Where no region is set, the host of a region of the table says it.
            let of_host = || Region::in_host(host).filter(|row| row.host(given) == host);
            let row = if region.is_none() { of_host() } else { row };
            if let Some(row) = row.filter(|row| Provider::of_host(host) == Some(row.provider)) {
                let elsewhere = Region::in_host(host).filter(|there| there.name != row.name);
                let warning = elsewhere.map(|there| {
                    format!(
                        "`{}` is in the region {}, while the region is {}",
                        given.input(),
                        there.name,
                        row.name
                    )
                });
                let from = format!("of the region {}", row.name);
                return derived(&row.host(service), from, warning);
            }
            let rest = given
                .prefixes()
                .iter()
                .find_map(|prefix| host.strip_prefix(prefix));
            let has_region = |rest: &&str| {
                self.region
                    .is_none_or(|region| rest.split('.').any(|label| label == region))
            };
            let Some(rest) = rest.filter(has_region) else {
                return Err(PlaceError::NotIn {
                    given,
                    host: host.to_owned(),
                });
            };
            let prefix = service.prefixes().first().copied().unwrap_or_default();
            let from = format!("from `{}`", given.input());
            return derived(&format!("{prefix}{rest}"), from, None);
        }
        if let Some(domain) = self.cloud_domain {
            let (region, _) = region.ok_or(PlaceError::WithoutRegion)?;
            let prefix = service.prefixes().first().copied().unwrap_or_default();
            let from = format!("from `cloud-domain` and the region {region}");
            return derived(&format!("{prefix}{region}.{domain}"), from, None);
        }
        let (name, source) = region.ok_or(PlaceError::Unknown)?;
        let row = row.ok_or_else(|| PlaceError::NoSuchRegion(name.to_owned()))?;
        let from = match self.region {
            Some(_) => format!("of the region {name}"),
            None => format!("of the region {name}, from {source}"),
        };
        derived(&row.host(service), from, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn host(place: &Place<'_>, service: Service) -> Result<String, PlaceError> {
        let derived = place.derive(service)?;
        Ok(derived.url.host_str().unwrap().to_owned())
    }

    #[test]
    fn regions_have_both_hosts() {
        for (region, dcs, iam) in [
            (
                "eu-de",
                "dcs.eu-de.otc.t-systems.com",
                "iam.eu-de.otc.t-systems.com",
            ),
            (
                "eu-ch2",
                "dcs.eu-ch2.sc.otc.t-systems.com",
                "iam-pub.eu-ch2.sc.otc.t-systems.com",
            ),
            (
                "cn-north-4",
                "dcs.cn-north-4.myhuaweicloud.com",
                "iam.cn-north-4.myhuaweicloud.com",
            ),
            (
                "eu-west-101",
                "dcs.eu-west-101.myhuaweicloud.com",
                "iam.eu-west-101.myhuaweicloud.eu",
            ),
            (
                "af-north-1",
                "dcs.af-north-1.myhuaweicloud.com",
                "iam.myhuaweicloud.com",
            ),
        ] {
            let place = Place {
                region: Some(region),
                ..Place::default()
            };
            assert_eq!(host(&place, Service::Dcs).as_deref(), Ok(dcs));
            assert_eq!(host(&place, Service::Iam).as_deref(), Ok(iam));
        }
        let zone = Place {
            region: Some("eu-de-01"),
            ..Place::default()
        };
        assert_eq!(
            host(&zone, Service::Dcs),
            Err(PlaceError::NoSuchRegion("eu-de-01".to_owned()))
        );
        assert_eq!(
            host(&Place::default(), Service::Dcs),
            Err(PlaceError::Unknown)
        );
    }

    #[test]
    fn private_cloud_has_its_own_hosts() {
        let place = Place {
            region: Some("eu-west-101"),
            cloud_domain: Some("myhuaweicloud.eu"),
            ..Place::default()
        };
        assert_eq!(
            host(&place, Service::Dcs).as_deref(),
            Ok("dcs.eu-west-101.myhuaweicloud.eu")
        );
        assert_eq!(
            host(&place, Service::Iam).as_deref(),
            Ok("iam.eu-west-101.myhuaweicloud.eu")
        );
        let place = Place {
            region: None,
            ..place
        };
        assert_eq!(host(&place, Service::Dcs), Err(PlaceError::WithoutRegion));
    }

    #[test]
    fn one_address_gives_the_other() {
        for (iam, region, dcs) in [
            (
                "https://iam.cloud.example.com/v3",
                None,
                Ok("dcs.cloud.example.com"),
            ),
            (
                "https://iam-pub.r1.cloud.example.com",
                Some("r1"),
                Ok("dcs.r1.cloud.example.com"),
            ),
            (
                "https://iam.r1.cloud.example.com",
                Some("eu-de"),
                Err("iam.r1.cloud.example.com"),
            ),
            (
                "https://identity.example.com",
                Some("eu-de"),
                Err("identity.example.com"),
            ),
            // This machine is no cloud of its own.
            (
                "http://127.0.0.1:5000",
                Some("eu-de"),
                Ok("dcs.eu-de.otc.t-systems.com"),
            ),
            // The provider's own table.
            (
                "https://iam.myhuaweicloud.com",
                Some("cn-north-4"),
                Ok("dcs.cn-north-4.myhuaweicloud.com"),
            ),
            (
                "https://iam.eu-de.otc.t-systems.com",
                Some("eu-nl"),
                Ok("dcs.eu-nl.otc.t-systems.com"),
            ),
            (
                "https://iam.eu-de.otc.t-systems.com",
                None,
                Ok("dcs.eu-de.otc.t-systems.com"),
            ),
            (
                "https://iam-pub.eu-ch2.sc.otc.t-systems.com",
                None,
                Ok("dcs.eu-ch2.sc.otc.t-systems.com"),
            ),
            // Another provider's region.
            (
                "https://iam.eu-de.otc.t-systems.com",
                Some("cn-north-4"),
                Err("iam.eu-de.otc.t-systems.com"),
            ),
            // A zone.
            (
                "https://iam.eu-de.otc.t-systems.com",
                Some("eu-de-01"),
                Err("iam.eu-de.otc.t-systems.com"),
            ),
        ] {
            let iam = url(iam);
            let place = Place {
                iam: Some(&iam),
                region,
                ..Place::default()
            };
            let expected = dcs.map(str::to_owned).map_err(|host| PlaceError::NotIn {
                given: Service::Iam,
                host: host.to_owned(),
            });
            assert_eq!(host(&place, Service::Dcs), expected, "{iam} {region:?}");
        }
        let dcs = url("https://dcs.eu-ch2.sc.otc.t-systems.com");
        let place = Place {
            dcs: Some(&dcs),
            ..Place::default()
        };
        assert_eq!(
            host(&place, Service::Iam).as_deref(),
            Ok("iam-pub.eu-ch2.sc.otc.t-systems.com")
        );
    }

    #[test]
    fn other_region_in_host_is_warned_about() {
        let iam = url("https://iam.eu-de.otc.t-systems.com");
        let of = |region| Place {
            iam: Some(&iam),
            region: Some(region),
            ..Place::default()
        };
        assert!(of("eu-nl").derive(Service::Dcs).unwrap().warning.is_some());
        assert_eq!(of("eu-de").derive(Service::Dcs).unwrap().warning, None);
    }

    #[test]
    fn region_comes_from_project_or_iam() {
        let iam = url("https://iam.eu-nl.otc.t-systems.com");
        let of = |region, project_name, iam| {
            Place {
                region,
                project_name,
                iam,
                ..Place::default()
            }
            .region()
            .map(|(name, _)| name)
        };
        assert_eq!(of(None, Some("eu-de_shop"), Some(&iam)), Some("eu-de"));
        assert_eq!(of(None, Some("eu-de"), None), Some("eu-de"));
        assert_eq!(of(None, Some("shop_eu-de"), Some(&iam)), Some("eu-nl"));
        assert_eq!(of(Some("r1"), Some("eu-de"), Some(&iam)), Some("r1"));
        assert_eq!(of(None, Some("shop"), None), None);
    }
}
