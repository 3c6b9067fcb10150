//! Which addresses of an answer are used. Who answers for a name could otherwise have the proxy
//! send requests to its own machine, or to the metadata service of a cloud (threats U-7).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services beyond the link-local addresses: Alibaba Cloud's, and Amazon's over IPv6.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether a name means this machine (RFC 6761 §6.3).
pub(super) fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// Whether an upstream may have the address. Private networks are where upstreams usually are.
pub(super) fn is_usable(address: IpAddr, allows_loopback: bool) -> bool {
    let address = address.to_canonical();
    if address.is_unspecified() || address.is_multicast() || METADATA.contains(&address) {
        return false;
    }
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !is_link_local && (allows_loopback || !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u7_no_answer_leads_to_this_machine_or_a_metadata_service() {
        for refused in [
            "0.0.0.0",
            "127.0.0.1",
            "127.9.9.9",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(!is_usable(refused.parse().unwrap(), false), "{refused}");
        }
        for used in ["10.0.0.1", "192.168.1.1", "172.16.0.9", "fd00::1", "192.0.2.1", "2001:db8::1"]
        {
            assert!(is_usable(used.parse().unwrap(), false), "{used}");
        }
    }

    #[test]
    fn u7_loopback_is_for_names_of_this_machine_or_by_setting_and_nothing_else_is() {
        for (name, local) in [
            ("localhost", true),
            ("app.LOCALHOST.", true),
            ("localhost.example.com", false),
            ("mylocalhost", false),
        ] {
            assert_eq!(is_local(name), local, "{name}");
        }
        assert!(is_usable("127.0.0.1".parse().unwrap(), true));
        assert!(is_usable("::1".parse().unwrap(), true));
        assert!(!is_usable("169.254.169.254".parse().unwrap(), true));
        assert!(!is_usable("0.0.0.0".parse().unwrap(), true));
    }
}
