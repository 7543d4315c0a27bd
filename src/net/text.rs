//! Addresses as text: a number, or a host's name with a port.
//!
//! It stands apart from [`addr`](super::addr), because text alone needs the resolver.

use std::io;

use super::addr::{Addrs, AsAddrs, Shown, invalid};
use super::resolve::named;

impl AsAddrs for str {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        if let Ok(addr) = self.parse() {
            return Ok(Addrs::One(addr));
        }
        let Some((host, port)) = self.rsplit_once(':') else {
            return Err(invalid(format!(
                "`{}` has no port; an address is like `localhost:80`, `127.0.0.1:80` or `[::1]:80`",
                Shown(self)
            )));
        };
        let Ok(port) = port.parse() else {
            return Err(invalid(format!("`{}` in `{}` is not a port; ports go from 0 to 65535", Shown(port), Shown(self))));
        };
        // In brackets, and yet no number: an IPv6 address with the name of an interface, like
        // `[fe80::1%eth0]`.
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bracketed.is_some() != host.contains(':') {
            return Err(invalid(format!(
                "`{}`: IPv6 addresses, and only they, are written in brackets, like `[::1]:80`",
                Shown(self)
            )));
        }
        named(bracketed.unwrap_or(host), port)
    }
}

impl AsAddrs for String {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        self.as_str().addrs()
    }
}

impl AsAddrs for (&str, u16) {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        named(self.0, self.1)
    }
}

impl AsAddrs for (String, u16) {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        named(&self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use super::*;
    use crate::net::addr::Name;

    fn name(given: &dyn AsAddrs) -> (&str, u16) {
        match given.addrs().unwrap() {
            Addrs::Name(Name { host, port, .. }) => (host, port),
            number => panic!("not a name: {number}"),
        }
    }

    #[test]
    fn numeric_addresses_are_understood_in_every_form() {
        let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let v6: SocketAddr = "[::1]:80".parse().unwrap();
        for (given, addr) in [
            (&v4 as &dyn AsAddrs, v4),
            (&[v6][..].to_vec()[0], v6),
            (&"127.0.0.1:80", v4),
            (&String::from("[::1]:80"), v6),
            (&("::1", 80), v6),
            (&(String::from("::1"), 80), v6),
            (&(Ipv4Addr::LOCALHOST, 80), v4),
            (&(Ipv6Addr::LOCALHOST, 80), v6),
            (&(IpAddr::V4(Ipv4Addr::LOCALHOST), 80), v4),
        ] {
            assert!(matches!(given.addrs().unwrap(), Addrs::One(read) if read == addr));
        }
        assert!(matches!([v4, v6][..].addrs().unwrap(), Addrs::List(list) if list == [v4, v6]));
        assert!(matches!([v4][..].addrs().unwrap(), Addrs::One(read) if read == v4));
    }

    #[test]
    fn what_is_no_number_is_a_name() {
        for given in
            [&"localhost:80" as &dyn AsAddrs, &("localhost", 80), &String::from("localhost:80"), &(String::from("localhost"), 80)]
        {
            assert_eq!(name(given), ("localhost", 80));
        }
        assert_eq!(name(&"[fe80::1%eth0]:80"), ("fe80::1%eth0", 80));
        assert_eq!(name(&("fe80::1%eth0", 80)), ("fe80::1%eth0", 80));
    }

    #[test]
    fn what_is_neither_is_refused_with_a_reason() {
        let none: &[SocketAddr] = &[];
        for (given, reason) in [
            (&"localhost" as &dyn AsAddrs, "has no port"),
            (&"localhost:http", "is not a port"),
            (&"localhost:65536", "is not a port"),
            (&"fe80::1:80:x", "is not a port"),
            (&"1:2:3:80", "in brackets"),
            (&"[localhost]:80", "in brackets"),
            (&":80", "without a host"),
            (&("", 80), "without a host"),
            (&none, "no address"),
        ] {
            let error = given.addrs().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_message_shows_a_little_of_a_name_and_nothing_that_a_terminal_acts_on() {
        let long = "x".repeat(100_000);
        let given = [format!("{long}:80"), long.clone(), format!("{long}:{long}"), format!("1:{long}:80"), format!("a:{long}")];
        for given in &given {
            let text = given.addrs().map_or_else(|error| error.to_string(), |addrs| addrs.to_string());
            assert!(text.len() < 400 && text.contains('…'), "{text}");
        }
        let shown = ("a\u{1b}[31m\n\0b", 80).addrs().unwrap().to_string();
        assert_eq!(shown, "`a\\u{1b}[31m\\n\\0b` port 80");
        assert_eq!(("bücher.example", 80).addrs().unwrap().to_string(), "`bücher.example` port 80");
        assert_eq!(Shown(&"y".repeat(64)).to_string(), "y".repeat(64));
        let many = vec![SocketAddr::from(([127, 0, 0, 1], 80)); 1000];
        let text = Addrs::List(&many).to_string();
        assert!(text.len() < 400 && text.ends_with("and 992 more"), "{text}");
    }
}
