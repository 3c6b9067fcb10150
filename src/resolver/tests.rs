use super::*;

fn resolver(settings: &ResolverSettings) -> Resolver {
    Resolver::new(Some(settings))
}

fn found(addresses: impl IntoIterator<Item = String>, ttl: Duration) -> FoundAddresses {
    let addresses = addresses.into_iter().map(|address| ResolvedAddress {
        address: format!("{address}:80").parse().unwrap(),
        weight: 1,
    });
    FoundAddresses { addresses: addresses.collect(), ttl }
}

#[test]
fn u7_an_answer_of_a_thousand_addresses_is_cut_and_the_same_ones_are_kept() {
    let all = || (0..1000).map(|number| format!("10.0.{}.{}", number / 250, number % 250));
    let cut = |found| resolver(&ResolverSettings::default()).resolved("app", found).unwrap();
    let one = cut(found(all(), Duration::ZERO));
    assert_eq!((one.addresses.len(), one.left_out), (MAX_ADDRESSES, 1000 - MAX_ADDRESSES));
    let other_order = cut(found(all().collect::<Vec<_>>().into_iter().rev(), Duration::ZERO));
    assert_eq!(other_order.addresses, one.addresses);
}

#[test]
fn u7_times_to_live_have_a_floor_and_a_ceiling() {
    let settings = ResolverSettings {
        min_ttl: Duration::from_secs(2),
        max_ttl: Duration::from_secs(20),
        ..ResolverSettings::default()
    };
    for (ttl, keep) in [(0, 2), (1, 2), (7, 7), (20, 20), (u64::from(u32::MAX), 20)] {
        let found = found(["10.0.0.1".to_owned()], Duration::from_secs(ttl));
        let resolved = resolver(&settings).resolved("app", found).unwrap();
        assert_eq!(resolved.keep, Duration::from_secs(keep), "{ttl}");
    }
}

#[test]
fn u7_addresses_that_no_upstream_has_are_left_out_and_none_is_a_failure() {
    let addresses = |list: &[&str], name: &str, settings: &ResolverSettings| {
        let list = list.iter().map(|address| (*address).to_owned());
        let resolved = resolver(settings).resolved(name, found(list, Duration::ZERO));
        resolved.map_or(0, |resolved| resolved.addresses.len())
    };
    let strict = ResolverSettings::default();
    let list = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "10.0.0.1"];
    assert_eq!(addresses(&list, "app", &strict), 1);
    assert_eq!(addresses(&list, "localhost", &strict), 2);
    let allowed = ResolverSettings { allow_loopback: true, ..strict.clone() };
    assert_eq!(addresses(&list, "app", &allowed), 2);
    assert_eq!(addresses(&["127.0.0.1"], "app", &strict), 0);
    assert_eq!(addresses(&[], "app", &strict), 0);
}
