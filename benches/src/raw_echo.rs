//! The floor of the echo bench: an edge-triggered epoll loop without futures — owns its sockets
//! and one buffer — must never make a system call that the kernel has already answered.
//!
//! It is what a careful person writes by hand: every socket is registered once for both directions,
//! a read that comes back short means that the socket is empty (its next byte makes a new edge),
//! what a write could not take is kept until the next edge. The same rules hold in wakeline's
//! reactor, so the difference between the two is the price of tasks, wakers and futures.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::load::{Progress, Server};
use crate::system::{Watched, own_descriptor_table, pin_to};

/// Bytes that one read may bring; more than a message, so that a read of one message is short.
pub const BUFFER: usize = 256;

/// Events that one wait may bring.
pub const EVENTS: usize = 1024;

const LISTENER: u64 = u64::MAX;

struct Connection {
    socket: OwnedFd,
    unsent: Vec<u8>,
}

/// Read by the load generator while the loop runs; the loop alone writes them, so a plain store
/// does.
#[derive(Default)]
struct Published {
    calls: AtomicU64,
    requests: AtomicU64,
    stop: AtomicBool,
}

struct Loop {
    epoll: OwnedFd,
    listener: OwnedFd,
    connections: Vec<Option<Connection>>,
    live: usize,
    done: Progress,
    buffer: [u8; BUFFER],
}

/// Serves on a thread of its own until the load generator says stop and the last connection is
/// gone.
pub fn start(cpu: usize) -> Server {
    let (tell, told) = std::sync::mpsc::channel();
    let published = Arc::new(Published::default());
    let theirs = Arc::clone(&published);
    let join = std::thread::spawn(move || {
        pin_to(cpu);
        own_descriptor_table().and_then(|()| serve(&tell, &theirs)).expect("the raw server failed");
    });
    let (address, thread) = told.recv().expect("the raw server did not start");
    let stop = Arc::clone(&published);
    Server {
        address,
        thread,
        progress: Box::new(move || Progress {
            calls: published.calls.load(Ordering::Relaxed),
            requests: published.requests.load(Ordering::Relaxed),
        }),
        stop: Box::new(move || stop.stop.store(true, Ordering::Relaxed)),
        join,
    }
}

fn serve(tell: &Sender<(SocketAddr, Watched)>, published: &Published) -> io::Result<()> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    net::listen(&listener, 4096)?;
    let address = SocketAddr::try_from(net::getsockname(&listener)?)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN | EventFlags::ET)?;
    tell.send((address, Watched::this_thread())).expect("the load generator waits for the address");

    let mut server = Loop { epoll, listener, connections: Vec::new(), live: 0, done: Progress::default(), buffer: [0; BUFFER] };
    let mut events = Vec::with_capacity(EVENTS);
    loop {
        events.clear();
        server.done.calls += 1;
        match epoll::wait(&server.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => server.accept()?,
                token => server.serve_one(token as usize, event.flags),
            }
        }
        published.calls.store(server.done.calls, Ordering::Relaxed);
        published.requests.store(server.done.requests, Ordering::Relaxed);
        if server.live == 0 && published.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
}

impl Loop {
    fn accept(&mut self) -> io::Result<()> {
        loop {
            self.done.calls += 1;
            let socket = match net::accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            sockopt::set_tcp_nodelay(&socket, true)?;
            let token = EventData::new_u64(self.connections.len() as u64);
            epoll::add(&self.epoll, &socket, token, EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET)?;
            self.connections.push(Some(Connection { socket, unsent: Vec::new() }));
            self.live += 1;
        }
    }

    fn serve_one(&mut self, token: usize, flags: EventFlags) {
        let Some(connection) = self.connections[token].as_mut() else { return };
        let alive = (!flags.contains(EventFlags::OUT) || flush(connection, &mut self.done))
            && (!flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
                || echo(connection, &mut self.buffer, &mut self.done));
        if !alive {
            self.connections[token] = None;
            self.live -= 1;
        }
    }
}

/// Reads until the socket is empty and writes back what it read; false when the connection has
/// ended.
fn echo(connection: &mut Connection, buffer: &mut [u8; BUFFER], done: &mut Progress) -> bool {
    loop {
        done.calls += 1;
        let count = match net::recv(&connection.socket, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => return false,
            Ok((count, _)) => count,
            Err(Errno::AGAIN) => return true,
            Err(_) => return false,
        };
        done.requests += 1;
        let data = &buffer[..count];
        let sent = if connection.unsent.is_empty() { send(&connection.socket, data, done) } else { Some(0) };
        match sent {
            Some(sent) => connection.unsent.extend_from_slice(&data[sent..]),
            None => return false,
        }
        if count < BUFFER {
            return true;
        }
    }
}

/// Sends what an earlier write could not; false when the connection has ended.
fn flush(connection: &mut Connection, done: &mut Progress) -> bool {
    if connection.unsent.is_empty() {
        return true;
    }
    match send(&connection.socket, &connection.unsent, done) {
        Some(sent) => {
            connection.unsent.drain(..sent);
            true
        }
        None => false,
    }
}

/// How many bytes the socket took; none when the connection has ended.
fn send(socket: &OwnedFd, mut data: &[u8], done: &mut Progress) -> Option<usize> {
    let all = data.len();
    while !data.is_empty() {
        done.calls += 1;
        match net::send(socket, data, SendFlags::NOSIGNAL) {
            Ok(count) => data = &data[count..],
            Err(Errno::AGAIN) => break,
            Err(_) => return None,
        }
    }
    Some(all - data.len())
}
