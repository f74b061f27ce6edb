//! The vendor profiles that openstacksdk 4.22.0 brings along (`openstack/config/vendors`): Open Telekom Cloud's, and the
//! names of the others.

use super::yaml::{Entries, Node};
use std::rc::Rc;

/// Profiles of clouds that have no DCS.
const OTHERS: [&str; 22] = [
    "auro",
    "betacloud",
    "binero",
    "bluebox",
    "catalyst",
    "citycloud",
    "conoha",
    "dreamcompute",
    "elastx",
    "entercloudsuite",
    "fuga",
    "ibmcloud",
    "internap",
    "limestonenetworks",
    "ovh",
    "ovh-us",
    "rackspace",
    "switchcloud",
    "switchengines",
    "ultimum",
    "vexxhost",
    "zetta",
];

/// A profile that is built in.
pub(super) fn builtin(name: &str) -> Option<Entries> {
    let (auth_url, regions): (&str, &[&str]) = match name {
        "otc" => (
            "https://iam.{region_name}.otc.t-systems.com/v3",
            &["eu-de", "eu-nl"],
        ),
        // Without a scheme there; with one, it can be used.
        "otc-swiss" => (
            "https://iam-pub.eu-ch2.sc.otc.t-systems.com/v3",
            &["eu-ch2"],
        ),
        _ => return None,
    };
    let text = |text: &str| Rc::new(Node::Text(text.to_owned()));
    let auth = Node::Mapping(Entries::from([("auth_url".to_owned(), text(auth_url))]));
    let regions = Node::List(regions.iter().copied().map(text).collect());
    Some(Entries::from([
        ("auth".to_owned(), Rc::new(auth)),
        ("regions".to_owned(), Rc::new(regions)),
    ]))
}

/// Whether openstacksdk would take the profile from somewhere else: its own list, or the network.
pub(super) fn is_elsewhere(name: &str) -> bool {
    OTHERS.contains(&name) || name == "unitedstack" || name.contains("://")
}
