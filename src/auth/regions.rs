//! The regions that are known by name.
//!
//! Sources: Open Telekom Cloud's list "Regions and Endpoints" (2026-03-03), for `eu-ch2` openstacksdk 4.22.0
//! (`otc-swiss`) and the pattern of its other services; Huawei Cloud's SDK 3.1.219 for Python,
//! `huaweicloudsdkdcs/v2/region/dcs_region.py` and `huaweicloudsdkiam/v3/region/iam_region.py`, with the fallback of
//! `huaweicloudsdkcore/auth/credentials.py`.

/// Who runs a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Open Telekom Cloud, of T-Systems.
    Otc,
    /// Huawei Cloud.
    Huawei,
}

impl Provider {
    const ALL: [Self; 2] = [Self::Otc, Self::Huawei];

    /// The domains that it serves its API under.
    fn domains(self) -> &'static [&'static str] {
        match self {
            Self::Otc => &["otc.t-systems.com"],
            Self::Huawei => &["myhuaweicloud.com", "myhuaweicloud.eu"],
        }
    }

    /// Whose host that is.
    pub fn of_host(host: &str) -> Option<Self> {
        let is_below = |domain: &&str| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        Self::ALL
            .into_iter()
            .find(|provider| provider.domains().iter().any(is_below))
    }
}

/// One of the two services that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Distributed Cache Service.
    Dcs,
    /// Identity and Access Management.
    Iam,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its name, such as `eu-de`.
    pub name: &'static str,
    /// Who runs it.
    pub provider: Provider,
}

const OTC: [&str; 3] = ["eu-de", "eu-nl", "eu-ch2"];

const HUAWEI: [&str; 34] = [
    "ae-ad-1",
    "af-north-1",
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "cn-east-2",
    "cn-east-3",
    "cn-east-4",
    "cn-east-5",
    "cn-north-1",
    "cn-north-11",
    "cn-north-12",
    "cn-north-2",
    "cn-north-4",
    "cn-north-9",
    "cn-south-1",
    "cn-south-2",
    "cn-south-4",
    "cn-southwest-2",
    "cn-southwest-3",
    "eu-west-0",
    "eu-west-101",
    "la-north-2",
    "la-south-2",
    "me-east-1",
    "my-kualalumpur-1",
    "na-mexico-1",
    "ru-moscow-1",
    "ru-northwest-2",
    "sa-brazil-1",
    "tr-west-1",
];

/// Regions whose IAM the SDK reaches at the host for all.
const WITHOUT_OWN_IAM: [&str; 6] = [
    "af-north-1",
    "ap-southeast-5",
    "cn-north-11",
    "cn-south-4",
    "cn-southwest-3",
    "ru-northwest-2",
];

impl Region {
    /// Every region.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |provider| move |name| Self { name, provider };
        let otc = OTC.into_iter().map(of(Provider::Otc));
        otc.chain(HUAWEI.into_iter().map(of(Provider::Huawei)))
    }

    /// The region of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|region| region.name == name)
    }

    /// The region that a host names between its dots.
    pub fn in_host(host: &str) -> Option<Self> {
        Self::all().find(|region| host.split('.').any(|label| label == region.name))
    }

    /// The region whose name is nearest, where one is near.
    pub fn nearest(name: &str) -> Option<Self> {
        let distance = |region: &Self| {
            if name.starts_with(region.name) {
                // A zone: `eu-de-01`.
                return 0;
            }
            strsim::damerau_levenshtein(name, region.name)
        };
        Self::all()
            .min_by_key(distance)
            .filter(|region| distance(region) <= 3)
    }

    /// The host of a service there.
    pub fn host(&self, service: Service) -> String {
        let name = self.name;
        match (service, self.provider) {
            (Service::Iam, _) if name == "eu-ch2" => {
                "iam-pub.eu-ch2.sc.otc.t-systems.com".to_owned()
            }
            (Service::Dcs, _) if name == "eu-ch2" => "dcs.eu-ch2.sc.otc.t-systems.com".to_owned(),
            (Service::Dcs, Provider::Otc) => format!("dcs.{name}.otc.t-systems.com"),
            (Service::Iam, Provider::Otc) => format!("iam.{name}.otc.t-systems.com"),
            (Service::Dcs, Provider::Huawei) => format!("dcs.{name}.myhuaweicloud.com"),
            // Huawei's European partition keeps its own IAM.
            (Service::Iam, Provider::Huawei) if name == "eu-west-101" => {
                "iam.eu-west-101.myhuaweicloud.eu".to_owned()
            }
            (Service::Iam, Provider::Huawei) if WITHOUT_OWN_IAM.contains(&name) => {
                "iam.myhuaweicloud.com".to_owned()
            }
            (Service::Iam, Provider::Huawei) => format!("iam.{name}.myhuaweicloud.com"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_belong_to_their_provider() {
        for region in Region::all() {
            for service in [Service::Dcs, Service::Iam] {
                let host = region.host(service);
                assert_eq!(Provider::of_host(&host), Some(region.provider), "{host}");
            }
            let dcs = region.host(Service::Dcs);
            assert_eq!(Region::in_host(&dcs), Some(region));
        }
        for other in [
            "otc.t-systems.com",
            "iam.evil-otc.t-systems.com",
            "myhuaweicloud.com.example.org",
            "iam.example.org",
        ] {
            assert_eq!(Provider::of_host(other), None, "{other}");
        }
    }

    #[test]
    fn typos_and_zones_find_the_region() {
        let nearest = |name| Region::nearest(name).map(|region| region.name);
        assert_eq!(nearest("eu-de-01"), Some("eu-de"));
        assert_eq!(nearest("eu-dee"), Some("eu-de"));
        assert_eq!(nearest("cn-noth-4"), Some("cn-north-4"));
        assert_eq!(nearest("cn-north-4a"), Some("cn-north-4"));
        assert_eq!(nearest("somewhere-else"), None);
    }
}
