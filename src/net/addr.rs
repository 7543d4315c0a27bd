//! What counts as an address — owns the conversion to [`SocketAddr`] — must never ask a resolver, which would block the thread.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::slice;

/// Anything that is one or more socket addresses without a resolver's help.
///
/// | type | example |
/// |---|---|
/// | [`SocketAddr`], [`SocketAddrV4`], [`SocketAddrV6`] | `listener.local_addr()?` |
/// | `(`[`IpAddr`], [`Ipv4Addr`] or [`Ipv6Addr`]`, u16)` | `(Ipv4Addr::LOCALHOST, 8080)` |
/// | `&str`, [`String`], in numbers | `"127.0.0.1:8080"`, `"[::1]:8080"` |
/// | `(&str, u16)`, `(String, u16)`, in numbers | `("::1", 8080)` |
/// | `&[SocketAddr]`, tried in order | |
///
/// A host name in a string is an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput): wakeline cannot resolve names yet. The trait
/// is sealed, so that it can learn to.
pub trait ToSocketAddrs: sealed::Sealed {}

impl<T: sealed::Sealed + ?Sized> ToSocketAddrs for T {}

pub(super) mod sealed {
    use super::*;

    pub trait Sealed {
        fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>>;
    }
}

use sealed::Sealed;

impl Sealed for SocketAddr {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        Ok(Cow::Borrowed(slice::from_ref(self)))
    }
}

impl Sealed for [SocketAddr] {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        Ok(Cow::Borrowed(self))
    }
}

impl<T: Sealed + ?Sized> Sealed for &T {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        (**self).socket_addrs()
    }
}

/// For types that `SocketAddr` can be made from.
macro_rules! one_address {
    ($($from:ty),*) => {$(
        impl Sealed for $from {
            fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
                Ok(Cow::Owned(vec![SocketAddr::from(*self)]))
            }
        }
    )*};
}

one_address!(SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl Sealed for str {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        self.parse().map(|addr| Cow::Owned(vec![addr])).map_err(|_| not_numeric(self, "like `127.0.0.1:80` or `[::1]:80`"))
    }
}

impl Sealed for String {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        self.as_str().socket_addrs()
    }
}

impl Sealed for (&str, u16) {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        let ip: Result<IpAddr, _> = self.0.parse();
        ip.map(|ip| Cow::Owned(vec![SocketAddr::new(ip, self.1)])).map_err(|_| not_numeric(self.0, "like `127.0.0.1` or `::1`"))
    }
}

impl Sealed for (String, u16) {
    fn socket_addrs(&self) -> io::Result<Cow<'_, [SocketAddr]>> {
        (self.0.as_str(), self.1).socket_addrs().map(|addrs| Cow::Owned(addrs.into_owned()))
    }
}

fn not_numeric(address: &str, like: &str) -> io::Error {
    let text = format!(
        "`{address}` is not a numeric address {like}; wakeline does not resolve host names yet \
         (std::net::ToSocketAddrs does, and blocks: call it before the executor runs, or on another thread)"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(of: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
        of.socket_addrs().map(Cow::into_owned)
    }

    #[test]
    fn numeric_addresses_are_understood_in_every_form() {
        let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let v6: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(addrs(v4).unwrap(), [v4]);
        assert_eq!(addrs(&[v4, v6][..]).unwrap(), [v4, v6]);
        assert_eq!(addrs("127.0.0.1:80").unwrap(), [v4]);
        assert_eq!(addrs(String::from("[::1]:80")).unwrap(), [v6]);
        assert_eq!(addrs(("::1", 80)).unwrap(), [v6]);
        assert_eq!(addrs((String::from("::1"), 80)).unwrap(), [v6]);
        assert_eq!(addrs((Ipv4Addr::LOCALHOST, 80)).unwrap(), [v4]);
        assert_eq!(addrs((Ipv6Addr::LOCALHOST, 80)).unwrap(), [v6]);
        assert_eq!(addrs((IpAddr::V4(Ipv4Addr::LOCALHOST), 80)).unwrap(), [v4]);
    }

    #[test]
    fn host_names_are_refused_with_a_reason() {
        for error in [addrs("localhost:80").unwrap_err(), addrs(("localhost", 80)).unwrap_err()] {
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("`localhost"), "{error}");
            assert!(error.to_string().contains("does not resolve host names"), "{error}");
        }
    }
}
