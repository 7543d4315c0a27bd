//! What counts as an address.
//!
//! It owns the reading of it. It must never ask a resolver itself, which would block the thread.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Anything that says where to connect to or to listen.
///
/// | type | example |
/// |---|---|
/// | [`SocketAddr`], [`SocketAddrV4`], [`SocketAddrV6`] | `listener.local_addr()?` |
/// | `(`[`IpAddr`], [`Ipv4Addr`] or [`Ipv6Addr`]`, u16)` | `(Ipv4Addr::LOCALHOST, 8080)` |
/// | `&str`, [`String`] | `"127.0.0.1:8080"`, `"[::1]:8080"`, `"localhost:8080"` |
/// | `(&str, u16)`, `(String, u16)` | `("::1", 8080)`, `("localhost", 8080)` |
/// | `&[SocketAddr]`, in the caller's order | |
///
/// What is a number is taken as it is, at no cost. A host name is [resolved](crate::net::resolve)
/// on the blocking pool. Text that is neither is an error of kind
/// [`InvalidInput`](io::ErrorKind::InvalidInput). The trait is sealed.
pub trait ToSocketAddrs: sealed::AsAddrs {}

impl<T: sealed::AsAddrs + ?Sized> ToSocketAddrs for T {}

pub(super) mod sealed {
    use std::io;
    use std::net::SocketAddr;

    pub trait AsAddrs {
        fn addrs(&self) -> io::Result<Addrs<'_>>;
    }

    /// What was given, read.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Addrs<'a> {
        One(SocketAddr),
        List(&'a [SocketAddr]),
        /// A host that has to be resolved, and the port.
        Name(&'a str, u16),
    }
}

pub(super) use sealed::Addrs;
use sealed::AsAddrs;

/// For messages: what was asked for.
impl fmt::Display for Addrs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(addr) => addr.fmt(f),
            Self::List(addrs) => {
                let (shown, rest) = addrs.split_at(addrs.len().min(MOST_LISTED));
                write!(f, "any of {shown:?}")?;
                if rest.is_empty() { Ok(()) } else { write!(f, " and {} more", rest.len()) }
            }
            Self::Name(host, port) => write!(f, "`{}` port {port}", Shown(host)),
        }
    }
}

/// Addresses that a message lists, of however many.
pub(super) const MOST_LISTED: usize = 8;

/// Characters of a name that a message shows. A host name may have 253, and what is given for one
/// may be anything, of any length.
const MOST_SHOWN: usize = 64;

/// A text of somebody else's as messages show it: cut, and without what a terminal would act on.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(MOST_SHOWN) {
            write!(f, "{}", character.escape_debug())?;
        }
        if characters.next().is_none() { Ok(()) } else { f.write_str("…") }
    }
}

impl AsAddrs for SocketAddr {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        Ok(Addrs::One(*self))
    }
}

impl AsAddrs for [SocketAddr] {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        match self {
            [one] => Ok(Addrs::One(*one)),
            [] => Err(invalid("no address was given".into())),
            all => Ok(Addrs::List(all)),
        }
    }
}

impl<T: AsAddrs + ?Sized> AsAddrs for &T {
    fn addrs(&self) -> io::Result<Addrs<'_>> {
        (**self).addrs()
    }
}

/// For types that `SocketAddr` can be made from.
macro_rules! one_address {
    ($($from:ty),*) => {$(
        impl AsAddrs for $from {
            fn addrs(&self) -> io::Result<Addrs<'_>> {
                Ok(Addrs::One(SocketAddr::from(*self)))
            }
        }
    )*};
}

one_address!(SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

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

/// A host by itself: a number or a name.
pub(super) fn named(host: &str, port: u16) -> io::Result<Addrs<'_>> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(Addrs::One(SocketAddr::new(ip, port))),
        Err(_) if host.is_empty() => Err(invalid(format!("a port, {port}, was given without a host"))),
        Err(_) => Ok(Addrs::Name(host, port)),
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(given.addrs().unwrap(), Addrs::One(addr));
        }
        assert_eq!([v4, v6][..].addrs().unwrap(), Addrs::List(&[v4, v6]));
        assert_eq!([v4][..].addrs().unwrap(), Addrs::One(v4));
    }

    #[test]
    fn what_is_no_number_is_a_name() {
        for given in
            [&"localhost:80" as &dyn AsAddrs, &("localhost", 80), &String::from("localhost:80"), &(String::from("localhost"), 80)]
        {
            assert_eq!(given.addrs().unwrap(), Addrs::Name("localhost", 80));
        }
        assert_eq!("[fe80::1%eth0]:80".addrs().unwrap(), Addrs::Name("fe80::1%eth0", 80));
        assert_eq!(("fe80::1%eth0", 80).addrs().unwrap(), Addrs::Name("fe80::1%eth0", 80));
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
        let shown = Addrs::Name("a\u{1b}[31m\n\0b", 80).to_string();
        assert_eq!(shown, "`a\\u{1b}[31m\\n\\0b` port 80");
        assert_eq!(Addrs::Name("bücher.example", 80).to_string(), "`bücher.example` port 80");
        assert_eq!(Shown(&"y".repeat(64)).to_string(), "y".repeat(64));
        let many = vec![SocketAddr::from(([127, 0, 0, 1], 80)); 1000];
        let text = Addrs::List(&many).to_string();
        assert!(text.len() < 400 && text.ends_with("and 992 more"), "{text}");
    }
}
