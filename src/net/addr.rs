//! What counts as an address, and the numbers among them.
//!
//! It reads what is given and asks nobody. Text is read in [`text`](super::text), because a text
//! may be a name, and names need the resolver.

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
    use std::pin::Pin;

    pub trait AsAddrs {
        fn addrs(&self) -> io::Result<Addrs<'_>>;
    }

    /// What was given, read.
    #[derive(Clone, Copy, Debug)]
    pub enum Addrs<'a> {
        One(SocketAddr),
        List(&'a [SocketAddr]),
        /// A host that has to be resolved.
        Name(Name<'a>),
    }

    /// A host's name, and how it becomes addresses.
    #[derive(Clone, Copy, Debug)]
    pub struct Name<'a> {
        pub host: &'a str,
        pub port: u16,
        /// Carried along instead of called by name: a program that gives no names is some 70 KiB
        /// smaller without what this function needs.
        pub look_up: LookUp,
    }

    /// Asks for the addresses of a name; at least one.
    pub type LookUp = for<'a> fn(&'a str, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + 'a>>;
}

pub(super) use sealed::{Addrs, AsAddrs, Name};

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
            Self::Name(Name { host, port, .. }) => write!(f, "`{}` port {port}", Shown(host)),
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

pub(super) fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
