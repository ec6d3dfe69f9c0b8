//! How sockets between peers are set.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// Silence on an idle connection before the kernel asks whether the other end is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_RETRIES: u32 = 3;

/// How long a name look-up may take: it asks elsewhere, and says nothing about the peer.
const RESOLVE_WAIT: Duration = Duration::from_secs(5);

/// Connects to the first of the addresses behind `HOST:PORT` that answers. The name is resolved anew each time: hosts move.
pub(super) async fn connect(address: &str, link_timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for resolved in timeout(RESOLVE_WAIT, lookup_host(address)).await?? {
        match timeout(link_timeout, TcpStream::connect(resolved)).await.map_err(io::Error::from).flatten() {
            Ok(stream) => return prepare(&stream, link_timeout).map(|()| stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sets a socket, called or calling.
///
/// Closing it throws away what the kernel still holds: a frame from before a break must not arrive after it, when the node has
/// long been told that the link is down. For the same reason data that stays unacknowledged for `link_timeout` breaks the link.
pub(super) fn prepare(stream: &TcpStream, link_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_zero_linger()?;
    let socket = SockRef::from(stream);
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(link_timeout))?;
    Ok(())
}
